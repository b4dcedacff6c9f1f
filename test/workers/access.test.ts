import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { afterEach, beforeAll, beforeEach, describe, test, vi } from 'vitest';
import worker from '../../src/index.ts';
import { routes } from './api-routes.ts';
import { createVault } from './support.ts';
import { createWorld } from './world.ts';

const AUD = 'a'.repeat(64);
const TEAM = 'acme.cloudflareaccess.com';
const access = { ACCESS_AUD: AUD, ACCESS_TEAM_DOMAIN: TEAM, ACCESS_MANAGERS: 'Anna@example.com' };
const RS256 = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: Uint8Array.of(1, 0, 1),
};

interface KeyPair {
  readonly privateKey: CryptoKey;
  readonly jwk: JsonWebKey;
}

let own: KeyPair;
let other: KeyPair;
let asked: string[] = [];

async function newKey(): Promise<KeyPair> {
  const pair = (await crypto.subtle.generateKey(RS256, true, ['sign', 'verify'])) as CryptoKeyPair;
  const jwk = (await crypto.subtle.exportKey('jwk', pair.publicKey)) as JsonWebKey;
  return { privateKey: pair.privateKey, jwk };
}

beforeAll(async () => {
  own = await newKey();
  other = await newKey();
  const world = createWorld('access');
  await world.deliver(world.event('1'));
});
beforeEach(() => {
  asked = [];
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input) => {
    asked.push(String(input));
    if (String(input) !== `https://${TEAM}/cdn-cgi/access/certs`) return new Response('', { status: 404 });
    return Response.json({
      keys: [
        { ...own.jwk, kid: 'key-1' },
        { ...other.jwk, kid: 'key-2' },
      ],
    });
  });
});
afterEach(() => void vi.restoreAllMocks());

const base64Url = (bytes: Uint8Array | string) =>
  btoa(typeof bytes === 'string' ? bytes : String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

const seconds = () => Math.floor(Date.now() / 1000);

async function jwt(claims: object = {}, { key = own, header = {} }: { key?: KeyPair; header?: object } = {}) {
  const whole = {
    aud: [AUD],
    email: 'bob@example.com',
    iss: `https://${TEAM}`,
    exp: seconds() + 60,
    nbf: seconds(),
    ...claims,
  };
  const content = `${base64Url(JSON.stringify({ alg: 'RS256', kid: 'key-1', ...header }))}.${base64Url(JSON.stringify(whole))}`;
  const signature = await crypto.subtle.sign(RS256, key.privateKey, new TextEncoder().encode(content));
  return `${content}.${base64Url(new Uint8Array(signature))}`;
}

async function ask(
  token: string | undefined,
  {
    method = 'GET',
    path = '/api/recordings',
    settings = access as Record<string, unknown>,
    headers = {},
  } = {},
) {
  const vault = await createVault(settings);
  const assertion: Record<string, string> = token === undefined ? {} : { 'Cf-Access-Jwt-Assertion': token };
  return vault.send(
    new Request(`https://vault.example${path}`, { method, headers: { ...assertion, ...headers } }),
  );
}

const HOLD = { method: 'POST', path: '/api/recordings/telnyx/rec-access/hold' };

describe('Cloudflare Access in front', () => {
  test('opens the list to whom it has signed in, and management to whom ACCESS_MANAGERS names', async ({
    expect,
  }) => {
    expect((await ask(await jwt())).status).toBe(200);
    expect((await ask(await jwt(), HOLD)).status).toBe(403);
    // Allowed, and then without a body.
    expect((await ask(await jwt({ email: 'anna@Example.com' }), HOLD)).status).toBe(400);
    expect((await ask(await jwt({ email: undefined, common_name: 'a-service' }))).status).toBe(200);
    const all = { ...access, ACCESS_MANAGERS: '*' };
    expect((await ask(await jwt(), { ...HOLD, settings: all })).status).toBe(400);
    expect(
      (await ask(await jwt(), { ...HOLD, settings: { ...access, ACCESS_MANAGERS: undefined } })).status,
    ).toBe(403);
  });

  const refused: [string, () => Promise<string | undefined>][] = [
    ['no token', async () => undefined],
    ['a token for another application', () => jwt({ aud: ['b'.repeat(64)] })],
    ['a token without an audience', () => jwt({ aud: undefined })],
    ['a token of another team', () => jwt({ iss: 'https://evil.cloudflareaccess.com' })],
    ['a token that has expired', () => jwt({ exp: seconds() - 1 })],
    ['a token that does not expire', () => jwt({ exp: undefined })],
    ['a token of the future', () => jwt({ nbf: seconds() + 3600 })],
    ['a token without a name', () => jwt({ email: undefined })],
    ['a token signed by another key', () => jwt({}, { key: other })],
    ['a token of an unknown key', () => jwt({}, { header: { kid: 'key-9' } })],
    ['a token without a key', () => jwt({}, { header: { kid: undefined } })],
    ['a token of another algorithm', () => jwt({}, { header: { alg: 'HS256' } })],
    [
      'a token without a signature',
      async () => `${(await jwt({}, { header: { alg: 'none' } })).split('.').slice(0, 2).join('.')}.`,
    ],
    [
      'a changed token',
      async () => (await jwt()).replace(/\.[^.]+\./, `.${base64Url(JSON.stringify({ aud: AUD }))}.`),
    ],
    ['no token at all', async () => 'none'],
  ];
  test.for(refused)('refuses %s', async ([, make], { expect }) => {
    const response = await ask(await make());
    expect([response.status, await response.json()]).toMatchObject([401, { code: 'unauthorized' }]);
  });

  test.for(routes)(
    'a token for another application opens nothing at %s %s',
    async ([method, path], { expect }) => {
      const { status } = await ask(await jwt({ aud: ['b'.repeat(64)] }), { method, path });
      expect(status).toBe(path === '/healthz' ? 200 : 401); // The health is public, and bare.
    },
  );

  test('gives no identity without the application’s audience', async ({ expect }) => {
    expect((await ask(await jwt(), { settings: { ACCESS_TEAM_DOMAIN: TEAM } })).status).toBe(503);
    const withToken = { ACCESS_TEAM_DOMAIN: TEAM, VAULT_TOKEN: 'a-token-of-the-owner-0123456789' };
    expect((await ask(await jwt(), { settings: withToken })).status).toBe(401);
    expect((await ask(await jwt(), { settings: { ...access, ACCESS_AUD: 'AUD' } })).status).toBe(503);
  });

  test('opens to all requests that reach a new isolate together', async ({ expect }) => {
    const vault = await createVault(access);
    const headers = { 'Cf-Access-Jwt-Assertion': await jwt() };
    const answers = await Promise.all(
      Array.from({ length: 5 }, () =>
        vault.send(new Request('https://vault.example/api/recordings', { headers })),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  });

  test('asks for the keys once an hour, and refuses while there is no answer', async ({ expect }) => {
    const vault = await createVault(access);
    const token = await jwt({ exp: seconds() + 600 });
    const again = () =>
      vault.send(
        new Request('https://vault.example/api/recordings', {
          headers: { 'Cf-Access-Jwt-Assertion': token },
        }),
      );
    vi.mocked(globalThis.fetch).mockResolvedValueOnce(new Response('', { status: 500 }));
    const nowMs = Date.now();
    const clock = vi.spyOn(Date, 'now').mockReturnValue(nowMs);
    expect((await again()).status).toBe(401);
    clock.mockReturnValue(nowMs + 59_000);
    expect((await again()).status).toBe(401);
    clock.mockReturnValue(nowMs + 60_000);
    expect((await again()).status).toBe(200);
    expect((await again()).status).toBe(200);
    expect(asked).toEqual([`https://${TEAM}/cdn-cgi/access/certs`]);
  });

  test('tokens of unknown keys cause one request a minute, and their client waits', async ({ expect }) => {
    const vault = await createVault(access);
    const statuses: number[] = [];
    for (let tries = 0; tries < 15; tries++) {
      const token = await jwt({}, { header: { kid: `key-${tries + 10}` } });
      const headers = { 'Cf-Access-Jwt-Assertion': token, 'cf-connecting-ip': '192.0.2.77' };
      statuses.push(
        (await vault.send(new Request('https://vault.example/api/recordings', { headers }))).status,
      );
    }
    expect(asked).toHaveLength(1);
    expect(statuses.at(-1)).toBe(429);
  });

  test.for([
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ origin: 'https://evil.example' }, 403],
    [{ 'sec-fetch-site': 'same-origin' }, 400],
    [{ origin: 'https://vault.example' }, 400],
    [{}, 400],
  ] as const)('a page of another site changes nothing: %j', async ([headers, status], { expect }) => {
    const settings = { ...access, ACCESS_MANAGERS: '*' };
    expect((await ask(await jwt(), { ...HOLD, headers, settings })).status).toBe(status);
  });

  test('a page of another site does not write the trail', async ({ expect }) => {
    const path = '/api/recordings/telnyx/rec-access/audio/wav';
    expect((await ask(await jwt(), { path, headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403);
  });

  test('the runtime’s word is enough, for this application alone; where it fails, the token is verified', async ({
    expect,
  }) => {
    const known = async () => ({ email: 'bob@example.com' });
    const failing = async () => {
      throw new Error('Access is down');
    };
    for (const [aud, getIdentity, token, status] of [
      [AUD, known, '', 200],
      ['b'.repeat(64), known, '', 401],
      [AUD, failing, '', 401],
      [AUD, failing, await jwt(), 200],
    ] as const) {
      const { bindings } = await createVault(access);
      const context = createExecutionContext();
      const headers = { 'Cf-Access-Jwt-Assertion': token };
      const withAccess = new Proxy(context, {
        get: (target, name) => {
          if (name === 'access') return { aud, getIdentity };
          const member: unknown = Reflect.get(target, name);
          return typeof member === 'function' ? member.bind(target) : member;
        },
      });
      const response = await worker.fetch(
        new Request('https://vault.example/api/recordings', { headers }),
        bindings,
        withAccess,
      );
      await waitOnExecutionContext(context);
      expect(response.status).toBe(status);
    }
    expect(asked).toHaveLength(1);
  });
});

describe('wrong tokens', () => {
  const wrong = (vault: Awaited<ReturnType<typeof createVault>>, client: string, token = 'wrong') =>
    vault.send(
      new Request('https://vault.example/api/recordings', {
        headers: { authorization: `Bearer ${token}`, 'cf-connecting-ip': client },
      }),
    );

  test('make a client wait, and no other one', async ({ expect }) => {
    const VAULT_TOKEN = 'a-token-of-the-owner-0123456789';
    const vault = await createVault({ VAULT_TOKEN });
    const statuses: number[] = [];
    for (let tries = 0; tries < 15; tries++) statuses.push((await wrong(vault, '192.0.2.1')).status);

    expect(statuses.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 401));
    expect(statuses.at(-1)).toBe(429);
    expect((await wrong(vault, '192.0.2.1', VAULT_TOKEN)).status).toBe(429);
    expect((await wrong(vault, '192.0.2.2', VAULT_TOKEN)).status).toBe(200);
    const nowMs = Date.now();
    vi.spyOn(Date, 'now').mockReturnValue(nowMs + 61_000);
    expect((await wrong(vault, '192.0.2.1', VAULT_TOKEN)).status).toBe(200);
  });

  test('are refused where the platform cannot count them', async ({ expect }) => {
    const limit = () => Promise.reject(new Error('internal error'));
    for (const WRONG_TOKENS of [undefined, { limit }]) {
      const vault = await createVault({ VAULT_TOKEN: 'a-token-of-the-owner-0123456789', WRONG_TOKENS });
      for (let tries = 0; tries < 15; tries++) expect((await wrong(vault, '192.0.2.9')).status).toBe(401);
    }
  });
});
