import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { isComplete } from '../../src/archive/place.ts';
import type { DeadLetter, InboxEntry, Manifest, RecordingEvent } from '../../src/recording.ts';
import { createInbox } from '../../src/storage/inbox.ts';
import { createRecordings } from '../../src/storage/recordings.ts';
import { fakeSautikit } from '../../tools/fake-providers/sautikit.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import { attempt, createVault, jsonAt, keysOf, link, requestsOf, testServices } from './support.ts';

/** The entry of an accepted Sautikit event, which names only its call unless `more` has a `recordingId`. */
async function accepted(call: string, eventId: string, path: string, more: Partial<RecordingEvent> = {}) {
  const event: RecordingEvent = {
    provider: 'sautikit',
    eventId: `${call}-${eventId}`,
    eventType: 'call.recording.ready',
    recordingId: call,
    callId: call,
    isNamedByCall: true,
    files: [{ link: link(path, call) }],
    ...more,
  };
  const delivery = { receivedAt: '2026-06-27T10:07:00.000Z', headers: {}, rawBody: `body of ${eventId}` };
  const fingerprint = event.eventId;
  const entry: InboxEntry = { version: 1, fingerprint, event, delivery, attempts: [] };
  const pending = await createInbox(env.RECORDINGS).create(entry);
  if (pending === undefined) throw new Error('Cannot test: the entry exists');
  return pending;
}

const folderOf = (call: string) => `recordings/sautikit/1970/01/01/${call}/`;
const manifestOf = (call: string) => jsonAt<Manifest>(`${folderOf(call)}${call}.json`);

describe('two events of one call', () => {
  test('are one recording when their bytes are the same', async ({ expect }) => {
    const services = testServices();

    await attempt(await accepted('same', 'a', '/audio/mono.wav'), services);
    await attempt(await accepted('same', 'b', '/audio/mono.wav'), services);

    expect(services.lines).toMatchObject([{ outcome: 'archived' }, { outcome: 'archived' }]);
    expect((await manifestOf('same')).files).toHaveLength(1);
  });

  test('are both complete when the only file of one is among the two of the other', async ({ expect }) => {
    const services = testServices();
    const file = (format: string) => ({
      claimedFormat: format,
      link: link(`/audio/mono.${format}`, 'subset'),
    });
    const second = await accepted('subset', 'b', '', { files: [file('wav')] });

    await attempt(await accepted('subset', 'a', '', { files: [file('wav'), file('mp3')] }), services);
    await attempt(second, services);

    expect(services.lines).toMatchObject([{ outcome: 'archived' }, { outcome: 'archived' }]);
    expect((await manifestOf('subset')).files).toMatchObject([
      { format: 'wav', alsoOf: ['subset-b'] },
      { format: 'mp3' },
    ]);
    expect(await isComplete(second.entry.event, services)).toBe(true);
  });

  /** The recordings of a call: the raw body of each manifest's delivery, and its files. */
  async function recordingsOf(call: string) {
    const manifests = (await keysOf(folderOf(call))).filter((key) => key.endsWith('.json'));
    const read = await Promise.all(manifests.map((key) => jsonAt<Manifest>(key)));
    return read
      .map(({ recordingId, delivery, files }) => ({
        recordingId,
        body: delivery.rawBody,
        files: files.map(({ format, bytes }) => `${format} ${bytes}`),
      }))
      .sort((one, other) => String(one.body).localeCompare(String(other.body)));
  }

  test.for([
    ['one after the other', (first: Promise<void>) => first],
    ['at the same time', () => Promise.resolve()],
  ] as const)(
    'are two recordings with their own deliveries when their bytes differ (%s)',
    async ([title, between], { expect }) => {
      const call = title.replaceAll(' ', '-');
      const services = testServices();
      const [a, b] = [
        await accepted(call, 'a', '/audio/mono.wav'),
        await accepted(call, 'b', '/audio/dual.wav'),
      ];

      const first = attempt(a, services);
      await between(first.then(() => undefined));
      await Promise.all([first, attempt(b, services)]);

      const found = await recordingsOf(call);
      expect(found).toMatchObject([
        { body: 'body of a', files: ['wav 135988'] },
        { body: 'body of b', files: ['wav 116572'] },
      ]);
      const ids = found.map(({ recordingId }) => recordingId);
      expect([
        [call, `${call}~_${call}-b`],
        [`${call}~_${call}-a`, call],
      ]).toContainEqual(ids);
      expect(await keysOf(`inbox/sautikit/${call}`)).toEqual([]);
      expect(await keysOf(`dead/sautikit/${call}`)).toEqual([]);
    },
  );

  test('keep their own deliveries when one comes between the other’s audio and manifest', async ({
    expect,
  }) => {
    const services = testServices();
    const [a, b] = [
      await accepted('between', 'a', '/audio/mono.wav'),
      await accepted('between', 'b', '/audio/dual.wav'),
    ];
    const real = services.recordings;
    const interrupted = {
      ...real,
      async writeManifest(...args: Parameters<typeof real.writeManifest>) {
        await attempt(b, services);
        return real.writeManifest(...args);
      },
    };

    await attempt(a, { ...services, recordings: interrupted });

    expect(await recordingsOf('between')).toEqual([
      { recordingId: 'between', body: 'body of a', files: ['wav 135988'] },
      { recordingId: 'between~_between-b', body: 'body of b', files: ['wav 116572'] },
    ]);
  });

  test('are two recordings with a manifest each when their formats differ', async ({ expect }) => {
    const services = testServices();
    await attempt(await accepted('formats', 'a', '/audio/mono.wav'), services);
    const second = await accepted('formats', 'b', '/audio/mono.mp3');

    await attempt(second, services);
    await env.DEDUPE.delete('seen/sautikit/formats-b');
    await createInbox(env.RECORDINGS).create(second.entry);
    await attempt(second, services);

    expect(await recordingsOf('formats')).toEqual([
      { recordingId: 'formats', body: 'body of a', files: ['wav 135988'] },
      { recordingId: 'formats~_formats-b', body: 'body of b', files: ['mp3 17424'] },
    ]);
    expect(await requestsOf('formats')).toHaveLength(2);
  });

  test('both get keys of their own when they store different formats at the same time', async ({
    expect,
  }) => {
    const services = testServices();
    const [a, b] = [
      await accepted('moment', 'a', '/audio/mono.wav'),
      await accepted('moment', 'b', '/audio/mono.mp3'),
    ];
    const real = services.recordings;
    let uploads = 0;
    const both = Promise.withResolvers<void>();
    const waitingForBoth = {
      ...real,
      startUpload(...args: Parameters<typeof real.startUpload>) {
        const upload = real.startUpload(...args);
        const commit = async () => {
          const end = await upload.commit();
          if (++uploads === 2) both.resolve();
          await both.promise;
          return end;
        };
        return { ...upload, commit };
      },
    };

    await Promise.all([a, b].map((entry) => attempt(entry, { ...services, recordings: waitingForBoth })));

    expect(await recordingsOf('moment')).toEqual([
      { recordingId: 'moment~_moment-a', body: 'body of a', files: ['wav 135988'] },
      { recordingId: 'moment~_moment-b', body: 'body of b', files: ['mp3 17424'] },
    ]);
    expect(await keysOf(folderOf('moment'))).toHaveLength(4);
  });

  test('have keys of their own when one is archived during the other’s download', async ({ expect }) => {
    const services = testServices();
    const [a, b] = [
      await accepted('during', 'a', '/audio/mono.wav'),
      await accepted('during', 'b', '/audio/dual.wav'),
    ];
    const meanwhile: typeof fetch = async (input, init) => {
      await attempt(b, services);
      return fetch(input, init);
    };

    await attempt(a, { ...services, fetch: meanwhile });

    const names = ['during.json', 'during.wav', 'during~_during-a.json', 'during~_during-a.wav'];
    expect(await keysOf(folderOf('during'))).toEqual(names.map((name) => `${folderOf('during')}${name}`));
  });

  test('do not overwrite each other when both are uploaded in parts', async ({ expect }) => {
    const services = testServices();
    for (const [name, bytes] of [
      ['a', 6_000_000],
      ['b', 7_000_000],
    ] as const)
      await attempt(await accepted('parts', name, `/big-chunked/${bytes}`), services);

    expect(await recordingsOf('parts')).toMatchObject([
      { body: 'body of a', files: ['wav 6000000'] },
      { body: 'body of b', files: ['wav 7000000'] },
    ]);
  });

  test('have keys of their own after a worker stored one’s audio beside the other’s and crashed', async ({
    expect,
  }) => {
    const services = testServices();
    const b = await accepted('stray', 'b', '/audio/mono.mp3');
    const writeManifest = async () => {
      throw new Error('R2 is unavailable');
    };
    const a = await accepted('stray', 'a', '/audio/mono.wav');
    await attempt(b, { ...services, recordings: { ...services.recordings, writeManifest } });
    await env.RECORDINGS.put(`${folderOf('stray')}stray.wav`, await wavBytes(), {
      customMetadata: { event: 'stray-a' },
    });

    await attempt(b, services);
    await attempt(a, services);

    expect(await recordingsOf('stray')).toMatchObject([
      { body: 'body of a', files: ['wav 135988'] },
      { recordingId: 'stray~_stray-b', body: 'body of b', files: ['mp3 17424'] },
    ]);
    expect((await keysOf(folderOf('stray'))).filter((key) => key.endsWith('mp3'))).toEqual([
      `${folderOf('stray')}stray~_stray-b.mp3`,
    ]);
  });

  test('of one length are two recordings when R2 refuses a put before it reads the body', async ({
    expect,
  }) => {
    const wav = (fill: number) => {
      const bytes = new Uint8Array(600_000).fill(fill);
      bytes.set(new TextEncoder().encode('RIFF\0\0\0\0WAVEfmt '));
      return bytes;
    };
    const serving =
      (bytes: Uint8Array): typeof fetch =>
      async () =>
        new Response(bytes, { headers: { 'content-length': String(bytes.length) } });
    const services = testServices();
    await attempt(await accepted('early', 'a', '/'), { ...services, fetch: serving(wav(1)) });
    const { startUpload } = services.recordings;
    const recordings = {
      ...services.recordings,
      startUpload(...[key, options]: Parameters<typeof startUpload>) {
        const put = key.includes('~_') ? env.RECORDINGS.put.bind(env.RECORDINGS) : async () => null;
        return createRecordings({ put } as unknown as R2Bucket).startUpload(key, options);
      },
    };

    await attempt(await accepted('early', 'b', '/'), { ...services, recordings, fetch: serving(wav(2)) });
    await attempt(await accepted('early', 'c', '/'), { ...services, recordings, fetch: serving(wav(1)) });

    expect(services.lines.map(({ outcome }) => outcome)).toEqual(['archived', 'archived', 'archived']);
    expect((await recordingsOf('early')).map(({ body }) => body)).toEqual(['body of a', 'body of b']);
  });
});

/** The origin's `mono.wav`. */
async function wavBytes(): Promise<ArrayBuffer> {
  return (await fetch(link('/audio/mono.wav', 'fixture'))).arrayBuffer();
}

describe('two events of one recording', () => {
  const named = { recordingId: 'r', isNamedByCall: undefined };

  test('share a manifest, in which the second event’s file carries its own delivery', async ({ expect }) => {
    const services = testServices();
    const files = (claimedFormat: string) => ({
      ...named,
      files: [{ claimedFormat, link: link(`/audio/mono.${claimedFormat}`, 'n') }],
    });
    await attempt(await accepted('named', 'a', '', files('wav')), services);

    await attempt(await accepted('named', 'b', '', files('mp3')), services);

    const { eventId, files: listed } = await jsonAt<Manifest>(`${folderOf('named')}r.json`);
    expect(eventId).toBe('named-a');
    expect(listed).toMatchObject([
      { format: 'wav' },
      { format: 'mp3', eventId: 'named-b', delivery: { rawBody: 'body of b' } },
    ]);
  });

  test('have a file each in the manifest when their bytes differ', async ({ expect }) => {
    const services = testServices();
    const fail = async () => {
      throw new Error('R2 is unavailable');
    };
    const first = await accepted('refetched', 'a', '/audio/mono.wav', named);
    await attempt(first, { ...services, recordings: { ...services.recordings, writeManifest: fail } });

    await attempt(await accepted('refetched', 'b', '/audio/dual.wav', named), services);
    await attempt(first, services);

    const { files } = await jsonAt<Manifest>(`${folderOf('refetched')}r.json`);
    expect(files.map(({ key, bytes }) => [key.replace(folderOf('refetched'), ''), bytes])).toEqual([
      ['r~_116572.wav', 116_572],
      ['r.wav', 135_988],
    ]);
    expect(await keysOf('inbox/sautikit/refetched')).toEqual([]);
    expect(await requestsOf('refetched')).toHaveLength(3);
  });

  test('share the audio of the first when the origin is down for the second', async ({ expect }) => {
    const services = testServices();
    const writeManifest = async () => {
      throw new Error('R2 is unavailable');
    };
    const withoutManifest = { ...services, recordings: { ...services.recordings, writeManifest } };
    await attempt(await accepted('adopted', 'a', '/audio/mono.wav', named), withoutManifest);
    const second = await accepted('adopted', 'b', '/status/503', named);

    await attempt(second, services);
    await attempt(second, services);

    expect(services.lines.slice(-2)).toMatchObject([{ outcome: 'pending' }, { outcome: 'archived' }]);
    expect((await jsonAt<Manifest>(`${folderOf('adopted')}r.json`)).files).toMatchObject([
      { key: `${folderOf('adopted')}r.wav`, bytes: 135_988 },
    ]);
  });

  test('have a file each when the second one’s response states no length', async ({ expect }) => {
    const services = testServices();
    const files = (claimedFormat: string, path: string) => ({
      ...named,
      files: [{ claimedFormat, link: link(path, 'unstated') }],
    });
    await attempt(await accepted('unstated', 'a', '', files('mp3', '/audio/dual.wav')), services);

    await attempt(await accepted('unstated', 'b', '', files('wav', '/chunked')), services);

    expect(services.lines.at(-1)).toMatchObject({ outcome: 'archived' });
    const { files: listed } = await jsonAt<Manifest>(`${folderOf('unstated')}r.json`);
    expect(listed.map(({ key, bytes }) => [key.replace(folderOf('unstated'), ''), bytes])).toEqual([
      ['r.wav', 116_572],
      ['r~_135988.wav', 135_988],
    ]);
  });

  test.for([
    ['other bytes become a second file', '/audio/dual.wav', 116_572, 2],
    ['the same bytes stay one file', '/audio/mono.wav', 116_572, 1],
  ] as const)('with different announced sizes: %s', async ([title, path, sizeBytes, count], { expect }) => {
    const call = `size-${count}`;
    let nowMs = Date.UTC(2026, 5, 27, 10, 7);
    const services = testServices({ now: () => nowMs });
    const announced = (size: number, linkPath: string) => ({
      ...named,
      files: [{ link: link(linkPath, call), sizeBytes: size }],
    });
    await attempt(await accepted(call, 'a', '', announced(135_988, '/audio/mono.wav')), services);

    const second = await accepted(call, 'b', '', announced(sizeBytes, path));
    for (let tries = 0; tries < 2; tries++) {
      await attempt(second, services);
      nowMs += 61_000;
    }

    const { files } = await jsonAt<Manifest>(`${folderOf(call)}r.json`);
    expect(files, title).toHaveLength(count);
    expect(files.at(-1)?.key).toBe(`${folderOf(call)}${count === 2 ? 'r~_116572.wav' : 'r.wav'}`);
    expect(await keysOf(folderOf(call))).toHaveLength(count + 1);
    expect(await keysOf(`inbox/sautikit/${call}`)).toEqual([]);
    for (const size of [135_988, sizeBytes]) {
      const event = { ...second.entry.event, ...announced(size, path) };
      expect(await isComplete(event, services), `${size} bytes`).toBe(true);
    }
  });
});

describe('one event with two fingerprints', () => {
  const body = (data: object) =>
    JSON.stringify({
      kind: 'call.recording.ready',
      event_id: String(Reflect.get(data, 'call_id')),
      occurred_at: '2026-06-27T10:06:00Z',
      data,
    });
  const ids = (id: string) => ({ call_id: id, recording_id: `${id}-r` });
  const outcomeOf = async (response: Response) => JSON.parse(await response.text()).outcome;

  test('is archived when its second delivery has the link that the first lacked', async ({ expect }) => {
    const vault = await createVault();
    const withoutLink = body(ids('lacking'));
    const withLink = body({ ...ids('lacking'), download_url: link('/audio/mono.wav', 'lacking') });

    const outcomes = [];
    for (const rawBody of [withoutLink, withoutLink, withLink, withLink])
      outcomes.push(await outcomeOf(await vault.deliver(fakeSautikit, rawBody)));

    expect(outcomes).toEqual(['accepted', 'duplicate', 'accepted', 'duplicate']);
    expect(await keysOf('recordings/sautikit/2026/06/27/lacking/')).toHaveLength(2);
    expect(await keysOf('inbox/sautikit/lacking')).toEqual([]);
  });

  test('is archived when both deliveries arrive at the same time', async ({ expect }) => {
    const vault = await createVault();
    const bodies = [
      body(ids('both')),
      body({ ...ids('both'), download_url: link('/audio/mono.wav', 'both') }),
    ];

    const answers = await Promise.all(bodies.map((rawBody) => vault.deliver(fakeSautikit, rawBody)));

    expect(await Promise.all(answers.map(outcomeOf))).toEqual(['accepted', 'accepted']);
    expect(await keysOf('recordings/sautikit/2026/06/27/both/')).toHaveLength(2);
    expect(await keysOf('dead/sautikit/both')).toHaveLength(1);
  });

  test('is archived by its second delivery while the entry of the first is pending', async ({ expect }) => {
    const vault = await createVault();
    await vault.deliver(fakeSautikit, body({ ...ids('stuck'), download_url: link('/status/403', 'stuck') }));

    const second = await vault.deliver(
      fakeSautikit,
      body({ ...ids('stuck'), download_url: link('/audio/mono.wav', 'stuck') }),
    );

    expect(await outcomeOf(second)).toBe('accepted');
    expect(await keysOf('recordings/sautikit/2026/06/27/stuck/')).toHaveLength(2);
    expect(await keysOf('inbox/sautikit/stuck')).toHaveLength(1);
  });

  test('has a dead letter for each when both fail and KV has no entry for the event', async ({ expect }) => {
    const vault = await createVault({ DOWNLOAD_ORIGINS: 'https://elsewhere.example' });
    for (const data of [
      ids('dead-twice'),
      { ...ids('dead-twice'), download_url: link('/audio/mono.wav', 'dead-twice') },
    ]) {
      await env.DEDUPE.delete('seen/sautikit/dead-twice');
      await vault.deliver(fakeSautikit, body(data));
    }

    const letters = await Promise.all(
      (await keysOf('dead/sautikit/dead-twice')).map((key) => jsonAt<DeadLetter>(key)),
    );
    expect(letters.map(({ failure }) => failure.code).sort()).toEqual(['link_forbidden', 'link_missing']);
  });
});

describe('a delivery that repeats an event', () => {
  const attempt = (event: object, number: number) =>
    JSON.stringify({
      data: { ...event, occurred_at: `2026-06-27T10:06:0${number}Z` },
      meta: { attempt: number, delivered_to: `https://example.com/${number}` },
    });
  const payload = { call_session_id: 'c', recording_id: 'r', recording_urls: { wav: 'gs://bucket/a' } };

  test.for([
    ['a file stored elsewhere', { id: 'm1', event_type: 'call.recording.saved', payload }, 'accepted'],
    [
      'an error',
      { id: 'm2', event_type: 'call.recording.error', payload: { reason: 'Internal server error' } },
      'kept',
    ],
    ['an unknown event type', { id: 'm3', event_type: 'call_recording_saved', payload }, 'kept'],
  ] as const)(
    'is a duplicate with another attempt number and time: %s',
    async ([, event, first], { expect }) => {
      const vault = await createVault();

      const outcomes = [];
      for (const number of [1, 2, 3]) {
        const response = await vault.deliver(fakeTelnyx, attempt(event, number));
        outcomes.push(JSON.parse(await response.text()).outcome);
      }

      expect(outcomes).toEqual([first, 'duplicate', 'duplicate']);
      expect(await keysOf(`dead/telnyx/${event.id}`)).toHaveLength(1);
    },
  );

  test('is a duplicate with a new signature in its link', async ({ expect }) => {
    const vault = await createVault();
    const event = (signature: number) => {
      const wav = `${link('/audio/mono.wav', 'anew')}&X-Amz-Signature=${signature}`;
      return {
        id: 'm4',
        event_type: 'call.recording.saved',
        payload: { ...payload, recording_id: 'anew', recording_urls: { wav } },
      };
    };

    const outcomes = [];
    for (const number of [1, 2]) {
      const response = await vault.deliver(fakeTelnyx, attempt(event(number), number));
      outcomes.push(JSON.parse(await response.text()).outcome);
    }

    expect(outcomes).toEqual(['accepted', 'duplicate']);
  });
});
