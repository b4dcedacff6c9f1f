import { createExecutionContext, createMessageBatch, getQueueResult } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { newLease } from '../../src/archive/lease.ts';
import { consumeDeadLettered, consumeMessage } from '../../src/consume-message.ts';
import worker from '../../src/index.ts';
import type { InboxEntry } from '../../src/recording.ts';
import { reconcile } from '../../src/recover/reconcile.ts';
import { createInbox, type PendingEntry } from '../../src/storage/inbox.ts';
import { jsonAt, keysOf, requestsOf, testServices, wavEvent } from './support.ts';

const nowMs = Date.UTC(2026, 5, 27, 10, 7);
const iso = (ms: number) => new Date(ms).toISOString();

function entryOf(run: string, more: Partial<InboxEntry> = {}): InboxEntry {
  const event = wavEvent(run);
  const delivery = { receivedAt: iso(nowMs), headers: {}, rawBody: '{}' };
  return { version: 1, fingerprint: `fingerprint-${run}`, event, delivery, attempts: [], ...more };
}

async function create(run: string, more: Partial<InboxEntry> = {}): Promise<PendingEntry> {
  const pending = await createInbox(env.RECORDINGS).create(entryOf(run, more));
  if (pending === undefined) throw new Error(`Cannot test: ${run} exists`);
  return pending;
}

const at = (ms: number) => ({ now: () => ms });
const message = ({ key }: PendingEntry) => ({ version: 1, inboxKey: key });

describe('consumeMessage()', () => {
  test('archives a free entry and acknowledges its message', async ({ expect }) => {
    const pending = await create('free', { dueAt: iso(nowMs) });

    expect(await consumeMessage(message(pending), testServices(at(nowMs)))).toEqual({});

    expect(await keysOf('recordings/telnyx/2026/06/27/call-free/')).toHaveLength(2);
    expect(await keysOf(pending.key)).toEqual([]);
  });

  test('acknowledges a message whose entry is closed', async ({ expect }) => {
    const services = testServices();

    expect(await consumeMessage({ version: 1, inboxKey: 'inbox/telnyx/none.json' }, services)).toEqual({});
    expect(services.lines).toEqual([]);
  });

  test('delays the message of a leased entry until the lease expires', async ({ expect }) => {
    const lease = newLease({ now: () => nowMs, newToken: () => 'another' });
    const pending = await create('leased', { lease });

    const verdict = await consumeMessage(message(pending), testServices(at(nowMs + 20_000)));

    expect(verdict).toEqual({ retryAfterSeconds: 40 });
    expect(await requestsOf('leased')).toEqual([]);
  });

  test('takes over an expired lease, and records an attempt_crashed for its holder', async ({ expect }) => {
    const lease = newLease({ now: () => nowMs, newToken: () => 'another' });
    const pending = await create('expired', { lease });
    const refused = async () => new Response('', { status: 503 });

    await consumeMessage(message(pending), testServices({ ...at(nowMs + 60_000), fetch: refused }));

    expect(await jsonAt<InboxEntry>(pending.key)).toMatchObject({
      attempts: [
        { number: 1, at: iso(nowMs + 60_000), failures: [{ code: 'attempt_crashed' }] },
        { number: 2, failures: [{ code: 'download_refused' }] },
      ],
    });
  });

  test('delays the message of an entry until it is due', async ({ expect }) => {
    const pending = await create('due', { dueAt: iso(nowMs + 90_000) });

    expect(await consumeMessage(message(pending), testServices(at(nowMs)))).toEqual({
      retryAfterSeconds: 90,
    });
    expect(await consumeMessage(message(pending), testServices(at(nowMs + 90_000)))).toEqual({});
  });

  test('runs one attempt for five concurrent messages of one entry', async ({ expect }) => {
    const pending = await create('concurrent', { dueAt: iso(nowMs) });

    const verdicts = await Promise.all(
      Array.from({ length: 5 }, () => consumeMessage(message(pending), testServices(at(nowMs)))),
    );

    expect(await requestsOf('concurrent')).toHaveLength(1);
    expect(
      verdicts.filter((verdict) => verdict.retryAfterSeconds === undefined).length,
    ).toBeGreaterThanOrEqual(1);
    expect(await keysOf('recordings/telnyx/2026/06/27/call-concurrent/')).toHaveLength(2);
  });

  test('delays the message of an entry that another worker has leased at the same time', async ({
    expect,
  }) => {
    const pending = await create('just-leased', { dueAt: iso(nowMs) });
    const services = testServices(at(nowMs));
    const inbox = { ...services.inbox, change: async () => undefined };

    const verdict = await consumeMessage(message(pending), { ...services, inbox });

    expect(verdict).toEqual({ retryAfterSeconds: 60 });
    expect(await requestsOf('just-leased')).toEqual([]);
  });

  test('gives up on an entry whose worker has crashed 24 times', async ({ expect }) => {
    const attempts = Array.from({ length: 23 }, (_, index) => ({
      number: index + 1,
      at: iso(nowMs),
      failures: [{ code: 'attempt_crashed' }],
    }));
    const lease = newLease({ now: () => nowMs, newToken: () => 'the 24th' });
    const pending = await create('poison', { attempts, lease });

    const verdict = await consumeMessage(message(pending), testServices(at(nowMs + 61_000)));

    expect(verdict).toEqual({});
    expect(await requestsOf('poison')).toEqual([]);
    expect(await jsonAt('dead/telnyx/event-poison.json')).toMatchObject({
      failure: { code: 'attempts_exhausted', detail: 'Last: attempt_crashed' },
    });
  });

  test.for([[{ version: 2, inboxKey: 'x' }], ['text'], [null], [{ version: 1 }]])(
    'retries a message of an unknown version or shape: %o',
    async ([body], { expect }) => {
      const services = testServices();

      expect(await consumeMessage(body, services)).toEqual({ retryAfterSeconds: 600 });
      expect(services.lines).toMatchObject([{ event: 'message', outcome: 'unknown_version' }]);
    },
  );

  test.for([
    'not json',
    '{"version":2}',
    '{"version":1,"fingerprint":"a","event":{},"delivery":{},"attempts":[]}',
  ])('leaves an unreadable entry unchanged: %s', async (text, { expect }) => {
    await env.RECORDINGS.put('inbox/telnyx/strange.json', text);
    const services = testServices();

    expect(await consumeMessage({ version: 1, inboxKey: 'inbox/telnyx/strange.json' }, services)).toEqual({});
    expect(services.lines).toMatchObject([
      { event: 'message', outcome: 'entry_unreadable', key: 'inbox/telnyx/strange.json' },
    ]);
    expect(await (await env.RECORDINGS.get('inbox/telnyx/strange.json'))?.text()).toBe(text);
  });

  test('retries a message when the inbox cannot be read', async ({ expect }) => {
    const pending = await create('store', { dueAt: iso(nowMs) });
    const services = testServices(at(nowMs));
    const read = async () => {
      throw new Error('R2 is unavailable (10001)');
    };

    expect(
      await consumeMessage(message(pending), { ...services, inbox: { ...services.inbox, read } }),
    ).toEqual({
      retryAfterSeconds: 60,
    });
    expect(services.lines).toMatchObject([{ event: 'fault', outcome: 'message_not_consumed' }]);
  });

  test('retries a message after the lease has expired when the end of the attempt cannot be saved', async ({
    expect,
  }) => {
    const pending = await create('unsaved', { dueAt: iso(nowMs) });
    const refused = async () => new Response('', { status: 503 });
    const services = testServices({ ...at(nowMs), fetch: refused });
    let changes = 0;
    const change: typeof services.inbox.change = async (...args) => {
      if (changes++ > 0) throw new Error('R2 is unavailable (10001)'); // The lease is taken before.
      return services.inbox.change(...args);
    };

    const verdict = await consumeMessage(message(pending), {
      ...services,
      inbox: { ...services.inbox, change },
    });

    expect(verdict).toEqual({ retryAfterSeconds: 60 });
    expect(await jsonAt<InboxEntry>(pending.key)).toMatchObject({ lease: { until: iso(nowMs + 60_000) } });
  });
});

describe('consumeDeadLettered()', () => {
  test('acknowledges and logs a message that names an entry', async ({ expect }) => {
    const services = testServices();

    expect(
      await consumeDeadLettered(
        { id: 'm1', body: { version: 1, inboxKey: 'inbox/telnyx/e.json' } },
        services,
      ),
    ).toEqual({});
    expect(services.lines).toMatchObject([
      { event: 'message', outcome: 'dead_lettered', key: 'inbox/telnyx/e.json' },
    ]);
  });

  test('quarantines a message that it cannot read', async ({ expect }) => {
    expect(
      await consumeDeadLettered(
        { id: 'm2', body: { version: 7, to: 'the future' } },
        testServices(at(nowMs)),
      ),
    ).toEqual({});

    expect(await jsonAt('dead/queue/m2.json')).toEqual({
      version: 1,
      failure: { code: 'unreadable_message', advice: expect.any(String) },
      deadAt: iso(nowMs),
      message: { version: 7, to: 'the future' },
    });
  });

  test('retries a message that cannot be quarantined', async ({ expect }) => {
    const services = testServices();
    const quarantineMessage = async () => {
      throw new Error('R2 is unavailable (10001)');
    };

    const verdict = await consumeDeadLettered(
      { id: 'm3', body: 'x' },
      {
        ...services,
        deadLetters: { ...services.deadLetters, quarantineMessage },
      },
    );

    expect(verdict).toEqual({ retryAfterSeconds: 60 });
  });
});

describe('the queue handler', () => {
  async function handle(queue: string, body: unknown) {
    const batch = createMessageBatch(queue, [{ id: 'm', timestamp: new Date(), attempts: 1, body }]);
    const retries: (number | undefined)[] = [];
    for (const received of batch.messages) {
      const retry = received.retry.bind(received);
      received.retry = (options) => {
        retries.push(options?.delaySeconds);
        retry(options);
      };
    }
    const context = createExecutionContext();
    await worker.queue(batch, env);
    const { explicitAcks, retryMessages } = await getQueueResult(batch, context);
    return { explicitAcks, retried: retryMessages.length, retries };
  }

  test('acknowledges a message whose entry is closed', async ({ expect }) => {
    const closed = { version: 1, inboxKey: 'inbox/telnyx/closed.json' };

    expect(await handle('callvault-transfers', closed)).toEqual({
      explicitAcks: ['m'],
      retried: 0,
      retries: [],
    });
  });

  test('retries a message of an unknown version with a delay', async ({ expect }) => {
    expect(await handle('callvault-transfers', { version: 9 })).toEqual({
      explicitAcks: [],
      retried: 1,
      retries: [600],
    });
  });

  test('quarantines the message when the queue’s name ends in -dead', async ({ expect }) => {
    expect(await handle('callvault-transfers-dead', { version: 9 })).toMatchObject({ explicitAcks: ['m'] });
    expect(await keysOf('dead/queue/m.json')).toHaveLength(1);
  });
});

describe('reconcile()', () => {
  async function run(scheduledMs: number, services = testServices()) {
    await reconcile(scheduledMs, services);
    return { keys: services.sent.map(({ inboxKey }) => inboxKey), line: services.lines.at(-1) };
  }

  test('sends an overdue entry after 1, 2, 4 … 64 minutes, and then every 64', async ({ expect }) => {
    const dueMs = nowMs + 1_000_000_000;
    const { key } = await create('overdue', { dueAt: iso(dueMs) });
    const sentAt: number[] = [];

    for (let minutes = 0; minutes <= 260; minutes++)
      if ((await run(dueMs + minutes * 60_000 + 7000)).keys.includes(key)) sentAt.push(minutes);

    expect(sentAt).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 192, 256]);
    await env.RECORDINGS.delete(key);
  });

  test('sends an entry a minute after its lease has expired, not before', async ({ expect }) => {
    const lease = newLease({ now: () => nowMs, newToken: () => 'x' });
    const { key } = await create('cron-lease', { lease });

    expect((await run(nowMs + 60_000 + 30_000)).keys).not.toContain(key);
    expect((await run(nowMs + 60_000 + 60_000)).keys).toContain(key);
  });

  test('logs the number of entries that it listed', async ({ expect }) => {
    const { line } = await run(nowMs + 120_000);

    expect(line).toMatchObject({ event: 'reconcile', outcome: 'done', isCut: false });
    expect(line?.listed).toBe((await keysOf('inbox/')).length);
  });

  test('continues at its cursor in the next run after MAX_RECONCILE_PAGES', async ({ expect }) => {
    const services = testServices();
    const asked: (string | undefined)[] = [];
    const list = async (cursor: string | undefined) => {
      asked.push(cursor);
      const page = Number(cursor ?? 0) + 1;
      return { entries: [{ key: `k${page}`, dueMs: nowMs }], cursor: page < 150 ? String(page) : undefined };
    };
    const manyPages = { ...services, inbox: { ...services.inbox, list } };

    await reconcile(nowMs + 60_000, manyPages);
    const afterFirst = services.lines.at(-1);
    await reconcile(nowMs + 120_000, manyPages);
    await reconcile(nowMs + 180_000, manyPages);

    expect(afterFirst).toMatchObject({ listed: 100, sent: 100, isCut: true });
    expect(services.lines.at(1)).toMatchObject({ listed: 50, sent: 50, isCut: false });
    expect([asked[0], asked[100], asked[150]]).toEqual([undefined, '100', undefined]);
  });

  test('sends each entry of an inbox that takes two runs 6 to 10 times in 300 minutes', async ({
    expect,
  }) => {
    await testServices().reconcileCursor.write(undefined);
    const sent = new Map<string, number>();
    const list = async (cursor: string | undefined) => {
      const page = Number(cursor ?? 0) + 1;
      const entries = Array.from({ length: 80 }, (_, at) => ({ key: `p${page}-${at}`, dueMs: nowMs }));
      return { entries, cursor: page < 100 ? String(page) : undefined };
    };
    const services = testServices();
    const sendAll = async (keys: readonly string[]) => {
      for (const key of keys) sent.set(key, (sent.get(key) ?? 0) + 1);
    };
    const longInbox = {
      ...services,
      inbox: { ...services.inbox, list },
      queue: { ...services.queue, sendAll },
    };

    for (let minute = 1; minute <= 300; minute++) await reconcile(nowMs + minute * 60_000, longInbox);

    expect(sent.size).toBe(8000);
    const counts = [...sent.values()];
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(6);
    expect(Math.max(...counts)).toBeLessThanOrEqual(10);
  });

  test('rejects and logs a failure when the queue takes no message', async ({ expect }) => {
    const services = testServices();
    const { key } = await create('cron-fails', { dueAt: iso(nowMs) });
    const sendAll = async () => {
      throw new Error('Too Many Requests');
    };

    const running = reconcile(nowMs + 60_000, { ...services, queue: { ...services.queue, sendAll } });

    await expect(running).rejects.toThrow('Too Many Requests');
    expect(services.lines).toMatchObject([{ event: 'reconcile', outcome: 'failed' }]);
    await env.RECORDINGS.delete(key);
  });
});
