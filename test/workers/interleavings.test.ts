import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { runAttempt } from '../../src/archive/attempt.ts';
import { runFastPath } from '../../src/archive/fast-path.ts';
import { MAX_ATTEMPTS } from '../../src/archive/retry-policy.ts';
import { telnyx } from '../../src/providers/telnyx.ts';
import { eventFingerprint } from '../../src/receive/event-fingerprint.ts';
import { quarantineLate } from '../../src/receive/quarantine.ts';
import type { DeadLetter, InboxEntry, Manifest, RecordingFile } from '../../src/recording.ts';
import { purgeDeadLetters } from '../../src/recover/purge.ts';
import { replay } from '../../src/recover/replay.ts';
import { utf8 } from '../../src/shared/bytes.ts';
import { createInbox } from '../../src/storage/inbox.ts';
import { createMemoryBudget } from '../../src/transfer/memory-budget.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import { jsonAt, keysOf, link, receiveSigned, recordingFacts, requestsOf } from './support.ts';
import { archived, away, dead, iso, startMs, type World, world } from './world.ts';

/** A pending entry under the second key of its event, whose first key is free again while KV knows nothing. */
async function underSecondKey(one: World, v: string, file: Partial<RecordingFile> = {}) {
  const givenUp = await one.create(one.event('old', file), { gaveUpAt: iso(one.clock.nowMs) });
  const second = await one.deliver(one.event(v, file));
  await one.services.inbox.remove(givenUp);
  if (second.key === one.firstKey) throw new Error('Cannot test: it has the first key');
  return second;
}

/** An entry that has one attempt left, and whose lease ends in a minute. */
const nearlySpent = (one: World) =>
  one.create(one.event('v1'), {
    lease: { token: 'crashing', until: iso(startMs + 60_000) },
    attempts: Array.from({ length: MAX_ATTEMPTS - 1 }, (_, at) => ({
      number: at + 1,
      at: iso(startMs),
      failures: [{ code: 'download_refused' }],
    })),
  });

describe('a fresh link that comes in during the last attempt', () => {
  /** An origin that is asked while the provider sends a fresh link. */
  const meeting =
    (one: World): typeof fetch =>
    async (input, init) => {
      await one.receive(one.event('v2'));
      return one.services.fetch(input, init);
    };

  test('begins a new life after the letter of the old one is gone: the two are never gone at once', async ({
    expect,
  }) => {
    const one = world('new-life', { v1: 410, v2: 410 });
    const first = await one.enter(one.event('v1'));
    const around: { inbox: number; dead: number }[] = [];
    const { remove } = one.services.deadLetters;
    const deadLetters = {
      ...one.services.deadLetters,
      async remove(...args: Parameters<typeof remove>) {
        await one.take(first.key); // Its lease keeps this message away.
        around.push(await one.found());
        await remove(...args);
        around.push(await one.found());
      },
    };

    await runFastPath(first, { ...one.services, fetch: meeting(one), deadLetters });
    const triedBefore = [...one.tried];
    await one.take(first.key);

    expect(around).toMatchObject([
      { inbox: 1, dead: 1 },
      { inbox: 1, dead: 0 },
    ]);
    expect([triedBefore, one.tried]).toEqual([['v1'], ['v1', 'v2']]);
    expect(await one.found()).toEqual(dead);
  });

  test('is tried although the worker crashes before it has removed the letter', async ({ expect }) => {
    const one = world('letter-stays', { v1: 410 });
    const first = await one.enter(one.event('v1'));
    const deadLetters = { ...one.services.deadLetters, remove: away };

    await runFastPath(first, { ...one.services, fetch: meeting(one), deadLetters });
    const between = await one.found();
    one.clock.nowMs += 61_000;
    await one.take(first.key);

    expect(between).toEqual({ inbox: 1, dead: 1, objects: 0 });
    expect(await one.found()).toEqual(archived);
  });

  test('is tried although the worker of that attempt crashes', async ({ expect }) => {
    const one = world('crashed-during', { v1: 410 });
    const { key } = await nearlySpent(one);

    const outcome = await one.receive(one.event('v2'));
    one.clock.nowMs += 61_000;
    await one.take(key);

    expect(outcome).toEqual({ outcome: 'accepted' });
    expect(await one.found()).toEqual(archived);
    expect(await requestsOf('crashed-during')).toHaveLength(1);
  });

  test('is tried although that attempt has crashed before', async ({ expect }) => {
    const one = world('crashed-before', { v1: 410 });
    await nearlySpent(one);
    one.clock.nowMs += 61_000;

    await one.deliver(one.event('v2'));

    expect(one.tried).toEqual(['v2']);
    expect(await one.found()).toEqual(archived);
  });
});

describe('a repeated delivery', () => {
  test('of the first body does not take a fresh link away', async ({ expect }) => {
    const one = world('first-again', { v1: 503, v2: 503 });
    const file = { linkLifetimeSeconds: 600 };
    const { key } = await one.deliver(one.event('v1', file));
    one.clock.nowMs += 300_000;
    await one.deliver(one.event('v2', file));
    one.clock.nowMs += 1000;

    const outcome = await one.receive(one.event('v1', file)); // By its time it would live longer.
    one.clock.nowMs += 310_000;
    one.origin.answers = { v1: 403 };
    await one.take(key);

    expect(outcome).toEqual({ outcome: 'duplicate' });
    expect(one.tried).toEqual(['v1', 'v2', 'v2']);
    expect(await one.found()).toEqual(archived);
  });

  test('of a large dead event is held until its letter is gone, whatever messages are in the queue', async ({
    expect,
  }) => {
    const one = world('large', { v1: 410, v2: 410 });
    const file = { sizeBytes: 100 * 1024 ** 2 };
    const { key } = await one.deliver(one.event('v1', file));
    await one.take(key);
    one.clock.nowMs += 1000;
    const { removeIf } = one.services.deadLetters;
    const deadLetters = {
      ...one.services.deadLetters,
      async removeIf(...args: Parameters<typeof removeIf>) {
        await one.take(key); // The old message.
        return removeIf(...args);
      },
    };

    const entered = await one.receive(one.event('v2', file), { deadLetters });

    expect(entered.pending).toMatchObject({
      entry: { lease: expect.any(Object), attempts: [{ number: 1 }] },
    });
    expect(one.tried).toEqual(['v1']);
    expect(await one.found()).toEqual({ inbox: 1, dead: 0, objects: 0 });
  });

  test('is refused while both keys of its event are taken, and accepted once one is free', async ({
    expect,
  }) => {
    const one = world('no-key', { b: 503, v2: 503 });
    await one.deliver(one.other('b'));
    const givenUp = await one.create(one.event('old'), { gaveUpAt: iso(startMs) });

    await expect(one.receive(one.event('v2'))).rejects.toThrow('all keys of the event are taken');
    await one.services.inbox.remove(givenUp);
    const entered = await one.deliver(one.event('v2'));

    expect(entered.key).toBe(givenUp.key);
    expect(await one.found()).toEqual({ inbox: 2, dead: 0, objects: 0 });
  });

  test('after another event had its size overruled by the audio of the first does not die', async ({
    expect,
  }) => {
    const one = world('overruled-twice');
    await one.deliver(one.event('v1'));
    const second = { ...one.event('v1', { sizeBytes: 7 }), eventId: 'event-overruled-twice-b' };
    const { key } = await one.deliver(second);
    one.clock.nowMs += 70_000;
    await one.take(key);
    const between = await one.found();
    await env.DEDUPE.delete('seen/telnyx/event-overruled-twice-b');
    one.origin.answers = { v1: 410 };

    await one.deliver(second);

    const { files } = await jsonAt<Manifest>(one.manifestKey);
    expect(files).toMatchObject([{ checks: { announced_size: 'differs:7' } }]);
    expect([between, await one.found()]).toEqual([archived, archived]);
  });
});

describe('a letter', () => {
  test('that was not known when its event was archived goes with the daily tidying', async ({ expect }) => {
    const one = world('kv-late', { v1: 410 });
    await one.deliver(one.event('v1'));
    await env.DEDUPE.delete('seen/telnyx/event-kv-late');

    await one.deliver(one.event('v2'));
    const before = await one.found();
    await purgeDeadLetters(one.services);

    expect(before).toEqual({ inbox: 0, dead: 1, objects: 2 });
    expect(await one.found()).toEqual(archived);
  });

  test('that callvault cannot read is not removed by a delivery of its event', async ({ expect }) => {
    const one = world('newer', { v1: 410, v2: 503 });
    await one.deliver(one.event('v1'));
    const letter = await jsonAt<DeadLetter>(one.deadKey);
    await env.RECORDINGS.put(one.deadKey, JSON.stringify({ ...letter, version: 2 }));

    await one.deliver(one.event('v2'));

    expect(await jsonAt(one.deadKey)).toEqual({ ...letter, version: 2 });
    expect((await jsonAt<InboxEntry>(one.firstKey)).attempts).toHaveLength(1);
  });

  test('is not made a second time once the first key is free, so that its history is not lost', async ({
    expect,
  }) => {
    const one = world('made-once', { b: 410, v1: 410, v2: 503 });
    await one.deliver(one.other('b'));
    await one.deliver(one.event('v1'));
    const [secondKey = ''] = await keysOf('dead/telnyx/event-made-once_');
    const first = await one.services.deadLetters.read(one.deadKey);
    if (first === undefined) throw new Error('Cannot test: no letter');
    await one.services.deadLetters.removeIf(first);

    const isMade = await one.services.deadLetters.create({
      ...(await jsonAt<DeadLetter>(secondKey)),
      attempts: [],
    });
    one.clock.nowMs += 1000;
    const { key } = await one.deliver(one.event('v2'));

    expect(isMade).toBe(false);
    expect((await jsonAt<InboxEntry>(key)).attempts).toHaveLength(2);
    expect(await one.found()).toEqual({ inbox: 1, dead: 0, objects: 0 });
  });

  test('gets the fresh link of a late delivery of its event', async ({ expect }) => {
    const one = world('late-link');
    const untimely = {
      reason: 'genuine_but_late',
      offBySeconds: 9,
      verifier: { scheme: 'ed25519' },
    } as const;
    const late = (v: string) => {
      const links = { wav: `${link('/audio/mono.wav', 'late-link')}&v=${v}` };
      const rawBody = utf8(fakeTelnyx.announce(recordingFacts('late-link', links)));
      return quarantineLate(
        { rawBody, headers: new Headers(), provider: telnyx, receivedMs: startMs },
        untimely,
        one.services,
      );
    };

    await late('v1');
    await late('v2');

    expect(await one.found()).toEqual(dead);
    const { event } = await jsonAt<DeadLetter>(one.deadKey);
    expect(event?.files).toMatchObject([{ link: expect.stringContaining('v=v2') }]);
  });

  test('is kept of each unreadable delivery of one id that holds another link', async ({ expect }) => {
    const { services } = world('unreadable');
    const key = await fakeTelnyx.newKey();
    const secrets = { values: [key.trusted], scheme: '', toleranceSeconds: 300 };
    const receive = async (v: string) => {
      const payload = { recording_urls: { wav: `https://cdn.example.com/a?v=${v}` } };
      const data = { id: 'unreadable', event_type: 'call.recording.saved.v2', payload };
      const rawBody = utf8(JSON.stringify({ data }));
      const headers = new Headers(await fakeTelnyx.sign(rawBody, key.signing, startMs / 1000));
      return (await receiveSigned({ rawBody, headers }, telnyx, secrets, services)).outcome;
    };

    const outcomes = [await receive('v1'), await receive('v1'), await receive('v2')];

    expect(outcomes).toEqual(['kept', 'duplicate', 'kept']);
    expect(await keysOf('dead/telnyx/unreadable')).toHaveLength(2);
  });
});

describe('a replay of a letter that has changed since it was read', () => {
  test('leaves the letter of another announcement, which has taken its key', async ({ expect }) => {
    const one = world('key-reused', { v1: 410, b: 410 });
    await one.deliver(one.event('v1'));
    const { read } = one.services.deadLetters;
    const deadLetters = {
      ...one.services.deadLetters,
      async read(key: string) {
        const letter = await read(key);
        // Another replay of the same letter succeeds, and the other announcement dies.
        await replay(key, one.services);
        one.origin.answers = { b: 410 };
        await one.take(one.firstKey);
        await one.deliver(one.other('b'));
        return letter;
      },
    };

    await replay(one.deadKey, { ...one.services, deadLetters });
    await one.take(one.firstKey);

    expect(await one.found()).toEqual({ inbox: 0, dead: 1, objects: 2 });
    const { fingerprint } = await jsonAt<DeadLetter>(one.deadKey);
    expect(fingerprint).toBe(eventFingerprint(one.other('b')));
  });

  test('takes along the history and the link of the life in between', async ({ expect }) => {
    const one = world('life-between', { v1: 410, v2: 410 });
    await one.deliver(one.event('v1'));
    const { read } = one.services.deadLetters;
    const deadLetters = {
      ...one.services.deadLetters,
      async read(key: string) {
        const letter = await read(key);
        one.clock.nowMs += 1000;
        await one.deliver(one.event('v2')); // A fresh link, which does not answer yet.
        return letter;
      },
    };

    await replay(one.deadKey, { ...one.services, deadLetters });
    one.origin.answers = { v1: 410 };
    one.clock.nowMs += 1000;
    await one.take(one.firstKey);

    expect(await one.found()).toEqual(archived);
    const { files } = await jsonAt<Manifest>(one.manifestKey);
    expect(files).toMatchObject([{ attempts: 3 }]);
    expect(one.tried).toEqual(['v1', 'v2', 'v2']);
  });
});
describe('an entry under the second key of its event', () => {
  test('is tried when the one under the first key is just given up', async ({ expect }) => {
    const one = world('just-given-up', { v1: 410, v2: 503 });
    const second = await underSecondKey(one, 'v2');
    const first = await one.enter(one.event('v1'));
    one.origin.answers = { v1: 410 };
    one.clock.nowMs += 10_000;
    one.tried.length = 0;
    const kv = Promise.withResolvers<void>();
    const { find } = one.services.inbox;
    let givingUp: Promise<unknown> = Promise.resolve();
    const inbox = {
      ...one.services.inbox,
      async find(...args: Parameters<typeof find>) {
        const present = await find(...args);
        const seen = { ...one.services.seen, markSeen: () => kv.promise };
        givingUp = runAttempt(first, 'fast', { ...one.services, seen });
        while ((await jsonAt<InboxEntry>(first.key)).gaveUpAt === undefined) await scheduler.wait(10);
        return present;
      },
    };

    await one.take(second.key, { inbox });
    kv.resolve();
    await givingUp;

    expect(one.tried).toEqual(['v1', 'v2']);
    expect(await one.found()).toEqual(archived);
  });

  test('does not replace a newer link of the one under the first key', async ({ expect }) => {
    const one = world('newer-link', { v2: 503, v3: 503 });
    const second = await underSecondKey(one, 'v2');
    one.clock.nowMs += 1000;
    await one.deliver(one.event('v3'));
    one.origin.answers = { v2: 410 };
    one.tried.length = 0;
    one.clock.nowMs += 3_600_000;

    await one.take(second.key);
    await one.take(one.firstKey);

    expect(one.tried).toEqual(['v3']);
    expect(await one.found()).toEqual(archived);
  });

  test('does not replace a link of the one under the first key after it was given up', async ({ expect }) => {
    const one = world('given-up-link', { v2: 503, v3: 503 });
    const until = (ms: number) => ({ expiresAt: iso(startMs + ms) });
    const second = await underSecondKey(one, 'v2', until(9_000_000));
    one.clock.nowMs += 10_000;
    one.origin.answers = { v2: 410, v3: 503 };
    const inbox = { ...one.services.inbox, remove: away };
    await one.take(second.key, { inbox, seen: { ...one.services.seen, markSeen: away } });
    const { gaveUpAt } = await jsonAt<InboxEntry>(second.key);
    await one.deliver(one.event('v3', until(8_000_000)));
    one.origin.answers = { v2: 410 };
    one.tried.length = 0;
    one.clock.nowMs += 100_000;

    await one.take(second.key);
    await one.take(one.firstKey);

    expect(gaveUpAt).toEqual(expect.any(String));
    expect(one.tried).toEqual(['v3']);
    expect((await one.found()).objects).toBe(2);
  });

  test('makes the one that gets its longer link due at once, and sends a message', async ({ expect }) => {
    const one = world('due-at-once', { v2: 503 });
    const until = (ms: number) => ({ expiresAt: iso(startMs + ms) });
    const second = await underSecondKey(one, 'v2', until(600_000));
    const later = async () => new Response('', { status: 503, headers: { 'retry-after': '3600' } });
    await one.deliver(one.event('v1', until(-1000)), { fetch: later });
    one.origin.answers = {};
    one.services.sent.length = 0;
    one.tried.length = 0;
    one.clock.nowMs += 60_000;

    await one.take(second.key);
    const sent = [...one.services.sent];
    await one.take(one.firstKey);

    expect(sent).toEqual([{ inboxKey: one.firstKey, delaySeconds: 0 }]);
    expect(one.tried).toEqual(['v2']);
    expect(await one.found()).toEqual(archived);
  });

  test.for(['before', 'while'] as const)(
    'loses no link that a delivery gives it %s it is merged',
    async (when, { expect }) => {
      const one = world(`merged-${when}`, { v2: 503, v3: 410 });
      const second = await underSecondKey(one, 'v2');
      one.clock.nowMs += 10_000;
      const looked = Promise.withResolvers<void>();
      const goOn = Promise.withResolvers<void>();
      const toWrite = Promise.withResolvers<void>();
      let gets = 0;
      // A delivery that finds nothing under the first key, the entry under the second one, and is slow to write.
      const slow = new Proxy(env.RECORDINGS, {
        get(target, name) {
          const member: unknown = Reflect.get(target, name);
          if (typeof member !== 'function') return member;
          return async (...args: unknown[]) => {
            if (name === 'get' && ++gets === 2) {
              looked.resolve();
              await goOn.promise;
            }
            if (name === 'put') await toWrite.promise;
            return Reflect.apply(member, target, args);
          };
        },
      });
      const known = { state: 'dead', fingerprint: 'another', linksSha256: '' } as const;
      const seen = { ...one.services.seen, find: async () => known };
      const delivered = one.receive(one.event('v4'), { seen, inbox: createInbox(slow) });
      await looked.promise;
      const first = await one.enter(one.event('v3'));
      const { find, change } = one.services.inbox;
      const letWrite = async () => {
        toWrite.resolve();
        await delivered;
      };
      const inbox = {
        ...one.services.inbox,
        async find(...args: Parameters<typeof find>) {
          const present = await find(...args);
          goOn.resolve();
          await scheduler.wait(50);
          if (when === 'before') await letWrite();
          return present;
        },
        async change(...args: Parameters<typeof change>) {
          const changed = await change(...args);
          if (changed?.entry.isYielding) await letWrite();
          return changed;
        },
      };

      await one.take(second.key, { inbox });
      await runFastPath(first, one.services);
      one.clock.nowMs += 100_000;
      for (const key of await keysOf(`inbox/telnyx/event-merged-${when}`)) await one.take(key);

      expect(await delivered).toEqual({ outcome: 'accepted' });
      expect(one.tried).toContain('v4');
      expect(await one.found()).toEqual(archived);
    },
  );
});

test('a worker whose lease lapsed after its upload lists nothing any more', async ({ expect }) => {
  const one = world('lapsed-before-list');
  const pending = await one.enter(one.event('v1'));
  const { startUpload } = one.services.recordings;
  const lapsing: typeof startUpload = (...args) => {
    const upload = startUpload(...args);
    const commit = async () => {
      const end = await upload.commit();
      one.clock.nowMs += 61_000;
      await one.take(pending.key);
      return end;
    };
    return { ...upload, commit };
  };
  const recordings = { ...one.services.recordings, startUpload: lapsing };

  const end = await runAttempt(pending, 'fast', { ...one.services, recordings });

  expect(end).toMatchObject({ outcome: 'lost', code: 'lease_lost' });
  expect(await one.found()).toEqual(archived);
  expect(await jsonAt(one.manifestKey)).toMatchObject({ files: [{ attempts: 2 }] });
});

test('an isolate without room on the fast path uses up no attempt, and the queue goes on at once', async ({
  expect,
}) => {
  const one = world('no-room');

  const { key } = await one.deliver(one.event('v1'), { memory: createMemoryBudget(0) });

  const { attempts, waitsFor } = await jsonAt<InboxEntry>(key);
  expect([attempts, waitsFor]).toMatchObject([[], { code: 'isolate_busy' }]);
  expect(one.services.sent).toEqual([{ inboxKey: key, delaySeconds: 0 }]);
});
