import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { runFastPath } from '../../src/archive/fast-path.ts';
import { consumeMessage } from '../../src/consume-message.ts';
import type { Services } from '../../src/http/services.ts';
import { sautikit } from '../../src/providers/sautikit.ts';
import type { Manifest } from '../../src/recording.ts';
import { createDeadLetters } from '../../src/storage/dead-letters.ts';
import { createInbox } from '../../src/storage/inbox.ts';
import { createRecordings } from '../../src/storage/recordings.ts';
import { fakeSautikit } from '../../tools/fake-providers/sautikit.ts';
import { jsonAt, keysOf, link, receiveSigned, recordingFacts, requestsOf, testServices } from './support.ts';

const key = await fakeSautikit.newKey();
const secrets = { values: [key.trusted], scheme: 'any', toleranceSeconds: 300 };
const folderOf = (run: string) => `recordings/sautikit/2026/06/27/call-${run}/`;

async function deliver(run: string, path: string, services: Services) {
  const body = fakeSautikit.announce(recordingFacts(run, { wav: link(path, run) }, { sizeBytes: undefined }));
  const rawBody = new TextEncoder().encode(body);
  const headers = new Headers(
    await fakeSautikit.sign(rawBody, key.signing, Math.floor(services.now() / 1000)),
  );
  const { outcome, pending } = await receiveSigned({ rawBody, headers }, sautikit, secrets, services);
  for (const entry of pending) await runFastPath(entry, services);
  return { outcome, pending };
}

describe('a KV that returns stale values', () => {
  test.for([
    ['no entry', undefined],
    ['an old entry', { state: 'archived', fingerprint: 'another' }],
  ] as const)('causes no second download: %s', async ([title, shown], { expect }) => {
    const run = title.replaceAll(' ', '-');
    const services = testServices();
    const stale = { ...services, seen: { ...services.seen, find: async () => shown } };

    const outcomes = [];
    for (let times = 0; times < 3; times++)
      outcomes.push((await deliver(run, '/audio/mono.wav', stale)).outcome);

    expect(outcomes).toEqual(['accepted', 'accepted', 'accepted']);
    expect(await requestsOf(run)).toHaveLength(1);
    expect(await keysOf(folderOf(run))).toHaveLength(2);
    expect(await keysOf(`inbox/sautikit/event-${run}`)).toEqual([]);
  });
});

/** R2's limit: a second write to a key within a second is rejected. */
function oneWriteASecond(bucket: R2Bucket, now: () => number): R2Bucket {
  const writtenMs = new Map<string, number>();
  return new Proxy(bucket, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      if (name !== 'put') return member.bind(target);
      return async (key: string, ...rest: unknown[]) => {
        if (now() - (writtenMs.get(key) ?? Number.NEGATIVE_INFINITY) < 1000)
          throw new Error('put: Reduce your concurrent request rate for the same object. (10058)');
        writtenMs.set(key, now());
        return member.call(target, key, ...rest);
      };
    },
  });
}

describe('an R2 with one write a second per key', () => {
  test.for([
    ['one-a-second-good', '/audio/mono.wav', 2],
    ['one-a-second-late', '/later/404/3', 2],
    ['one-a-second-dead', '/expired', 0],
  ] as const)(
    'ends every entry archived or dead, without a fault: %s',
    async ([run, path, objects], { expect }) => {
      let nowMs = Date.UTC(2026, 5, 27, 10, 6, 10);
      const now = () => nowMs;
      const bucket = oneWriteASecond(env.RECORDINGS, now);
      const services = testServices({
        now,
        wait: async (ms) => {
          nowMs += ms;
        },
        inbox: createInbox(bucket),
        recordings: createRecordings(bucket),
        deadLetters: createDeadLetters(bucket),
      });

      const { pending } = await deliver(run, path, services);
      for (let messages = 0; messages < 9; messages++) {
        const verdict = await consumeMessage({ version: 1, inboxKey: pending[0]?.key }, services);
        if (verdict.retryAfterSeconds !== undefined) nowMs += verdict.retryAfterSeconds * 1000;
      }

      expect(await keysOf(folderOf(run))).toHaveLength(objects);
      expect(await keysOf(`dead/sautikit/event-${run}`)).toHaveLength(objects === 0 ? 1 : 0);
      expect(await keysOf(`inbox/sautikit/event-${run}`)).toEqual([]);
      expect(services.lines.filter(({ event }) => event === 'fault')).toEqual([]);
    },
  );
});

describe('audio without a manifest', () => {
  test('is listed by its own bytes after its link has expired', async ({ expect }) => {
    let nowMs = Date.UTC(2026, 5, 27, 10, 6, 10);
    const services = testServices({ now: () => nowMs });
    const unavailable = new Error('R2 is unavailable');
    const writeManifest = async () => {
      throw unavailable;
    };
    const withoutManifest = { ...services, recordings: { ...services.recordings, writeManifest } };
    const { pending } = await deliver('orphan', '/audio/mono.wav', withoutManifest);
    const before = await env.RECORDINGS.head(`${folderOf('orphan')}rec-orphan.wav`);
    const fetch = async () => new Response('', { status: 410 });

    nowMs += 3_600_000;
    await consumeMessage({ version: 1, inboxKey: pending[0]?.key }, { ...services, fetch });

    const { files } = await jsonAt<Manifest>(`${folderOf('orphan')}rec-orphan.json`);
    expect(files).toMatchObject([
      { format: 'wav', bytes: 135_988, contentType: 'audio/wav', etag: before?.etag },
    ]);
    expect(await requestsOf('orphan')).toHaveLength(1);
    expect(await keysOf('inbox/sautikit/event-orphan')).toEqual([]);
  });

  test('is downloaded again when it is removed before it can be read', async ({ expect }) => {
    let nowMs = Date.UTC(2026, 5, 27, 10, 6, 10);
    const services = testServices({ now: () => nowMs });
    const { recordings } = services;
    const writeManifest = async () => {
      throw new Error('R2 is unavailable');
    };
    const withoutManifest = { ...services, recordings: { ...recordings, writeManifest } };
    const { pending } = await deliver('vanished', '/audio/mono.wav', withoutManifest);
    const readObject: typeof recordings.readObject = async (key) => {
      await env.RECORDINGS.delete(key);
      return recordings.readObject(key);
    };

    nowMs += 3_600_000;
    const message = { version: 1, inboxKey: pending[0]?.key };
    await consumeMessage(message, { ...services, recordings: { ...recordings, readObject } });

    expect(services.lines.at(-1)).toMatchObject({ outcome: 'archived' });
    expect(await requestsOf('vanished')).toHaveLength(2);
    expect(await keysOf(folderOf('vanished'))).toHaveLength(2);
  });
});
