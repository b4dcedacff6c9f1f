import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { archiveOrHandOver } from '../../src/archive/fast-path.ts';
import worker from '../../src/index.ts';
import { telnyx } from '../../src/providers/telnyx.ts';
import type { InboxEntry } from '../../src/recording.ts';
import { auditWhenDue } from '../../src/recover/audit.ts';
import { reconcile } from '../../src/recover/reconcile.ts';
import { KV_MS, STORE_MS } from '../../src/shared/limits.ts';
import { createAuditMark } from '../../src/storage/audit-state.ts';
import { createDeadLetters } from '../../src/storage/dead-letters.ts';
import { createInbox } from '../../src/storage/inbox.ts';
import { createTransfers } from '../../src/storage/queue.ts';
import { createReconcileMark } from '../../src/storage/reconcile-cursor.ts';
import { createRecordings } from '../../src/storage/recordings.ts';
import { createSeen } from '../../src/storage/seen.ts';
import { telnyxTwin } from '../fixtures/telnyx/twin.ts';
import { announcement, createVault, keysOf, link, receiveSigned, testServices, wavEvent } from './support.ts';

/** A binding whose calls fail, or never come back. */
function away<T extends object>(binding: T, how: 'fails' | 'hangs'): T {
  return new Proxy(binding, {
    get: () => () =>
      how === 'fails' ? Promise.reject(new Error('429 Too Many Requests')) : new Promise(() => undefined),
  });
}

/** Time limits that run out at once, in the order in which they were asked for. */
function impatient() {
  const limits: number[] = [];
  async function within<T>(ms: number, work: Promise<T>): Promise<T> {
    limits.push(ms);
    const late = new Promise<never>((_, reject) =>
      setTimeout(() => reject(new DOMException('Nothing moved', 'TimeoutError')), 100),
    );
    return Promise.race([work, late]);
  }
  return { within, limits };
}

async function signedDelivery(run: string, nowMs: number) {
  const key = await telnyxTwin.newKey();
  const body = telnyxTwin.announce(announcement(run, { wav: link('/audio/mono.wav', run) }));
  const rawBody = new TextEncoder().encode(body);
  const headers = new Headers(await telnyxTwin.sign(rawBody, key.signing, Math.floor(nowMs / 1000)));
  return {
    delivery: { rawBody, headers },
    secrets: { values: [key.trusted], scheme: '', toleranceSeconds: 300 },
  };
}

describe.for(['fails', 'hangs'] as const)('a KV that %s', (how) => {
  test('costs a delivery a second, and no recording', async ({ expect }) => {
    const run = `kv-${how}`;
    const { within, limits } = impatient();
    const services = testServices({ seen: createSeen(away(env.DEDUPE, how), within) });
    const { delivery, secrets } = await signedDelivery(run, Date.now());

    const { outcome, pending } = await receiveSigned(delivery, telnyx, secrets, services);
    for (const entry of pending) await archiveOrHandOver(entry, services);

    expect(outcome).toBe('accepted');
    expect(limits).toEqual([KV_MS, KV_MS]);
    expect(KV_MS).toBeLessThanOrEqual(1000);
    expect(await keysOf(`recordings/telnyx/2026/06/27/call-${run}/`)).toHaveLength(2);
    expect(await keysOf(`inbox/telnyx/event-${run}`)).toEqual([]);
    expect(services.lines.map(({ outcome: told }) => told)).toEqual([
      'seen_not_read',
      'seen_not_marked',
      'archived',
    ]);
  });

  test('keeps the cron from nothing: entries are sent, the audit is started', async ({ expect }) => {
    const run = `cron-${how}`;
    const { within } = impatient();
    const scheduledMs = Date.UTC(2026, 5, 27, 12, 17);
    const kv = away(env.DEDUPE, how);
    const services = testServices({
      now: () => scheduledMs,
      reconcileMark: createReconcileMark(kv, within),
      seen: createSeen(kv, within),
    });
    const dueAt = new Date(scheduledMs - 60_000).toISOString();
    const delivery = { receivedAt: dueAt, headers: {}, rawBody: '{}' };
    const entry: InboxEntry = {
      version: 1,
      announcement: run,
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
      expect.objectContaining({ event: 'fault', outcome: 'sweep_not_read' }),
    );
    expect(services.lines.at(-1)).toMatchObject({ event: 'reconcile', outcome: 'done' });
    await env.RECORDINGS.delete(key);
  });
});

test('every chore of the cron has its turn although the one before it failed', async ({ expect }) => {
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
        if (about === 'inbox/') throw new Error('R2 is away');
        return Reflect.apply(member, target, args);
      };
    },
  });
  const bindings = { ...vault.bindings, RECORDINGS };
  const scheduledTime = Date.UTC(2026, 5, 27, 4, 17);

  const running = worker.scheduled({ scheduledTime, cron: '* * * * *', noRetry: () => undefined }, bindings);

  await expect(running).rejects.toThrow('R2 is away');
  expect(calls).toContain('list inbox/');
  expect(calls).toContain('get audit/telnyx.json');
  expect(calls).toContain('list dead/');
});

describe('a small call to R2 or the queue that hangs', () => {
  test('is given up after a limit, by each store', async ({ expect }) => {
    const { within, limits } = impatient();
    const bucket = away(env.RECORDINGS, 'hangs');
    const queue = away({} as Queue, 'hangs');
    const inbox = createInbox(bucket, within);
    const deadLetters = createDeadLetters(bucket, within);
    const recordings = createRecordings(bucket, within);
    const auditMark = createAuditMark(bucket, within);
    const transfers = createTransfers(queue, within);
    const delivery = { receivedAt: '2026-06-27T10:06:00Z', headers: {}, rawBody: '{}' };
    const entry: InboxEntry = { version: 1, announcement: 'a', event: wavEvent('x'), delivery, attempts: [] };
    const pending = { key: 'inbox/x', etag: 'x', entry };
    const calls = [
      () => inbox.create(entry),
      () => inbox.read('inbox/x'),
      () => inbox.find(entry.event, 'a'),
      () => inbox.change(pending, (one) => one),
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
      () => recordings.readAudio('x'),
      () => recordings.removeAudio('x'),
      () => recordings.move('x', 'y'),
      () => auditMark.read('telnyx'),
      () => auditMark.write('telnyx', {}, { anything: true }),
      () => transfers.send('x'),
      () => transfers.sendAll(['x']),
      () => transfers.sendChore({ version: 1, chore: 'tidy', cursor: 'x' }),
    ];

    const ends = await Promise.allSettled(calls.map((call) => call()));

    expect(ends.map(({ status }) => status)).toEqual(calls.map(() => 'rejected'));
    expect(limits).toEqual(calls.map(() => STORE_MS));
  });

  test('answers a delivery with 503, so that the provider sends it again', async ({ expect }) => {
    const { within } = impatient();
    const services = testServices({ inbox: createInbox(away(env.RECORDINGS, 'hangs'), within) });
    const { delivery, secrets } = await signedDelivery('r2-hangs', Date.now());

    const receipt = await receiveSigned(delivery, telnyx, secrets, services);

    expect(receipt).toMatchObject({ outcome: 'unavailable', code: 'inbox_failed' });
  });
});
