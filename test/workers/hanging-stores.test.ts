import { env } from 'cloudflare:workers';
import { describe, test, vi } from 'vitest';
import { runFastPath } from '../../src/archive/fast-path.ts';
import worker from '../../src/index.ts';
import { telnyx } from '../../src/providers/telnyx.ts';
import type { InboxEntry } from '../../src/recording.ts';
import { auditWhenDue } from '../../src/recover/audit.ts';
import { reconcile } from '../../src/recover/reconcile.ts';
import { createAuditStore } from '../../src/storage/audit-store.ts';
import { createDeadLetters } from '../../src/storage/dead-letters.ts';
import { createInbox } from '../../src/storage/inbox.ts';
import { STORE_MS } from '../../src/storage/objects.ts';
import { createReconcileCursor } from '../../src/storage/reconcile-cursor.ts';
import { createRecordings } from '../../src/storage/recordings.ts';
import { createSeen, KV_MS } from '../../src/storage/seen.ts';
import { createTransferQueue } from '../../src/storage/transfer-queue.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import {
  createVault,
  keysOf,
  link,
  receiveSigned,
  recordingFacts,
  testServices,
  wavEvent,
} from './support.ts';

/** A binding whose calls fail or hang. */
function unavailable<T extends object>(binding: T, how: 'fails' | 'hangs'): T {
  return new Proxy(binding, {
    get: () => () =>
      how === 'fails' ? Promise.reject(new Error('429 Too Many Requests')) : new Promise(() => undefined),
  });
}

/** A `withTimeout` of 100 ms, and the limits that it was called with. */
function shortTimeouts() {
  const limits: number[] = [];
  async function withTimeout<T>(ms: number, work: Promise<T>): Promise<T> {
    limits.push(ms);
    const timeout = new Promise<never>((_, reject) =>
      setTimeout(() => reject(new DOMException('Nothing moved', 'TimeoutError')), 100),
    );
    return Promise.race([work, timeout]);
  }
  return { withTimeout, limits };
}

async function signedDelivery(run: string, nowMs: number) {
  const key = await fakeTelnyx.newKey();
  const body = fakeTelnyx.announce(recordingFacts(run, { wav: link('/audio/mono.wav', run) }));
  const rawBody = new TextEncoder().encode(body);
  const headers = new Headers(await fakeTelnyx.sign(rawBody, key.signing, Math.floor(nowMs / 1000)));
  return {
    delivery: { rawBody, headers },
    secrets: { values: [key.trusted], scheme: '', toleranceSeconds: 300 },
  };
}

describe.for(['fails', 'hangs'] as const)('a KV that %s', (how) => {
  test('delays a delivery by KV_MS a call at most, and loses no recording', async ({ expect }) => {
    const run = `kv-${how}`;
    const { withTimeout, limits } = shortTimeouts();
    const services = testServices({ seen: createSeen(unavailable(env.DEDUPE, how), withTimeout) });
    const { delivery, secrets } = await signedDelivery(run, Date.now());

    const { outcome, pending } = await receiveSigned(delivery, telnyx, secrets, services);
    for (const entry of pending) await runFastPath(entry, services);

    expect(outcome).toBe('accepted');
    expect(limits).toEqual([KV_MS, KV_MS]);
    expect(KV_MS).toBeLessThanOrEqual(1000);
    expect(await keysOf(`recordings/telnyx/2026/06/27/call-${run}/`)).toHaveLength(2);
    expect(await keysOf(`inbox/telnyx/event-${run}`)).toEqual([]);
    expect(services.lines.map((line) => line.outcome)).toEqual([
      'seen_not_read',
      'seen_not_marked',
      'archived',
    ]);
  });

  test('does not keep reconcile() from sending overdue entries', async ({ expect }) => {
    const run = `cron-${how}`;
    const { withTimeout } = shortTimeouts();
    const scheduledMs = Date.UTC(2026, 5, 27, 12, 17);
    const kv = unavailable(env.DEDUPE, how);
    const services = testServices({
      now: () => scheduledMs,
      reconcileCursor: createReconcileCursor(kv, withTimeout),
      seen: createSeen(kv, withTimeout),
    });
    const dueAt = new Date(scheduledMs - 60_000).toISOString();
    const delivery = { receivedAt: dueAt, headers: {}, rawBody: '{}' };
    const entry: InboxEntry = {
      version: 1,
      fingerprint: run,
      event: wavEvent(run),
      delivery,
      attempts: [],
      dueAt,
    };
    const { key } = await services.inbox.create(entry);

    await reconcile(scheduledMs, services);
    await auditWhenDue(services);

    expect(services.sent.map(({ inboxKey }) => inboxKey)).toContain(key);
    expect(services.lines).toContainEqual(
      expect.objectContaining({ event: 'fault', outcome: 'reconcile_cursor_not_read' }),
    );
    expect(services.lines.at(-1)).toMatchObject({ event: 'reconcile', outcome: 'done' });
    await env.RECORDINGS.delete(key);
  });
});

test('scheduled() runs every chore although reconcile() failed', async ({ expect }) => {
  const vault = await createVault({ TELNYX_API_KEY: 'a-key' });
  const calls: string[] = [];
  const RECORDINGS = new Proxy(env.RECORDINGS, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        const [first] = args;
        const about = typeof first === 'string' ? first : Reflect.get(Object(first), 'prefix');
        calls.push(`${String(name)} ${about}`);
        if (about === 'inbox/') throw new Error('R2 is unavailable');
        return Reflect.apply(member, target, args);
      };
    },
  });
  const bindings = { ...vault.bindings, RECORDINGS };
  const scheduledTime = Date.UTC(2026, 5, 27, 4, 17);

  const running = worker.scheduled({ scheduledTime, cron: '* * * * *', noRetry: () => undefined }, bindings);

  await expect(running).rejects.toThrow('R2 is unavailable');
  expect(calls).toContain('list inbox/');
  expect(calls).toContain('get audit/telnyx.json');
  expect(calls).toContain('list dead/');
});

describe('scheduled() notes in the catalog when it ran', () => {
  const scheduledTime = Date.UTC(2026, 5, 27, 12, 18);
  const run = async (more: Record<string, unknown>) => {
    const { bindings } = await createVault(more);
    await worker.scheduled({ scheduledTime, cron: '* * * * *', noRetry: () => undefined }, bindings);
  };
  const mark = () => env.CATALOG.prepare("SELECT at_ms FROM marks WHERE name = 'cron'").first('at_ms');

  test('once for all runs', async ({ expect }) => {
    await run({});
    await run({});
    expect(await mark()).toBe(scheduledTime);
  });

  test('and ends well although D1 fails', async ({ expect }) => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    const request = () => Promise.reject(new Error('D1_ERROR: Network connection lost'));
    const statement = { bind: () => statement, run: request, all: request, first: request };
    await run({ CATALOG: { prepare: () => statement, batch: request } });
    expect(log.mock.calls.map(([line]) => String(line))).toContainEqual(
      expect.stringContaining('"outcome":"cron_not_marked"'),
    );
    log.mockRestore();
  });

  test('and needs none', async ({ expect }) => {
    await expect(run({ CATALOG: undefined })).resolves.toBeUndefined();
  });
});

describe('a small call to R2 or the queue that hangs', () => {
  test('rejects after STORE_MS in each store', async ({ expect }) => {
    const { withTimeout, limits } = shortTimeouts();
    const bucket = unavailable(env.RECORDINGS, 'hangs');
    const binding = unavailable({} as Queue, 'hangs');
    const inbox = createInbox(bucket, withTimeout);
    const deadLetters = createDeadLetters(bucket, withTimeout);
    const recordings = createRecordings(bucket, withTimeout);
    const auditStore = createAuditStore(bucket, withTimeout);
    const queue = createTransferQueue(binding, withTimeout);
    const delivery = { receivedAt: '2026-06-27T10:06:00Z', headers: {}, rawBody: '{}' };
    const entry: InboxEntry = { version: 1, fingerprint: 'a', event: wavEvent('x'), delivery, attempts: [] };
    const pending = { key: 'inbox/x', etag: 'x', entry };
    const calls = [
      () => inbox.create(entry),
      () => inbox.read('inbox/x'),
      () => inbox.find(entry.event, 'a'),
      () => inbox.change(pending, (present) => present),
      () => inbox.remove(pending),
      () => inbox.list(undefined),
      () => inbox.count(),
      () => deadLetters.find({ provider: 'telnyx', eventId: 'x' }, 'a'),
      () => deadLetters.read('dead/x'),
      () => deadLetters.removeIf({ key: 'dead/x', etag: 'x', letter: undefined }),
      () => deadLetters.list(undefined),
      () => recordings.readManifest('x'),
      () => recordings.etagOf('x'),
      () => recordings.findAudio('x'),
      () => recordings.readObject('x'),
      () => recordings.removeAudio('x'),
      () => recordings.move('x', 'y'),
      () => auditStore.read('telnyx'),
      () => auditStore.write('telnyx', {}, { anything: true }),
      () => queue.send('x'),
      () => queue.sendAll(['x']),
      () => queue.sendChore({ version: 1, chore: 'purge', cursor: 'x' }),
    ];

    const ends = await Promise.allSettled(calls.map((call) => call()));

    expect(ends.map(({ status }) => status)).toEqual(calls.map(() => 'rejected'));
    expect(limits).toEqual(calls.map(() => STORE_MS));
  });

  test('makes receive() return unavailable with code inbox_failed', async ({ expect }) => {
    const { withTimeout } = shortTimeouts();
    const services = testServices({ inbox: createInbox(unavailable(env.RECORDINGS, 'hangs'), withTimeout) });
    const { delivery, secrets } = await signedDelivery('r2-hangs', Date.now());

    const receipt = await receiveSigned(delivery, telnyx, secrets, services);

    expect(receipt).toMatchObject({ outcome: 'unavailable', code: 'inbox_failed' });
  });
});
