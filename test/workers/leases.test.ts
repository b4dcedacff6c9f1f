import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { runAttempt } from '../../src/archive/attempt.ts';
import { newLease, takeLease } from '../../src/archive/lease.ts';
import { consumeMessage } from '../../src/consume-message.ts';
import type { Services } from '../../src/http/services.ts';
import type { InboxEntry, Manifest } from '../../src/recording.ts';
import { withTimeout } from '../../src/shared/with-timeout.ts';
import { createInbox, type PendingEntry } from '../../src/storage/inbox.ts';
import { createRecordings } from '../../src/storage/recordings.ts';
import {
  bucketWithUploads,
  jsonAt,
  keysOf,
  requestsOf,
  sha256At,
  testServices,
  wavEvent,
} from './support.ts';

const startMs = Date.UTC(2026, 5, 27, 10, 7);

/** An entry that a worker has just leased, and the clock that all workers share. */
async function leased(run: string, path = '/audio/mono.wav') {
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

/** Runs another worker after the first one's lease has expired. */
async function runSuccessor(
  { key }: PendingEntry,
  services: Services,
  clock: { nowMs: number },
  afterMs = 61_000,
) {
  clock.nowMs += afterMs;
  return consumeMessage({ version: 1, inboxKey: key }, services);
}

async function stateOf(run: string) {
  return {
    inbox: (await keysOf(`inbox/telnyx/event-${run}`)).length,
    dead: (await keysOf(`dead/telnyx/event-${run}`)).length,
    objects: (await keysOf(`recordings/telnyx/2026/06/27/call-${run}/`)).length,
  };
}

const archived = { inbox: 0, dead: 0, objects: 2 };
const refusing: typeof fetch = async () => new Response('', { status: 410 });

describe('a worker whose lease has expired', () => {
  test('lets its successor archive the entry when it crashed before closing it as dead', async ({
    expect,
  }) => {
    const { clock, pending, services } = await leased('first');
    const change = () => new Promise<never>(() => undefined);
    const hanging = { ...services, fetch: refusing, inbox: { ...services.inbox, change } };

    void runAttempt(pending, 'queue', hanging);
    while ((await stateOf('first')).dead === 0) await scheduler.wait(20);
    const between = await stateOf('first');
    await runSuccessor(pending, services, clock);

    expect(between).toEqual({ inbox: 1, dead: 1, objects: 0 });
    expect(await stateOf('first')).toEqual(archived);
  });

  test('lets its successor only remove the entry when it crashed after giving up', async ({ expect }) => {
    const { clock, pending, services } = await leased('given-up');
    const remove = async () => undefined;

    await runAttempt(pending, 'queue', {
      ...services,
      fetch: refusing,
      inbox: { ...services.inbox, remove },
    });
    const between = await stateOf('given-up');
    await runSuccessor(pending, services, clock);

    expect(between).toEqual({ inbox: 1, dead: 1, objects: 0 });
    expect(await stateOf('given-up')).toEqual({ inbox: 0, dead: 1, objects: 0 });
    expect(await requestsOf('given-up')).toEqual([]);
  });

  test('ends archived when its successor succeeds while it gives up', async ({ expect }) => {
    const { clock, pending, services } = await leased('second');
    const { write } = services.deadLetters;
    const deadLetters = {
      ...services.deadLetters,
      async write(...args: Parameters<typeof write>) {
        await runSuccessor(pending, services, clock);
        return write(...args);
      },
    };

    const end = await runAttempt(pending, 'queue', { ...services, fetch: refusing, deadLetters });

    expect(end).toMatchObject({ outcome: 'archived', bytes: 0 });
    expect(await stateOf('second')).toEqual(archived);
  });

  test('leaves no dead letter when it fails after its successor has succeeded', async ({ expect }) => {
    const { clock, pending, services } = await leased('third');
    const slow: typeof fetch = async () => {
      await runSuccessor(pending, services, clock);
      return new Response('', { status: 410 });
    };

    await runAttempt(pending, 'queue', { ...services, fetch: slow });

    expect(await stateOf('third')).toEqual(archived);
  });

  test.for([60_000, 61_000])(
    'removes its successor’s dead letter when it succeeds after %i ms',
    async (afterMs, { expect }) => {
      const run = `fourth-${afterMs}`;
      const { clock, pending, services } = await leased(run);
      let between: unknown;
      const { writeManifest } = services.recordings;
      const recordings = {
        ...services.recordings,
        async writeManifest(...args: Parameters<typeof writeManifest>) {
          const withoutOrphans = { ...services.recordings, findAudio: async () => [] };
          const failing = { ...services, fetch: refusing, recordings: withoutOrphans };
          await runSuccessor(pending, failing, clock, afterMs);
          between = await stateOf(run);
          return writeManifest(...args);
        },
      };

      await runAttempt(pending, 'queue', { ...services, recordings });

      expect(between).toEqual({ inbox: 0, dead: 1, objects: 1 });
      expect(await stateOf(run)).toEqual(archived);
    },
  );

  test('stops at the next block with outcome lost', async ({ expect }) => {
    const { clock, pending, services } = await leased('slow', '/big/3000000');
    let isFirst = true;
    const stopping: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (isFirst) await runSuccessor(pending, services, clock);
      isFirst = false;
      return response;
    };

    const end = await runAttempt(pending, 'queue', { ...services, fetch: stopping });

    expect(end).toMatchObject({ outcome: 'lost', code: 'lease_lost' });
    expect(await requestsOf('slow')).toHaveLength(2);
    expect(await stateOf('slow')).toEqual(archived);
  });
});

describe('an entry', () => {
  test('is not removed by a worker whose lease has expired', async ({ expect }) => {
    const { clock, pending, services } = await leased('expired-worker');
    const other = { ...pending.entry, fingerprint: 'another', lease: undefined };
    const seen = {
      ...services.seen,
      async markSeen() {
        await runSuccessor(pending, services, clock);
        await services.inbox.create(other); // Another event fingerprint under the same id.
      },
    };

    await runAttempt(pending, 'queue', { ...services, seen });

    expect(await services.inbox.read(pending.key)).toMatchObject({ entry: { fingerprint: 'another' } });
  });

  test('whose worker stored the audio in the last attempt and crashed is archived, not dead', async ({
    expect,
  }) => {
    const { clock, pending, services } = await leased('last');
    const attempts = Array.from({ length: 23 }, (_, at) => ({
      number: at + 1,
      at: new Date(startMs).toISOString(),
      failures: [{ code: 'download_refused' }],
    }));
    const lastAttempt = await services.inbox.change(pending, (entry) => ({ ...entry, attempts }));
    const writeManifest = () => new Promise<never>(() => undefined);
    const hanging = { ...services, recordings: { ...services.recordings, writeManifest } };
    void runAttempt(lastAttempt ?? pending, 'queue', hanging);
    while ((await stateOf('last')).objects === 0) await scheduler.wait(20);

    await runSuccessor(pending, { ...services, fetch: refusing }, clock);

    expect(await stateOf('last')).toEqual(archived);
  });
});

describe('an upload in parts', () => {
  test('whose object was replaced is listed with the checksum of the object in the bucket', async ({
    expect,
  }) => {
    const { pending, services } = await leased('parts', '/big-chunked/6000000');
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

  test('that replaced the listed audio of another event is listed with the checksum of the object', async ({
    expect,
  }) => {
    const { pending, services } = await leased('over', '/big-chunked/6000000');
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
            if (isFirst) await archiveOther();
            return upload.commit();
          },
        };
      },
    };
    /** Archives another event of the recording between two checks of the key by this one. */
    async function archiveOther() {
      isFirst = false;
      const head = env.RECORDINGS.head.bind(env.RECORDINGS);
      const { key } = await services.inbox.create({
        ...entry,
        fingerprint: 'over-2',
        event,
        dueAt: pending.entry.delivery.receivedAt,
      });
      await consumeMessage({ version: 1, inboxKey: key }, services);
      headWithoutAudio = async () => (checks++ === 0 ? null : head(audioKey));
    }
    const audioKey = 'recordings/telnyx/2026/06/27/call-over/rec-over.wav';
    let checks = 0;
    let headWithoutAudio: ((key: string) => Promise<R2Object | null>) | undefined;
    const bucket = new Proxy(env.RECORDINGS, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (name === 'head' && headWithoutAudio !== undefined) return headWithoutAudio;
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

  test('that a crashed worker did not verify is verified by its successor', async ({ expect }) => {
    const { clock, pending, services } = await leased('crashed', '/big-chunked/6000000');
    const key = 'recordings/telnyx/2026/06/27/call-crashed/rec-crashed.wav';
    const etagOf = () => new Promise<never>(() => undefined);
    void runAttempt(pending, 'queue', { ...services, recordings: { ...services.recordings, etagOf } });
    while ((await stateOf('crashed')).objects < 2) await scheduler.wait(20);
    await env.RECORDINGS.put(key, 'RIFF....WAVE of another event');

    await runSuccessor(pending, services, clock);

    const manifest = await jsonAt<Manifest>(key.replace('.wav', '.json'));
    expect(manifest.files).toMatchObject([{ bytes: 29, sha256: await sha256At(key) }]);
    expect(await stateOf('crashed')).toEqual(archived);
  });

  test('is not completed when a part hangs', async ({ expect }) => {
    const bucket = bucketWithUploads(() => ({ uploadPart: () => new Promise(() => undefined) }));
    const { pending, services } = await leased('hangs', '/big-chunked/5245000');
    const { startUpload } = createRecordings(bucket);
    const recordings = { ...services.recordings, startUpload };

    const end = await runAttempt(pending, 'queue', {
      ...services,
      recordings,
      withTimeout: (ms, work) => withTimeout(ms / 50, work),
    });

    expect(end).toMatchObject({ outcome: 'pending', code: 'storage_failed' });
    expect(await stateOf('hangs')).toEqual({ inbox: 1, dead: 0, objects: 0 });
  });
});

/** Stores each block as if it took this time. */
function slowRecordings(recordings: Services['recordings'], clock: { nowMs: number }, blockMs: number) {
  const startUpload: typeof recordings.startUpload = (...args) => {
    const upload = recordings.startUpload(...args);
    const write: typeof upload.write = async (bytes) => {
      clock.nowMs += blockMs;
      return upload.write(bytes);
    };
    return { ...upload, write };
  };
  return { ...recordings, startUpload };
}

describe('a lease', () => {
  test('is renewed while bytes arrive', async ({ expect }) => {
    const { clock, pending, services } = await leased('long', '/big/8000000');
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
    const recordings = slowRecordings(services.recordings, clock, 21_000);

    const end = await runAttempt(pending, 'queue', { ...services, inbox, recordings });

    expect(end.outcome).toBe('archived');
    expect(clock.nowMs - startMs).toBeGreaterThan(180_000);
    expect(untils.size).toBeGreaterThan(8);
    expect(await stateOf('long')).toEqual(archived);
  });

  test('is renewed once in 20 s, not at each block', async ({ expect }) => {
    const { clock, pending, services } = await leased('seldom', '/big/8000000');
    const renewedMs: number[] = [];
    const { change } = services.inbox;
    const inbox = {
      ...services.inbox,
      change(...args: Parameters<typeof change>) {
        renewedMs.push(clock.nowMs - startMs);
        return change(...args);
      },
    };
    const recordings = slowRecordings(services.recordings, clock, 5_000);

    await runAttempt(pending, 'queue', { ...services, inbox, recordings });

    expect(services.lines).toMatchObject([{ event: 'attempt', ms: clock.nowMs - startMs }]);
    expect(renewedMs.length).toBeGreaterThan(2);
    expect(renewedMs).toEqual(renewedMs.map((_, at) => (at + 1) * 20_000));
    expect(await stateOf('seldom')).toEqual(archived);
  });

  test('lets its worker finish when R2 rejects its renewal before it expires', async ({ expect }) => {
    const { clock, pending, services } = await leased('renewal', '/big/600000');
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

  test('is lost when R2 rejects its renewal at the moment it expires', async ({ expect }) => {
    const { clock, pending, services } = await leased('too-late', '/big/600000');
    clock.nowMs += 60_000;
    const change = async () => {
      throw new Error('We encountered an internal error (10001)');
    };

    const end = await runAttempt(pending, 'queue', { ...services, inbox: { ...services.inbox, change } });

    expect(end).toMatchObject({ outcome: 'lost', code: 'lease_lost' });
    expect(await stateOf('too-late')).toEqual({ inbox: 1, dead: 0, objects: 0 });
  });

  test('is returned to one of eight concurrent takeLease() calls', async ({ expect }) => {
    const { clock, pending, services } = await leased('exclusive');
    clock.nowMs += 61_000;

    const leases = await Promise.all(Array.from({ length: 8 }, () => takeLease(pending, services)));

    expect(leases.filter((lease) => lease !== undefined)).toHaveLength(1);
  });
});
