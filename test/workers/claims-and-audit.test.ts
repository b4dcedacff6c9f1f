import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { runFastPath } from '../../src/archive/fast-path.ts';
import { isComplete } from '../../src/archive/place.ts';
import { MAX_ATTEMPTS } from '../../src/archive/retry-policy.ts';
import { readConfig } from '../../src/config.ts';
import type { Services } from '../../src/http/services.ts';
import { providers } from '../../src/providers/index.ts';
import { sautikit } from '../../src/providers/sautikit.ts';
import { consumeMessage } from '../../src/queue.ts';
import type {
  FailedAttempt,
  InboxEntry,
  Manifest,
  RecordingEvent,
  RecordingFile,
} from '../../src/recording.ts';
import { reconcile } from '../../src/recover/reconcile.ts';
import { utf8 } from '../../src/shared/bytes.ts';
import { createRecordings } from '../../src/storage/recordings.ts';
import { fakeSautikit } from '../../tools/fake-providers/sautikit.ts';
import { arrivedMs } from './run-to-completion.ts';
import {
  jsonAt,
  keysOf,
  link,
  receiveSigned,
  recordingFacts,
  sha256Of,
  testServices,
  wavEvent,
} from './support.ts';

const iso = (ms: number) => new Date(ms).toISOString();
const hourMs = 3_600_000;
const cdn = 'https://cdn.example.com/x.wav';

/** The APIs of these providers, with a key. */
const apisOf = (...ids: string[]): Services['apis'] =>
  new Map(
    providers.flatMap(({ id, api }) =>
      api === undefined || !ids.includes(id)
        ? []
        : [[id, { api, key: 'key', baseUrl: `https://api.${id}.example/v2/` }]],
    ),
  );

/** So many bytes of a WAV, and how many its header says. */
function wav(bytes: number, says = bytes): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(bytes).fill(7);
  all.set(utf8('RIFF\0\0\0\0WAVEfmt '));
  new DataView(all.buffer).setUint32(4, says - 8, true);
  return all;
}

const mp3 = Uint8Array.from([...utf8('ID3'), ...new Uint8Array(500)]);
const wrongMd5 = { 'content-md5': btoa('\0'.repeat(16)) };

const whole = (bytes: Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  new Response(bytes, { headers: { 'content-length': String(bytes.byteLength), ...headers } });

/** A body without a length, whose further bytes come after something has happened. */
function slow(bytes: Uint8Array<ArrayBuffer>, meanwhile: () => void, headers = {}): Response {
  const half = bytes.byteLength / 2;
  let pulls = 0;
  const body = new ReadableStream({
    type: 'bytes',
    pull(controller) {
      if (pulls++ === 0) return controller.enqueue(bytes.slice(0, half));
      meanwhile();
      controller.enqueue(bytes.slice(half));
      controller.close();
    },
  });
  return new Response(body, { headers });
}

interface Told {
  readonly event?: Partial<RecordingEvent>;
  readonly file?: RecordingFile;
  readonly attempts?: readonly FailedAttempt[];
  readonly services?: Partial<Services>;
  readonly messages?: number;
}

/** What an origin answers to a link, by the clock of the test. */
type Answer = (url: URL, clock: { nowMs: number }, nth: number) => Response;

/** Consumes message after message of an entry, until it is done or there were so many. */
async function runOut(run: string, told: Told, answer: Answer) {
  const { event: more = {}, file = { claimedFormat: 'wav', link: cdn }, attempts = [], messages = 50 } = told;
  const clock = { nowMs: arrivedMs };
  let requests = 0;
  const ask: typeof fetch = async (input) => {
    const url = new URL(String(input));
    if (url.hostname.startsWith('api.')) return new Response('{}', { status: 404 });
    return answer(url, clock, ++requests);
  };
  const services = testServices({ fetch: ask, now: () => clock.nowMs, origins: {}, ...told.services });
  const event = { ...wavEvent(run), files: [file], ...more };
  const { key } = await services.inbox.create({
    version: 1,
    fingerprint: `fingerprint-${run}`,
    event,
    attempts,
    delivery: { receivedAt: iso(arrivedMs), headers: {}, rawBody: '{}' },
    dueAt: iso(arrivedMs),
  });
  for (let count = 0; count < messages; count++) {
    const verdict = await consumeMessage({ version: 1, inboxKey: key }, services);
    if (verdict.retryAfterSeconds === undefined) break;
    clock.nowMs += verdict.retryAfterSeconds * 1000;
  }
  const ends = services.lines.filter((line) => line.event === 'attempt');
  const manifestKey = `recordings/${event.provider}/2026/06/27/call-${run}/rec-${run}.json`;
  return { services, event, key, ends, last: ends.at(-1), requests: () => requests, manifestKey };
}

const filesAt = async (manifestKey: string) => (await jsonAt<Manifest>(manifestKey)).files;

/** An attempt, two minutes ago, that refused a body for a claim about it. */
async function refused(
  bytes: Uint8Array<ArrayBuffer>,
  code: string,
  claimedFormat?: string,
): Promise<FailedAttempt[]> {
  const sha256 = await sha256Of(bytes.slice().buffer);
  return [{ number: 1, at: iso(arrivedMs - 120_000), failures: [{ claimedFormat, code, sha256 }] }];
}

describe('a link that dies', () => {
  test.for([
    ['without', []],
    ['with', ['telnyx']],
  ] as const)(
    'is tried just before that, %s an API which knows nothing of it',
    async ([title, ids], { expect }) => {
      const file = { claimedFormat: 'wav', link: cdn, linkLifetimeSeconds: 600 };
      const event = { apiPath: 'recordings/x' };
      const isThere = (ms: number) => ms >= arrivedMs + 540_000 && ms <= arrivedMs + 600_000;

      const { last } = await runOut(
        `just-before-${title}`,
        { event, file, services: { apis: apisOf(...ids) } },
        (_, { nowMs }) => (isThere(nowMs) ? whole(wav(1000)) : new Response('', { status: 404 })),
      );

      expect(last).toMatchObject({ outcome: 'archived' });
    },
  );

  test.for([
    ['content-md5', wrongMd5, 300_000],
    ['wav-header', {}, 400_000],
  ] as const)(
    'while a body comes overrules a claim at the end of that body: %s',
    async ([title, headers, says], { expect }) => {
      const expiresMs = arrivedMs + 90_000;
      const file = { claimedFormat: 'wav', link: cdn, expiresAt: iso(expiresMs) };

      const { last } = await runOut(`dies-within-${title}`, { file }, (_, clock) => {
        const step = () => {
          clock.nowMs += 95_000;
        };
        const isOver = clock.nowMs > expiresMs;
        return isOver
          ? new Response('<Message>Request has expired</Message>', { status: 403 })
          : slow(wav(300_000, says), step, headers);
      });

      expect(last).toMatchObject({ outcome: 'archived', attempt: 1, isAlarm: true });
    },
  );

  test('and is answered all the same may be answered once more: a claim is not overruled at once', async ({
    expect,
  }) => {
    const file = { claimedFormat: 'wav', link: cdn, expiresAt: iso(arrivedMs - hourMs) };

    const { manifestKey } = await runOut('still-written', { file }, (_url, _clock, nth) =>
      whole(wav(nth === 1 ? 50_000 : 100_000, 100_000)),
    );

    expect(await filesAt(manifestKey)).toMatchObject([{ bytes: 100_000 }]);
  });
});

describe('an overruled claim', () => {
  const two = [
    { claimedFormat: 'wav', link: cdn },
    { claimedFormat: 'mp3', link: 'https://cdn.example.com/x.mp3' },
  ];

  test('is an alarm although another file of the recording failed', async ({ expect }) => {
    const body = wav(1000, 2000);
    const attempts = await refused(body, 'length_mismatch', 'wav');

    const { ends } = await runOut(
      'one-fails',
      { event: { files: two }, attempts },
      ({ pathname }, _, nth) => {
        if (pathname.endsWith('.wav')) return whole(body);
        return nth === 2 ? new Response('', { status: 503 }) : whole(mp3);
      },
    );

    expect(ends).toMatchObject([
      {
        outcome: 'pending',
        code: 'download_refused',
        isAlarm: true,
        detail: expect.stringContaining('wav_header differs:2000'),
      },
      { outcome: 'archived' },
    ]);
  });

  test('is told before an unknown format of another file', async ({ expect }) => {
    const attempts = await refused(mp3, 'checksum_mismatch', 'mp3');
    const binary = Uint8Array.from([1, 2, 3, ...new Uint8Array(500)]);

    const { ends } = await runOut('one-is-odd', { event: { files: two }, attempts }, ({ pathname }) =>
      pathname.endsWith('.wav') ? whole(binary) : whole(mp3, wrongMd5),
    );

    expect(ends).toMatchObject([{ outcome: 'archived', isAlarm: true, detail: 'content_md5_md5 differs' }]);
  });

  test('stays known when the worker crashes before the manifest: what was announced is complete', async ({
    expect,
  }) => {
    const body = wav(1000);
    const attempts = await refused(body, 'length_mismatch');
    const recordings = createRecordings(env.RECORDINGS);
    const { writeManifest } = recordings;
    let crashes = 1;
    const crashing: typeof writeManifest = async (...args) => {
      if (crashes-- > 0) throw new Error('R2 is away');
      return writeManifest(...args);
    };

    const { event, requests, manifestKey } = await runOut(
      'crashed',
      {
        event: { provider: 'sautikit' },
        file: { link: cdn, sizeBytes: 2000 },
        attempts,
        services: { recordings: { ...recordings, writeManifest: crashing } },
      },
      () => whole(body),
    );

    expect(requests()).toBe(1);
    expect(await filesAt(manifestKey)).toMatchObject([{ checks: { announced_size: 'differs:2000' } }]);
    expect(await isComplete(event, { recordings })).toBe(true);
  });
});

describe('a body that is not what it should be', () => {
  test('is removed, where R2 stored too little and the worker could not, by the next attempt', async ({
    expect,
  }) => {
    const recordings = createRecordings(env.RECORDINGS);
    const { startUpload, removeAudio } = recordings;
    let uploads = 0;
    const short: typeof startUpload = (key, options) => {
      const upload = startUpload(key, options);
      if (uploads++ > 0) return upload;
      const commit = async () => {
        await upload.abort('too little').catch(() => undefined);
        const metadata = { customMetadata: options.metadata };
        const { etag, size } = await env.RECORDINGS.put(key, wav(1000).slice(0, 500), metadata);
        return { state: 'stored', object: { key, etag, bytes: size, isInParts: false } } as const;
      };
      return { ...upload, commit };
    };
    let removals = 0;
    const removing: typeof removeAudio = async (key) => {
      if (removals++ === 0) throw new Error('R2 is away');
      await removeAudio(key);
    };
    const services = { recordings: { ...recordings, startUpload: short, removeAudio: removing } };

    const { manifestKey } = await runOut('too-little', { services }, () => whole(wav(1000)));

    expect(await filesAt(manifestKey)).toMatchObject([{ bytes: 1000 }]);
    expect(await keysOf(manifestKey.replace('.json', ''))).toHaveLength(2);
  });

  test('is not made whole by a rest of unknown length, which may be short', async ({ expect }) => {
    const all = Uint8Array.from([...utf8('ID3'), ...new Uint8Array(299_997)]);
    const headers = { etag: '"v1"' };
    const ask: typeof fetch = async (_input, init) => {
      const range = new Headers(init?.headers).get('range');
      if (range === null)
        return slow(
          all,
          () => {
            throw new Error('The connection broke');
          },
          headers,
        );
      const start = Number(/bytes=(\d+)-/.exec(range)?.[1]);
      const contentRange = `bytes ${start}-${start + 49_999}/*`;
      return new Response(all.slice(start, start + 50_000), {
        status: 206,
        headers: { ...headers, 'content-range': contentRange },
      });
    };

    const { last, manifestKey } = await runOut(
      'short-rest',
      { services: { fetch: ask }, messages: 1 },
      () => new Response(''),
    );

    expect(last).toMatchObject({ outcome: 'pending' });
    expect(await keysOf(manifestKey.replace('.json', ''))).toEqual([]);
  });

  test('of a fresh link is not read past the announced size', async ({ expect }) => {
    const blocks = 160;
    const pulled: number[] = [];
    const ask: typeof fetch = async (input) => {
      if (new URL(String(input)).hostname.startsWith('api.'))
        return new Response(null, { status: 302, headers: { location: 'https://cdn.example.com/y.wav' } });
      const at = pulled.push(0) - 1;
      const body = new ReadableStream({
        type: 'bytes',
        pull(controller) {
          controller.enqueue(wav(65_536, 0));
          pulled[at] = (pulled[at] ?? 0) + 1;
          if (pulled[at] === blocks) controller.close();
        },
      });
      return new Response(body);
    };

    const { ends } = await runOut(
      'too-long',
      {
        event: { provider: 'sautikit', apiPath: 'calls/x/recording' },
        file: { sizeBytes: 5000 },
        services: { apis: apisOf('sautikit'), fetch: ask },
        messages: 5,
      },
      () => new Response(''),
    );

    expect(ends).toHaveLength(5);
    expect(pulled).toHaveLength(5);
    expect(Math.max(...pulled)).toBeLessThan(blocks / 10);
  });
});

describe('what waits for a setting', () => {
  test.for([
    ['a-list', ['x'], { claimedFormat: 'wav', link: cdn }],
    ['two-lines', 'KEY123\nKEY456', {}],
  ] as const)(
    'uses up no attempt where the key of the API is broken: %s',
    async ([title, apiKey, file], { expect }) => {
      const { apis } = readConfig({ TELNYX_API_KEY: apiKey });
      const event = { apiPath: 'recordings/x' };

      const { key, last } = await runOut(
        `broken-key-${title}`,
        { event, file, services: { apis }, messages: MAX_ATTEMPTS + 1 },
        () => new Response('', { status: 403 }),
      );

      expect(last).toMatchObject({ outcome: 'pending', code: 'setting_broken', attempt: 1 });
      expect((await jsonAt<InboxEntry>(key)).attempts).toEqual([]);
    },
  );

  test('keeps a recording pending of which another file has no attempt left', async ({ expect }) => {
    const { origins } = readConfig({ DOWNLOAD_ORIGINS: 'https://cdn.example.com other.example.com' });
    const failures = [{ code: 'link_refused' }];
    const attempts = Array.from({ length: MAX_ATTEMPTS - 1 }, (_, at) => ({
      number: at + 1,
      at: iso(arrivedMs - hourMs),
      failures,
    }));
    const files = [
      { claimedFormat: 'wav', link: 'https://other.example.com/x.wav' },
      { claimedFormat: 'mp3', link: cdn },
    ];

    const { key, last } = await runOut(
      'one-waits',
      { event: { files }, attempts, services: { origins }, messages: 3 },
      () => new Response('', { status: 404 }),
    );

    expect(last).toMatchObject({ outcome: 'pending', code: 'setting_broken' });
    expect(await keysOf(key)).toHaveLength(1);
    expect(await keysOf('dead/telnyx/event-one-waits')).toEqual([]);
  });
});

test('the letter of a late delivery is taken along by the delivery in time', async ({ expect }) => {
  const services = testServices();
  const key = await fakeSautikit.newKey();
  const links = { wav: link('/audio/mono.wav', 'in-time') };
  const rawBody = utf8(fakeSautikit.announce(recordingFacts('in-time', links)));
  const secrets = { values: [key.trusted], scheme: 'any', toleranceSeconds: 300 };
  const receive = async (signedAt: number) => {
    const headers = new Headers(await fakeSautikit.sign(rawBody, key.signing, signedAt));
    return receiveSigned({ rawBody, headers }, sautikit, secrets, services);
  };
  const seconds = Math.floor(Date.now() / 1000);
  const { outcome } = await receive(seconds - 1000);
  const before = await keysOf('dead/sautikit/event-in-time');

  const inTime = await receive(seconds);
  for (const entry of inTime.pending) await runFastPath(entry, services);

  expect([outcome, inTime.outcome]).toEqual(['rejected', 'accepted']);
  expect(before).toHaveLength(1);
  expect(await keysOf('dead/sautikit/event-in-time')).toEqual([]);
  expect(await keysOf('recordings/sautikit/2026/06/27/call-in-time/')).toHaveLength(2);
});

test('a sweep whose mark KV no longer takes begins anew', async ({ expect }) => {
  const services = testServices();
  const minuteMs = 60_000;
  const beganMs = arrivedMs;
  const dueMs = beganMs - 70_000;
  const list = async (cursor: string | undefined) =>
    cursor === undefined
      ? { entries: [{ key: 'first', dueMs }], cursor: 'second page' }
      : { entries: [{ key: 'second', dueMs }] };
  const sweep = { beganMs, previousMs: beganMs - minuteMs, cursor: 'second page', writtenMs: beganMs };
  const write = async () => Promise.reject(new Error('KV PUT failed: 429'));
  const reconcileCursor = { read: async () => sweep, write };

  for (let run = 1; run <= 30; run++)
    await reconcile(beganMs + run * minuteMs, {
      ...services,
      inbox: { ...services.inbox, list },
      reconcileCursor,
    });

  expect(services.sent.map(({ inboxKey }) => inboxKey)).toContain('first');
});
