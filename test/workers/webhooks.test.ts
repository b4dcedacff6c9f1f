import { env } from 'cloudflare:workers';
import { afterEach, describe, test, vi } from 'vitest';
import { providers } from '../../src/providers/index.ts';
import type { DeadLetter, Manifest } from '../../src/recording.ts';
import { fakeSautikit, fakeSautikitPlain } from '../../tools/fake-providers/sautikit.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import sautikitPayloads from '../fixtures/sautikit/payloads.json';
import telnyxPayloads from '../fixtures/telnyx/payloads.json';
import { createVault, delivery, jsonAt, keysOf, link, recordingFacts, requestsOf } from './support.ts';

/** Captures the log of a test. */
function captureLog(): { lines: () => Record<string, unknown>[]; text: () => string } {
  const spy = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  const text = () => spy.mock.calls.map(([line]) => String(line)).join('\n');
  return { text, lines: () => spy.mock.calls.map(([line]) => JSON.parse(String(line))) };
}

afterEach(() => {
  vi.restoreAllMocks();
});

const post = (path: string, init: RequestInit = {}) =>
  new Request(`https://vault.example${path}`, { method: 'POST', ...init });

describe('POST /webhooks/:provider', () => {
  test('accepts and archives a recording of Sautikit', async ({ expect }) => {
    const vault = await createVault();
    const recording = recordingFacts('sautikit', { wav: link('/audio/mono.wav', 'sautikit') });

    const response = await vault.deliver(fakeSautikit, fakeSautikit.announce(recording));

    expect([response.status, await response.text()]).toEqual([200, '{"outcome":"accepted"}']);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    const folder = 'recordings/sautikit/2026/06/27/call-sautikit/';
    expect(await keysOf(folder)).toEqual([`${folder}rec-sautikit.json`, `${folder}rec-sautikit.wav`]);
    expect(await keysOf('inbox/sautikit/')).toEqual([]);
    const manifest = await jsonAt<Manifest>(`${folder}rec-sautikit.json`);
    expect(manifest.delivery.rawBody).toBe(fakeSautikit.announce(recording));
    expect(manifest.delivery.headers['x-sautikit-signature']).toMatch(/^t=\d+,v1=[0-9a-f]{64}$/);
  });

  test('accepts and archives both formats of a recording of Telnyx', async ({ expect }) => {
    const vault = await createVault();
    const links = { wav: link('/audio/dual.wav', 'telnyx'), mp3: link('/audio/dual.mp3', 'telnyx') };

    const response = await vault.deliver(
      fakeTelnyx,
      fakeTelnyx.announce(recordingFacts('telnyx', links, { channels: 2 })),
    );

    expect([response.status, await response.text()]).toEqual([200, '{"outcome":"accepted"}']);
    const folder = 'recordings/telnyx/2026/06/27/call-telnyx/';
    expect(await keysOf(folder)).toEqual([
      `${folder}rec-telnyx.json`,
      `${folder}rec-telnyx.mp3`,
      `${folder}rec-telnyx.wav`,
    ]);
    expect(await jsonAt<Manifest>(`${folder}rec-telnyx.json`)).toMatchObject({
      channels: 2,
      clientState: 'callvault demo',
      durationSeconds: 8,
    });
  });

  test('answers duplicate to repeated deliveries, and downloads once', async ({ expect }) => {
    const vault = await createVault();
    const body = fakeSautikit.announce(recordingFacts('again', { wav: link('/audio/mono.wav', 'again') }));

    const outcomes = [];
    for (let times = 0; times < 3; times++)
      outcomes.push(await (await vault.deliver(fakeSautikit, body)).text());

    expect(outcomes).toEqual([
      '{"outcome":"accepted"}',
      '{"outcome":"duplicate"}',
      '{"outcome":"duplicate"}',
    ]);
    expect(await requestsOf('again')).toHaveLength(1);
  });

  test('answers accepted to a duplicate that KV does not know, and does not download again', async ({
    expect,
  }) => {
    const vault = await createVault();
    const body = fakeSautikit.announce(recordingFacts('stale', { wav: link('/audio/mono.wav', 'stale') }));
    await vault.deliver(fakeSautikit, body);
    await env.DEDUPE.delete('seen/sautikit/event-stale');

    const response = await vault.deliver(fakeSautikit, body);

    expect(await response.text()).toBe('{"outcome":"accepted"}');
    expect(await requestsOf('stale')).toHaveLength(1);
    expect(await keysOf('inbox/sautikit/')).toEqual([]);
  });

  test('stores one object for 20 identical concurrent deliveries', async ({ expect }) => {
    const vault = await createVault();
    const body = fakeTelnyx.announce(recordingFacts('storm', { wav: link('/audio/mono.wav', 'storm') }));

    const responses = await Promise.all(Array.from({ length: 20 }, () => vault.deliver(fakeTelnyx, body)));

    // A delivery that reads KV before the first is archived, and R2 after that, is accepted as well.
    const outcomes = new Set(await Promise.all(responses.map((response) => response.text())));
    expect(outcomes).toEqual(new Set(['{"outcome":"accepted"}', '{"outcome":"duplicate"}']));
    expect(await keysOf('recordings/telnyx/2026/06/27/call-storm/')).toHaveLength(2);
    expect(await requestsOf('storm')).toHaveLength(1);
  });

  test('stores one object for two concurrent events of the same recording', async ({ expect }) => {
    const vault = await createVault();
    const recording = recordingFacts('twice', { wav: link('/audio/mono.wav', 'twice') });
    const bodies = ['one', 'two'].map((eventId) => fakeTelnyx.announce({ ...recording, eventId }));

    const responses = await Promise.all(bodies.map((body) => vault.deliver(fakeTelnyx, body)));

    expect(responses.map(({ status }) => status)).toEqual([200, 200]);
    const folder = 'recordings/telnyx/2026/06/27/call-twice/';
    expect(await keysOf(folder)).toEqual([`${folder}rec-twice.json`, `${folder}rec-twice.wav`]);
    expect((await jsonAt<Manifest>(`${folder}rec-twice.json`)).files).toHaveLength(1);
    expect(await keysOf('inbox/telnyx/')).toEqual([]);
    expect(await keysOf('dead/telnyx/')).toEqual([]);
  });

  test('stores each recording of a call whose events name only the call', async ({ expect }) => {
    const vault = await createVault();
    const event = (path: string) =>
      JSON.stringify({
        kind: 'call.recording.ready',
        event_id: path,
        data: { call_id: 'call-unnamed', download_url: link(path, 'unnamed') },
      });

    for (const path of ['/audio/mono.wav', '/audio/dual.wav', '/audio/mono.mp3'])
      await vault.deliver(fakeSautikit, event(path));

    const stem = 'recordings/sautikit/1970/01/01/call-unnamed/call-unnamed';
    const [dual, mp3] = [`${stem}~_~2Faudio~2Fdual~2Ewav`, `${stem}~_~2Faudio~2Fmono~2Emp3`];
    expect(await keysOf(stem)).toEqual(
      [`${stem}.json`, `${stem}.wav`, `${dual}.json`, `${dual}.wav`, `${mp3}.json`, `${mp3}.mp3`].sort(),
    );
    expect(await jsonAt<Manifest>(`${stem}.json`)).toMatchObject({ files: [{ bytes: 135_988 }] });
    expect(await jsonAt<Manifest>(`${dual}.json`)).toMatchObject({
      recordingId: 'call-unnamed~_/audio/dual.wav',
      callId: 'call-unnamed',
      files: [{ bytes: 116_572, key: `${dual}.wav` }],
      delivery: { rawBody: event('/audio/dual.wav') },
    });
    expect(await keysOf('dead/sautikit/~2Faudio')).toEqual([]);
    expect(await keysOf('inbox/sautikit/')).toEqual([]);
  });

  test('treats deliveries without an event id as one event only if their bodies are equal', async ({
    expect,
  }) => {
    const vault = await createVault();
    const kind = { 'x-sautikit-event': 'call.recording.ready' };
    const body = (attempt: number) =>
      JSON.stringify({ call_id: 'call-shape', download_url: link('/audio/mono.wav', 'shape'), attempt });

    const outcomes = [];
    for (const attempt of [1, 1, 2]) {
      const response = await vault.deliver(fakeSautikit, body(attempt), kind);
      outcomes.push(JSON.parse(await response.text()).outcome);
    }

    expect(outcomes).toEqual(['accepted', 'duplicate', 'accepted']);
    expect(await requestsOf('shape')).toHaveLength(2); // The second event could be of another recording.
    expect(await keysOf('recordings/sautikit/1970/01/01/call-shape/')).toHaveLength(2);
    expect(await keysOf('inbox/sautikit/')).toEqual([]);
  });

  test('answers ignored to a genuine event of another type, and stores nothing', async ({ expect }) => {
    const vault = await createVault();
    const before = await keysOf();
    const [completed] = sautikitPayloads.neighbours;

    const response = await vault.deliver(fakeSautikit, JSON.stringify(completed?.body));

    expect([response.status, await response.text()]).toEqual([200, '{"outcome":"ignored"}']);
    expect(await keysOf()).toEqual(before);
  });

  test('accepts an event of Sautikit without a link, and writes a dead letter with link_missing', async ({
    expect,
  }) => {
    const vault = await createVault();
    const shape = sautikitPayloads.variants.find(({ id }) => id === 'B_s3_guide');

    const response = await vault.deliver(fakeSautikit, JSON.stringify(shape?.body));

    expect(await response.text()).toBe('{"outcome":"accepted"}');
    const letter = await jsonAt<DeadLetter>('dead/sautikit/01900000-0000-7000-8000-000000000010.json');
    expect(letter).toMatchObject({
      failure: { code: 'link_missing', advice: expect.stringContaining('no link') },
    });
    expect(letter.delivery.rawBody).toBe(JSON.stringify(shape?.body));
  });

  test.for([
    ['custom_storage_gcs', '{"outcome":"accepted"}', 'stored_elsewhere'],
    ['error_schema_reason', '{"outcome":"kept"}', 'provider_reported_error'],
  ] as const)('writes a dead letter for %s', async ([id, answer, code], { expect }) => {
    const vault = await createVault();
    const shape = telnyxPayloads.variants.find((variant) => variant.id === id);
    const body = JSON.stringify(shape?.body).replaceAll('0ccc7b54', id);

    const response = await vault.deliver(fakeTelnyx, body);
    const duplicate = await vault.deliver(fakeTelnyx, body);

    expect([await response.text(), await duplicate.text()]).toEqual([answer, '{"outcome":"duplicate"}']);
    const [key = ''] = await keysOf(`dead/telnyx/${id}`);
    expect(await jsonAt<DeadLetter>(key)).toMatchObject({ failure: { code }, delivery: { rawBody: body } });
  });

  test('stores the bytes of a signed body that is not UTF-8 in base64', async ({ expect }) => {
    const vault = await createVault();
    const before = await keysOf('dead/telnyx/');
    const body = new Uint8Array([0x7b, 0xff, 0xfe, 0x00]);

    const response = await vault.deliver(fakeTelnyx, body);

    expect([response.status, await response.text()]).toEqual([200, '{"outcome":"kept"}']);
    const [key = ''] = (await keysOf('dead/telnyx/')).filter((name) => !before.includes(name));
    expect(key).toMatch(/^dead\/telnyx\/sha256-[0-9a-f]{64}\.json$/);
    expect(await jsonAt<DeadLetter>(key)).toMatchObject({ delivery: { rawBodyBase64: 'e//+AA==' } });
  });

  test('keeps a byte order mark in the raw body', async ({ expect }) => {
    const vault = await createVault();
    const before = await keysOf('dead/');

    await vault.deliver(fakeTelnyx, '\ufeff{"bom":1}');

    const [key = ''] = (await keysOf('dead/')).filter((name) => !before.includes(name));
    expect((await jsonAt<DeadLetter>(key)).delivery.rawBody).toBe('\ufeff{"bom":1}');
  });

  test('accepts the plain signature scheme and a form post', async ({ expect }) => {
    const vault = await createVault();
    const form = new URLSearchParams({
      CallSid: 'call-texml',
      RecordingSid: 'rec-texml',
      RecordingStatus: 'completed',
      RecordingUrl: link('/audio/mono.mp3', 'texml'),
    });
    const texml = { ...fakeTelnyx, contentType: 'application/x-www-form-urlencoded' };

    const plain = await vault.deliver(
      fakeSautikitPlain,
      fakeSautikit.announce(recordingFacts('plain', { wav: link('/audio/mono.wav', 'p') })),
    );
    const posted = await vault.deliver(texml, String(form));

    expect([await plain.text(), await posted.text()]).toEqual([
      '{"outcome":"accepted"}',
      '{"outcome":"accepted"}',
    ]);
    expect(await keysOf('recordings/telnyx/1970/01/01/call-texml/')).toHaveLength(2);
  });
});

describe('a rejected delivery', () => {
  test('is answered with the same 401 whether forged, late, altered, malformed or unsigned', async ({
    expect,
  }) => {
    const vault = await createVault();
    const otherVault = await createVault();
    const before = await keysOf();
    const log = captureLog();
    const body = fakeTelnyx.announce(recordingFacts('forged', { wav: link('/audio/mono.wav', 'forged') }));
    const bytes = new TextEncoder().encode(body);
    const { telnyx: signing = '' } = vault.signing;
    const old = await fakeTelnyx.sign(bytes, signing, Math.floor(Date.now() / 1000) - 301);
    const good = await fakeTelnyx.sign(bytes, signing, Math.floor(Date.now() / 1000));
    const deliveries: RequestInit[] = [
      { body },
      {
        body,
        headers: await fakeTelnyx.sign(bytes, otherVault.signing.telnyx ?? '', Math.floor(Date.now() / 1000)),
      },
      { body, headers: old },
      { body: `${body} `, headers: good },
      { body, headers: { ...good, 'telnyx-timestamp': 'abc' } },
      { body, headers: { ...good, 'telnyx-signature-ed25519': 'AAAA' } },
      { body, headers: { ...good, 'telnyx-signature-ed25519': `${'A'.repeat(86)}==` } },
      { body: '' },
    ];

    const answers = [];
    for (const init of deliveries) {
      const response = await vault.send(post('/webhooks/telnyx', init));
      answers.push([response.status, await response.text()]);
    }

    expect(answers).toEqual(deliveries.map(() => [401, '{"error":"unauthorized"}']));
    expect(await keysOf()).toEqual([...before, 'dead/telnyx/event-forged.json'].sort()); // Of the late delivery.
    expect(await requestsOf('forged')).toEqual([]);
    // One line a second of each kind: requests without a valid signature cannot fill the log.
    expect(new Set(log.lines().map(({ code }) => code))).toEqual(
      new Set([
        'timestamp_missing',
        'signature_mismatch',
        'genuine_but_late',
        'timestamp_malformed',
        'signature_malformed',
      ]),
    );
  });

  test('is answered 401 when it is signed for Telnyx and sent to Sautikit’s address', async ({ expect }) => {
    const vault = await createVault();
    const request = await delivery(fakeTelnyx, vault.signing.telnyx ?? '', '{}');

    const response = await vault.send(new Request('https://vault.example/webhooks/sautikit', request));

    expect(response.status).toBe(401);
  });
});

describe('the webhook routes', () => {
  test.for(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])(
    'answer 405 with Allow: POST to %s',
    async (method, { expect }) => {
      const vault = await createVault();

      const response = await vault.send(new Request('https://vault.example/webhooks/telnyx', { method }));

      expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
      if (method !== 'HEAD') expect(await response.text()).toBe('{"error":"method_not_allowed"}');
    },
  );

  test.for([
    '/webhooks/vonage',
    '/webhooks/',
    '/webhooks',
    '/webhooks/telnyx/more',
    '/',
    '/webhooks/__proto__',
  ])('answer 404 to POST %s', async (path, { expect }) => {
    const vault = await createVault();

    const response = await vault.send(post(path, { body: '{}' }));

    expect([response.status, await response.text()]).toEqual([404, '{"error":"not_found"}']);
  });

  test('answer 413 to a body over 256 KiB, with or without a length, and read 256 KiB', async ({
    expect,
  }) => {
    const vault = await createVault();
    const limit = 256 * 1024;
    const unannounced = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array(limit));
        controller.enqueue(new Uint8Array(1));
        controller.close();
      },
    });

    const announced = await vault.deliver(fakeTelnyx, new Uint8Array(limit + 1));
    const signed = await fakeTelnyx.sign(new Uint8Array(), vault.signing.telnyx ?? '', 1);
    const streamed = await vault.send(post('/webhooks/telnyx', { body: unannounced, headers: signed }));
    const exact = await vault.deliver(fakeTelnyx, new Uint8Array(limit).fill(0x20));

    for (const response of [announced, streamed]) {
      expect([response.status, await response.text()]).toEqual([413, '{"error":"too_large"}']);
    }
    expect([exact.status, await exact.text()]).toEqual([200, '{"outcome":"kept"}']);
  });

  test.for([
    ['unset', { TELNYX_PUBLIC_KEY: '' }, 'secret_unset'],
    ['invalid', { TELNYX_PUBLIC_KEY: 'AAAA' }, 'secret_broken'],
    ['weak', { TELNYX_PUBLIC_KEY: 'AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' }, 'secret_broken'],
  ] as const)(
    'answer 503 for a provider whose key is %s, and still serve the other one',
    async ([, settings, code], { expect }) => {
      const vault = await createVault(settings);
      const log = captureLog();

      const unavailable = await vault.deliver(fakeTelnyx, '{}');
      const ignored = await vault.deliver(fakeSautikit, '{"kind":"call.started"}');

      expect([unavailable.status, await unavailable.text()]).toEqual([503, '{"error":"unavailable"}']);
      expect(unavailable.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(ignored.status).toBe(200);
      expect(log.lines().filter(({ event }) => event === 'delivery')).toMatchObject([
        { code },
        { outcome: 'ignored' },
      ]);
      if (code === 'secret_broken') expect(log.text()).toMatch(/TELNYX_PUBLIC_KEY: value 1 of 1 is /);
    },
  );
});

describe('GET /healthz', () => {
  const get = (authorization?: string) =>
    new Request(
      'https://vault.example/healthz',
      authorization === undefined ? {} : { headers: { authorization } },
    );

  test.for([
    ['ok', 200, {}],
    ['ok', 200, { SAUTIKIT_WEBHOOK_SECRET: undefined }],
    ['ok', 200, { TELNYX_PUBLIC_KEY: undefined, SAUTIKIT_WEBHOOK_SECRET: 'weak' }],
    ['degraded', 200, { TELNYX_PUBLIC_KEY: 'AAAA' }],
    ['degraded', 200, { MAX_RECORDING_BYTES: '5GB' }],
    ['degraded', 200, { DOWNLOAD_ORIGIN: 'https://cdn.example' }],
    ['unavailable', 503, { TELNYX_PUBLIC_KEY: undefined, SAUTIKIT_WEBHOOK_SECRET: undefined }],
    ['unavailable', 503, { TELNYX_PUBLIC_KEY: 'AAAA', SAUTIKIT_WEBHOOK_SECRET: undefined }],
  ] as const)(
    'answers a public request with %s (%i) alone, with %o',
    async ([status, code, settings], { expect }) => {
      const vault = await createVault({ VAULT_TOKEN: 'a token of twenty characters', ...settings });

      const response = await vault.send(get());

      expect([response.status, await response.text()]).toEqual([code, JSON.stringify({ status })]);
    },
  );

  test('answers the owner with the same status, and with the details', async ({ expect }) => {
    const vault = await createVault({
      VAULT_TOKEN: 'a token of twenty characters',
      TELNYX_PUBLIC_KEY: 'AAAA',
      SAUTIKIT_WEBHOOK_SECRET: undefined,
    });

    const response = await vault.send(get('Bearer a token of twenty characters'));

    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      status: 'unavailable',
      providers: { sautikit: 'unset', telnyx: 'broken' },
    });
  });

  test('answers the state of the settings and the counts to the owner', async ({ expect }) => {
    const vault = await createVault({
      VAULT_TOKEN: 'token',
      TELNYX_PUBLIC_KEY: 'AAAA',
    });
    for (let index = 0; index < 3; index++)
      await env.RECORDINGS.put(`inbox/telnyx/count-${index}.json`, '{}');

    const response = await vault.send(get('Bearer token'));

    const dead = (await keysOf('dead/')).length;
    const pending = (await keysOf('inbox/')).length;
    expect(await response.json()).toEqual({
      status: 'degraded',
      providers: {
        ...Object.fromEntries(providers.map(({ id }) => [id, 'unset'])),
        sautikit: 'ready',
        telnyx: 'broken',
      },
      problems: ['TELNYX_PUBLIC_KEY: value 1 of 1 is 3 bytes, not 32'],
      warnings: ['VAULT_TOKEN: has fewer than 20 characters'],
      pending,
      dead,
      retention: {},
    });
    expect(pending).toBeGreaterThanOrEqual(3);
  });

  test.for(['Bearer wrong', 'Bearer ', 'token', 'Basic dG9rZW46', 'bearer token2'])(
    'answers 401 to the authorization "%s"',
    async (authorization, { expect }) => {
      const vault = await createVault({ VAULT_TOKEN: 'token' });

      const response = await vault.send(get(authorization));

      expect([response.status, await response.text()]).toEqual([401, '{"error":"unauthorized"}']);
    },
  );

  test('answers 503 to a token while VAULT_TOKEN is not set', async ({ expect }) => {
    const vault = await createVault();

    const response = await vault.send(get('Bearer undefined'));

    expect(response.status).toBe(503);
    expect(await response.text()).toContain('VAULT_TOKEN');
  });
});

test('the log has the outcome of each delivery and attempt, and no secret, link or phone number', async ({
  expect,
}) => {
  const vault = await createVault({ VAULT_TOKEN: 'a-very-secret-token-indeed' });
  const log = captureLog();
  const secretLink = `${link('/audio/mono.wav', 'log')}&X-Amz-Signature=link-credential`;
  const body = JSON.stringify({
    kind: 'call.recording.ready',
    event_id: 'event-log',
    occurred_at: '2026-06-27T10:06:00Z',
    data: {
      call_id: 'c',
      recording_id: 'r',
      download_url: secretLink,
      from: '+254700000001',
      to: '+254700000002',
    },
  });
  const failing = body
    .replace('/audio/mono.wav', '/status/500')
    .replace('event-log', 'event-log-2')
    .replace('"r"', '"r2"');

  await vault.deliver(fakeSautikit, body);
  await vault.deliver(fakeSautikit, failing);
  await vault.deliver(
    fakeSautikit,
    body
      .replace(secretLink, 'https://user:hidden-password@127.0.0.1/')
      .replace('event-log', 'event-log-3')
      .replace('"r"', '"r3"'),
  );

  expect(log.lines()).toMatchObject([
    {
      event: 'delivery',
      provider: 'sautikit',
      outcome: 'accepted',
      scheme: 'timestamped',
      eventId: 'event-log',
      ms: expect.any(Number),
    },
    { event: 'attempt', outcome: 'archived', bytes: 135_988, key: 'recordings/sautikit/2026/06/27/c/r.json' },
    { event: 'delivery', outcome: 'accepted' },
    { event: 'attempt', outcome: 'pending', code: 'download_refused', detail: 'Status 500' },
    { event: 'delivery', outcome: 'accepted' },
    {
      event: 'attempt',
      outcome: 'dead',
      code: 'link_forbidden',
      detail: 'The link carries user information: https://127.0.0.1',
    },
  ]);
  const secrets = [
    vault.signing.sautikit ?? 'x',
    'a-very-secret-token-indeed',
    'link-credential',
    '+2547',
    'hidden-password',
    'mono.wav',
    'run=log',
    'v1=',
    'download_url',
  ];
  for (const secret of secrets) expect(log.text()).not.toContain(secret);
});
