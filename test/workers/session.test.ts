import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, test, vi } from 'vitest';
import { utf8 } from '../../src/shared/bytes.ts';
import { encodeBase64Url } from '../../src/signatures/base64.ts';
import { createVault } from './support.ts';
import { createWorld } from './world.ts';

const owner = 'a-token-of-the-owner-0123456789';
const base = 'https://vault.example';
let vault: Awaited<ReturnType<typeof createVault>>;

beforeAll(async () => {
  const world = createWorld('session');
  await world.deliver(world.event('1'));
});
beforeEach(async () => {
  vault = await createVault({ VAULT_TOKEN: owner });
});

interface Signing {
  readonly headers?: Record<string, string>;
  readonly to?: string;
  readonly at?: string;
}

function signIn(token: string, { headers = { origin: base }, to = '/', at = base }: Signing = {}) {
  const body = new URLSearchParams({ token, to });
  return vault.send(new Request(`${at}/sign-in`, { method: 'POST', body, headers, redirect: 'manual' }));
}

async function cookieOf(token: string): Promise<string> {
  const response = await signIn(token);
  const [cookie] = (response.headers.get('set-cookie') ?? '').split(';');
  if (response.status !== 303 || cookie === undefined) throw new Error(`Cannot test: ${response.status}`);
  return cookie;
}

function ask(cookie: string, path: string, { method = 'GET', headers = {} }: RequestInit = {}) {
  return vault.send(new Request(`${base}${path}`, { method, headers: { cookie, ...headers } }));
}

async function newToken(body: object): Promise<{ id: string; token: string }> {
  const headers = { authorization: `Bearer ${owner}` };
  const request = { method: 'POST', body: JSON.stringify(body), headers };
  return (await vault.send(new Request(`${base}/api/tokens`, request))).json();
}

describe('POST /sign-in', () => {
  test('gives a cookie that no script reads and no other site sends, for 12 hours', async ({ expect }) => {
    const response = await signIn(` ${owner}\n`, { to: '/recordings/telnyx/a?t=94' });
    for (const to of ['//evil.example', '/.//evil.example', '/\\evil.example', '/a/..//evil.example', 'x'])
      expect((await signIn(owner, { to })).headers.get('location'), to).toBe('/');

    expect([response.status, response.headers.get('location')]).toEqual([303, '/recordings/telnyx/a?t=94']);
    expect(response.headers.get('set-cookie')).toMatch(
      /^__Host-callvault=owner\.\d{10}\.[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict; Secure$/,
    );
    expect(response.headers.get('cache-control')).toBe('no-store');
    const local = await signIn(owner, {
      at: 'http://127.0.0.1:8787',
      headers: { origin: 'http://127.0.0.1:8787' },
    });
    expect(local.headers.get('set-cookie')).toMatch(/^callvault=owner\.[^;]+; .*SameSite=Strict$/);
  });

  test.for([
    'https://evil.example/',
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    'javascript:1',
    '',
    '/\t/evil.example',
  ])('leads to no other site: to=%j', async (to, { expect }) => {
    const response = await signIn(owner, { to });
    const location = response.headers.get('location') ?? '';
    expect(response.status).toBe(303);
    expect(new URL(location, base).origin).toBe(base);
    expect(location).toMatch(/^\/(?![/\\])/);
  });

  test('refuses a wrong token, and slows a client that goes on', async ({ expect }) => {
    const headers = { origin: base, 'CF-Connecting-IP': '192.0.2.77' };
    const statuses: number[] = [];
    for (let at = 0; at < 12; at++) statuses.push((await signIn('wrong', { headers })).status);

    expect(statuses[0]).toBe(401);
    expect(statuses.at(-1)).toBe(429);
    expect((await signIn(owner, { headers })).status).toBe(429);
    expect((await signIn(owner)).status).toBe(303);
  });

  test.for([
    ['another site', { origin: 'https://evil.example' }],
    ['another site by its Sec-Fetch-Site', { 'sec-fetch-site': 'cross-site' }],
    ['a request that does not say where it comes from', {}],
  ] as const)('refuses %s', async ([, headers], { expect }) => {
    const response = await signIn(owner, { headers });
    expect([response.status, response.headers.get('set-cookie')]).toEqual([403, null]);
  });

  test('is closed while the vault has no token', async ({ expect }) => {
    const closed = await createVault();
    const body = new URLSearchParams({ token: owner });
    const request = new Request(`${base}/sign-in`, { method: 'POST', body, headers: { origin: base } });
    expect((await closed.send(request)).status).toBe(503);
  });

  test('takes a form of at most 32 KiB', async ({ expect }) => {
    expect((await signIn(owner, { to: `/${'x'.repeat(32_000)}` })).status).toBe(303);
    expect((await signIn(owner, { to: `/${'x'.repeat(32_768)}` })).status).toBe(401);
  });
});

describe('a session', () => {
  test('opens what its token opens, and nothing else', async ({ expect }) => {
    const made = {
      owner,
      read: (await newToken({ name: 'r' })).token,
      foreign: (await newToken({ name: 'f', sources: ['plivo'] })).token,
    };
    const own = { origin: base };
    const statuses = async (token: string) => {
      const cookie = await cookieOf(token);
      const responses = [
        await ask(cookie, '/api/recordings/telnyx/rec-session'),
        await ask(cookie, '/api/recordings/telnyx/rec-session/hold', { method: 'DELETE', headers: own }),
        await ask(cookie, '/api/tokens'),
        await ask(cookie, '/api/object?key=erased/key'),
      ];
      return responses.map(({ status }) => status);
    };

    expect(await statuses(made.owner)).toEqual([200, 404, 200, 404]);
    expect(await statuses(made.read)).toEqual([200, 403, 403, 403]);
    expect(await statuses(made.foreign)).toEqual([404, 403, 403, 403]);
  });

  test('changes nothing unless the request comes from a page of the vault', async ({ expect }) => {
    const cookie = await cookieOf(owner);
    const release = (headers: Record<string, string>) =>
      ask(cookie, '/api/recordings/telnyx/rec-session/hold', { method: 'DELETE', headers });

    expect((await release({})).status).toBe(403);
    expect((await release({ origin: 'https://evil.example' })).status).toBe(403);
    expect((await release({ origin: 'null' })).status).toBe(403);
    expect((await release({ 'sec-fetch-site': 'same-site', origin: 'https://a.vault.example' })).status).toBe(
      403,
    );
    expect((await release({ origin: base })).status).toBe(404);
    expect((await release({ 'sec-fetch-site': 'same-origin' })).status).toBe(404);
    expect(
      (await ask(cookie, '/api/recordings', { headers: { 'sec-fetch-site': 'cross-site' } })).status,
    ).toBe(403);
    expect((await ask(cookie, '/api/recordings', { headers: { 'sec-fetch-site': 'none' } })).status).toBe(
      200,
    );
  });

  test('ends after 12 hours', async ({ expect }) => {
    const cookie = await cookieOf(owner);
    const nowMs = Date.now();
    const clock = vi.spyOn(Date, 'now').mockReturnValue(nowMs + 12 * 3_600_000 - 2_000);
    expect((await ask(cookie, '/api/recordings')).status).toBe(200);
    clock.mockReturnValue(nowMs + 12 * 3_600_000 + 1_000);
    expect((await ask(cookie, '/api/recordings')).status).toBe(401);
    clock.mockRestore();
  });

  test('ends with its token: by a new VAULT_TOKEN, by revoking, by expiry', async ({ expect }) => {
    const [byOwner, { id, token }] = [await cookieOf(owner), await newToken({ name: 'x', expiresInDays: 1 })];
    const cookie = await cookieOf(token);
    expect((await ask(cookie, '/api/recordings')).status).toBe(200);

    vault = await createVault({ VAULT_TOKEN: 'another-token-of-the-owner-012345' });
    expect((await ask(byOwner, '/api/recordings')).status).toBe(401);
    expect((await ask(cookie, '/api/recordings')).status).toBe(401);

    const stored = await (await env.RECORDINGS.get(`tokens/${id}.json`))?.json<object>();
    await env.RECORDINGS.put(
      `tokens/${id}.json`,
      JSON.stringify({ ...stored, expiresAt: '2020-01-01T00:00:00Z' }),
    );
    vault = await createVault({ VAULT_TOKEN: owner });
    expect((await ask(cookie, '/api/recordings')).status).toBe(401);

    await env.RECORDINGS.delete(`tokens/${id}.json`);
    vault = await createVault({ VAULT_TOKEN: owner });
    expect((await ask(cookie, '/api/recordings')).status).toBe(401);
  });

  test('is of no use when any byte of its cookie is changed', async ({ expect }) => {
    const cookie = await cookieOf((await newToken({ name: 'x', sources: ['plivo'] })).token);
    const other = await cookieOf(owner);
    const [name = '', value = ''] = cookie.split('=');
    const [id = '', end = '', mac = ''] = value.split('.');
    const forged = [
      `owner.${end}.${mac}`,
      `${id}.${Number(end) + 1}.${mac}`,
      `${id}.${end}.${other.split('.').at(-1)}`,
      `${id}.${end}.`,
      `${id}.${end}`,
      `${id}.9999999999.${mac}`,
      '',
      'owner',
    ];
    for (const one of forged) expect((await ask(`${name}=${one}`, '/api/recordings')).status, one).toBe(401);
    for (let at = 0; at < value.length; at += 7) {
      const changed = `${value.slice(0, at)}${value[at] === 'A' ? 'B' : 'A'}${value.slice(at + 1)}`;
      expect((await ask(`${name}=${changed}`, '/api/recordings')).status, changed).toBe(401);
    }
    expect((await ask(`callvault=${value}`, '/api/recordings')).status).toBe(401);
    expect((await ask(`a=b; ${cookie}; c=d`, '/api/recordings')).status).toBe(200);
  });

  test('cannot be made from what the bucket has of a token', async ({ expect }) => {
    const { id, token } = await newToken({ name: 'x' });
    const [name, value = ''] = (await cookieOf(token)).split('=');
    const { secretSha256 } = (await (
      await env.RECORDINGS.get(`tokens/${id}.json`)
    )?.json<{
      secretSha256: string;
    }>()) ?? { secretSha256: '' };
    expect(secretSha256).toMatch(/^[0-9a-f]{64}$/);
    const content = value.slice(0, value.lastIndexOf('.'));
    const forge = async (secret: string, salt: string) => {
      const base = await crypto.subtle.importKey('raw', utf8(secret), 'HKDF', false, ['deriveKey']);
      const info = utf8('callvault session');
      const derivation = { name: 'HKDF', hash: 'SHA-256', salt: utf8(salt), info };
      const hmac = { name: 'HMAC', hash: 'SHA-256', length: 256 };
      const key = await crypto.subtle.deriveKey(derivation, base, hmac, false, ['sign']);
      const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, utf8(content)));
      return `${name}=${content}.${encodeBase64Url(mac)}`;
    };

    // With the secret of the owner the forger has the vault.
    expect((await ask(await forge(owner, secretSha256), '/api/recordings')).status).toBe(200);
    for (const secret of [secretSha256, '', id])
      for (const salt of ['', secretSha256])
        expect((await ask(await forge(secret, salt), '/api/recordings')).status).toBe(401);
    vault = await createVault({ VAULT_TOKEN: undefined });
    expect((await signIn(token)).status).not.toBe(303);
  });

  test('is in the trail as its token', async ({ expect }) => {
    const { id, token } = await newToken({ name: 'Anna' });
    const cookie = await cookieOf(token);
    await (await ask(cookie, '/api/recordings/telnyx/rec-session/audio/wav')).arrayBuffer();
    const { trail } = await (await ask(cookie, '/api/recordings/telnyx/rec-session/trail')).json<{
      trail: object[];
    }>();
    expect(trail.at(-1)).toMatchObject({ action: 'listened', who: `token:${id}`, name: 'Anna' });
  });

  test('is forgotten by the browser that signs out', async ({ expect }) => {
    const cookie = await cookieOf(owner);
    const signOut = (headers: Record<string, string>) =>
      ask(cookie, '/sign-out', { method: 'POST', headers });
    expect((await signOut({ origin: 'https://evil.example' })).status).toBe(403);
    const response = await signOut({ origin: base });
    expect(response.status).toBe(303);
    expect(response.headers.get('set-cookie')).toMatch(/^__Host-callvault=; Max-Age=0; /);
  });
});
