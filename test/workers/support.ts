import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { inject } from 'vitest';
import { type AttemptEnd, runAttempt } from '../../src/archive/attempt.ts';
import { newLease } from '../../src/archive/lease.ts';
import { readConfig } from '../../src/config.ts';
import type { Services } from '../../src/http/services.ts';
import worker from '../../src/index.ts';
import type { ApiAccess, Signer } from '../../src/providers/api-client.ts';
import { providers } from '../../src/providers/index.ts';
import type { Provider, Secrets, SignedDelivery } from '../../src/providers/provider.ts';
import { type Receipt, receive } from '../../src/receive/receive.ts';
import type { LogLine } from '../../src/shared/log.ts';
import { ok } from '../../src/shared/result.ts';
import { withTimeout } from '../../src/shared/with-timeout.ts';
import { createAuditStore } from '../../src/storage/audit-store.ts';
import { createCatalog } from '../../src/storage/catalog.ts';
import { createDeadLetters } from '../../src/storage/dead-letters.ts';
import { createHolds } from '../../src/storage/holds.ts';
import { createInbox, type PendingEntry } from '../../src/storage/inbox.ts';
import { createReconcileCursor } from '../../src/storage/reconcile-cursor.ts';
import { createRecordings } from '../../src/storage/recordings.ts';
import { createReindexStore } from '../../src/storage/reindex-store.ts';
import { createRetentionStore } from '../../src/storage/retention-store.ts';
import { createSeen } from '../../src/storage/seen.ts';
import { createShares } from '../../src/storage/shares.ts';
import { createTokens } from '../../src/storage/tokens.ts';
import { createTombstones } from '../../src/storage/tombstones.ts';
import { createTrail } from '../../src/storage/trail.ts';
import type { ChoreMessage, QueueMessage, TransferQueue } from '../../src/storage/transfer-queue.ts';
import { createWrongTokens } from '../../src/storage/wrong-tokens.ts';
import { createMemoryBudget } from '../../src/transfer/memory-budget.ts';
import { parseOriginPattern } from '../../src/transfer/url-policy.ts';
import type { FakeProvider, RecordingFacts } from '../../tools/fake-providers/fake-provider.ts';
import { fakeSautikit } from '../../tools/fake-providers/sautikit.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import type { SeenRequest } from '../support/origin.ts';

export const originUrl = inject('originUrl');

/** A link to the tests' origin; `run` names the test, so that it sees only its own requests. */
export function link(path: string, run: string): string {
  const url = new URL(path, originUrl);
  url.searchParams.set('run', run);
  return url.href;
}

export async function requestsOf(run: string): Promise<SeenRequest[]> {
  const response = await fetch(`${originUrl}/seen?run=${run}`);
  return response.json();
}

/** Adds a row to a report, from which docs/reliability.md is written. */
export async function report(to: string, row: object): Promise<void> {
  await fetch(`${originUrl}/report?to=${to}`, { method: 'POST', body: JSON.stringify(row) });
}

const unset = {
  VAULT_TOKEN: undefined,
  ACCESS_AUD: undefined,
  SAUTIKIT_SIGNATURE: undefined,
  SIGNATURE_TOLERANCE_SECONDS: undefined,
  MAX_RECORDING_BYTES: undefined,
};

/** A vault with keys of its own and the real bindings, except for the queue. */
export async function createVault(settings: Record<string, unknown> = {}) {
  const sautikit = await fakeSautikit.newKey();
  const telnyx = await fakeTelnyx.newKey();
  const queue = recordingQueue();
  const bindings = {
    ...env,
    TRANSFERS: queue.binding,
    ...unset, // A developer's own .env or .dev.vars must not count.
    SAUTIKIT_WEBHOOK_SECRET: sautikit.trusted,
    TELNYX_PUBLIC_KEY: telnyx.trusted,
    DOWNLOAD_ORIGINS: originUrl,
    ...settings,
  };
  const signing: Record<string, string> = { sautikit: sautikit.signing, telnyx: telnyx.signing };
  /** Sends a request and waits for its background work. */
  async function send(request: Request): Promise<Response> {
    const context = createExecutionContext();
    const response = await worker.fetch(request, bindings, context);
    await waitOnExecutionContext(context);
    return response;
  }
  async function deliver(
    fakeProvider: FakeProvider,
    body: string | Uint8Array,
    extra: Record<string, string> = {},
  ): Promise<Response> {
    return send(await delivery(fakeProvider, signing[fakeProvider.id] ?? '', body, extra));
  }
  return { send, deliver, signing, bindings, sent: queue.sent };
}

/** A delivery that is signed now. */
export async function delivery(
  fakeProvider: FakeProvider,
  signing: string,
  body: string | Uint8Array,
  extra: Record<string, string> = {},
) {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  const headers = await fakeProvider.sign(bytes, signing, Math.floor(Date.now() / 1000));
  const init = {
    method: 'POST',
    body: bytes,
    headers: { 'content-type': fakeProvider.contentType, ...headers, ...extra },
  };
  return new Request(`https://vault.example/webhooks/${fakeProvider.id}`, init);
}

export function recordingFacts(
  run: string,
  links: Record<string, string>,
  more: Partial<RecordingFacts> = {},
): RecordingFacts {
  return {
    eventId: `event-${run}`,
    callId: `call-${run}`,
    recordingId: `rec-${run}`,
    links,
    endedMs: Date.UTC(2026, 5, 27, 10, 6),
    durationSeconds: 8,
    channels: 1,
    sizeBytes: 135_988,
    ...more,
  };
}

/** The event of a recording with one WAV file, as parsed from Telnyx. */
export function wavEvent(run: string, path = '/audio/mono.wav') {
  return {
    provider: 'telnyx',
    eventId: `event-${run}`,
    eventType: 'call.recording.saved',
    recordingId: `rec-${run}`,
    callId: `call-${run}`,
    startedAt: '2026-06-27T10:06:00Z',
    files: [{ claimedFormat: 'wav', link: link(path, run) }],
  };
}

/** All keys of the bucket with a prefix. */
export async function keysOf(prefix = ''): Promise<string[]> {
  const keys: string[] = [];
  let cursor: string | undefined;
  do {
    const page: R2Objects = await env.RECORDINGS.list(cursor === undefined ? { prefix } : { prefix, cursor });
    keys.push(...page.objects.map(({ key }) => key));
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor !== undefined);
  return keys;
}

export async function jsonAt<T>(key: string): Promise<T> {
  const object = await env.RECORDINGS.get(key);
  if (object === null)
    throw new Error(`Cannot read ${key}: not in the bucket, which has ${(await keysOf()).join(' ')}`);
  return object.json();
}

export async function sha256At(key: string): Promise<string> {
  const object = await env.RECORDINGS.get(key);
  if (object === null) throw new Error(`Cannot read ${key}: not in the bucket`);
  return sha256Of(await object.arrayBuffer());
}

export async function sha256Of(bytes: ArrayBuffer): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A message that was sent to the queue. */
export interface SentMessage {
  readonly inboxKey: string;
  readonly delaySeconds: number;
}

/** A queue that records its messages: the real one would deliver them to a worker with other settings. */
export function recordingQueue() {
  const sent: SentMessage[] = [];
  const binding = {
    async send(message: QueueMessage, { delaySeconds = 0 } = {}) {
      if ('inboxKey' in message) sent.push({ inboxKey: message.inboxKey, delaySeconds });
    },
    async sendBatch(messages: Iterable<{ body: { inboxKey: string } }>) {
      for (const { body } of messages) sent.push({ inboxKey: body.inboxKey, delaySeconds: 0 });
    },
  } as unknown as Queue;
  return { binding, sent };
}

/** Leases an entry and runs one attempt of the fast path on it. */
export async function attempt(pending: PendingEntry, services: Services): Promise<AttemptEnd> {
  const inbox = createInbox(env.RECORDINGS);
  const present = await inbox.read(pending.key);
  if (present.state !== 'present') return runAttempt(pending, 'fast', services);
  const { attempts } = present.entry;
  const lease = newLease(services);
  const leased = await inbox.change(present, () => ({ ...pending.entry, attempts, lease }));
  return runAttempt(leased ?? pending, 'fast', services);
}

/** Signs no download in. */
export const unsigned: Signer = { headerFor: async () => ok(undefined), forgetToken: () => false };

/** All services, with the real stores, and a log and a queue that are recorded. */
export function testServices(
  more: Partial<Services> = {},
): Services & { lines: LogLine[]; sent: SentMessage[]; chores: ChoreMessage[] } {
  const lines: LogLine[] = [];
  const sent: SentMessage[] = [];
  const chores: ChoreMessage[] = [];
  const queue: TransferQueue = {
    send: async (inboxKey, delaySeconds = 0) => void sent.push({ inboxKey, delaySeconds }),
    sendAll: async (keys) => void sent.push(...keys.map((inboxKey) => ({ inboxKey, delaySeconds: 0 }))),
    sendChore: async (chore) => void chores.push(chore),
  };
  const origin = parseOriginPattern(originUrl);
  const config = readConfig({});
  return {
    lines,
    sent,
    chores,
    config,
    sources: config.sources,
    apis: config.apis,
    log: (line) => void lines.push(line),
    logUnverified: (line) => void lines.push(line),
    seen: createSeen(env.DEDUPE),
    reconcileCursor: createReconcileCursor(env.DEDUPE),
    auditStore: createAuditStore(env.RECORDINGS),
    retention: config.retention,
    retentionStore: createRetentionStore(env.RECORDINGS),
    reindexStore: createReindexStore(env.RECORDINGS),
    tombstones: createTombstones(env.RECORDINGS, () => crypto.randomUUID()),
    shares: createShares(env.RECORDINGS, () => Date.now()),
    holds: createHolds(env.RECORDINGS),
    inbox: createInbox(env.RECORDINGS),
    deadLetters: createDeadLetters(env.RECORDINGS),
    recordings: createRecordings(env.RECORDINGS),
    catalog: createCatalog(env.CATALOG),
    trail: createTrail(env.RECORDINGS, async () => undefined),
    wrongTokens: createWrongTokens(undefined, () => Date.now()),
    tokens: createTokens(env.RECORDINGS, () => Date.now()),
    queue,
    readAsset: (path) => env.ASSETS.fetch(`https://assets.invalid${path}`),
    origins: origin === undefined ? { only: [] } : { only: [origin] },
    maxRecordingBytes: 1_000_000_000,
    memory: createMemoryBudget(1e9),
    fetch: (input, init) => fetch(input, init),
    now: () => Date.now(),
    random: () => 0.5,
    newToken: () => crypto.randomUUID(),
    timeout: (ms) => AbortSignal.timeout(ms),
    wait: async () => undefined,
    withTimeout,
    ...more,
  };
}

/** Receives a delivery as the worker does after it has read the body. */
export async function receiveSigned(
  delivery: Omit<SignedDelivery, 'url'>,
  provider: Provider,
  secrets: Secrets,
  services: Services,
): Promise<Receipt> {
  const url = `https://vault.example/webhooks/${provider.id}`;
  const verify = provider.readSignature({ ...delivery, url }, secrets);
  if (!verify.ok) return { outcome: 'rejected', code: verify.error.reason, pending: [] };
  // The origin of the tests stands in for an API's host.
  const options = provider.api === undefined ? {} : { [provider.api.urlSetting.name]: `${originUrl}/` };
  const origin = { source: provider.id, provider, options, secrets };
  const arrival = { ...delivery, url, ...origin, receivedMs: services.now() };
  return receive(arrival, verify.value, services);
}

/** The bucket, with a change to each upload in parts that it creates. */
export function bucketWithUploads(change: (upload: R2MultipartUpload) => object): R2Bucket {
  return new Proxy(env.RECORDINGS, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      if (name !== 'createMultipartUpload') return member.bind(target);
      return async (...args: Parameters<R2Bucket['createMultipartUpload']>) => {
        const upload = await target.createMultipartUpload(...args);
        const { uploadPart, abort, complete } = upload;
        const whole = {
          uploadPart: uploadPart.bind(upload),
          abort: abort.bind(upload),
          complete: complete.bind(upload),
        };
        return { ...whole, ...change(upload) };
      };
    },
  });
}

/** The limits of a transfer that nothing limits. */
export const noLimits = {
  announcedBytes: undefined,
  announcedSha256: undefined,
  isSizeBinding: () => false,
  refusedBefore: new Set<string>(),
  isLastChance: () => false,
  mayBeLastChance: false,
  maxBytes: 1e12,
  handOverBytes: 1e12,
};

/** The APIs of these providers, with a key, at hosts that the test plays. */
export function fakeApis(...ids: readonly string[]): Services['apis'] {
  return new Map(
    providers.flatMap(({ id, api }): [string, ApiAccess][] => {
      if (api === undefined || !ids.includes(id)) return [];
      const baseUrl = `https://api.${id}.example/v2/`;
      return [[id, { api, options: {}, keySetting: api.keySetting, key: 'key', baseUrl }]];
    }),
  );
}
