import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { telnyx } from '../../src/providers/telnyx.ts';
import type { DeadLetter, InboxEntry, Manifest } from '../../src/recording.ts';
import { createInbox } from '../../src/storage/inbox.ts';
import { createRecordings } from '../../src/storage/recordings.ts';
import type { Upload } from '../../src/storage/upload.ts';
import { BLOCK_BYTES } from '../../src/transfer/block-reader.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import {
  attempt,
  jsonAt,
  keysOf,
  link,
  originUrl,
  receiveSigned,
  recordingFacts,
  requestsOf,
  testServices,
} from './support.ts';

const fail = async (): Promise<never> => {
  throw new Error('KV PUT failed: 429 Too Many Requests');
};

async function signed(
  run: string,
  body = fakeTelnyx.announce(recordingFacts(run, { wav: link('/audio/mono.wav', run) })),
) {
  const key = await fakeTelnyx.newKey();
  const rawBody = new TextEncoder().encode(body);
  const headers = new Headers(await fakeTelnyx.sign(rawBody, key.signing, Math.floor(Date.now() / 1000)));
  return {
    delivery: { rawBody, headers },
    secrets: { values: [key.trusted], scheme: '', toleranceSeconds: 300 },
  };
}

const folderOf = (run: string) => `recordings/telnyx/2026/06/27/call-${run}/`;

describe('receive()', () => {
  test('accepts a delivery when KV cannot be read', async ({ expect }) => {
    const services = testServices({ seen: { find: fail, markSeen: fail } });
    const { delivery, secrets } = await signed('kv-get');

    const { outcome, pending } = await receiveSigned(delivery, telnyx, secrets, services);

    expect(outcome).toBe('accepted');
    expect(pending).toHaveLength(1);
    expect(services.lines).toMatchObject([{ event: 'fault', outcome: 'seen_not_read' }]);
  });

  test.for([
    [300_999, 'accepted', undefined],
    [301_000, 'rejected', 'genuine_but_late'],
  ] as const)(
    'counts the age of a signature in whole seconds: %i ms are %s with a tolerance of 300 s',
    async ([ageMs, outcome, code], { expect }) => {
      const signedMs = Math.floor(Date.now() / 1000) * 1000;
      const key = await fakeTelnyx.newKey();
      const run = `age-${ageMs}`;
      const rawBody = new TextEncoder().encode(
        fakeTelnyx.announce(recordingFacts(run, { wav: link('/audio/mono.wav', run) })),
      );
      const headers = new Headers(await fakeTelnyx.sign(rawBody, key.signing, signedMs / 1000));
      const secrets = { values: [key.trusted], scheme: '', toleranceSeconds: 300 };
      const services = testServices({ now: () => signedMs + ageMs });

      const receipt = await receiveSigned({ rawBody, headers }, telnyx, secrets, services);

      expect(receipt).toMatchObject({ outcome, ...(code && { code }) });
    },
  );

  test('returns unavailable when the inbox cannot be written', async ({ expect }) => {
    const services = testServices();
    const { delivery, secrets } = await signed('inbox-put');

    const receipt = await receiveSigned(delivery, telnyx, secrets, {
      ...services,
      inbox: { ...services.inbox, create: fail },
    });

    expect(receipt).toMatchObject({ outcome: 'unavailable', code: 'inbox_failed', pending: [] });
    expect(await keysOf('inbox/telnyx/event-inbox-put')).toEqual([]);
  });

  test('returns unavailable when the dead letter cannot be written', async ({ expect }) => {
    const services = testServices();
    const { delivery, secrets } = await signed('', 'not json');

    const receipt = await receiveSigned(delivery, telnyx, secrets, {
      ...services,
      deadLetters: { ...services.deadLetters, create: fail },
    });

    expect(receipt).toMatchObject({ outcome: 'unavailable', code: 'dead_letter_failed' });
  });
});

describe('runAttempt()', () => {
  async function accepted(run: string) {
    const { delivery, secrets } = await signed(run);
    const services = testServices();
    const { pending } = await receiveSigned(delivery, telnyx, secrets, services);
    const [entry] = pending;
    if (entry === undefined) throw new Error('Cannot test: nothing was accepted');
    return { entry, services };
  }

  test('archives when KV cannot be written', async ({ expect }) => {
    const { entry, services } = await accepted('kv-put');

    await attempt(entry, { ...services, seen: { ...services.seen, markSeen: fail } });

    expect(services.lines).toMatchObject([{ outcome: 'seen_not_marked' }, { outcome: 'archived' }]);
    expect(await keysOf(folderOf('kv-put'))).toHaveLength(2);
    expect(await keysOf('inbox/telnyx/event-kv-put')).toEqual([]);
  });

  test.for(['readManifest', 'writeManifest'] as const)(
    'leaves the entry when %s() throws, and the next attempt archives it',
    async (method, { expect }) => {
      const run = method.toLowerCase();
      const { entry, services } = await accepted(run);

      await attempt(entry, { ...services, recordings: { ...services.recordings, [method]: fail } });
      const afterFault = await keysOf(`inbox/telnyx/event-${run}`);
      await attempt(entry, services);

      expect(services.lines).toMatchObject([
        { outcome: 'pending', code: 'internal_error', detail: expect.stringMatching(/^Error at /) },
        { outcome: 'archived' },
      ]);
      expect(afterFault).toHaveLength(1);
      expect(await keysOf(folderOf(run))).toHaveLength(2);
      expect(await keysOf(`inbox/telnyx/event-${run}`)).toEqual([]);
    },
  );

  test('lists audio by its own bytes after an earlier write of the manifest failed', async ({ expect }) => {
    const { entry, services } = await accepted('unlisted');
    await attempt(entry, { ...services, recordings: { ...services.recordings, writeManifest: fail } });
    const before = await env.RECORDINGS.head(`${folderOf('unlisted')}rec-unlisted.wav`);

    await attempt(entry, services);

    const { files } = await jsonAt<Manifest>(`${folderOf('unlisted')}rec-unlisted.json`);
    expect(files).toMatchObject([{ bytes: 135_988, etag: before?.etag }]);
  });

  test('adds its file to a manifest that another attempt wrote in the meantime', async ({ expect }) => {
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

    await attempt(entry, { ...services, recordings: racing });

    const { files } = await jsonAt<Manifest>(`${folderOf('conflict')}rec-conflict.json`);
    expect(files.map(({ claimedFormat }) => claimedFormat)).toEqual(['mp3', 'wav']);
    expect(services.lines.at(-1)).toMatchObject({ outcome: 'archived' });
  });

  test('leaves the entry pending with storage_failed when the manifest keeps changing', async ({
    expect,
  }) => {
    const { entry, services } = await accepted('changing');
    let writes = 0;
    const writeManifest = async () => {
      writes++;
      return false;
    };

    await attempt(entry, { ...services, recordings: { ...services.recordings, writeManifest } });

    expect(writes).toBe(5);

    expect(services.lines.at(-1)).toMatchObject({ outcome: 'pending', code: 'storage_failed' });
    expect(await keysOf('inbox/telnyx/event-changing')).toHaveLength(1);
  });

  test.for(['{"mine":true}', '{"schema":1,"recordingId":"r","files":[{}]}', 'not json'])(
    'does not change a manifest that it cannot read: %s',
    async (unreadable, { expect }) => {
      await env.RECORDINGS.delete('dead/telnyx/event-strange.json');
      await env.DEDUPE.delete('seen/telnyx/event-strange');
      const { entry, services } = await accepted('strange');
      await env.RECORDINGS.put(`${folderOf('strange')}rec-strange.json`, unreadable);

      await attempt(entry, services);

      expect(services.lines.at(-1)).toMatchObject({ outcome: 'dead', code: 'manifest_unreadable' });
      expect(await (await env.RECORDINGS.get(`${folderOf('strange')}rec-strange.json`))?.text()).toBe(
        unreadable,
      );
      expect(await keysOf('dead/telnyx/event-strange')).toHaveLength(1);
    },
  );

  test('leaves the entry pending with storage_failed when R2 rejects the audio', async ({ expect }) => {
    const { entry, services } = await accepted('r2-put');
    const failing = { ...env.RECORDINGS, put: async () => fail() } as unknown as R2Bucket;
    const { startUpload } = createRecordings(failing);

    await attempt(entry, { ...services, recordings: { ...services.recordings, startUpload } });

    expect(services.lines.at(-1)).toMatchObject({ outcome: 'pending', code: 'storage_failed' });
    expect(await keysOf(folderOf('r2-put'))).toEqual([]);
    expect(await jsonAt<InboxEntry>('inbox/telnyx/event-r2-put.json')).toMatchObject({
      attempts: [{ number: 1 }],
    });
  });

  test('lists the audio under its key when R2 refuses the put before it reads the body', async ({
    expect,
  }) => {
    const { entry, services } = await accepted('early');
    const first = await accepted('early2');
    await attempt(first.entry, first.services);
    const taken = await env.RECORDINGS.get(`${folderOf('early2')}rec-early2.wav`);
    await env.RECORDINGS.put(`${folderOf('early')}rec-early.wav`, await (taken?.arrayBuffer() ?? ''));
    const refusing = { put: async () => null } as unknown as R2Bucket;
    const { startUpload } = createRecordings(refusing);

    await attempt(entry, { ...services, recordings: { ...services.recordings, startUpload } });

    expect(services.lines.at(-1)).toMatchObject({ outcome: 'archived' });
    expect((await jsonAt<Manifest>(`${folderOf('early')}rec-early.json`)).files).toMatchObject([
      { bytes: 135_988 },
    ]);
  });

  test('leaves the entry pending with source_changed when four uploads find other bytes under their keys', async ({
    expect,
  }) => {
    const { entry, services } = await accepted('taken');
    const keys: string[] = [];
    const recordings = {
      ...services.recordings,
      startUpload(key: string): Upload {
        keys.push(key);
        const commit = async () => ({ state: 'exists' }) as const;
        return { write: async () => true, commit, abort: async () => undefined };
      },
      readObject: async () => ({ body: new Response('other bytes').body, etag: 'e' }) as R2ObjectBody,
    };

    await attempt(entry, { ...services, recordings });

    expect(services.lines.at(-1)).toMatchObject({
      outcome: 'pending',
      code: 'source_changed',
      detail: 'Other bytes each time',
    });
    const audio = 'rec-taken';
    const sha256 = '3b819b55650fff15';
    expect(keys.map((key) => key.replace(folderOf('taken'), ''))).toEqual([
      `${audio}.wav`,
      `${audio}~_135988.wav`,
      `${audio}~_135988-${sha256}.wav`,
      `${audio}.wav`,
    ]);
  });

  test('logs the failure of an attempt that cannot be recorded in the entry', async ({ expect }) => {
    const { entry, services } = await accepted('unwritten');
    const inbox = { ...services.inbox, change: fail };

    await attempt(entry, { ...services, inbox, fetch: async () => new Response('', { status: 404 }) });

    expect(services.lines).toMatchObject([
      { event: 'fault', outcome: 'attempt_not_recorded' },
      { event: 'attempt', outcome: 'pending', code: 'link_refused', retryAt: undefined },
    ]);
    expect(await keysOf('inbox/telnyx/event-unwritten')).toHaveLength(1);
  });

  test('ends lost, and does not create an entry again, when it was closed in the meantime', async ({
    expect,
  }) => {
    const { entry, services } = await accepted('closed');
    const slow: typeof fetch = async () => {
      await createInbox(env.RECORDINGS).remove(entry);
      return new Response('gone', { status: 404 });
    };

    await attempt(entry, { ...services, fetch: slow });

    expect(services.lines.at(-1)).toMatchObject({ outcome: 'lost', code: 'lease_lost' });
    expect(await keysOf('inbox/telnyx/event-closed')).toEqual([]);
  });

  test('keeps the entry when the dead letter cannot be written', async ({ expect }) => {
    const { entry, services } = await accepted('no-letter');
    const deadLetters = { ...services.deadLetters, write: fail };

    await attempt(entry, { ...services, deadLetters, origins: { only: [] } });

    expect(services.lines.at(-1)).toMatchObject({ outcome: 'pending', code: 'internal_error' });
    expect(await keysOf('inbox/telnyx/event-no-letter')).toHaveLength(1);
  });

  test('writes one dead letter for each event fingerprint of an event', async ({ expect }) => {
    const { entry, services } = await accepted('two-letters');
    const other = {
      ...entry.entry,
      fingerprint: 'another',
      delivery: { ...entry.entry.delivery, rawBody: 'another body' },
    };

    for (const arriving of [entry.entry, entry.entry, other]) {
      await services.inbox.remove(entry);
      const pending = await services.inbox.create(arriving);
      if (pending.isNew) await attempt(pending, { ...services, origins: { only: [] } });
    }

    const letters = await keysOf('dead/telnyx/event-two-letters');
    expect(letters).toHaveLength(2);
    const bodies = await Promise.all(
      letters.map(async (key) => (await jsonAt<DeadLetter>(key)).delivery.rawBody),
    );
    expect(bodies.sort()).toEqual(['another body', entry.entry.delivery.rawBody]);
  });

  test('leaves the entry pending and logs the transient failure when only one of two is permanent', async ({
    expect,
  }) => {
    const { entry, services } = await accepted('mixed');
    const files = [
      { claimedFormat: 'wav', link: 'https://127.0.0.1/' },
      { claimedFormat: 'mp3', link: link('/status/503', 'mixed') },
    ];

    await attempt({ ...entry, entry: { ...entry.entry, event: { ...entry.entry.event, files } } }, services);

    expect(services.lines.at(-1)).toMatchObject({ outcome: 'pending', code: 'download_refused' });
    expect(await jsonAt<InboxEntry>('inbox/telnyx/event-mixed.json')).toMatchObject({
      attempts: [{ failures: [{ code: 'download_refused' }, { code: 'link_forbidden' }] }],
    });
  });

  test('lists the stored file when the other file ends in an internal_error', async ({ expect }) => {
    const { entry, services } = await accepted('fault2');
    const files = ['wav', 'mp3'].map((format) => ({
      claimedFormat: format,
      link: link(`/audio/mono.${format}`, 'fault2'),
    }));
    const { startUpload } = services.recordings;
    const recordings = {
      ...services.recordings,
      startUpload(...args: Parameters<typeof startUpload>) {
        if (args[0].endsWith('.mp3')) throw new TypeError('a bug');
        return startUpload(...args);
      },
    };

    await attempt(
      { ...entry, entry: { ...entry.entry, event: { ...entry.entry.event, files } } },
      { ...services, recordings },
    );

    expect(services.lines.at(-1)).toMatchObject({ outcome: 'pending', code: 'internal_error' });
    expect((await jsonAt<Manifest>(`${folderOf('fault2')}rec-fault2.json`)).files).toMatchObject([
      { format: 'wav' },
    ]);
  });

  test('neither logs nor stores the link that an error quotes', async ({ expect }) => {
    const { entry, services } = await accepted('quoting');
    const quoting: typeof fetch = async (input) => {
      throw new TypeError(`Fetch failed: ${String(input)}`);
    };

    await attempt(entry, { ...services, fetch: quoting });

    expect(services.lines.at(-1)).toMatchObject({ outcome: 'pending', code: 'download_unreachable' });
    const { attempts } = await jsonAt<InboxEntry>('inbox/telnyx/event-quoting.json');
    const told = JSON.stringify([services.lines, attempts]);
    expect(told).toContain(new URL(originUrl).host);
    expect(told).not.toMatch(/mono\.wav|run=|Fetch failed/);
  });

  test('requests without cache and automatic redirects, with a deadline of 25 s', async ({ expect }) => {
    const { entry, services } = await accepted('init');
    const inits: (RequestInit | undefined)[] = [];
    const recorder: typeof fetch = async (_input, init) => {
      inits.push(init);
      return new Response('', { status: 404 });
    };
    const times: number[] = [];
    const timeout = (ms: number) => {
      times.push(ms);
      return AbortSignal.timeout(ms);
    };

    await attempt(entry, { ...services, fetch: recorder, timeout });

    expect(inits).toMatchObject([{ redirect: 'manual', cache: 'no-store' }]);
    expect(times).toEqual([25_000]);
  });

  test.for([
    [404, {}],
    [302, { location: '/next' }],
    [200, { 'content-length': '0' }],
    [200, { 'content-length': '20' }],
  ] as const)(
    'cancels the body of a response that it does not read to its end: %i %o',
    async ([status, headers], { expect }) => {
      const run = `free${status}${Object.values(headers).join('').replace('/', '')}`;
      const { entry, services } = await accepted(run);
      let cancelled = 0;
      const responding: typeof fetch = async () => {
        const body = new ReadableStream({
          type: 'bytes',
          pull: (controller) => controller.enqueue(new TextEncoder().encode('<!DOCTYPE html>')),
          cancel: () => void cancelled++,
        });
        return new Response(body, { status, headers });
      };

      await attempt(entry, { ...services, fetch: responding });

      expect(cancelled).toBeGreaterThan(0);
    },
  );

  test('aborts the upload when the download is interrupted', async ({ expect }) => {
    const { entry, services } = await accepted('aborts');
    const aborted: string[] = [];
    const { startUpload } = services.recordings;
    const recordings = {
      ...services.recordings,
      startUpload(...args: Parameters<typeof startUpload>): Upload {
        const upload = startUpload(...args);
        const abort = (reason: string) => {
          aborted.push(reason);
          return upload.abort(reason);
        };
        return { ...upload, abort };
      },
    };
    const block = BLOCK_BYTES;
    const interrupted: typeof fetch = async () => {
      const body = new ReadableStream({
        type: 'bytes',
        async start(controller) {
          const wav = new Uint8Array(2 * block);
          wav.set(new TextEncoder().encode('RIFF\u0001\u0001\u0001\u0001WAVEfmt '));
          controller.enqueue(wav);
          await scheduler.wait(100);
          controller.error(new Error('reset'));
        },
      });
      return new Response(body, { headers: { 'content-length': String(3 * block) } });
    };

    await attempt(entry, { ...services, recordings, fetch: interrupted });

    // Without a validator the download restarts twice, and each of the three uploads is aborted.
    expect(aborted).toEqual(['download_interrupted', 'download_interrupted', 'download_interrupted']);
  });

  test('resumes a download eight times', async ({ expect }) => {
    const { entry, services } = await accepted('nine');
    const chunk = new Uint8Array(5_000).fill(7);
    chunk.set(new TextEncoder().encode('ID3'));
    const ranges: (string | null)[] = [];
    const interrupted: typeof fetch = async (_input, init) => {
      const range = new Headers(init?.headers).get('range');
      const start = Number(/\d+/.exec(range ?? '0')?.[0]);
      ranges.push(range);
      let pulls = 0;
      const body = new ReadableStream({
        type: 'bytes',
        pull(controller) {
          if (pulls++ === 0) controller.enqueue(chunk.slice());
          else controller.error(new Error('reset'));
        },
      });
      const rest = { 'content-range': `bytes ${start}-999999/1000000` };
      const headers = { etag: '"v1"', ...(range === null ? { 'content-length': '1000000' } : rest) };
      return new Response(body, { status: range === null ? 200 : 206, headers });
    };

    await attempt(entry, { ...services, fetch: interrupted });

    const offsets = Array.from({ length: 8 }, (_, at) => `bytes=${(at + 1) * 5_000}-`);
    expect(ranges).toEqual([null, ...offsets]);
    expect(services.lines.at(-1)).toMatchObject({ outcome: 'pending', code: 'download_interrupted' });
  });

  test.for([
    ['content-encoding', 'gzip'],
    ['accept-ranges', 'none'],
    ['etag', 'W/"v1"'],
  ] as const)(
    'requests no range after an interrupted response with %s: %s',
    async ([name, value], { expect }) => {
      const { entry, services } = await accepted(`whole-${name}`);
      const ranges: (string | null)[] = [];
      const interrupted: typeof fetch = async (_input, init) => {
        ranges.push(new Headers(init?.headers).get('range'));
        const body = new ReadableStream({
          type: 'bytes',
          async start(controller) {
            controller.enqueue(new TextEncoder().encode('RIFF\u0001\u0001\u0001\u0001WAVEfmt '));
            await scheduler.wait(20);
            controller.error(new Error('reset'));
          },
        });
        const headers = { etag: '"v1"', [name]: value };
        return new Response(body, { headers, encodeBody: 'manual' });
      };

      await attempt(entry, { ...services, fetch: interrupted });

      expect(ranges).toEqual([null, null, null]);
      expect(services.lines.at(-1)).toMatchObject({ outcome: 'pending', code: 'download_interrupted' });
    },
  );

  test('stores nothing when bytes follow the announced length', async ({ expect }) => {
    const { entry, services } = await accepted('too-long');
    const block = BLOCK_BYTES;
    const tooLong: typeof fetch = async () => {
      const body = new ReadableStream({
        type: 'bytes',
        async start(controller) {
          const wav = new Uint8Array(block);
          wav.set(new TextEncoder().encode('RIFF\u0001\u0001\u0001\u0001WAVEfmt '));
          controller.enqueue(wav);
          await scheduler.wait(100);
          controller.enqueue(new Uint8Array(7));
          controller.close();
        },
      });
      return new Response(body, { headers: { 'content-length': String(block) } });
    };

    await attempt(entry, { ...services, fetch: tooLong });

    expect(services.lines.at(-1)).toMatchObject({ outcome: 'pending', code: 'length_mismatch' });
    expect(await keysOf(folderOf('too-long'))).toEqual([]);
  });

  test('does not download a recording that another event has archived', async ({ expect }) => {
    const first = await accepted('once');
    await attempt(first.entry, first.services);
    const body = fakeTelnyx.announce(
      recordingFacts('once', { wav: link('/audio/mono.wav', 'once') }, { eventId: 'once-2' }),
    );
    const { delivery, secrets } = await signed('once', body);
    const services = testServices();
    const { pending } = await receiveSigned(delivery, telnyx, secrets, services);

    for (const entry of pending) await attempt(entry, services);

    expect(services.lines).toMatchObject([{ outcome: 'archived' }]);
    expect(await requestsOf('once')).toHaveLength(1);
  });

  test('stores nothing when the body is shorter or longer than its Content-Length', async ({ expect }) => {
    const { entry, services } = await accepted('wrong-length');
    const block = BLOCK_BYTES;
    for (const [bytes, length] of [
      [1000, 999],
      [1000, 1001],
      [block + 1, block],
      [2 * block, block],
      [block, block + 1],
    ] as const) {
      const wav = new Uint8Array(bytes);
      wav.set(new TextEncoder().encode('RIFF\u0001\u0001\u0001\u0001WAVEfmt '));
      const wrongLength: typeof fetch = async () =>
        new Response(wav, { headers: { 'content-length': String(length) } });
      await attempt(entry, { ...services, fetch: wrongLength });
      expect(services.lines.at(-1)).toMatchObject({ outcome: 'pending', code: 'length_mismatch' });
    }
    expect(await keysOf(folderOf('wrong-length'))).toEqual([]);
  });
});

test('inbox.create() creates one entry for 20 concurrent calls', async ({ expect }) => {
  const { delivery, secrets } = await signed('concurrent');
  const services = testServices();
  const { pending } = await receiveSigned(delivery, telnyx, secrets, services);
  const [first] = pending;
  if (first === undefined) throw new Error('Cannot test: nothing was accepted');
  await services.inbox.remove(first);

  const created = await Promise.all(Array.from({ length: 20 }, () => services.inbox.create(first.entry)));

  expect(created.filter(({ isNew }) => isNew)).toHaveLength(1);
  expect(await keysOf('inbox/telnyx/event-concurrent')).toHaveLength(1);
});

test('startUpload() stores nothing when it is aborted before its last byte', async ({ expect }) => {
  const upload = createRecordings(env.RECORDINGS).startUpload('recordings/aborted.wav', {
    lengthBytes: 10,
    contentType: 'audio/wav',
    metadata: {},
    md5: undefined,
    grow: () => true,
  });
  await upload.write(new Uint8Array(9));

  await upload.abort('length_mismatch');

  expect(await env.RECORDINGS.head('recordings/aborted.wav')).toBeNull();
});

test('inbox.count() counts all pages of the list', async ({ expect }) => {
  const pages = [
    { objects: [{}, {}], truncated: true, cursor: 'second' },
    { objects: [{}], truncated: true, cursor: 'third' },
    { objects: [], truncated: false },
  ];
  const cursors: (string | undefined)[] = [];
  const list = async (options: R2ListOptions) => {
    cursors.push(options.cursor);
    return pages[cursors.length - 1];
  };

  const count = await createInbox({ list } as unknown as R2Bucket).count();

  expect(count).toBe(3);
  expect(cursors).toEqual([undefined, 'second', 'third']);
});
