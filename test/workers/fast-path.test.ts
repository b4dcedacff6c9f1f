import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { runFastPath } from '../../src/archive/fast-path.ts';
import type { InboxEntry } from '../../src/recording.ts';
import { fakeSautikit } from '../../tools/fake-providers/sautikit.ts';
import { createVault, jsonAt, keysOf, link, recordingFacts, requestsOf, testServices } from './support.ts';
import { createWorld } from './world.ts';

const inboxKey = (run: string) => `inbox/sautikit/event-${run}.json`;

/** Delivers over HTTP, background work included; returns the answer and what was sent to the queue. */
async function deliver(run: string, path: string, sizeBytes: number | undefined) {
  const vault = await createVault();
  const body = fakeSautikit.announce(
    recordingFacts(run, { wav: link(path, run) }, { sizeBytes, endedMs: Date.now() }),
  );
  const response = await vault.deliver(fakeSautikit, body);
  return { outcome: await response.text(), sent: vault.sent };
}

describe('the fast path', () => {
  test('sends nothing to the queue when it archives the recording', async ({ expect }) => {
    const { outcome, sent } = await deliver('well', '/audio/mono.wav', 135_988);

    expect([outcome, sent]).toEqual(['{"outcome":"accepted"}', []]);
    expect(await keysOf(inboxKey('well'))).toEqual([]);
  });

  test('sends a recording announced as large to the queue without a lease or a download', async ({
    expect,
  }) => {
    const { outcome, sent } = await deliver('announced-large', '/audio/mono.wav', 64 * 1024 ** 2 + 1);

    expect(outcome).toBe('{"outcome":"accepted"}');
    expect(sent).toEqual([{ inboxKey: inboxKey('announced-large'), delaySeconds: 0 }]);
    expect(await requestsOf('announced-large')).toEqual([]);
    expect(await jsonAt<InboxEntry>(inboxKey('announced-large'))).not.toHaveProperty('lease');
    const entry = await env.RECORDINGS.head(inboxKey('announced-large'));
    expect(entry?.customMetadata).toMatchObject({ dueAt: expect.stringMatching(/Z$/), attempts: '0' });
  });

  test('leaves a recording to the queue when one of its files is announced as large', async ({ expect }) => {
    const world = createWorld('one-large');
    const [wav] = world.event('v1', { sizeBytes: 64 * 1024 ** 2 + 1 }).files;
    const [mp3] = world.other('v1').files;
    const files = [wav, mp3].filter((file) => file !== undefined);

    const { key } = await world.deliver({ ...world.event('v1'), files });

    expect(world.services.sent).toEqual([{ inboxKey: key, delaySeconds: 0 }]);
    expect(world.tried).toEqual([]);
  });

  test('downloads a recording announced as exactly 64 MiB', async ({ expect }) => {
    await deliver('announced-limit', '/audio/mono.wav', 64 * 1024 ** 2);

    expect(await requestsOf('announced-limit')).toHaveLength(1);
  });

  test.for([
    ['known-large', '/big/68000000'],
    ['chunked-large', '/big-chunked/68000000'],
  ] as const)(
    'sends a recording that proves to be large to the queue, and stores nothing: %s',
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

  test('sends a failed recording to the queue with a delay, and frees its lease', async ({ expect }) => {
    const { sent } = await deliver('failed', '/status/503', undefined);

    expect(sent).toEqual([{ inboxKey: inboxKey('failed'), delaySeconds: expect.any(Number) }]);
    expect(sent[0]?.delaySeconds).toBeGreaterThanOrEqual(1);
    expect(sent[0]?.delaySeconds).toBeLessThanOrEqual(2);
    expect(await jsonAt<InboxEntry>(inboxKey('failed'))).not.toHaveProperty('lease');
  });

  test('keeps the entry and logs a fault when the queue takes no message', async ({ expect }) => {
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
