import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { archive } from '../../src/pipeline/archive.ts';
import { receive } from '../../src/pipeline/receive.ts';
import { telnyx } from '../../src/providers/telnyx.ts';
import type { InboxEntry, Manifest } from '../../src/recording.ts';
import { createInbox } from '../../src/storage/inbox.ts';
import { createRecordings, type Upload } from '../../src/storage/recordings.ts';
import { telnyxTwin } from '../fixtures/telnyx/twin.ts';
import { announcement, archiveServices, jsonAt, keysOf, link } from './support.ts';

const fail = async (): Promise<never> => {
  throw new Error('KV PUT failed: 429 Too Many Requests');
};

async function signed(
  run: string,
  body = telnyxTwin.announce(announcement(run, { wav: link('/audio/mono.wav', run) })),
) {
  const key = await telnyxTwin.newKey();
  const rawBody = new TextEncoder().encode(body);
  const headers = new Headers(await telnyxTwin.sign(rawBody, key.signing, Math.floor(Date.now() / 1000)));
  return {
    delivery: { rawBody, headers },
    secrets: { values: [key.trusted], scheme: '', toleranceSeconds: 300 },
  };
}

const folderOf = (run: string) => `recordings/telnyx/2026/06/27/call-${run}/`;

describe('receive()', () => {
  test('accepts although KV can not be read', async ({ expect }) => {
    const services = archiveServices({ seen: { find: fail, mark: fail } });
    const { delivery, secrets } = await signed('kv-get');

    const { outcome, pending } = await receive(delivery, telnyx, secrets, services);

    expect(outcome).toBe('accepted');
    expect(pending).toHaveLength(1);
    expect(services.lines).toMatchObject([{ event: 'fault', outcome: 'seen_not_read' }]);
  });

  test('is unavailable, not accepted, when the inbox can not be written', async ({ expect }) => {
    const services = archiveServices();
    const { delivery, secrets } = await signed('inbox-put');

    const receipt = await receive(delivery, telnyx, secrets, {
      ...services,
      inbox: { ...services.inbox, create: fail },
    });

    expect(receipt).toMatchObject({ outcome: 'unavailable', code: 'inbox_failed', pending: [] });
    expect(await keysOf('inbox/telnyx/event-inbox-put')).toEqual([]);
  });

  test('is unavailable, not kept, when the dead letter can not be written', async ({ expect }) => {
    const services = archiveServices();
    const { delivery, secrets } = await signed('', 'not json');

    const receipt = await receive(delivery, telnyx, secrets, {
      ...services,
      deadLetters: { ...services.deadLetters, create: fail },
    });

    expect(receipt).toMatchObject({ outcome: 'unavailable', code: 'dead_letter_failed' });
  });
});

describe('archive()', () => {
  async function accepted(run: string) {
    const { delivery, secrets } = await signed(run);
    const services = archiveServices();
    const { pending } = await receive(delivery, telnyx, secrets, services);
    const [entry] = pending;
    if (entry === undefined) throw new Error('Cannot test: nothing was accepted');
    return { entry, services };
  }

  test('is done although KV can not be written: the mark is only a filter', async ({ expect }) => {
    const { entry, services } = await accepted('kv-put');

    await archive(entry, { ...services, seen: { ...services.seen, mark: fail } });

    expect(services.lines).toMatchObject([{ outcome: 'seen_not_marked' }, { outcome: 'archived' }]);
    expect(await keysOf(folderOf('kv-put'))).toHaveLength(2);
    expect(await keysOf('inbox/telnyx/event-kv-put')).toEqual([]);
  });

  test.for(['readManifest', 'writeManifest'] as const)(
    'leaves the entry when %s throws, and a later attempt finishes',
    async (method, { expect }) => {
      const run = method.toLowerCase();
      const { entry, services } = await accepted(run);

      await archive(entry, { ...services, recordings: { ...services.recordings, [method]: fail } });
      const afterFault = await keysOf(`inbox/telnyx/event-${run}`);
      await archive(entry, services);

      expect(services.lines).toMatchObject([
        { outcome: 'pending', code: 'internal_error', detail: expect.stringMatching(/^Error at /) },
        { outcome: 'archived' },
      ]);
      expect(afterFault).toHaveLength(1);
      expect(await keysOf(folderOf(run))).toHaveLength(2);
      expect(await keysOf(`inbox/telnyx/event-${run}`)).toEqual([]);
    },
  );

  test('describes audio without a manifest by its own bytes, after a death in between', async ({
    expect,
  }) => {
    const { entry, services } = await accepted('between');
    await archive(entry, { ...services, recordings: { ...services.recordings, writeManifest: fail } });
    const before = await env.RECORDINGS.head(`${folderOf('between')}rec-between.wav`);

    await archive(entry, services);

    const { files } = await jsonAt<Manifest>(`${folderOf('between')}rec-between.json`);
    expect(files).toMatchObject([{ bytes: 135_988, etag: before?.etag }]);
  });

  test('writes the manifest on top of what another attempt wrote in the meantime', async ({ expect }) => {
    const { entry, services } = await accepted('conflict');
    const real = services.recordings;
    let isFirst = true;
    const racing = {
      ...real,
      async writeManifest(...[key, manifest, expected]: Parameters<typeof real.writeManifest>) {
        const mp3 = {
          ...manifest.files[0],
          claimedFormat: 'mp3',
          format: 'mp3',
          key: 'recordings/other.mp3',
        };
        if (isFirst) await env.RECORDINGS.put(key, JSON.stringify({ ...manifest, files: [mp3] }));
        isFirst = false;
        return real.writeManifest(key, manifest, expected);
      },
    };

    await archive(entry, { ...services, recordings: racing });

    const { files } = await jsonAt<Manifest>(`${folderOf('conflict')}rec-conflict.json`);
    expect(files.map(({ claimedFormat }) => claimedFormat)).toEqual(['mp3', 'wav']);
    expect(services.lines.at(-1)).toMatchObject({ outcome: 'archived' });
  });

  test('gives up writing a manifest that never stops changing, and stays pending', async ({ expect }) => {
    const { entry, services } = await accepted('restless');

    await archive(entry, {
      ...services,
      recordings: { ...services.recordings, writeManifest: async () => false },
    });

    expect(services.lines.at(-1)).toMatchObject({ outcome: 'pending', code: 'storage_failed' });
    expect(await keysOf('inbox/telnyx/event-restless')).toHaveLength(1);
  });

  test('does not touch a manifest that it did not write', async ({ expect }) => {
    const { entry, services } = await accepted('strange');
    await env.RECORDINGS.put(`${folderOf('strange')}rec-strange.json`, '{"mine":true}');

    await archive(entry, services);

    expect(services.lines.at(-1)).toMatchObject({ outcome: 'dead', code: 'manifest_unreadable' });
    expect(await jsonAt(`${folderOf('strange')}rec-strange.json`)).toEqual({ mine: true });
    expect(await keysOf('dead/telnyx/event-strange')).toHaveLength(1);
  });

  test('stays pending when R2 does not take the audio', async ({ expect }) => {
    const { entry, services } = await accepted('r2-put');
    const broken = { ...env.RECORDINGS, put: async () => fail() } as unknown as R2Bucket;
    const { startUpload } = createRecordings(broken);

    await archive(entry, { ...services, recordings: { ...services.recordings, startUpload } });

    expect(services.lines.at(-1)).toMatchObject({ outcome: 'pending', code: 'storage_failed' });
    expect(await keysOf(folderOf('r2-put'))).toEqual([]);
    expect(await jsonAt<InboxEntry>('inbox/telnyx/event-r2-put.json')).toMatchObject({
      attempts: [{ number: 1 }],
    });
  });

  test('takes an early "exists" for an answer, when R2 refuses before reading', async ({ expect }) => {
    const { entry, services } = await accepted('early');
    const first = await accepted('early2');
    await archive(first.entry, first.services);
    const taken = await env.RECORDINGS.get(`${folderOf('early2')}rec-early2.wav`);
    await env.RECORDINGS.put(`${folderOf('early')}rec-early.wav`, await (taken?.arrayBuffer() ?? ''));
    const refusing = { put: async () => null } as unknown as R2Bucket;
    const { startUpload } = createRecordings(refusing);

    await archive(entry, { ...services, recordings: { ...services.recordings, startUpload } });

    expect(services.lines.at(-1)).toMatchObject({ outcome: 'archived' });
    expect((await jsonAt<Manifest>(`${folderOf('early')}rec-early.json`)).files).toMatchObject([
      { bytes: 135_988 },
    ]);
  });

  test('says why an attempt failed although that can not be written down', async ({ expect }) => {
    const { entry, services } = await accepted('unwritten');
    const inbox = { ...services.inbox, update: fail };

    await archive(entry, { ...services, inbox, fetch: async () => new Response('', { status: 404 }) });

    expect(services.lines).toMatchObject([
      { event: 'fault', outcome: 'attempt_not_recorded' },
      { event: 'attempt', outcome: 'pending', code: 'download_refused' },
    ]);
    expect(await keysOf('inbox/telnyx/event-unwritten')).toHaveLength(1);
  });

  test('does not bring back an entry that was finished in the meantime', async ({ expect }) => {
    const { entry, services } = await accepted('finished');
    const slow: typeof fetch = async () => {
      await createInbox(env.RECORDINGS).remove(entry);
      return new Response('gone', { status: 404 });
    };

    await archive(entry, { ...services, fetch: slow });

    expect(await keysOf('inbox/telnyx/event-finished')).toEqual([]);
  });

  test('never stores more than the announced length', async ({ expect }) => {
    const { entry, services } = await accepted('lying');
    const block = 256 * 1024;
    for (const [bytes, length] of [
      [1000, 999],
      [1000, 1001],
      [block + 1, block],
      [2 * block, block],
      [block, block + 1],
    ] as const) {
      const wav = new Uint8Array(bytes);
      wav.set(new TextEncoder().encode('RIFF\u0001\u0001\u0001\u0001WAVEfmt '));
      const lying: typeof fetch = async () =>
        new Response(wav, { headers: { 'content-length': String(length) } });
      await archive(entry, { ...services, fetch: lying });
      expect(services.lines.at(-1)).toMatchObject({ outcome: 'pending', code: 'length_mismatch' });
    }
    expect(await keysOf(folderOf('lying'))).toEqual([]);
  });
});

test('an upload that is aborted before its last byte stores nothing', async ({ expect }) => {
  const upload: Upload = createRecordings(env.RECORDINGS).startUpload(
    'recordings/aborted.wav',
    10,
    'audio/wav',
  );
  await upload.write(new Uint8Array(9));

  await upload.abort('length_mismatch');

  expect(await env.RECORDINGS.head('recordings/aborted.wav')).toBeNull();
});
