import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { runFastPath } from '../../src/archive/fast-path.ts';
import { isComplete } from '../../src/archive/place.ts';
import { MAX_ATTEMPTS } from '../../src/archive/retry-policy.ts';
import { readConfig } from '../../src/config.ts';
import { consumeMessage } from '../../src/consume-message.ts';
import type { Services } from '../../src/http/services.ts';
import { sautikit } from '../../src/providers/sautikit.ts';
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
  fakeApis,
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

/** A WAV file whose header states `statedBytes`. */
function wav(bytes: number, statedBytes = bytes): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(bytes).fill(7);
  file.set(utf8('RIFF\0\0\0\0WAVEfmt '));
  new DataView(file.buffer).setUint32(4, statedBytes - 8, true);
  return file;
}

const mp3 = Uint8Array.from([...utf8('ID3'), ...new Uint8Array(500)]);
const wrongMd5 = { 'content-md5': btoa('\0'.repeat(16)) };

const wholeResponse = (bytes: Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  new Response(bytes, { headers: { 'content-length': String(bytes.byteLength), ...headers } });

/** A response without a length, that calls `meanwhile` before its second half. */
function slowResponse(bytes: Uint8Array<ArrayBuffer>, meanwhile: () => void, headers = {}): Response {
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

interface Setup {
  readonly event?: Partial<RecordingEvent>;
  readonly file?: RecordingFile;
  readonly attempts?: readonly FailedAttempt[];
  readonly services?: Partial<Services>;
  readonly messages?: number;
}

/** Answers a request for a link; `nth` counts the requests from 1. */
type Answer = (url: URL, clock: { nowMs: number }, nth: number) => Response;

/** Consumes the messages of an entry until it is closed, or up to a limit. */
async function consumeAll(run: string, setup: Setup, answer: Answer) {
  const {
    event: more = {},
    file = { claimedFormat: 'wav', link: cdn },
    attempts = [],
    messages = 50,
  } = setup;
  const clock = { nowMs: arrivedMs };
  let requests = 0;
  const ask: typeof fetch = async (input) => {
    const url = new URL(String(input));
    if (url.hostname.startsWith('api.')) return new Response('{}', { status: 404 });
    return answer(url, clock, ++requests);
  };
  const services = testServices({ fetch: ask, now: () => clock.nowMs, origins: {}, ...setup.services });
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

/** An attempt, two minutes ago or as stated, that refused a body for a claim about it. */
async function refusedAttempt(
  bytes: Uint8Array<ArrayBuffer>,
  code: string,
  claimedFormat?: string,
  ageMs = 120_000,
): Promise<FailedAttempt[]> {
  const sha256 = await sha256Of(bytes.slice().buffer);
  return [{ number: 1, at: iso(arrivedMs - ageMs), failures: [{ claimedFormat, code, sha256 }] }];
}

describe('a link that expires', () => {
  test.for([
    ['no-api', []],
    ['api-without-the-recording', ['telnyx']],
  ] as const)('is tried just before it expires (%s)', async ([title, ids], { expect }) => {
    const file = { claimedFormat: 'wav', link: cdn, linkLifetimeSeconds: 600 };
    const event = { apiPath: 'recordings/x' };
    const isThere = (ms: number) => ms >= arrivedMs + 540_000 && ms <= arrivedMs + 600_000;

    const { last } = await consumeAll(
      `just-before-${title}`,
      { event, file, services: { apis: fakeApis(...ids) } },
      (_, { nowMs }) => (isThere(nowMs) ? wholeResponse(wav(1000)) : new Response('', { status: 404 })),
    );

    expect(last).toMatchObject({ outcome: 'archived' });
  });

  test.for([
    ['content-md5', wrongMd5, 300_000],
    ['wav-header', {}, 400_000],
  ] as const)(
    'during the download overrules the claim at the end of the body (%s)',
    async ([title, headers, statedBytes], { expect }) => {
      const expiresMs = arrivedMs + 90_000;
      const file = { claimedFormat: 'wav', link: cdn, expiresAt: iso(expiresMs) };

      const { last } = await consumeAll(`expires-within-${title}`, { file }, (_, clock) => {
        const step = () => {
          clock.nowMs += 95_000;
        };
        const isOver = clock.nowMs > expiresMs;
        return isOver
          ? new Response('<Message>Request has expired</Message>', { status: 403 })
          : slowResponse(wav(300_000, statedBytes), step, headers);
      });

      expect(last).toMatchObject({ outcome: 'archived', attempt: 1, isAlarm: true });
    },
  );

  test.for([
    [59_999, ['archived']],
    [60_000, ['length_mismatch', 'archived']],
  ] as const)('in %i ms overrules a claim after these attempts: %j', async ([livesMs, codes], { expect }) => {
    const file = { claimedFormat: 'wav', link: cdn, expiresAt: iso(arrivedMs + livesMs) };

    const { ends } = await consumeAll(`lives-${livesMs}`, { file }, () => wholeResponse(wav(1000, 2000)));

    expect(ends.map(({ code, outcome }) => code ?? outcome)).toEqual(codes);
  });

  test('is tried just before it expires, although another link of the event expires later', async ({
    expect,
  }) => {
    const files = [
      { claimedFormat: 'wav', link: cdn, linkLifetimeSeconds: 600 },
      { claimedFormat: 'mp3', link: 'https://cdn.example.com/x.mp3', linkLifetimeSeconds: 3600 },
    ];
    const isThere = (ms: number) => ms >= arrivedMs + 540_000 && ms <= arrivedMs + 600_000;

    const { last } = await consumeAll('first-of-two', { event: { files } }, ({ pathname }, { nowMs }) => {
      if (pathname.endsWith('.mp3')) return wholeResponse(mp3);
      return isThere(nowMs) ? wholeResponse(wav(1000)) : new Response('', { status: 404 });
    });

    expect(last).toMatchObject({ outcome: 'archived' });
  });

  test('is requested three times after that when its origin answers 503', async ({ expect }) => {
    const file = { claimedFormat: 'wav', link: cdn, expiresAt: iso(arrivedMs - hourMs) };

    const { ends, requests } = await consumeAll(
      'unreachable',
      { file },
      () => new Response('', { status: 503 }),
    );

    expect(ends.map(({ code }) => code)).toEqual(['download_refused', 'download_refused', 'link_expired']);
    expect(requests()).toBe(3);
  });

  test('and still works is requested again before a claim is overruled', async ({ expect }) => {
    const file = { claimedFormat: 'wav', link: cdn, expiresAt: iso(arrivedMs - hourMs) };

    const { manifestKey } = await consumeAll('still-written', { file }, (_url, _clock, nth) =>
      wholeResponse(wav(nth === 1 ? 50_000 : 100_000, 100_000)),
    );

    expect(await filesAt(manifestKey)).toMatchObject([{ bytes: 100_000 }]);
  });
});

test.for([
  [
    'names-the-setting',
    'recordings/x',
    'Status 410. With TELNYX_API_KEY set, callvault asks for a fresh link',
  ],
  ['without-an-api-path', undefined, 'Status 410'],
] as const)(
  'a gone link fails with a detail that names the missing API key, if one would help: %s',
  async ([title, apiPath, detail], { expect }) => {
    const { apis } = readConfig({});

    const { last } = await consumeAll(
      `hint-${title}`,
      { event: { apiPath }, services: { apis } },
      () => new Response('', { status: 410 }),
    );

    expect(last).toMatchObject({ outcome: 'dead', code: 'link_gone', detail });
  },
);

describe('an overruled claim', () => {
  const two = [
    { claimedFormat: 'wav', link: cdn },
    { claimedFormat: 'mp3', link: 'https://cdn.example.com/x.mp3' },
  ];

  test('is logged as an alarm although another file of the recording failed', async ({ expect }) => {
    const body = wav(1000, 2000);
    const attempts = await refusedAttempt(body, 'length_mismatch', 'wav');

    const { ends } = await consumeAll(
      'one-fails',
      { event: { files: two }, attempts },
      ({ pathname }, _, nth) => {
        if (pathname.endsWith('.wav')) return wholeResponse(body);
        return nth === 2 ? new Response('', { status: 503 }) : wholeResponse(mp3);
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

  test.for([
    [60_000, 1],
    [59_999, 2],
  ] as const)(
    'needs two downloads that are 60 s apart: after %i ms, %i more',
    async ([ageMs, downloads], { expect }) => {
      const body = wav(1000, 2000);
      const attempts = await refusedAttempt(body, 'length_mismatch', 'wav', ageMs);

      const { last, requests } = await consumeAll(`apart-${ageMs}`, { attempts }, () => wholeResponse(body));

      expect(last).toMatchObject({ outcome: 'archived', isAlarm: true });
      expect(requests()).toBe(downloads);
    },
  );

  test('needs only one download in the last attempt', async ({ expect }) => {
    const attempts = Array.from({ length: MAX_ATTEMPTS - 1 }, (_, at) => ({
      number: at + 1,
      at: iso(arrivedMs - hourMs),
      failures: [{ code: 'download_refused' }],
    }));

    const { last, requests } = await consumeAll('at-last', { attempts }, () =>
      wholeResponse(wav(1000, 2000)),
    );

    expect(last).toMatchObject({ outcome: 'archived', attempt: MAX_ATTEMPTS, isAlarm: true });
    expect(requests()).toBe(1);
  });

  test('is logged instead of the unknown format of another file', async ({ expect }) => {
    const attempts = await refusedAttempt(mp3, 'checksum_mismatch', 'mp3');
    const binary = Uint8Array.from([1, 2, 3, ...new Uint8Array(500)]);

    const { ends } = await consumeAll('one-is-odd', { event: { files: two }, attempts }, ({ pathname }) =>
      pathname.endsWith('.wav') ? wholeResponse(binary) : wholeResponse(mp3, wrongMd5),
    );

    expect(ends).toMatchObject([{ outcome: 'archived', isAlarm: true, detail: 'content_md5_md5 differs' }]);
  });

  test('is recorded, and the event complete, although the first write of the manifest failed', async ({
    expect,
  }) => {
    const body = wav(1000);
    const attempts = await refusedAttempt(body, 'length_mismatch');
    const recordings = createRecordings(env.RECORDINGS);
    const { writeManifest } = recordings;
    let failures = 1;
    const failingOnce: typeof writeManifest = async (...args) => {
      if (failures-- > 0) throw new Error('R2 is unavailable');
      return writeManifest(...args);
    };

    const { event, requests, manifestKey } = await consumeAll(
      'first-write-fails',
      {
        event: { provider: 'sautikit' },
        file: { link: cdn, sizeBytes: 2000 },
        attempts,
        services: { recordings: { ...recordings, writeManifest: failingOnce } },
      },
      () => wholeResponse(body),
    );

    expect(requests()).toBe(1);
    expect(await filesAt(manifestKey)).toMatchObject([{ checks: { announced_size: 'differs:2000' } }]);
    expect(await isComplete(event, { recordings })).toBe(true);
  });
});

test.for([
  [0, 'ok', 1],
  [1, 'ok', 1],
  [2, 'differs:1003', 2],
] as const)(
  'a WAV header that states %i bytes more than the body has is recorded as %s after %i attempts',
  async ([more, result, attempts], { expect }) => {
    const { last, manifestKey } = await consumeAll(`padding-${more}`, {}, () =>
      wholeResponse(wav(1001, 1001 + more)),
    );

    expect(last).toMatchObject({ outcome: 'archived', attempt: attempts });
    expect(await filesAt(manifestKey)).toMatchObject([{ checks: { wav_header: result } }]);
  },
);

describe('a body of the wrong length', () => {
  test('is removed by the next attempt when R2 stored it too short and its removal failed', async ({
    expect,
  }) => {
    const recordings = createRecordings(env.RECORDINGS);
    const { startUpload, removeAudio } = recordings;
    let uploads = 0;
    const storingTooLittle: typeof startUpload = (key, options) => {
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
    const failingFirst: typeof removeAudio = async (key) => {
      if (removals++ === 0) throw new Error('R2 is unavailable');
      await removeAudio(key);
    };
    const services = {
      recordings: { ...recordings, startUpload: storingTooLittle, removeAudio: failingFirst },
    };

    const { manifestKey } = await consumeAll('too-little', { services }, () => wholeResponse(wav(1000)));

    expect(await filesAt(manifestKey)).toMatchObject([{ bytes: 1000 }]);
    expect(await keysOf(manifestKey.replace('.json', ''))).toHaveLength(2);
  });

  test('is not completed by a partial response whose Content-Range states no total', async ({ expect }) => {
    const file = Uint8Array.from([...utf8('ID3'), ...new Uint8Array(299_997)]);
    const headers = { etag: '"v1"' };
    const ask: typeof fetch = async (_input, init) => {
      const range = new Headers(init?.headers).get('range');
      if (range === null)
        return slowResponse(
          file,
          () => {
            throw new Error('The connection was lost');
          },
          headers,
        );
      const start = Number(/bytes=(\d+)-/.exec(range)?.[1]);
      const contentRange = `bytes ${start}-${start + 49_999}/*`;
      return new Response(file.slice(start, start + 50_000), {
        status: 206,
        headers: { ...headers, 'content-range': contentRange },
      });
    };

    const { last, manifestKey } = await consumeAll(
      'short-rest',
      { services: { fetch: ask }, messages: 1 },
      () => new Response(''),
    );

    expect(last).toMatchObject({ outcome: 'pending' });
    expect(await keysOf(manifestKey.replace('.json', ''))).toEqual([]);
  });

  test('is not read far past the announced size when its link is fresh', async ({ expect }) => {
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

    const { ends } = await consumeAll(
      'too-long',
      {
        event: { provider: 'sautikit', apiPath: 'calls/x/recording' },
        file: { sizeBytes: 5000 },
        services: { apis: fakeApis('sautikit'), fetch: ask },
        messages: 5,
      },
      () => new Response(''),
    );

    expect(ends).toHaveLength(5);
    expect(pulled).toHaveLength(5);
    expect(Math.max(...pulled)).toBeLessThan(blocks / 10);
  });
});

describe('an entry that waits for a setting', () => {
  test.for([
    ['a-list', ['x'], { claimedFormat: 'wav', link: cdn }],
    ['two-lines', 'KEY123\nKEY456', {}],
  ] as const)(
    'uses no attempt while the API key is invalid: %s',
    async ([title, apiKey, file], { expect }) => {
      const { apis } = readConfig({ TELNYX_API_KEY: apiKey });
      const event = { apiPath: 'recordings/x' };

      const { key, last } = await consumeAll(
        `invalid-key-${title}`,
        { event, file, services: { apis }, messages: MAX_ATTEMPTS + 1 },
        () => new Response('', { status: 403 }),
      );

      expect(last).toMatchObject({ outcome: 'pending', code: 'setting_broken', attempt: 1 });
      expect((await jsonAt<InboxEntry>(key)).attempts).toEqual([]);
    },
  );

  test('stays pending although another of its files has no attempt left', async ({ expect }) => {
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

    const { key, last } = await consumeAll(
      'one-waits',
      { event: { files }, attempts, services: { origins }, messages: 3 },
      () => new Response('', { status: 404 }),
    );

    expect(last).toMatchObject({ outcome: 'pending', code: 'setting_broken' });
    expect(await keysOf(key)).toHaveLength(1);
    expect(await keysOf('dead/telnyx/event-one-waits')).toEqual([]);
  });
});

test('a delivery within the tolerance replaces the dead letter of its late delivery', async ({ expect }) => {
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

test('reconcile() starts a new sweep when KV no longer stores the cursor', async ({ expect }) => {
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
