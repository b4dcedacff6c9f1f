import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { runAttempt } from '../../src/archive/attempt.ts';
import { newLease, takeLease } from '../../src/archive/lease.ts';
import type { Services } from '../../src/http/services.ts';
import { consumeMessage } from '../../src/queue.ts';
import type { InboxEntry, Manifest } from '../../src/recording.ts';
import { withTimeout } from '../../src/shared/with-timeout.ts';
import { createInbox, type PendingEntry } from '../../src/storage/inbox.ts';
import { createRecordings } from '../../src/storage/recordings.ts';
import { jsonAt, keysOf, requestsOf, sha256At, testServices, wavEvent } from './support.ts';

const startMs = Date.UTC(2026, 5, 27, 10, 7);

/** An entry that a worker has just taken, and the clock that all of them share. */
async function taken(run: string, path = '/audio/mono.wav') {
  const clock = { nowMs: startMs };
  const now = () => clock.nowMs;
  const event = wavEvent(run, path);
  const delivery = { receivedAt: new Date(startMs).toISOString(), headers: {}, rawBody: '{}' };
  const lease = newLease({ now, newToken: () => 'first' });
  const entry: InboxEntry = { version: 1, fingerprint: run, event, delivery, attempts: [], lease };
  const pending = await createInbox(env.RECORDINGS).create(entry);
  if (pending === undefined) throw new Error('Cannot test: the entry exists');
  return { clock, pending, services: testServices({ now }) };
}

/** Another worker, after the first one's lease has lapsed. */
async function succeed({ key }: PendingEntry, services: Services, clock: { nowMs: number }) {
  clock.nowMs += 61_000;
  return consumeMessage({ version: 1, inboxKey: key }, services);
}

async function findings(run: string) {
  return {
    inbox: (await keysOf(`inbox/telnyx/event-${run}`)).length,
    dead: (await keysOf(`dead/telnyx/event-${run}`)).length,
    objects: (await keysOf(`recordings/telnyx/2026/06/27/call-${run}/`)).length,
  };
}

const archived = { inbox: 0, dead: 0, objects: 2 };
const refusing: typeof fetch = async () => new Response('', { status: 410 });

describe('a worker whose lease has lapsed', () => {
  test('crashes between its dead letter and the end of the entry, then its successor succeeds: success wins', async ({
    expect,
  }) => {
    const { clock, pending, services } = await taken('first');
    const change = () => new Promise<never>(() => undefined);
    const dying = { ...services, fetch: refusing, inbox: { ...services.inbox, change } };

    void runAttempt(pending, 'queue', dying);
    while ((await findings('first')).dead === 0) await scheduler.wait(20);
    const between = await findings('first');
    await succeed(pending, services, clock);

    expect(between).toEqual({ inbox: 1, dead: 1, objects: 0 });
    expect(await findings('first')).toEqual(archived);
  });

  test('crashes after it gave up: its successor removes the entry, and tries nothing', async ({ expect }) => {
    const { clock, pending, services } = await taken('given-up');
    const remove = async () => undefined;

    await runAttempt(pending, 'queue', {
      ...services,
      fetch: refusing,
      inbox: { ...services.inbox, remove },
    });
    const between = await findings('given-up');
    await succeed(pending, services, clock);

    expect(between).toEqual({ inbox: 1, dead: 1, objects: 0 });
    expect(await findings('given-up')).toEqual({ inbox: 0, dead: 1, objects: 0 });
    expect(await requestsOf('given-up')).toEqual([]);
  });

  test('gives up while its successor succeeds: success wins', async ({ expect }) => {
    const { clock, pending, services } = await taken('second');
    const { write } = services.deadLetters;
    const deadLetters = {
      ...services.deadLetters,
      async write(...args: Parameters<typeof write>) {
        await succeed(pending, services, clock);
        return write(...args);
      },
    };

    const end = await runAttempt(pending, 'queue', { ...services, fetch: refusing, deadLetters });

    expect(end).toMatchObject({ outcome: 'archived', bytes: 0 });
    expect(await findings('second')).toEqual(archived);
  });

  test('gives up after its successor has looked for a dead letter, and removes its own', async ({
    expect,
  }) => {
    const { clock, pending, services } = await taken('third');
    const slow: typeof fetch = async () => {
      await succeed(pending, services, clock);
      return new Response('', { status: 410 });
    };

    await runAttempt(pending, 'queue', { ...services, fetch: slow });

    expect(await findings('third')).toEqual(archived);
  });

  test('succeeds late, after its successor has given up: success wins', async ({ expect }) => {
    const { clock, pending, services } = await taken('fourth');
    let between: unknown;
    const { writeManifest } = services.recordings;
    const recordings = {
      ...services.recordings,
      async writeManifest(...args: Parameters<typeof writeManifest>) {
        const blind = { ...services.recordings, findAudio: async () => [] };
        await succeed(pending, { ...services, fetch: refusing, recordings: blind }, clock);
        between = await findings('fourth');
        return writeManifest(...args);
      },
    };

    await runAttempt(pending, 'queue', { ...services, recordings });

    expect(between).toEqual({ inbox: 0, dead: 1, objects: 1 });
    expect(await findings('fourth')).toEqual(archived);
  });

  test('stops at the next block, and changes nothing more', async ({ expect }) => {
    const { clock, pending, services } = await taken('slow', '/big/3000000');
    let isFirst = true;
    const stopping: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (isFirst) await succeed(pending, services, clock);
      isFirst = false;
      return response;
    };

    const end = await runAttempt(pending, 'queue', { ...services, fetch: stopping });

    expect(end).toMatchObject({ outcome: 'lost', code: 'lease_lost' });
    expect(await requestsOf('slow')).toHaveLength(2);
    expect(await findings('slow')).toEqual(archived);
  });
});

describe('an entry', () => {
  test('is removed by nobody whose lease has lapsed', async ({ expect }) => {
    const { clock, pending, services } = await taken('zombie');
    const other = { ...pending.entry, fingerprint: 'another', lease: undefined };
    const seen = {
      ...services.seen,
      async markSeen() {
        await succeed(pending, services, clock);
        await services.inbox.create(other); // The provider announces something else under the same id.
      },
    };

    await runAttempt(pending, 'queue', { ...services, seen });

    expect(await services.inbox.read(pending.key)).toMatchObject({ entry: { fingerprint: 'another' } });
  });

  test('whose last attempt stored the audio and died is archived, not dead', async ({ expect }) => {
    const { clock, pending, services } = await taken('last');
    const attempts = Array.from({ length: 23 }, (_, at) => ({
      number: at + 1,
      at: new Date(startMs).toISOString(),
      failures: [{ code: 'download_refused' }],
    }));
    const spent = await services.inbox.change(pending, (entry) => ({ ...entry, attempts }));
    const writeManifest = () => new Promise<never>(() => undefined);
    const dying = { ...services, recordings: { ...services.recordings, writeManifest } };
    void runAttempt(spent ?? pending, 'queue', dying);
    while ((await findings('last')).objects === 0) await scheduler.wait(20);

    await succeed(pending, { ...services, fetch: refusing }, clock);

    expect(await findings('last')).toEqual(archived);
  });
});

describe('what comes in parts', () => {
  test('is told of by the manifest as it lies there, whoever completed it last', async ({ expect }) => {
    const { pending, services } = await taken('parts', '/big-chunked/6000000');
    const key = 'recordings/telnyx/2026/06/27/call-parts/rec-parts.wav';
    const { writeManifest } = services.recordings;
    let isFirst = true;
    const recordings = {
      ...services.recordings,
      async writeManifest(...args: Parameters<typeof writeManifest>) {
        const isWritten = await writeManifest(...args);
        if (isFirst) await env.RECORDINGS.put(key, 'RIFF....WAVE of another event');
        isFirst = false;
        return isWritten;
      },
    };

    await runAttempt(pending, 'queue', { ...services, recordings });

    const manifest = await jsonAt<Manifest>(key.replace('.wav', '.json'));
    expect(manifest.files).toMatchObject([{ bytes: 29, sha256: await sha256At(key) }]);
    expect(manifest.files).toHaveLength(1);
  });

  test('over what another event has stored and listed whole: the manifest tells the truth', async ({
    expect,
  }) => {
    const { pending, services } = await taken('over', '/big-chunked/6000000');
    const event = { ...wavEvent('over'), eventId: 'event-over-2' };
    const { lease: _, ...entry } = pending.entry;
    const real = services.recordings;
    let isFirst = true;
    const recordings = {
      ...real,
      startUpload(...args: Parameters<typeof real.startUpload>) {
        const upload = real.startUpload(...args);
        return {
          ...upload,
          async commit() {
            if (isFirst) await other();
            return upload.commit();
          },
        };
      },
    };
    /** Another event of the recording, whose whole audio comes between this one's looks at the key. */
    async function other() {
      isFirst = false;
      const head = env.RECORDINGS.head.bind(env.RECORDINGS);
      const { key } = await services.inbox.create({
        ...entry,
        fingerprint: 'over-2',
        event,
        dueAt: pending.entry.delivery.receivedAt,
      });
      await consumeMessage({ version: 1, inboxKey: key }, services);
      blind = async () => (looks++ === 0 ? null : head(audioKey));
    }
    const audioKey = 'recordings/telnyx/2026/06/27/call-over/rec-over.wav';
    let looks = 0;
    let blind: ((key: string) => Promise<R2Object | null>) | undefined;
    const bucket = new Proxy(env.RECORDINGS, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (name === 'head' && blind !== undefined) return blind;
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
    const { startUpload } = createRecordings(bucket);
    real.startUpload = startUpload;

    await runAttempt(pending, 'queue', { ...services, recordings });

    const manifest = await jsonAt<Manifest>(audioKey.replace('.wav', '.json'));
    expect(manifest.eventId).toBe('event-over-2');
    expect(manifest.files).toMatchObject([{ bytes: 6_000_000, sha256: await sha256At(audioKey) }]);
  });

  test('by a worker that crashed before it looked again: its successor looks', async ({ expect }) => {
    const { clock, pending, services } = await taken('crashed', '/big-chunked/6000000');
    const key = 'recordings/telnyx/2026/06/27/call-crashed/rec-crashed.wav';
    const etagOf = () => new Promise<never>(() => undefined);
    void runAttempt(pending, 'queue', { ...services, recordings: { ...services.recordings, etagOf } });
    while ((await findings('crashed')).objects < 2) await scheduler.wait(20);
    await env.RECORDINGS.put(key, 'RIFF....WAVE of another event');

    await succeed(pending, services, clock);

    const manifest = await jsonAt<Manifest>(key.replace('.wav', '.json'));
    expect(manifest.files).toMatchObject([{ bytes: 29, sha256: await sha256At(key) }]);
    expect(await findings('crashed')).toEqual(archived);
  });

  test('is not stored when a part hangs', async ({ expect }) => {
    const bucket = new Proxy(env.RECORDINGS, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        if (name !== 'createMultipartUpload') return member.bind(target);
        return async (...args: Parameters<R2Bucket['createMultipartUpload']>) => {
          const upload = await target.createMultipartUpload(...args);
          const complete = upload.complete.bind(upload);
          return { uploadPart: () => new Promise(() => undefined), complete, abort: () => upload.abort() };
        };
      },
    });
    const { pending, services } = await taken('hangs', '/big-chunked/5245000');
    const { startUpload } = createRecordings(bucket);
    const recordings = { ...services.recordings, startUpload };

    const end = await runAttempt(pending, 'queue', {
      ...services,
      recordings,
      withTimeout: (ms, work) => withTimeout(ms / 50, work),
    });

    expect(end).toMatchObject({ outcome: 'pending', code: 'storage_failed' });
    expect(await findings('hangs')).toEqual({ inbox: 1, dead: 0, objects: 0 });
  });
});

describe('a lease', () => {
  test('is renewed as long as bytes arrive', async ({ expect }) => {
    const { clock, pending, services } = await taken('long', '/big/8000000');
    const untils = new Set<string | undefined>();
    const { change } = services.inbox;
    const inbox = {
      ...services.inbox,
      async change(...args: Parameters<typeof change>) {
        const changed = await change(...args);
        untils.add(changed?.entry.lease?.until);
        return changed;
      },
    };
    const { startUpload } = services.recordings;
    const recordings = {
      ...services.recordings,
      startUpload(...args: Parameters<typeof startUpload>) {
        const upload = startUpload(...args);
        const write: typeof upload.write = async (bytes) => {
          clock.nowMs += 21_000;
          return upload.write(bytes);
        };
        return { ...upload, write };
      },
    };

    const end = await runAttempt(pending, 'queue', { ...services, inbox, recordings });

    expect(end.outcome).toBe('archived');
    expect(clock.nowMs - startMs).toBeGreaterThan(180_000);
    expect(untils.size).toBeGreaterThan(8);
    expect(await findings('long')).toEqual(archived);
  });

  test('lasts to its end when R2 does not take the renewal', async ({ expect }) => {
    const { clock, pending, services } = await taken('renewal', '/big/600000');
    clock.nowMs += 30_000;
    let tries = 0;
    const change = async () => {
      tries++;
      throw new Error('We encountered an internal error (10001)');
    };

    const end = await runAttempt(pending, 'queue', { ...services, inbox: { ...services.inbox, change } });

    expect(tries).toBeGreaterThan(1);
    expect(end.outcome).toBe('archived');
  });

  test('is never held by two, whoever tries', async ({ expect }) => {
    const { clock, pending, services } = await taken('exclusive');
    clock.nowMs += 61_000;

    const leases = await Promise.all(Array.from({ length: 8 }, () => takeLease(pending, services)));

    expect(leases.filter((lease) => lease !== undefined)).toHaveLength(1);
  });
});
