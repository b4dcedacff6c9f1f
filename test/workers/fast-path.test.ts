import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { runFastPath } from '../../src/archive/fast-path.ts';
import type { InboxEntry } from '../../src/recording.ts';
import { fakeSautikit } from '../../tools/fake-providers/sautikit.ts';
import { createVault, jsonAt, keysOf, link, recordingFacts, requestsOf, testServices } from './support.ts';

const inboxKey = (run: string) => `inbox/sautikit/event-${run}.json`;

/** Delivers over HTTP, background work included, and tells what went to the queue. */
async function deliver(run: string, path: string, sizeBytes: number | undefined) {
  const vault = await createVault();
  const body = fakeSautikit.announce(
    recordingFacts(run, { wav: link(path, run) }, { sizeBytes, endedMs: Date.now() }),
  );
  const response = await vault.deliver(fakeSautikit, body);
  return { outcome: await response.text(), sent: vault.sent };
}

describe('behind the answer to a delivery', () => {
  test('nothing goes to the queue when all goes well', async ({ expect }) => {
    const { outcome, sent } = await deliver('well', '/audio/mono.wav', 135_988);

    expect([outcome, sent]).toEqual(['{"outcome":"accepted"}', []]);
    expect(await keysOf(inboxKey('well'))).toEqual([]);
  });

  test('what is announced as large goes to the queue at once, unleased and unasked', async ({ expect }) => {
    const { outcome, sent } = await deliver('large-one', '/audio/mono.wav', 64 * 1024 ** 2 + 1);

    expect(outcome).toBe('{"outcome":"accepted"}');
    expect(sent).toEqual([{ inboxKey: inboxKey('large-one'), delaySeconds: 0 }]);
    expect(await requestsOf('large-one')).toEqual([]);
    expect(await jsonAt<InboxEntry>(inboxKey('large-one'))).not.toHaveProperty('lease');
    const entry = await env.RECORDINGS.head(inboxKey('large-one'));
    expect(entry?.customMetadata).toMatchObject({ dueAt: expect.stringMatching(/Z$/), attempts: '0' });
  });

  test.for([
    ['known-large', '/big/68000000'],
    ['chunked-large', '/big-chunked/68000000'],
  ] as const)(
    'what turns out to be large goes to the queue, and nothing is stored: %s',
    async ([run, path], { expect }) => {
      const { sent } = await deliver(run, path, undefined);

      expect(sent).toEqual([{ inboxKey: inboxKey(run), delaySeconds: 0 }]);
      expect((await keysOf('recordings/sautikit/')).filter((key) => key.includes(run))).toEqual([]);
      expect(await jsonAt<InboxEntry>(inboxKey(run))).toMatchObject({
        attempts: [{ failures: [{ code: 'handed_over' }] }],
        dueAt: expect.any(String),
      });
    },
  );

  test('what failed comes again by the queue, and keeps no lease', async ({ expect }) => {
    const { sent } = await deliver('failed-one', '/status/503', undefined);

    expect(sent).toEqual([{ inboxKey: inboxKey('failed-one'), delaySeconds: expect.any(Number) }]);
    expect(sent[0]?.delaySeconds).toBeGreaterThanOrEqual(1);
    expect(sent[0]?.delaySeconds).toBeLessThanOrEqual(2);
    expect(await jsonAt<InboxEntry>(inboxKey('failed-one'))).not.toHaveProperty('lease');
  });

  test('a queue that takes nothing is no reason to fail: the entry is due', async ({ expect }) => {
    await deliver('no-queue', '/status/503', undefined);
    const services = testServices();
    const pending = await services.inbox.read(inboxKey('no-queue'));
    if (pending.state !== 'present') throw new Error('Cannot test: no entry');
    const send = async () => {
      throw new Error('Too Many Requests');
    };

    await runFastPath(pending, { ...services, queue: { ...services.queue, send } });

    expect(services.lines).toMatchObject([{ event: 'fault', outcome: 'not_handed_over' }]);
    expect(await keysOf(inboxKey('no-queue'))).toHaveLength(1);
  });
});
