import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { app } from '../../src/http/app.ts';
import type { ApiAccess } from '../../src/providers/api-client.ts';
import type { Provider } from '../../src/providers/provider.ts';
import type { Manifest } from '../../src/recording.ts';
import { decodeUtf8, sha256Hex, utf8 } from '../../src/shared/bytes.ts';
import { decodeBase64Url, encodeBase64Url } from '../../src/signatures/base64.ts';
import type { Source } from '../../src/sources.ts';
import samples from '../fixtures/samples/vectors.json';
import { jwtProvider, sharedSecretProvider, tokenProvider } from '../support/sample-providers.ts';
import { jsonAt, keysOf, testServices } from './support.ts';

const audio = 'RIFF\0\0\0\0WAVEfmt and the rest';
const wav = () => new Response(audio, { headers: { 'content-length': String(audio.length) } });

interface Setup {
  readonly secrets: readonly string[];
  readonly key?: string;
  readonly options?: Record<string, string>;
  readonly nowSeconds?: number;
  /** Answers what the vault requests. */
  readonly answer?: (request: Request) => Response | Promise<Response>;
}

/** A vault with one provider, at a host that the test plays. */
function createVault(provider: Provider, setup: Setup) {
  const { secrets: values, key, options = {}, answer = wav, nowSeconds } = setup;
  const requests: Request[] = [];
  const secrets = { values, scheme: '', toleranceSeconds: 300 };
  const source: Source = { id: provider.id, provider, options, state: 'ready', secrets };
  const { api } = provider;
  const access: ApiAccess | undefined = api && {
    api,
    options,
    keySetting: api.keySetting,
    baseUrl: 'https://api.sample.example/v2/',
    key,
  };
  const services = testServices({
    apis: new Map(access === undefined ? [] : [[provider.id, access]]),
    origins: {},
    now: () => (nowSeconds === undefined ? Date.now() : nowSeconds * 1000),
    fetch: async (input, init) => {
      const request = new Request(String(input), init);
      requests.push(request);
      return answer(request.clone());
    },
  });
  const config = { ...services.config, sources: [source] };
  async function post(body: string, headers: Record<string, string>) {
    const context = createExecutionContext();
    const request = new Request(`https://vault.example/webhooks/${provider.id}`, {
      method: 'POST',
      body,
      headers,
    });
    const response = await app.fetch(request, { ...services, config }, context);
    await waitOnExecutionContext(context);
    return { status: response.status, json: await response.json() };
  }
  const seen = () =>
    requests.map(({ method, url, headers }) => `${method} ${url} ${headers.get('authorization') ?? '-'}`);
  return { post, requests, seen, lines: services.lines };
}

/** All that the vault has stored, as one string. */
async function storedText(): Promise<string> {
  const texts = (await keysOf()).map(
    async (key) => `${key} ${await (await env.RECORDINGS.get(key))?.text()}`,
  );
  return (await Promise.all(texts)).join('\n');
}

describe('a shared secret', () => {
  const secrets = ['old-password-1', 'new-password-2'];
  const basic = (password: string) => ({ authorization: `Basic ${btoa(password)}` });
  const body = (id: string, token = 'new-password-2') =>
    JSON.stringify({ token, id, url: `https://media.sample.example/${id}` });

  test('admits a delivery, and is in no object, key and line', async ({ expect }) => {
    const vault = createVault(sharedSecretProvider, { secrets });

    const answers = [
      await vault.post(body('shared-1'), basic('old-password-1')),
      await vault.post(JSON.stringify({ token: 'new-password-2', note: 1 }), basic('new-password-2')),
    ];

    expect(answers.map(({ json }) => json)).toEqual([{ outcome: 'accepted' }, { outcome: 'kept' }]);
    const manifest = await jsonAt<Manifest>('recordings/sample-shared/1970/01/01/shared-1/shared-1.json');
    expect(manifest.delivery.verifiedBy).toEqual({ scheme: 'basic', evidence: 'shared secret' });
    expect(manifest.delivery.headers).toEqual({});
    const stored = `${await storedText()}${JSON.stringify(vault.lines)}`;
    expect(stored).toContain('note');
    for (const secret of secrets) {
      expect(stored).not.toContain(secret);
      expect(stored).not.toContain(btoa(secret));
      expect(stored).not.toContain(await sha256Hex(utf8(secret)));
    }
    expect(stored).not.toContain('secretFingerprint');
  });

  test.for([
    ['is missing in the header', {}, 'new-password-2', 'signature_missing'],
    ['is another one in the header', basic('new-password-3'), 'new-password-2', 'signature_mismatch'],
    ['is cut in the header', basic('new-password-'), 'new-password-2', 'signature_mismatch'],
    ['is another one in the body', basic('new-password-2'), 'new-password-', 'signature_mismatch'],
    ['is missing in the body', basic('new-password-2'), '', 'signature_mismatch'],
  ] as const)('refuses a delivery when it %s', async ([, headers, token, code], { expect }) => {
    const vault = createVault(sharedSecretProvider, { secrets });

    const { status } = await vault.post(body('shared-refused', token), headers);

    expect(status).toBe(401);
    expect(vault.lines).toMatchObject([{ outcome: 'rejected', code }]);
  });
});

describe('a challenge', () => {
  const { body, timestamp, signature } = samples.challenge;
  const setup = {
    secrets: ['another-secret-of-the-owner', samples.challenge_key],
    nowSeconds: Number(timestamp),
  };
  const headers = { 'x-zm-request-timestamp': timestamp, 'x-zm-signature': signature };

  test('is answered under the secret that verified it, and nothing is stored', async ({ expect }) => {
    const vault = createVault(tokenProvider, setup);

    const answer = await vault.post(body, headers);

    const { plainToken } = JSON.parse(body).payload;
    expect(answer).toEqual({
      status: 200,
      json: { plainToken, encryptedToken: samples.challenge_answer },
    });
    expect(vault.lines).toMatchObject([{ outcome: 'answered', eventType: 'endpoint.url_validation' }]);
    expect(JSON.stringify(vault.lines)).not.toContain(plainToken);
    expect(await keysOf('dead/sample-token')).toEqual([]);
  });

  test('is not answered when it is forged, or outside the tolerance', async ({ expect }) => {
    const forged = await createVault(tokenProvider, setup).post(body.replace('xys8', 'xys9'), headers);
    const late = { ...setup, nowSeconds: setup.nowSeconds + 301 };
    const replayed = await createVault(tokenProvider, late).post(body, headers);
    const early = { ...setup, nowSeconds: setup.nowSeconds - 301 };
    const ahead = await createVault(tokenProvider, early).post(body, headers);

    for (const answer of [forged, replayed, ahead])
      expect(answer).toEqual({ status: 401, json: { error: 'unauthorized' } });
  });

  test('is not answered when its answer would sign a delivery', async ({ expect }) => {
    const vault = createVault(tokenProvider, setup);
    for (const plainToken of [`v0:${timestamp}:{}`, 'a:b', 'x'.repeat(65), '', 'a b']) {
      const asked = JSON.stringify({ event: 'endpoint.url_validation', payload: { plainToken } });
      const signed = await signV0(asked, timestamp, samples.challenge_key);

      const { json } = await vault.post(asked, signed);

      expect(json).toEqual({ outcome: 'kept' });
    }
  });
});

async function signV0(body: string, timestamp: string, secret: string) {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', utf8(secret), algorithm, false, ['sign']);
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, utf8(`v0:${timestamp}:${body}`)));
  const hex = Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return { 'x-zm-request-timestamp': timestamp, 'x-zm-signature': `v0=${hex}` };
}

describe('several recordings in one event', () => {
  const secret = samples.challenge_key;
  const nowSeconds = 1_782_554_760;

  async function announce(ids: readonly string[], vault: ReturnType<typeof createVault>) {
    const recordings = ids.map((id) => ({
      id,
      call_id: `call-${id}`,
      date_time: '2026-06-27T10:06:00Z',
      download_url: `https://files.sample.example/${id}`,
    }));
    const body = JSON.stringify({ event: 'phone.recording_completed', payload: { object: { recordings } } });
    return vault.post(body, await signV0(body, String(nowSeconds), secret));
  }

  test('are archived each, and once, whatever events name them', async ({ expect }) => {
    const vault = createVault(tokenProvider, { secrets: [secret], nowSeconds });

    const answers = [
      await announce(['many-1', 'many-2'], vault),
      await announce(['many-2', 'many-1'], vault),
      await announce(['many-2', 'many-3'], vault),
    ];

    expect(answers.map(({ json }) => json)).toEqual(
      ['accepted', 'duplicate', 'accepted'].map((outcome) => ({ outcome })),
    );
    const folder = 'recordings/sample-token/2026/06/27';
    const keys = ['many-1', 'many-2', 'many-3'].flatMap((id) =>
      ['json', 'wav'].map((extension) => `${folder}/call-${id}/${id}.${extension}`),
    );
    expect(await keysOf(`${folder}/call-many`)).toEqual(keys);
    expect(vault.requests.map(({ url }) => url.slice(-6))).toEqual(['many-1', 'many-2', 'many-3']);
  });
});

describe('a token that is fetched first', () => {
  const secret = samples.challenge_key;

  /** The token endpoint gives `token-1`, `token-2` and so on; the rest takes the tokens that are `valid`. */
  function createApi({ lifetimeSeconds = 3600, valid = ['token-1'], status = 200 } = {}) {
    let count = 0;
    return (request: Request) => {
      const { pathname } = new URL(request.url);
      if (pathname === '/oauth/token') {
        count++;
        const token = { access_token: `token-${count}`, expires_in: lifetimeSeconds };
        return Response.json(status === 200 ? token : { error: 'no' }, { status });
      }
      const [, token = ''] = /^Bearer (.+)$/.exec(request.headers.get('authorization') ?? '') ?? [];
      if (!valid.includes(token)) return new Response(null, { status: 401 });
      return pathname.startsWith('/v2/calls/') ? Response.json({ from: '+4930', to: '+4940' }) : wav();
    };
  }

  async function announce(id: string, nowSeconds: number, vault: ReturnType<typeof createVault>) {
    const recording = { id, call_id: `call-${id}`, download_url: `https://files.sample.example/${id}` };
    const payload = { object: { recordings: [recording] } };
    const body = JSON.stringify({ event: 'phone.recording_completed', payload });
    const { json } = await vault.post(body, await signV0(body, String(nowSeconds), secret));
    return json;
  }

  const nowSeconds = 1_782_554_760;
  const setup = { secrets: [secret], key: 'client:the-secret-of-the-client', nowSeconds };
  const fetched = `POST https://api.sample.example/oauth/token Basic ${btoa(setup.key)}`;
  const audioOf = (id: string, token: string) => `GET https://files.sample.example/${id} Bearer ${token}`;
  const callOf = (id: string, token: string) =>
    `GET https://api.sample.example/v2/calls/call-${id} Bearer ${token}`;

  test('opens the audio and the API, and is fetched once', async ({ expect }) => {
    const vault = createVault(tokenProvider, { ...setup, answer: createApi() });

    await announce('kept-1', nowSeconds, vault);
    await announce('kept-2', nowSeconds, vault);

    expect(vault.seen()).toEqual([
      fetched,
      audioOf('kept-1', 'token-1'),
      callOf('kept-1', 'token-1'),
      audioOf('kept-2', 'token-1'),
      callOf('kept-2', 'token-1'),
    ]);
    expect(await vault.requests[0]?.text()).toBe('grant_type=account_credentials');
    const manifest = await jsonAt<Manifest>('recordings/sample-token/1970/01/01/call-kept-1/kept-1.json');
    expect(manifest.fromApi).toMatchObject({ from: '+4930', to: '+4940' });
  });

  test('is renewed once after a 401 of a download, and of the API', async ({ expect }) => {
    const download = createVault(tokenProvider, { ...setup, answer: createApi({ valid: ['token-2'] }) });
    await announce('renewed-1', nowSeconds, download);
    const refused = createVault(tokenProvider, { ...setup, answer: createApi({ valid: [] }) });
    await announce('renewed-2', nowSeconds, refused);

    expect(download.seen()).toEqual([
      fetched,
      audioOf('renewed-1', 'token-1'),
      fetched,
      audioOf('renewed-1', 'token-2'),
      callOf('renewed-1', 'token-2'),
    ]);
    expect(refused.seen()).toEqual([
      fetched,
      audioOf('renewed-2', 'token-1'),
      fetched,
      audioOf('renewed-2', 'token-2'),
    ]);
    expect(refused.lines.at(-1)).toMatchObject({ outcome: 'pending', code: 'link_refused' });
  });

  test('is fetched anew a minute before it expires', async ({ expect }) => {
    const api = createApi({ lifetimeSeconds: 60, valid: ['token-1', 'token-2'] });
    const vault = createVault(tokenProvider, { ...setup, answer: api });

    await announce('short', nowSeconds, vault);

    expect(vault.seen()).toEqual([fetched, audioOf('short', 'token-1'), fetched, callOf('short', 'token-2')]);
  });

  test('that is not to be had lets the recording wait', async ({ expect }) => {
    for (const [status, code] of [
      [401, 'api_refused'],
      [503, 'api_unavailable'],
    ] as const) {
      const vault = createVault(tokenProvider, { ...setup, answer: createApi({ status }) });

      await announce(`none-${status}`, nowSeconds, vault);

      expect(vault.seen()).toEqual([fetched]);
      expect(vault.lines.at(-1)).toMatchObject({ outcome: 'pending', code });
    }
  });

  test('is not renewed for the 401 of another host, to which it never went', async ({ expect }) => {
    const api = createApi();
    const vault = createVault(tokenProvider, {
      ...setup,
      answer: (request) => {
        if (new URL(request.url).host === 'cdn.other.example') return new Response(null, { status: 401 });
        if (request.url !== 'https://files.sample.example/foreign') return api(request);
        const location = 'https://cdn.other.example/a';
        return new Response(null, { status: 302, headers: { location } });
      },
    });

    await announce('foreign', nowSeconds, vault);

    expect(vault.seen()).toEqual([
      fetched,
      audioOf('foreign', 'token-1'),
      'GET https://cdn.other.example/a -',
    ]);
  });

  test('goes to no other host, and is in no object and no line', async ({ expect }) => {
    const api = createApi();
    const vault = createVault(tokenProvider, {
      ...setup,
      answer: (request) => {
        if (request.url !== 'https://files.sample.example/elsewhere') return api(request);
        return new Response(null, {
          status: 302,
          headers: { location: 'https://sample.example.evil.example/a' },
        });
      },
    });

    await announce('elsewhere', nowSeconds, vault);

    expect(vault.seen().at(-1)).toBe('GET https://sample.example.evil.example/a -');
    expect(`${await storedText()}${JSON.stringify(vault.lines)}`).not.toMatch(
      /token-1|the-secret-of-the-client/,
    );
  });
});

describe('a delivery signed by a JWT', () => {
  const [whole, changed, none] = samples.with_body;
  if (whole === undefined || changed === undefined || none === undefined)
    throw new Error('Cannot test: vectors.json lacks a token');
  const setup = { secrets: [whole.secret], nowSeconds: whole.clock ?? 0, answer: wav };
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const parts = whole.token.split('.');

  test('is accepted when the token has the hash of its body', async ({ expect }) => {
    const vault = createVault(jwtProvider, setup);

    expect(await vault.post(whole.body, bearer(whole.token))).toEqual({
      status: 200,
      json: { outcome: 'accepted' },
    });
  });

  test.for([
    ['its body has one digit changed', changed.body, changed.token],
    ['its token says that it has no algorithm', none.body, none.token],
    ['its token says RS256', whole.body, withHeader({ alg: 'RS256', typ: 'JWT' })],
    ['its token has an extension', whole.body, withHeader({ alg: 'HS256', crit: ['exp'] })],
    ['its token has a part more', whole.body, `${whole.token}.`],
    ['its token has a part less', whole.body, parts.slice(0, 2).join('.')],
    ['its token is padded', whole.body, `${whole.token}=`],
    ['its token has the other alphabet', whole.body, whole.token.replace('-', '+')],
    [
      'its token has the MAC of other claims',
      whole.body,
      [parts[0], encodeBase64Url(utf8('{}')), parts[2]].join('.'),
    ],
  ] as const)('is refused when %s', async ([, body, token], { expect }) => {
    const vault = createVault(jwtProvider, setup);

    const { status } = await vault.post(body, bearer(token));

    expect(status).toBe(401);
    expect(vault.lines).toMatchObject([{ code: expect.stringMatching(/^signature_(malformed|mismatch)$/) }]);
  });

  const { body: wholeBody } = whole;

  function withRecording(id: string): string {
    const host = ['api.nexmo.com/v1/files/', 'api.sample.example/files/'] as const;
    return wholeBody.replace(...host).replace('"aaaaaaaa-', `"${id}-`);
  }

  function withHeader(header: object): string {
    return [encodeBase64Url(utf8(JSON.stringify(header))), ...parts.slice(1)].join('.');
  }

  test('is answered 503 when it comes without a token, since the provider then sends it signed', async ({
    expect,
  }) => {
    const vault = createVault(jwtProvider, setup);

    const answer = await vault.post(whole.body, {});

    expect(answer).toEqual({ status: 503, json: { error: 'unavailable' } });
    expect(vault.lines).toMatchObject([{ outcome: 'unavailable', code: 'signature_missing' }]);
  });

  test('is downloaded with a JWT of the private key, made for each request', async ({ expect }) => {
    const { privateKey, publicKey } = await newRsaKey();
    const body = withRecording('by-jwt');
    const claims = { iat: setup.nowSeconds, payload_hash: await sha256Hex(utf8(body)) };
    const vault = createVault(jwtProvider, { ...setup, key: privateKey, options: { JWT_APP: 'app-1' } });

    await vault.post(body, bearer(await signHs256(claims, whole.secret)));

    const [, token = ''] = /^Bearer (.+)$/.exec(vault.requests[0]?.headers.get('authorization') ?? '') ?? [];
    const [header = '', payload = '', signature = ''] = token.split('.');
    const content = utf8(`${header}.${payload}`);
    const mac = decodeBase64Url(signature) ?? new Uint8Array();
    expect(await crypto.subtle.verify('RSASSA-PKCS1-v1_5', publicKey, mac, content)).toBe(true);
    expect(jsonOf(header)).toEqual({ typ: 'JWT', alg: 'RS256' });
    expect(jsonOf(payload)).toEqual({
      application_id: 'app-1',
      iat: setup.nowSeconds,
      exp: setup.nowSeconds + 900,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(await storedText()).not.toContain(privateKey.slice(40, 80));
  });

  test('waits when the private key is none', async ({ expect }) => {
    const body = withRecording('no-key');
    const claims = { iat: setup.nowSeconds, payload_hash: await sha256Hex(utf8(body)) };
    const key = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----';
    const vault = createVault(jwtProvider, { ...setup, key });

    await vault.post(body, bearer(await signHs256(claims, whole.secret)));

    expect(vault.requests).toEqual([]);
    expect(vault.lines.at(-1)).toMatchObject({ code: 'api_refused', detail: 'JWT_PRIVATE_KEY cannot sign' });
  });
});

function jsonOf(part: string): unknown {
  return JSON.parse(decodeUtf8(decodeBase64Url(part) ?? new Uint8Array()) ?? '');
}

async function signHs256(claims: object, secret: string): Promise<string> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', utf8(secret), algorithm, false, ['sign']);
  const parts = [{ alg: 'HS256', typ: 'JWT' }, claims].map((part) =>
    encodeBase64Url(utf8(JSON.stringify(part))),
  );
  const mac = await crypto.subtle.sign('HMAC', key, utf8(parts.join('.')));
  return [...parts, encodeBase64Url(new Uint8Array(mac))].join('.');
}

async function newRsaKey() {
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  const pair = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  if (!('privateKey' in pair)) throw new Error('Cannot test: no key pair');
  const bytes = await crypto.subtle.exportKey('pkcs8', pair.privateKey);
  if (!(bytes instanceof ArrayBuffer)) throw new Error('Cannot test: no PKCS #8');
  const base64 = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  const lines = base64.match(/.{1,64}/g)?.join('\n');
  return {
    publicKey: pair.publicKey,
    privateKey: `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----`,
  };
}
