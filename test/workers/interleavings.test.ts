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
import { archived, createWorld, dead, iso, startMs, unavailable, type World } from './world.ts';

/** A pending entry under the second key of its event. The first key is free again, and KV has no entry. */
async function underSecondKey(world: World, v: string, file: Partial<RecordingFile> = {}) {
  const givenUp = await world.create(world.event('old', file), { gaveUpAt: iso(world.clock.nowMs) });
  const second = await world.deliver(world.event(v, file));
  await world.services.inbox.remove(givenUp);
  if (second.key === world.firstKey) throw new Error('Cannot test: the entry has the first key');
  return second;
}

/** An entry with one attempt left, whose lease expires in a minute. */
const withOneAttemptLeft = (world: World) =>
  world.create(world.event('v1'), {
    lease: { token: 'crashing', until: iso(startMs + 60_000) },
    attempts: Array.from({ length: MAX_ATTEMPTS - 1 }, (_, at) => ({
      number: at + 1,
      at: iso(startMs),
      failures: [{ code: 'download_refused' }],
    })),
  });

describe('a fresh link during the last attempt', () => {
  /** A fetch during which the provider delivers a fresh link. */
  const fetchDuringDelivery =
    (world: World): typeof fetch =>
    async (input, init) => {
      await world.receive(world.event('v2'));
      return world.services.fetch(input, init);
    };

  test('keeps its entry leased while the old dead letter is removed', async ({ expect }) => {
    const world = createWorld('restarted', { v1: 410, v2: 410 });
    const first = await world.enter(world.event('v1'));
    const around: { inbox: number; dead: number }[] = [];
    const { remove } = world.services.deadLetters;
    const deadLetters = {
      ...world.services.deadLetters,
      async remove(...args: Parameters<typeof remove>) {
        await world.take(first.key); // Does nothing while the entry is leased.
        around.push(await world.found());
        await remove(...args);
        around.push(await world.found());
      },
    };

    await runFastPath(first, { ...world.services, fetch: fetchDuringDelivery(world), deadLetters });
    const triedBefore = [...world.tried];
    const { sent, lines } = world.services;
    expect(sent).toEqual([{ inboxKey: first.key, delaySeconds: 0 }]);
    expect(lines.at(-1)).toMatchObject({ event: 'attempt', outcome: 'pending', code: 'link_gone' });
    await world.take(first.key);

    expect(around).toMatchObject([
      { inbox: 1, dead: 1 },
      { inbox: 1, dead: 0 },
    ]);
    expect([triedBefore, world.tried]).toEqual([['v1'], ['v1', 'v2']]);
    expect(await world.found()).toEqual(dead);
  });

  test('does not remove the dead letter of a worker that has taken over', async ({ expect }) => {
    const world = createWorld('taken-over', { v1: 410, v2: 410 });
    const first = await world.enter(world.event('v1'));
    const { change } = world.services.inbox;
    let isFirst = true;
    const inbox = {
      ...world.services.inbox,
      async change(...args: Parameters<typeof change>) {
        const changed = await change(...args);
        if (!isFirst) return changed;
        isFirst = false;
        world.clock.nowMs += 61_000;
        await world.take(first.key);
        return changed;
      },
    };

    await runFastPath(first, { ...world.services, inbox, fetch: fetchDuringDelivery(world) });

    expect(world.tried).toEqual(['v1', 'v2']);
    expect(await world.found()).toEqual(dead);
  });

  test('is tried after the removal of the dead letter failed', async ({ expect }) => {
    const world = createWorld('letter-stays', { v1: 410 });
    const first = await world.enter(world.event('v1'));
    const deadLetters = { ...world.services.deadLetters, remove: unavailable };

    await runFastPath(first, { ...world.services, fetch: fetchDuringDelivery(world), deadLetters });
    const between = await world.found();
    world.clock.nowMs += 61_000;
    await world.take(first.key);

    expect(between).toEqual({ inbox: 1, dead: 1, objects: 0 });
    expect(await world.found()).toEqual(archived);
  });

  test('is tried after the worker of that attempt crashed', async ({ expect }) => {
    const world = createWorld('crashed-during', { v1: 410 });
    const { key } = await withOneAttemptLeft(world);

    const outcome = await world.receive(world.event('v2'));
    world.clock.nowMs += 61_000;
    await world.take(key);

    expect(outcome).toEqual({ outcome: 'accepted' });
    expect(await world.found()).toEqual(archived);
    expect(await requestsOf('crashed-during')).toHaveLength(1);
  });

  test('is tried when it is delivered after the worker of that attempt crashed', async ({ expect }) => {
    const world = createWorld('crashed-before', { v1: 410 });
    await withOneAttemptLeft(world);
    world.clock.nowMs += 61_000;

    await world.deliver(world.event('v2'));

    expect(world.tried).toEqual(['v2']);
    expect(await world.found()).toEqual(archived);
  });
});

describe('a repeated delivery', () => {
  test('of the first body does not replace a newer link', async ({ expect }) => {
    const world = createWorld('first-again', { v1: 503, v2: 503 });
    const file = { linkLifetimeSeconds: 600 };
    const { key } = await world.deliver(world.event('v1', file));
    world.clock.nowMs += 300_000;
    await world.deliver(world.event('v2', file));
    world.clock.nowMs += 1000;

    const outcome = await world.receive(world.event('v1', file)); // Counted from this delivery, its link would expire later.
    world.clock.nowMs += 310_000;
    world.origin.answers = { v1: 403 };
    await world.take(key);

    expect(outcome).toEqual({ outcome: 'duplicate' });
    expect(world.tried).toEqual(['v1', 'v2', 'v2']);
    expect(await world.found()).toEqual(archived);
  });

  test('fails after six tries while its entry keeps changing', async ({ expect }) => {
    const world = createWorld('keeps-changing', { v1: 503 });
    await world.deliver(world.event('v1'));
    world.clock.nowMs += 1000;
    let tries = 0;
    const change = async () => {
      tries++;
      return undefined;
    };

    const received = world.receive(world.event('v2'), { inbox: { ...world.services.inbox, change } });

    await expect(received).rejects.toThrow('its entry keeps changing');
    expect(tries).toBe(6);
  });

  test('of a large dead event keeps its entry leased until the dead letter is removed', async ({
    expect,
  }) => {
    const world = createWorld('large', { v1: 410, v2: 410 });
    const file = { sizeBytes: 100 * 1024 ** 2 };
    const { key } = await world.deliver(world.event('v1', file));
    await world.take(key);
    world.clock.nowMs += 1000;
    const { removeIf } = world.services.deadLetters;
    const deadLetters = {
      ...world.services.deadLetters,
      async removeIf(...args: Parameters<typeof removeIf>) {
        await world.take(key); // An old message that is still in the queue.
        return removeIf(...args);
      },
    };

    const entered = await world.receive(world.event('v2', file), { deadLetters });

    expect(entered.pending).toMatchObject({
      entry: { lease: expect.any(Object), attempts: [{ number: 1 }] },
    });
    expect(world.tried).toEqual(['v1']);
    expect(await world.found()).toEqual({ inbox: 1, dead: 0, objects: 0 });
  });

  test('fails while both keys of its event are taken, and is accepted once one is free', async ({
    expect,
  }) => {
    const world = createWorld('no-key', { b: 503, v2: 503 });
    await world.deliver(world.other('b'));
    const givenUp = await world.create(world.event('old'), { gaveUpAt: iso(startMs) });

    await expect(world.receive(world.event('v2'))).rejects.toThrow('all keys of the event are taken');
    await world.services.inbox.remove(givenUp);
    const entered = await world.deliver(world.event('v2'));

    expect(entered.key).toBe(givenUp.key);
    expect(await world.found()).toEqual({ inbox: 2, dead: 0, objects: 0 });
  });

  test('is archived when its announced size was overruled before by the audio of another event', async ({
    expect,
  }) => {
    const world = createWorld('overruled-twice');
    await world.deliver(world.event('v1'));
    const second = { ...world.event('v1', { sizeBytes: 7 }), eventId: 'event-overruled-twice-b' };
    const { key } = await world.deliver(second);
    world.clock.nowMs += 70_000;
    await world.take(key);
    const between = await world.found();
    await env.DEDUPE.delete('seen/telnyx/event-overruled-twice-b');
    world.origin.answers = { v1: 410 };

    await world.deliver(second);

    const { files } = await jsonAt<Manifest>(world.manifestKey);
    expect(files).toMatchObject([{ checks: { announced_size: 'differs:7' } }]);
    expect([between, await world.found()]).toEqual([archived, archived]);
  });
});

describe('a dead letter', () => {
  test('that KV did not show when its event was archived is removed by purgeDeadLetters()', async ({
    expect,
  }) => {
    const world = createWorld('kv-late', { v1: 410 });
    await world.deliver(world.event('v1'));
    await env.DEDUPE.delete('seen/telnyx/event-kv-late');

    await world.deliver(world.event('v2'));
    const before = await world.found();
    await purgeDeadLetters(world.services);

    expect(before).toEqual({ inbox: 0, dead: 1, objects: 2 });
    expect(await world.found()).toEqual(archived);
  });

  test('that callvault cannot read is not removed by a delivery of its event', async ({ expect }) => {
    const world = createWorld('newer', { v1: 410, v2: 503 });
    await world.deliver(world.event('v1'));
    const letter = await jsonAt<DeadLetter>(world.deadKey);
    await env.RECORDINGS.put(world.deadKey, JSON.stringify({ ...letter, version: 2 }));

    await world.deliver(world.event('v2'));

    expect(await jsonAt(world.deadKey)).toEqual({ ...letter, version: 2 });
    expect((await jsonAt<InboxEntry>(world.firstKey)).attempts).toHaveLength(1);
  });

  test('is not created again under the first key while it exists under the second', async ({ expect }) => {
    const world = createWorld('made-once', { b: 410, v1: 410, v2: 503 });
    await world.deliver(world.other('b'));
    await world.deliver(world.event('v1'));
    const [secondKey = ''] = await keysOf('dead/telnyx/event-made-once_');
    const first = await world.services.deadLetters.read(world.deadKey);
    if (first === undefined) throw new Error('Cannot test: no letter');
    await world.services.deadLetters.removeIf(first);

    const isCreated = await world.services.deadLetters.create({
      ...(await jsonAt<DeadLetter>(secondKey)),
      attempts: [],
    });
    world.clock.nowMs += 1000;
    const { key } = await world.deliver(world.event('v2'));

    expect(isCreated).toBe(false);
    expect((await jsonAt<InboxEntry>(key)).attempts).toHaveLength(2);
    expect(await world.found()).toEqual({ inbox: 1, dead: 0, objects: 0 });
  });

  test('gets the fresh link of a late delivery of its event', async ({ expect }) => {
    const world = createWorld('late-link');
    const outsideTolerance = {
      reason: 'genuine_but_late',
      offBySeconds: 9,
      verifier: { scheme: 'ed25519' },
    } as const;
    const late = (v: string) => {
      const links = { wav: `${link('/audio/mono.wav', 'late-link')}&v=${v}` };
      const rawBody = utf8(fakeTelnyx.announce(recordingFacts('late-link', links)));
      return quarantineLate(
        {
          rawBody,
          headers: new Headers(),
          url: '',
          options: {},
          secrets: { values: [], scheme: '', toleranceSeconds: 300 },
          source: 'telnyx',
          provider: telnyx,
          receivedMs: startMs,
        },
        outsideTolerance,
        world.services,
      );
    };

    await late('v1');
    await late('v2');

    expect(await world.found()).toEqual(dead);
    const { event } = await jsonAt<DeadLetter>(world.deadKey);
    expect(event?.files).toMatchObject([{ link: expect.stringContaining('v=v2') }]);
  });

  test('is created for each unreadable delivery of one event id that has another link', async ({
    expect,
  }) => {
    const { services } = createWorld('unreadable');
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

/** Dead letters that change right after each read. */
function changingAfterRead(
  { services }: ReturnType<typeof createWorld>,
  change: (key: string) => Promise<void>,
) {
  const { read } = services.deadLetters;
  return {
    ...services.deadLetters,
    async read(key: string) {
      const letter = await read(key);
      await change(key);
      return letter;
    },
  };
}

describe('replay() of a dead letter that has changed', () => {
  test('leaves the letter of another event fingerprint under the same key', async ({ expect }) => {
    const world = createWorld('key-reused', { v1: 410, b: 410 });
    await world.deliver(world.event('v1'));
    const deadLetters = changingAfterRead(world, async (key) => {
      // Another replay of the same letter succeeds, and the other fingerprint gets a letter under the same key.
      await replay(key, world.services);
      world.origin.answers = { b: 410 };
      await world.take(world.firstKey);
      await world.deliver(world.other('b'));
    });

    await replay(world.deadKey, { ...world.services, deadLetters });
    await world.take(world.firstKey);

    expect(await world.found()).toEqual({ inbox: 0, dead: 1, objects: 2 });
    const { fingerprint } = await jsonAt<DeadLetter>(world.deadKey);
    expect(fingerprint).toBe(eventFingerprint(world.other('b')));
  });

  test('takes over the attempts and the link that were added in between', async ({ expect }) => {
    const world = createWorld('changed-between', { v1: 410, v2: 410 });
    await world.deliver(world.event('v1'));
    const deadLetters = changingAfterRead(world, async () => {
      world.clock.nowMs += 1000;
      await world.deliver(world.event('v2')); // A fresh link, which does not answer yet.
    });

    await replay(world.deadKey, { ...world.services, deadLetters });
    world.origin.answers = { v1: 410 };
    world.clock.nowMs += 1000;
    await world.take(world.firstKey);

    expect(await world.found()).toEqual(archived);
    const { files } = await jsonAt<Manifest>(world.manifestKey);
    expect(files).toMatchObject([{ attempts: 3 }]);
    expect(world.tried).toEqual(['v1', 'v2', 'v2']);
  });
});
describe('an entry under the second key', () => {
  test('is tried when the entry under the first key has just been given up', async ({ expect }) => {
    const world = createWorld('just-given-up', { v1: 410, v2: 503 });
    const second = await underSecondKey(world, 'v2');
    const first = await world.enter(world.event('v1'));
    world.origin.answers = { v1: 410 };
    world.clock.nowMs += 10_000;
    world.tried.length = 0;
    const kv = Promise.withResolvers<void>();
    const { find } = world.services.inbox;
    let givingUp: Promise<unknown> = Promise.resolve();
    const inbox = {
      ...world.services.inbox,
      async find(...args: Parameters<typeof find>) {
        const present = await find(...args);
        const seen = { ...world.services.seen, markSeen: () => kv.promise };
        givingUp = runAttempt(first, 'fast', { ...world.services, seen });
        while ((await jsonAt<InboxEntry>(first.key)).gaveUpAt === undefined) await scheduler.wait(10);
        return present;
      },
    };

    await world.take(second.key, { inbox });
    kv.resolve();
    await givingUp;

    expect(world.tried).toEqual(['v1', 'v2']);
    expect(await world.found()).toEqual(archived);
  });

  test('does not replace a newer link of the entry under the first key', async ({ expect }) => {
    const world = createWorld('newer-link', { v2: 503, v3: 503 });
    const second = await underSecondKey(world, 'v2');
    world.clock.nowMs += 1000;
    await world.deliver(world.event('v3'));
    world.origin.answers = { v2: 410 };
    world.tried.length = 0;
    world.clock.nowMs += 3_600_000;

    await world.take(second.key);
    await world.take(world.firstKey);

    expect(world.tried).toEqual(['v3']);
    expect(await world.found()).toEqual(archived);
  });

  test('that was given up does not replace a link of the entry under the first key', async ({ expect }) => {
    const world = createWorld('given-up-link', { v2: 503, v3: 503 });
    const until = (ms: number) => ({ expiresAt: iso(startMs + ms) });
    const second = await underSecondKey(world, 'v2', until(9_000_000));
    world.clock.nowMs += 10_000;
    world.origin.answers = { v2: 410, v3: 503 };
    const inbox = { ...world.services.inbox, remove: unavailable };
    await world.take(second.key, { inbox, seen: { ...world.services.seen, markSeen: unavailable } });
    const { gaveUpAt } = await jsonAt<InboxEntry>(second.key);
    await world.deliver(world.event('v3', until(8_000_000)));
    world.origin.answers = { v2: 410 };
    world.tried.length = 0;
    world.clock.nowMs += 100_000;

    await world.take(second.key);
    await world.take(world.firstKey);

    expect(gaveUpAt).toEqual(expect.any(String));
    expect(world.tried).toEqual(['v3']);
    expect((await world.found()).objects).toBe(2);
  });

  test('makes the first entry due at once and sends a message when its link is taken over', async ({
    expect,
  }) => {
    const world = createWorld('due-at-once', { v2: 503 });
    const until = (ms: number) => ({ expiresAt: iso(startMs + ms) });
    const second = await underSecondKey(world, 'v2', until(600_000));
    const later = async () => new Response('', { status: 503, headers: { 'retry-after': '3600' } });
    await world.deliver(world.event('v1', until(-1000)), { fetch: later });
    world.origin.answers = {};
    world.services.sent.length = 0;
    world.tried.length = 0;
    world.clock.nowMs += 60_000;

    await world.take(second.key);
    const sent = [...world.services.sent];
    await world.take(world.firstKey);

    expect(sent).toEqual([{ inboxKey: world.firstKey, delaySeconds: 0 }]);
    expect(world.tried).toEqual(['v2']);
    expect(await world.found()).toEqual(archived);
  });

  test.for(['before', 'while'] as const)(
    'loses no link that a delivery adds %s it is merged',
    async (when, { expect }) => {
      const world = createWorld(`merged-${when}`, { v2: 503, v3: 410 });
      const second = await underSecondKey(world, 'v2');
      world.clock.nowMs += 10_000;
      const hasRead = Promise.withResolvers<void>();
      const mayContinue = Promise.withResolvers<void>();
      const mayWrite = Promise.withResolvers<void>();
      let gets = 0;
      // A delivery that finds no entry under the first key and one under the second, and is slow to write.
      const slowBucket = new Proxy(env.RECORDINGS, {
        get(target, name) {
          const member: unknown = Reflect.get(target, name);
          if (typeof member !== 'function') return member;
          return async (...args: unknown[]) => {
            if (name === 'get' && ++gets === 2) {
              hasRead.resolve();
              await mayContinue.promise;
            }
            if (name === 'put') await mayWrite.promise;
            return Reflect.apply(member, target, args);
          };
        },
      });
      const known = { state: 'dead', fingerprint: 'another', linksSha256: '' } as const;
      const seen = { ...world.services.seen, find: async () => known };
      const delivered = world.receive(world.event('v4'), { seen, inbox: createInbox(slowBucket) });
      await hasRead.promise;
      const first = await world.enter(world.event('v3'));
      const { find, change } = world.services.inbox;
      const finishDelivery = async () => {
        mayWrite.resolve();
        await delivered;
      };
      const inbox = {
        ...world.services.inbox,
        async find(...args: Parameters<typeof find>) {
          const present = await find(...args);
          mayContinue.resolve();
          await scheduler.wait(50);
          if (when === 'before') await finishDelivery();
          return present;
        },
        async change(...args: Parameters<typeof change>) {
          const changed = await change(...args);
          if (changed?.entry.isYielding) await finishDelivery();
          return changed;
        },
      };

      await world.take(second.key, { inbox });
      await runFastPath(first, world.services);
      world.clock.nowMs += 100_000;
      for (const key of await keysOf(`inbox/telnyx/event-merged-${when}`)) await world.take(key);

      expect(await delivered).toEqual({ outcome: 'accepted' });
      expect(world.tried).toContain('v4');
      expect(await world.found()).toEqual(archived);
    },
  );
});

test('runAttempt() lists no file when its lease expired after the upload', async ({ expect }) => {
  const world = createWorld('expired-before-list');
  const pending = await world.enter(world.event('v1'));
  const { startUpload } = world.services.recordings;
  const expiring: typeof startUpload = (...args) => {
    const upload = startUpload(...args);
    const commit = async () => {
      const end = await upload.commit();
      world.clock.nowMs += 61_000;
      await world.take(pending.key);
      return end;
    };
    return { ...upload, commit };
  };
  const recordings = { ...world.services.recordings, startUpload: expiring };

  const end = await runAttempt(pending, 'fast', { ...world.services, recordings });

  expect(end).toMatchObject({ outcome: 'lost', code: 'lease_lost' });
  expect(await world.found()).toEqual(archived);
  expect(await jsonAt(world.manifestKey)).toMatchObject({ files: [{ attempts: 2 }] });
});

test('the fast path uses no attempt when memory is exhausted, and the queue continues at once', async ({
  expect,
}) => {
  const world = createWorld('no-room');

  const { key } = await world.deliver(world.event('v1'), { memory: createMemoryBudget(0) });

  const { attempts, waitsFor } = await jsonAt<InboxEntry>(key);
  expect([attempts, waitsFor]).toMatchObject([[], { code: 'isolate_busy' }]);
  expect(world.services.sent).toEqual([{ inboxKey: key, delaySeconds: 0 }]);
});
