import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { runAttempt } from '../../src/archive/attempt.ts';
import { verifyFiles } from '../../src/archive/manifest.ts';
import { consumeMessage } from '../../src/consume-message.ts';
import type { Manifest, RecordingEvent } from '../../src/recording.ts';
import { utf8 } from '../../src/shared/bytes.ts';
import { createInbox, type PendingEntry } from '../../src/storage/inbox.ts';
import { createRecordings } from '../../src/storage/recordings.ts';
import { COMMIT_MS } from '../../src/storage/upload.ts';
import { bucketWithUploads, jsonAt, keysOf, link, sha256At } from './support.ts';
import { createWorld, iso, startMs, unavailable } from './world.ts';

describe('two recordings of one call', () => {
  const folder = (call: string) => `recordings/sautikit/1970/01/01/${call}/`;

  /** A leased entry of an event that names only its call. */
  async function leased(call: string, id: string, path: string): Promise<PendingEntry> {
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

  test('have manifests of existing objects when a lease expires before a manifest is written', async ({
    expect,
  }) => {
    const { clock, services } = createWorld('expired');
    const [a, b] = [
      await leased('expired', 'a', '/audio/mono.wav'),
      await leased('expired', 'b', '/audio/mono.mp3'),
    ];
    const [hasFirstByte, mayStore, hasStored, mayList] = Array.from({ length: 4 }, () =>
      Promise.withResolvers<void>(),
    );
    const { startUpload, writeManifest } = services.recordings;
    // Worker b waits at its first byte, and again when its audio is stored.
    const slow = (...args: Parameters<typeof startUpload>) => {
      const upload = startUpload(...args);
      return {
        ...upload,
        async write(bytes: Uint8Array) {
          hasFirstByte?.resolve();
          await mayStore?.promise;
          return upload.write(bytes);
        },
        async commit() {
          const end = await upload.commit();
          hasStored?.resolve();
          await mayList?.promise;
          return end;
        },
      };
    };
    const working = runAttempt(b, 'queue', {
      ...services,
      recordings: { ...services.recordings, startUpload: slow },
    });
    await hasFirstByte?.promise;
    let isFirst = true;
    // Worker a's lease expires before its first manifest; then worker b and another one for a's entry continue.
    const late = async (...args: Parameters<typeof writeManifest>) => {
      if (!isFirst) return writeManifest(...args);
      isFirst = false;
      clock.nowMs += 61_000;
      mayStore?.resolve();
      await hasStored?.promise;
      await consumeMessage({ version: 1, inboxKey: a.key }, services);
      mayList?.resolve();
      await working;
      return writeManifest(...args);
    };

    await runAttempt(a, 'queue', {
      ...services,
      recordings: { ...services.recordings, writeManifest: late },
    });

    const keys = await keysOf(folder('expired'));
    const manifests = await Promise.all(
      keys.filter((key) => key.endsWith('.json')).map((key) => jsonAt<Manifest>(key)),
    );
    const listed = manifests.flatMap(({ files }) => files);
    expect(manifests.map(({ eventId }) => eventId).sort()).toEqual(['expired-a', 'expired-b']);
    expect(listed.map(({ eventId }) => eventId)).toEqual([undefined, undefined]);
    expect(listed.map(({ key }) => key).sort()).toEqual(keys.filter((key) => !key.endsWith('.json')));
  });

  test('with the same bytes leave no dead letter after the second’s link is gone', async ({ expect }) => {
    const { clock, services } = createWorld('same-bytes');
    await runAttempt(await leased('same-bytes', 'a', '/audio/mono.wav'), 'queue', services);
    const second = await leased('same-bytes', 'b', '/audio/mono.wav');
    await runAttempt(second, 'queue', { ...services, inbox: { ...services.inbox, remove: unavailable } });
    clock.nowMs += 61_000;
    const gone = async () => new Response('', { status: 410 });

    await consumeMessage({ version: 1, inboxKey: second.key }, { ...services, fetch: gone });

    expect(await keysOf('dead/sautikit/same-bytes')).toEqual([]);
    expect(await keysOf('inbox/sautikit/same-bytes')).toEqual([]);
    const { files } = await jsonAt<Manifest>(`${folder('same-bytes')}same-bytes.json`);
    expect(files).toMatchObject([{ alsoOf: ['same-bytes-b'] }]);
  });
});

describe('different bytes under one name', () => {
  /** A WAV file without a length in its header, filled with `fill`. */
  function wav(bytes: number, fill: number): Uint8Array<ArrayBuffer> {
    const file = new Uint8Array(bytes).fill(fill);
    file.set(utf8('RIFF\0\0\0\0WAVEfmt '));
    return file;
  }

  test('are stored as an object each, also for three concurrent files of one length', async ({ expect }) => {
    const world = createWorld('three');
    const allRequested = Promise.withResolvers<void>();
    let waiting = 0;

    await Promise.all(
      [1, 2, 3].map(async (n) => {
        const event = { ...world.event(`v${n}`), eventId: `three-${n}` };
        const lease = { token: event.eventId, until: iso(startMs + 60_000) };
        const pending = await world.create(event, { fingerprint: event.eventId, lease });
        const together: typeof fetch = async () => {
          if (++waiting === 3) allRequested.resolve();
          await allRequested.promise;
          return new Response(wav(600_000, n), { headers: { 'content-length': '600000' } });
        };
        await runAttempt(pending, 'queue', { ...world.services, fetch: together });
      }),
    );

    const { files } = await jsonAt<Manifest>(world.manifestKey);
    expect(new Set(files.map(({ key }) => key)).size).toBe(3);
    for (const { key, sha256 } of files) expect(await sha256At(key)).toBe(sha256);
  });

  test('are listed by verifyFiles() with their own checksum, beside a file that is unchanged', async ({
    expect,
  }) => {
    const world = createWorld('replaced');
    const files = [...world.event('v1').files, ...world.other('v1').files];
    await world.deliver({ ...world.event('v1'), files });
    const [wavFile, mp3File] = (await jsonAt<Manifest>(world.manifestKey)).files;
    const key = mp3File?.key ?? '';
    await env.RECORDINGS.put(key, wav(1000, 3));

    const verification = { key: world.manifestKey, suspects: undefined, renewLease: async () => true };
    const verified = await verifyFiles(verification, world.services);

    expect(verified).toEqual({ ok: true, value: true });
    const after = (await jsonAt<Manifest>(world.manifestKey)).files;
    expect(after).toEqual([
      wavFile,
      expect.objectContaining({ key, bytes: 1000, sha256: await sha256At(key) }),
    ]);
  });

  test('are not completed by an upload in parts that timed out, since it is aborted', async ({ expect }) => {
    const world = createWorld('late-end');
    const pending = await world.create(world.event('v1'), {
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
    const bucket = bucketWithUploads((upload) => ({
      complete(parts: R2UploadedPart[]) {
        complete = () => upload.complete(parts);
        return new Promise(() => undefined);
      },
    }));
    const shortCommit = <T>(ms: number, work: Promise<T>) =>
      world.services.withTimeout(ms === COMMIT_MS ? 200 : ms, work);
    const recordings = createRecordings(bucket);
    await runAttempt(pending, 'queue', {
      ...world.services,
      fetch: chunked(6_000_000, 1),
      recordings,
      withTimeout: shortCommit,
    });
    world.clock.nowMs += 10_000;

    await world.take(pending.key, { fetch: chunked(3_000_000, 2) });
    await expect(complete()).rejects.toThrow();

    const { files } = await jsonAt<Manifest>(world.manifestKey);
    expect(files).toMatchObject([{ bytes: 3_000_000 }]);
    for (const { key, sha256 } of files) expect(await sha256At(key)).toBe(sha256);
  });
});
