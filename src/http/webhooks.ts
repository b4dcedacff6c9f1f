import type { Context } from 'hono';
import { Hono } from 'hono/tiny';
import { runFastPath } from '../archive/fast-path.ts';
import { providers } from '../providers/index.ts';
import type { Provider } from '../providers/provider.ts';
import { type Receipt, receive } from '../receive/receive.ts';
import { isAnnouncedTooLarge, readBody } from './read-body.ts';
import type { AppEnv } from './services.ts';

/** Said in a 503's `Retry-After`: long enough for an owner's deploy or a store's hiccup to pass. */
const RETRY_AFTER_SECONDS = 30;

/** A delivery's body; the largest published one is under 4 KiB, so nobody honest comes near. */
const MAX_DELIVERY_BYTES = 256 * 1024;

/** `POST /webhooks/:provider`. */
export const webhooks = new Hono<AppEnv>();

webhooks.all('/:provider', async (c) => {
  const name = c.req.param('provider');
  const provider = providers.find(({ id }) => id === name);
  if (provider === undefined) return c.json({ error: 'not_found' }, 404);
  if (c.req.method !== 'POST') return c.json({ error: 'method_not_allowed' }, 405, { Allow: 'POST' });
  const { log, logUnverified, now } = c.env;
  const startedMs = now();
  const { pending, outcome, ...facts } = await takeDelivery(c, provider);
  for (const entry of pending) c.executionCtx.waitUntil(runFastPath(entry, c.env));
  const eventType = loggableType(facts.eventType);
  const isGenuine = facts.scheme !== undefined;
  const write = isGenuine ? log : logUnverified;
  write({ event: 'delivery', provider: provider.id, outcome, ...facts, eventType, ms: now() - startedMs });
  return answers[outcome]();
});

/** A kind is a name; whatever else stands in its place could be anything. */
function loggableType(eventType: string | undefined): string | undefined {
  return eventType === undefined || /^[A-Za-z][\w.-]{0,63}$/.test(eventType) ? eventType : 'unprintable';
}

type Outcome = Receipt['outcome'] | 'too_large';
type Taken = Omit<Receipt, 'outcome'> & { readonly outcome: Outcome };

async function takeDelivery(c: Context<AppEnv>, provider: Provider): Promise<Taken> {
  const services = c.env;
  const settings = services.config.providers.get(provider.id) ?? { state: 'unset' };
  if (settings.state !== 'ready')
    return { outcome: 'unavailable', code: `secret_${settings.state}`, pending: [] };
  const { headers } = c.req.raw;
  if (isAnnouncedTooLarge(c.req.raw, MAX_DELIVERY_BYTES)) return { outcome: 'too_large', pending: [] };
  const verify = provider.readSignature(headers, settings.secrets);
  if (!verify.ok) return { outcome: 'rejected', code: verify.error.reason, pending: [] };
  const rawBody = await readBody(c.req.raw, MAX_DELIVERY_BYTES, services.withTimeout);
  if (!rawBody.ok && rawBody.error === 'too_large') return { outcome: 'too_large', pending: [] };
  if (!rawBody.ok) return { outcome: 'rejected', code: rawBody.error, pending: [] };
  const arrival = { rawBody: rawBody.value, headers, provider, receivedMs: services.now() };
  return receive(arrival, verify.value, services);
}

/** One answer per outcome: what will never work is not retried, what is not written down yet is. */
const answers: Readonly<Record<Outcome, () => Response>> = {
  accepted: prepared(200, { outcome: 'accepted' }),
  duplicate: prepared(200, { outcome: 'duplicate' }),
  ignored: prepared(200, { outcome: 'ignored' }),
  kept: prepared(200, { outcome: 'kept' }),
  rejected: prepared(401, { error: 'unauthorized' }),
  too_large: prepared(413, { error: 'too_large' }),
  unavailable: prepared(503, { error: 'unavailable' }, { 'Retry-After': String(RETRY_AFTER_SECONDS) }),
};

/** Text and headers are made once: this is a tenth of what a rejection costs. */
function prepared(status: number, body: object, more: Record<string, string> = {}): () => Response {
  const text = JSON.stringify(body);
  const init = { status, headers: new Headers({ 'Content-Type': 'application/json', ...more }) };
  return () => new Response(text, init);
}
