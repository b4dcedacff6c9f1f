import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { archive } from '../../src/pipeline/archive.ts';
import type { DeadLetter, InboxEntry, Manifest, RecordingEvent } from '../../src/recording.ts';
import { createInbox } from '../../src/storage/inbox.ts';
import { createRecordings } from '../../src/storage/recordings.ts';
import { sautikitTwin } from '../fixtures/sautikit/twin.ts';
import { archiveServices, createVault, jsonAt, keysOf, link, originUrl, requestsOf } from './support.ts';

/** An accepted event of Sautikit; without a `recordingId` it names only its call. */
async function accepted(call: string, eventId: string, path: string, more: Partial<RecordingEvent> = {}) {
  const event: RecordingEvent = {
    provider: 'sautikit',
    eventId: `${call}-${eventId}`,
    eventType: 'call.recording.ready',
    recordingId: call,
    callId: call,
    files: [{ link: link(path, call) }],
    ...more,
  };
  const delivery = { receivedAt: '2026-06-27T10:07:00.000Z', headers: {}, rawBody: `body of ${eventId}` };
  const entry: InboxEntry = { version: 1, event, delivery, attempts: [] };
  const pending = await createInbox(env.RECORDINGS).create(entry);
  if (pending === undefined) throw new Error('Cannot test: the entry exists');
  return pending;
}

const folderOf = (call: string) => `recordings/sautikit/1970/01/01/${call}/`;
const manifestOf = (call: string) => jsonAt<Manifest>(`${folderOf(call)}${call}.json`);
const deadOf = (id: string) => jsonAt<DeadLetter>(`dead/sautikit/${id}.json`);

describe('two events of one call that name no recording', () => {
  test('with the same bytes are one recording', async ({ expect }) => {
    const services = archiveServices();

    await archive(await accepted('same', 'a', '/audio/mono.wav'), services);
    await archive(await accepted('same', 'b', '/audio/mono.wav'), services);

    expect(services.lines).toMatchObject([{ outcome: 'archived' }, { outcome: 'archived' }]);
    expect((await manifestOf('same')).files).toHaveLength(1);
  });

  test.for([
    ['one after the other', (first: Promise<void>) => first],
    ['at once', () => Promise.resolve()],
  ] as const)(
    'with different bytes %s: the second is kept as a conflict',
    async ([title, between], { expect }) => {
      const call = title.replaceAll(' ', '-');
      const services = archiveServices();
      const [a, b] = [
        await accepted(call, 'a', '/audio/mono.wav'),
        await accepted(call, 'b', '/audio/dual.wav'),
      ];

      const first = archive(a, services);
      await between(first);
      await Promise.all([first, archive(b, services)]);

      const { eventId, files, delivery } = await manifestOf(call);
      const winner = eventId === `${call}-a` ? 'a' : 'b';
      const loser = winner === 'a' ? 'b' : 'a';
      expect(files).toMatchObject([{ bytes: winner === 'a' ? 135_988 : 116_572 }]);
      expect(delivery.rawBody).toBe(`body of ${winner}`);
      expect(await deadOf(`${call}-${loser}`)).toMatchObject({
        failure: { code: 'recording_conflict' },
        delivery: { rawBody: `body of ${loser}` },
      });
    },
  );

  test('never get each other’s delivery when one comes between the audio and the manifest of the other', async ({
    expect,
  }) => {
    const services = archiveServices();
    const [a, b] = [
      await accepted('between', 'a', '/audio/mono.wav'),
      await accepted('between', 'b', '/audio/dual.wav'),
    ];
    const real = services.recordings;
    const interrupted = {
      ...real,
      async writeManifest(...args: Parameters<typeof real.writeManifest>) {
        await archive(b, services);
        return real.writeManifest(...args);
      },
    };

    await archive(a, { ...services, recordings: interrupted });

    const { eventId, delivery, files } = await manifestOf('between');
    expect([eventId, delivery.rawBody]).toEqual(['between-a', 'body of a']);
    expect(files).toMatchObject([{ bytes: 135_988 }]);
    expect(await deadOf('between-b')).toMatchObject({ failure: { code: 'recording_conflict' } });
  });

  test('in different formats are both kept, each with its own delivery', async ({ expect }) => {
    const services = archiveServices();
    await archive(await accepted('formats', 'a', '/audio/mono.wav'), services);
    const second = await accepted('formats', 'b', '/audio/mono.mp3');

    await archive(second, services);
    await env.DEDUPE.delete('seen/sautikit/formats-b');
    await createInbox(env.RECORDINGS).create(second.entry);
    await archive(second, services);

    const { eventId, files } = await manifestOf('formats');
    expect(eventId).toBe('formats-a');
    expect(files).toMatchObject([
      { format: 'wav' },
      { format: 'mp3', eventId: 'formats-b', delivery: { rawBody: 'body of b' } },
    ]);
    expect(files[0]).not.toHaveProperty('delivery');
    expect(await requestsOf('formats')).toHaveLength(2);
  });

  test('of the same length are told apart although R2 refuses before it reads', async ({ expect }) => {
    const wav = (last: number) => {
      const bytes = new Uint8Array(600_000).fill(last);
      bytes.set(new TextEncoder().encode('RIFF\u0001\u0001\u0001\u0001WAVEfmt '));
      return bytes;
    };
    const serving =
      (bytes: Uint8Array): typeof fetch =>
      async () =>
        new Response(bytes, { headers: { 'content-length': String(bytes.length) } });
    const services = archiveServices();
    await archive(await accepted('early', 'a', '/'), { ...services, fetch: serving(wav(1)) });
    const refusing = { put: async () => null } as unknown as R2Bucket;
    const recordings = { ...services.recordings, startUpload: createRecordings(refusing).startUpload };

    await archive(await accepted('early', 'b', '/'), { ...services, recordings, fetch: serving(wav(2)) });
    await archive(await accepted('early', 'c', '/'), { ...services, recordings, fetch: serving(wav(1)) });

    expect(services.lines.map(({ outcome }) => outcome)).toEqual(['archived', 'dead', 'archived']);
  });
});

describe('two events of one named recording', () => {
  const named = { recordingId: 'r' };

  test('that bring a file each: the manifest keeps both deliveries', async ({ expect }) => {
    const services = archiveServices();
    const files = (claimedFormat: string) => ({
      ...named,
      files: [{ claimedFormat, link: link(`/audio/mono.${claimedFormat}`, 'n') }],
    });
    await archive(await accepted('named', 'a', '', files('wav')), services);

    await archive(await accepted('named', 'b', '', files('mp3')), services);

    const { eventId, files: listed } = await jsonAt<Manifest>(`${folderOf('named')}r.json`);
    expect(eventId).toBe('named-a');
    expect(listed).toMatchObject([
      { format: 'wav' },
      { format: 'mp3', eventId: 'named-b', delivery: { rawBody: 'body of b' } },
    ]);
  });

  test('whose bytes differ when they are fetched again: the stored ones count', async ({ expect }) => {
    const services = archiveServices();
    const fail = async () => {
      throw new Error('R2 is away');
    };
    const first = await accepted('again', 'a', '/audio/mono.wav', named);
    await archive(first, { ...services, recordings: { ...services.recordings, writeManifest: fail } });

    await archive(await accepted('again', 'b', '/audio/dual.wav', named), services);

    const { files } = await jsonAt<Manifest>(`${folderOf('again')}r.json`);
    expect(files).toMatchObject([{ bytes: 135_988 }]);
    expect(services.lines.at(-1)).toMatchObject({ outcome: 'archived' });
  });
});

describe('an event that died may still be archived', () => {
  const body = (data: object) =>
    JSON.stringify({
      kind: 'call.recording.ready',
      event_id: 'poison',
      occurred_at: '2026-06-27T10:06:00Z',
      data,
    });

  test('when it comes again with the link that it lacked', async ({ expect }) => {
    const vault = await createVault();
    const ids = { call_id: 'poison', recording_id: 'poison-r' };
    const bare = body(ids);

    const answers = [
      await vault.deliver(sautikitTwin, bare),
      await vault.deliver(sautikitTwin, bare),
      await vault.deliver(sautikitTwin, body({ ...ids, download_url: link('/audio/mono.wav', 'poison') })),
    ];

    const outcomes = await Promise.all(answers.map((answer) => answer.text()));
    expect(outcomes).toEqual(['{"outcome":"accepted"}', '{"outcome":"duplicate"}', '{"outcome":"accepted"}']);
    expect(await keysOf('recordings/sautikit/2026/06/27/poison/')).toHaveLength(2);
    expect(await keysOf('dead/sautikit/poison')).toEqual([]);
  });

  test('when its link is allowed in the meantime', async ({ expect }) => {
    const closed = await createVault({ DOWNLOAD_ORIGINS: 'https://elsewhere.example' });
    const open = await createVault({ DOWNLOAD_ORIGINS: originUrl });
    const data = {
      call_id: 'allowed',
      recording_id: 'allowed-r',
      download_url: link('/audio/mono.wav', 'allowed'),
    };
    const announced = body(data).replace('"poison"', '"allowed"');

    await closed.deliver(sautikitTwin, announced);
    const before = await keysOf('dead/sautikit/allowed');
    await open.deliver(sautikitTwin, announced);

    expect(before).toHaveLength(1);
    expect(await keysOf('recordings/sautikit/2026/06/27/allowed/')).toHaveLength(2);
    expect(await keysOf('dead/sautikit/allowed')).toEqual([]);
  });
});
