import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, test, vi } from 'vitest';
import { TOKEN_MEMORY_MS } from '../../src/storage/tokens.ts';
import { routes } from './api-routes.ts';
import { createVault } from './support.ts';
import { createWorld } from './world.ts';

const owner = 'a-token-of-the-owner-0123456789';
let vault: Awaited<ReturnType<typeof createVault>>;

beforeAll(async () => {
  const world = createWorld('rights');
  await world.deliver({ ...world.event('1'), recordingId: 'own' });
  await world.deliver({
    ...world.event('1'),
    provider: 'twilio.shop',
    recordingId: 'shop',
    eventId: 'rights-2',
  });
});
beforeEach(async () => {
  vault = await createVault({ VAULT_TOKEN: owner }); // Another isolate: it remembers no token.
});

function ask(token: string | undefined, path: string, init: RequestInit = {}): Promise<Response> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return vault.send(new Request(`https://vault.example${path}`, { ...init, headers }));
}

interface NewToken {
  readonly id: string;
  readonly token: string;
}

async function newToken(body: object): Promise<NewToken> {
  const response = await ask(owner, '/api/tokens', { method: 'POST', body: JSON.stringify(body) });
  if (response.status !== 201) throw new Error(`Cannot test: ${await response.text()}`);
  return response.json();
}

describe('each route with each credential', () => {
  const credentials: Record<string, (made: Awaited<ReturnType<typeof makeAll>>) => string | undefined> = {
    none: () => undefined,
    'a wrong token': () => 'wrong-token-of-the-owner-012345',
    'an unknown token': () => `cvt_${'0'.repeat(12)}_${'0'.repeat(64)}`,
    'the secret of another token': ({ read, manage }) => `cvt_${read.id}_${manage.token.slice(17)}`,
    'a cut token': ({ read }) => read.token.slice(0, -1),
    'an expired token': ({ expired }) => expired.token,
    'a revoked token': ({ revoked }) => revoked.token,
    'a token of another source': ({ foreign }) => foreign.token,
    'a token that reads one source': ({ readOne }) => readOne.token,
    'a token that manages one source': ({ manageOne }) => manageOne.token,
    'a token that reads': ({ read }) => read.token,
    'a token that manages': ({ manage }) => manage.token,
    'the owner': () => owner,
  };
  const opens: Record<string, readonly string[]> = {
    'a token of another source': [],
    'a token that reads one source': ['read'],
    'a token that manages one source': ['read', 'manage'],
    'a token that reads': ['read'],
    'a token that manages': ['read', 'manage', 'operator'],
    'the owner': ['read', 'manage', 'operator'],
  };

  async function makeAll() {
    const made = {
      read: await newToken({ name: 'r' }),
      manage: await newToken({ name: 'm', right: 'manage' }),
      foreign: await newToken({ name: 'f', right: 'manage', sources: ['twilio.shop', 'plivo'] }),
      readOne: await newToken({ name: '1', sources: ['telnyx'] }),
      manageOne: await newToken({ name: '2', right: 'manage', sources: ['telnyx'] }),
      expired: await newToken({ name: 'e', right: 'manage', expiresInDays: 1 }),
      revoked: await newToken({ name: 'v', right: 'manage' }),
    };
    const stored = await env.RECORDINGS.get(`tokens/${made.expired.id}.json`);
    const token = await stored?.json<object>();
    const expiresAt = new Date(Date.now() - 1).toISOString();
    await env.RECORDINGS.put(`tokens/${made.expired.id}.json`, JSON.stringify({ ...token, expiresAt }));
    await ask(owner, `/api/tokens/${made.revoked.id}`, { method: 'DELETE' });
    return made;
  }

  test.for(Object.keys(credentials))('%s', async (name, { expect }) => {
    const credential = credentials[name]?.(await makeAll());
    const known = opens[name];
    for (const [method, path, needs] of routes) {
      if (path === '/healthz' && credential === undefined) continue; // It is public, and bare then.
      const { status } = await ask(credential, path, { method });
      const at = `${method} ${path}`;
      expect(status, at).not.toBe(500);
      // What one may not know of is not found; the list is there, and empty.
      const isHidden =
        name === 'a token of another source' && needs !== 'operator' && path.startsWith('/api/recordings/');
      if (known === undefined) expect(status, at).toBe(401);
      else if (isHidden) expect(status, at).toBe(404);
      else if (known.includes(needs) || needs === 'read') expect([401, 403], at).not.toContain(status);
      else expect(status, at).toBe(403);
    }
  });

  test('a share opens no route of the API', async ({ expect }) => {
    const request = { method: 'POST', body: JSON.stringify({ download: true, numbers: true }) };
    const made = await ask(owner, '/api/recordings/twilio.shop/shop/shares', request);
    const { url } = await made.json<{ url: string }>();
    const link = url.split('?t=')[1] ?? '';
    expect((await vault.send(new Request(url))).status).toBe(200);
    for (const [method, path] of routes) {
      const at = `${method} ${path}`;
      expect((await ask(link, path, { method })).status, at).toBe(401);
      const inQuery = await ask(undefined, `${path}${path.includes('?') ? '&' : '?'}t=${link}`, { method });
      expect(inQuery.status, at).toBe(path === '/healthz' ? 200 : 401);
    }
  });

  test.for([
    ['a session of the owner', { origin: 'https://vault.example' }],
    ['a session of the owner, from a page of another site', { origin: 'https://evil.example' }],
    ['a session of the owner, that does not say from where', {}],
  ] as const)('%s', async ([name, origin], { expect }) => {
    const body = new URLSearchParams({ token: owner });
    const headers = { origin: 'https://vault.example' };
    const signedIn = await vault.send(
      new Request('https://vault.example/sign-in', { method: 'POST', body, headers, redirect: 'manual' }),
    );
    const [cookie = ''] = (signedIn.headers.get('set-cookie') ?? '').split(';');
    for (const [method, path] of routes) {
      if (path === '/healthz') continue; // For programs: without a token it is bare.
      const request = new Request(`https://vault.example${path}`, { method, headers: { cookie, ...origin } });
      const { status } = await vault.send(request);
      const isSafe = method === 'GET' || method === 'HEAD';
      if (isSafe || name === 'a session of the owner')
        expect([401, 403], `${method} ${path}`).not.toContain(status);
      else expect(status, `${method} ${path}`).toBe(403);
    }
  });

  test('a token of some sources lists and finds those alone', async ({ expect }) => {
    const shop = await newToken({ name: 'shop', sources: ['twilio.shop'] });
    const names = async (query: string) => {
      const response = await ask(shop.token, `/api/recordings${query}`);
      const { recordings } = await response.json<{ recordings: { recordingId: string }[] }>();
      return recordings.map(({ recordingId }) => recordingId);
    };

    expect(await names('')).toEqual(['shop']);
    expect(await names('?source=telnyx')).toEqual([]);
    expect(await names('?provider=telnyx')).toEqual([]);
    expect(await names('?recording=own')).toEqual([]);
    expect(await names('?call=call-rights')).toEqual(['shop']);
    expect(await names('?state=all')).toEqual(['shop']);
    expect(await names('?state=pending')).toEqual([]);
    for (const [method, part] of [
      ['GET', ''],
      ['GET', '/manifest'],
      ['GET', '/audio/wav'],
      ['POST', '/retry'],
    ] as const) {
      const own = await ask(shop.token, `/api/recordings/telnyx/own${part}`, { method });
      expect([403, 404], part).toContain(own.status);
      if (method === 'GET')
        expect((await ask(shop.token, `/api/recordings/twilio.shop/shop${part}`)).status, part).toBe(200);
    }
  });
});

describe('a token of several sources', () => {
  test('learns nothing of others from cursors and counts', { timeout: 60_000 }, async ({ expect }) => {
    const put = async (source: string, number: number) => {
      for (let at = 0; at < number; at += 50)
        await Promise.all(
          Array.from({ length: Math.min(50, number - at) }, (_, more) =>
            env.RECORDINGS.put(`inbox/${source}/entry-${1000 + at + more}.json`, '{}'),
          ),
        );
    };
    await put('telnyx', 60);
    await put('twilio', 1_030);
    await put('plivo', 20);
    const { token } = await newToken({ name: 'two', sources: ['twilio', 'plivo'] });
    const page = async (query: string) =>
      (await ask(token, `/api/recordings?${query}`)).json<{
        recordings: { key: string }[];
        cursor?: string;
        more?: object;
      }>();

    const keys: string[] = [];
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      const found: Awaited<ReturnType<typeof page>> = await page(
        `state=pending&limit=200${cursor && `&cursor=${cursor}`}`,
      );
      keys.push(...found.recordings.map(({ key }) => key));
      cursor = found.cursor;
    }
    expect(keys).toHaveLength(1_050);
    expect(new Set(keys).size).toBe(1_050);
    expect(keys.filter((key) => key.startsWith('inbox/telnyx/'))).toEqual([]);
    expect((await page('state=all')).more).toEqual({ pending: 50, dead: 0 });
    for (const key of keys) await env.RECORDINGS.delete(key);
  });

  test('may have 100 of them', async ({ expect }) => {
    const sources = ['telnyx', ...Array.from({ length: 99 }, (_, at) => `telnyx.a${at}`)];
    const { token } = await newToken({ name: 'many', sources });
    for (const path of ['/api/recordings', '/api/recordings?from=2020-01-01', '/api/stats'])
      expect((await ask(token, path)).status, path).toBe(200);
  });
});

describe('/api/tokens', () => {
  test('makes a token that is shown once, lists it without its secret, and revokes it', async ({
    expect,
  }) => {
    const made = await newToken({ name: 'Anna', right: 'read', sources: ['telnyx'], expiresInDays: 7 });

    expect(made.token).toMatch(/^cvt_[0-9a-f]{12}_[0-9a-f]{64}$/);
    const stored = (await (await env.RECORDINGS.get(`tokens/${made.id}.json`))?.text()) ?? '';
    expect(stored).not.toContain(made.token.slice(17));
    const listed = await ask(owner, '/api/tokens');
    const { tokens } = await listed.json<{
      tokens: { id: string; expiresAt: string; createdAt: string }[];
    }>();
    const own = tokens.find(({ id }) => id === made.id);
    expect(own).toEqual({
      id: made.id,
      name: 'Anna',
      right: 'read',
      sources: ['telnyx'],
      createdAt: own?.createdAt,
      expiresAt: own?.expiresAt,
      path: `/api/tokens/${made.id}`,
    });
    expect(Date.parse(own?.expiresAt ?? '') - Date.parse(own?.createdAt ?? '')).toBe(7 * 86_400_000);
    expect((await ask(made.token, '/api/recordings')).status).toBe(200);

    const revoked = await ask(owner, `/api/tokens/${made.id}`, { method: 'DELETE' });
    expect([revoked.status, await revoked.json()]).toEqual([200, { id: made.id, revoked: true }]);
    expect((await ask(made.token, '/api/recordings')).status).toBe(401);
    expect((await ask(owner, `/api/tokens/${made.id}`, { method: 'DELETE' })).status).toBe(404);
  });

  test('a token that was revoked elsewhere opens no longer than 30 s', async ({ expect }) => {
    const made = await newToken({ name: 'x' });
    expect((await ask(made.token, '/api/recordings')).status).toBe(200);
    await env.RECORDINGS.delete(`tokens/${made.id}.json`);
    expect((await ask(made.token, '/api/recordings')).status).toBe(200);
    expect(TOKEN_MEMORY_MS).toBe(30_000);

    const nowMs = Date.now();
    const clock = vi.spyOn(Date, 'now').mockReturnValue(nowMs + TOKEN_MEMORY_MS + 1);
    expect((await ask(made.token, '/api/recordings')).status).toBe(401);
    clock.mockRestore();
  });

  test.for([
    ['no name', {}, 'name'],
    ['an empty name', { name: '' }, 'name'],
    ['a name with a line break', { name: 'a\nb' }, 'name'],
    ['another right', { name: 'a', right: 'admin' }, 'right'],
    ['no source', { name: 'a', sources: [] }, 'sources'],
    ['a source that is none', { name: 'a', sources: ['../telnyx'] }, 'sources'],
    ['no days', { name: 'a', expiresInDays: 0 }, 'expiresInDays'],
    ['part of a day', { name: 'a', expiresInDays: 1.5 }, 'expiresInDays'],
    ['a field that is unknown', { name: 'a', scope: '*' }, 'scope'],
  ])('refuses %s', async ([, body, parameter], { expect }) => {
    const response = await ask(owner, '/api/tokens', { method: 'POST', body: JSON.stringify(body) });

    expect([response.status, await response.json()]).toMatchObject([
      400,
      { code: 'invalid_body', parameter },
    ]);
  });

  test.for([['[]'], ['{'], ['null'], [`{"name":"${'x'.repeat(70_000)}"}`], ['{"name":"\xff"}']])(
    'refuses a body that is no JSON object of 64 KiB',
    async ([text = ''], { expect }) => {
      const body = Uint8Array.from(text, (character) => character.charCodeAt(0));
      const response = await ask(owner, '/api/tokens', { method: 'POST', body });

      expect([response.status, await response.json()]).toMatchObject([400, { code: 'invalid_body' }]);
    },
  );
});
