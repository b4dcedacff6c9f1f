import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { runAttempt } from '../../src/archive/attempt.ts';
import { consumeMessage } from '../../src/queue.ts';
import type { Manifest, RecordingEvent } from '../../src/recording.ts';
import { utf8 } from '../../src/shared/bytes.ts';
import { createInbox, type PendingEntry } from '../../src/storage/inbox.ts';
import { createRecordings } from '../../src/storage/recordings.ts';
import { COMMIT_MS } from '../../src/storage/upload.ts';
import { jsonAt, keysOf, link, sha256At } from './support.ts';
import { away, iso, startMs, world } from './world.ts';

describe('two recordings of one call', () => {
  const folder = (call: string) => `recordings/sautikit/1970/01/01/${call}/`;

  /** An entry of an event that only names its call, which a worker has. */
  async function taken(call: string, id: string, path: string): Promise<PendingEntry> {
    const event: RecordingEvent = {
      provider: 'sautikit',
      eventId: `${call}-${id}`,
      eventType: 'call.recording.ready',
      recordingId: call,
      callId: call,
      isNamedByCall: true,
      files: [{ link: link(path, call) }],
    };
    return createInbox(env.RECORDINGS).create({
      version: 1,
      fingerprint: event.eventId,
      event,
      attempts: [],
      delivery: { receivedAt: iso(startMs), headers: {}, rawBody: `body of ${id}` },
      lease: { token: crypto.randomUUID(), until: iso(startMs + 60_000) },
    });
  }

  test('have a manifest each, of objects that are there, although a lease lapsed before its manifest', async ({
    expect,
  }) => {
    const { clock, services } = world('lapsed');
    const [a, b] = [
      await taken('lapsed', 'a', '/audio/mono.wav'),
      await taken('lapsed', 'b', '/audio/mono.mp3'),
    ];
    const [begun, storing, stored, listing] = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
    const { startUpload, writeManifest } = services.recordings;
    // The one waits at its first byte, and again when its audio is stored.
    const slow = (...args: Parameters<typeof startUpload>) => {
      const upload = startUpload(...args);
      return {
        ...upload,
        async write(bytes: Uint8Array) {
          begun?.resolve();
          await storing?.promise;
          return upload.write(bytes);
        },
        async commit() {
          const end = await upload.commit();
          stored?.resolve();
          await listing?.promise;
          return end;
        },
      };
    };
    const working = runAttempt(b, 'queue', {
      ...services,
      recordings: { ...services.recordings, startUpload: slow },
    });
    await begun?.promise;
    let isFirst = true;
    // The other one's lease lapses before its first manifest, and the one and a further worker go on.
    const late = async (...args: Parameters<typeof writeManifest>) => {
      if (!isFirst) return writeManifest(...args);
      isFirst = false;
      clock.nowMs += 61_000;
      storing?.resolve();
      await stored?.promise;
      await consumeMessage({ version: 1, inboxKey: a.key }, services);
      listing?.resolve();
      await working;
      return writeManifest(...args);
    };

    await runAttempt(a, 'queue', {
      ...services,
      recordings: { ...services.recordings, writeManifest: late },
    });

    const keys = await keysOf(folder('lapsed'));
    const manifests = await Promise.all(
      keys.filter((key) => key.endsWith('.json')).map((key) => jsonAt<Manifest>(key)),
    );
    const listed = manifests.flatMap(({ files }) => files);
    expect(manifests.map(({ eventId }) => eventId).sort()).toEqual(['lapsed-a', 'lapsed-b']);
    expect(listed.map(({ eventId }) => eventId)).toEqual([undefined, undefined]);
    expect(listed.map(({ key }) => key).sort()).toEqual(keys.filter((key) => !key.endsWith('.json')));
  });

  test('of the same bytes leave no dead letter, although the second one’s worker crashed and its link died', async ({
    expect,
  }) => {
    const { clock, services } = world('same-bytes');
    await runAttempt(await taken('same-bytes', 'a', '/audio/mono.wav'), 'queue', services);
    const second = await taken('same-bytes', 'b', '/audio/mono.wav');
    await runAttempt(second, 'queue', { ...services, inbox: { ...services.inbox, remove: away } });
    clock.nowMs += 61_000;
    const gone = async () => new Response('', { status: 410 });

    await consumeMessage({ version: 1, inboxKey: second.key }, { ...services, fetch: gone });

    expect(await keysOf('dead/sautikit/same-bytes')).toEqual([]);
    expect(await keysOf('inbox/sautikit/same-bytes')).toEqual([]);
    const { files } = await jsonAt<Manifest>(`${folder('same-bytes')}same-bytes.json`);
    expect(files).toMatchObject([{ alsoOf: ['same-bytes-b'] }]);
  });
});

describe('other bytes under one name', () => {
  /** So many bytes of a WAV without a length in its header, told apart by what they are filled with. */
  function wav(bytes: number, fill: number): Uint8Array<ArrayBuffer> {
    const all = new Uint8Array(bytes).fill(fill);
    all.set(utf8('RIFF\0\0\0\0WAVEfmt '));
    return all;
  }

  test('are an object each, even three at once of the same length', async ({ expect }) => {
    const one = world('three');
    const all = Promise.withResolvers<void>();
    let waiting = 0;

    await Promise.all(
      [1, 2, 3].map(async (n) => {
        const event = { ...one.event(`v${n}`), eventId: `three-${n}` };
        const lease = { token: event.eventId, until: iso(startMs + 60_000) };
        const pending = await one.create(event, { fingerprint: event.eventId, lease });
        const together: typeof fetch = async () => {
          if (++waiting === 3) all.resolve();
          await all.promise;
          return new Response(wav(600_000, n), { headers: { 'content-length': '600000' } });
        };
        await runAttempt(pending, 'queue', { ...one.services, fetch: together });
      }),
    );

    const { files } = await jsonAt<Manifest>(one.manifestKey);
    expect(new Set(files.map(({ key }) => key)).size).toBe(3);
    for (const { key, sha256 } of files) expect(await sha256At(key)).toBe(sha256);
  });

  test('do not come from an upload in parts that took too long: it is aborted', async ({ expect }) => {
    const one = world('late-end');
    const pending = await one.create(one.event('v1'), {
      lease: { token: 'first', until: iso(startMs + 60_000) },
    });
    const chunked = (bytes: number, fill: number) => async () =>
      new Response(
        new ReadableStream({
          type: 'bytes',
          start(controller) {
            controller.enqueue(wav(bytes, fill));
            controller.close();
          },
        }),
      );
    let complete = async (): Promise<unknown> => undefined;
    const bucket = new Proxy(env.RECORDINGS, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        if (name !== 'createMultipartUpload') return member.bind(target);
        return async (...args: Parameters<R2Bucket['createMultipartUpload']>) => {
          const upload = await target.createMultipartUpload(...args);
          return {
            uploadPart: upload.uploadPart.bind(upload),
            abort: upload.abort.bind(upload),
            complete(parts: R2UploadedPart[]) {
              complete = () => upload.complete(parts);
              return new Promise(() => undefined);
            },
          };
        };
      },
    });
    const shortly = <T>(ms: number, work: Promise<T>) =>
      one.services.withTimeout(ms === COMMIT_MS ? 200 : ms, work);
    const recordings = createRecordings(bucket);
    await runAttempt(pending, 'queue', {
      ...one.services,
      fetch: chunked(6_000_000, 1),
      recordings,
      withTimeout: shortly,
    });
    one.clock.nowMs += 10_000;

    await one.take(pending.key, { fetch: chunked(3_000_000, 2) });
    await expect(complete()).rejects.toThrow();

    const { files } = await jsonAt<Manifest>(one.manifestKey);
    expect(files).toMatchObject([{ bytes: 3_000_000 }]);
    for (const { key, sha256 } of files) expect(await sha256At(key)).toBe(sha256);
  });
});
