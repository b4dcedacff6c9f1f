import type { Context } from 'hono';

/** What a worker that keeps its promise needs. */
export interface KeepEnv {
  readonly DEDUPE: KVNamespace;
  readonly RECORDINGS: R2Bucket;
  readonly TRANSFERS: Queue;
}

/** What is read from a genuine body before anything is known of it. */
export interface Genuine {
  readonly id: string;
  readonly recording: object;
}

const signatureHeaders: Readonly<Record<string, readonly string[]>> = {
  sautikit: ['x-sautikit-signature'],
  telnyx: ['telnyx-signature-ed25519', 'telnyx-timestamp'],
};
const LEASE_MS = 60_000;
const jsonContent = { contentType: 'application/json; charset=utf-8' };

/**
 * The job that callvault does for a genuine delivery, as short as it can be written, and without a check: an entry
 * with what was announced, the delivery as it was signed and a lease, created only once, and handed over behind the
 * answer. What it leaves out is what a stranger, a retry or a fault would find.
 */
export async function keep<E extends KeepEnv>(
  c: Context<{ Bindings: E }>,
  { id, recording }: Genuine,
  rawBody: string,
): Promise<'accepted' | 'duplicate'> {
  const { DEDUPE, RECORDINGS, TRANSFERS } = c.env;
  const name = `${c.req.param('provider')}/${id}`;
  if ((await DEDUPE.get(`seen/${name}`)) !== null) return 'duplicate';
  const now = Date.now();
  const lease = { token: crypto.randomUUID(), until: new Date(now + LEASE_MS).toISOString() };
  const names = signatureHeaders[c.req.param('provider') ?? ''] ?? [];
  const headers = Object.fromEntries(names.map((header) => [header, c.req.raw.headers.get(header)]));
  const delivery = { receivedAt: new Date(now).toISOString(), headers, rawBody };
  const key = `inbox/${name}.json`;
  const created = await RECORDINGS.put(key, JSON.stringify({ recording, delivery, lease }), {
    onlyIf: { etagDoesNotMatch: '*' },
    httpMetadata: jsonContent,
    customMetadata: { leaseUntil: lease.until },
  });
  if (created === null) return 'duplicate';
  c.executionCtx.waitUntil(TRANSFERS.send({ inboxKey: key }));
  return 'accepted';
}

/** The line in the log, and the answer. */
export function answer(c: Context, outcome: string, startedMs: number): Response {
  const ms = Date.now() - startedMs;
  console.log(JSON.stringify({ event: 'delivery', provider: c.req.param('provider'), outcome, ms }));
  return c.json({ outcome }, outcome === 'unauthorized' ? 401 : 200);
}
