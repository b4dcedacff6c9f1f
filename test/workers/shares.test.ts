import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, test, vi } from 'vitest';
import { setHold } from '../../src/catalog/hold.ts';
import { makeShare } from '../../src/catalog/share.ts';
import { eraseRecording } from '../../src/recover/erase.ts';
import { SHARE_MEMORY_MS } from '../../src/storage/shares.ts';
import { rowsOf } from './catalog-state.ts';
import { createVault, keysOf } from './support.ts';
import { createWorld, iso, startMs, type World } from './world.ts';

const owner = 'a-token-of-the-owner-0123456789';
let vault: Awaited<ReturnType<typeof createVault>>;
let world: World;
let runs = 0;

beforeEach(async () => {
  for (const key of await keysOf()) await env.RECORDINGS.delete(key);
  await rowsOf('DELETE FROM recordings');
  vault = await createVault({ VAULT_TOKEN: owner });
  world = createWorld(`share${runs++}`);
  await world.deliver({ ...world.event('1'), from: '+15551230000', to: '+15559870000' });
});
afterEach(() => void vi.restoreAllMocks());

const path = () => `/api/recordings/telnyx/rec-share${runs - 1}`;

async function ask(method: string, at: string, body?: object) {
  const headers = { authorization: `Bearer ${owner}` };
  const request = { method, headers, ...(body && { body: JSON.stringify(body) }) };
  const response = await vault.send(new Request(`https://vault.example${at}`, request));
  return { status: response.status, body: await response.json<Record<string, unknown>>() };
}

/** Requests without any credential but the link. */
async function open(link: string, init: RequestInit = {}): Promise<Response> {
  return vault.send(new Request(`https://vault.example${link}`, init));
}

async function share(body: object = {}) {
  const made = await ask('POST', `${path()}/shares`, body);
  if (made.status !== 201) throw new Error(`Cannot test: ${JSON.stringify(made)}`);
  const link = String(made.body.url).split('?t=')[1] ?? '';
  return { ...made.body, link } as {
    id: string;
    link: string;
    url: string;
    expiresAt: string;
    createdAt: string;
  };
}

const statusOf = async (response: Promise<Response>) => {
  const { status, body } = await response;
  await body?.cancel();
  return status;
};

describe('a share', () => {
  test('opens the audio and the waveform of its recording, to someone without a token', async ({
    expect,
  }) => {
    const { link, url, id } = await share();

    expect(url).toBe(`https://vault.example/s?t=${link}`);
    expect(link).toMatch(/^[0-9a-f]{12}\.[0-9a-f]{64}$/);
    const audio = await open(`/s/audio/wav?t=${link}`, { headers: { range: 'bytes=0-99' } });
    expect([audio.status, (await audio.arrayBuffer()).byteLength]).toEqual([206, 100]);
    expect(audio.headers.get('referrer-policy')).toBe('no-referrer');
    expect(audio.headers.get('x-robots-tag')).toBe('noindex');
    expect(await statusOf(open(`/s/audio/wav?t=${link}`, { method: 'HEAD' }))).toBe(200);
    expect(await statusOf(open(`/s/waveform/wav?t=${link}`))).toBe(200);
    const told = await open(`/s?t=${link}`);
    expect(await told.json()).toMatchObject({ files: [{ format: 'wav', path: `/s/audio/wav?t=${link}` }] });
    const { items } = await world.services.trail.list(world.manifestKey, '');
    expect(items.map(({ action, who }) => `${action} ${who}`).sort()).toEqual([
      `listened share:${id}`,
      'shared owner',
    ]);
  });

  test('tells no numbers, and saves no file, unless it says so', async ({ expect }) => {
    const { link } = await share();
    expect(await (await open(`/s?t=${link}`)).text()).not.toContain('15551230000');
    const plain = await open(`/s/audio/wav?t=${link}`);
    expect(plain.headers.get('content-disposition')).not.toContain('15551230000');
    await plain.body?.cancel();
    expect(await statusOf(open(`/s/audio/wav?t=${link}&download=true`))).toBe(403);

    const { link: whole } = await share({ numbers: true, download: true });
    const named = await open(`/s/audio/wav?t=${whole}&download=true`);
    expect(named.headers.get('content-disposition')).toMatch(/^attachment; .*15551230000/);
    await named.body?.cancel();
  });

  test('opens nothing else', async ({ expect }) => {
    const other = createWorld('another');
    await other.deliver(other.event('1'));
    const { link, id } = await share();
    const [, secret = ''] = link.split('.');

    for (const at of ['/s/manifest', '/s/trail', '/s/audio/mp3', '/s/audio/../../api/recordings'])
      expect(await statusOf(open(`${at}?t=${link}`)), at).toBeGreaterThanOrEqual(400);
    for (const wrong of [
      '',
      id,
      `${id}.`,
      `${id}.${'0'.repeat(64)}`,
      `${'0'.repeat(12)}.${secret}`,
      `${link}0`,
    ])
      expect(await statusOf(open(`/s/audio/wav?t=${wrong}`)), wrong).toBe(404);
    expect(await statusOf(open('/s/audio/wav'))).toBe(400);
    expect(await statusOf(open(`/s/audio/wav?t=${link}&call=other`))).toBe(400);
    // Nor is it a token, or the other way about.
    for (const token of [link, secret, `cvt_${id}_${secret}`]) {
      const headers = { authorization: `Bearer ${token}` };
      for (const at of ['/api/recordings', '/api/recordings/telnyx/rec-another', path(), '/api/tokens'])
        expect(await statusOf(open(at, { headers })), at).toBe(401);
    }
  });

  test('expires', async ({ expect }) => {
    const { link, expiresAt, createdAt } = await share({ expiresInSeconds: 60 });
    expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(60_000);
    expect(await statusOf(open(`/s/audio/wav?t=${link}`))).toBe(200);
    vi.spyOn(Date, 'now').mockReturnValue(Date.parse(expiresAt));
    expect(await statusOf(open(`/s/audio/wav?t=${link}`))).toBe(404);
  });

  test('is listed without its secret, with how often it was heard, and revoked', async ({ expect }) => {
    const { link, id } = await share({ numbers: true });
    await statusOf(open(`/s/audio/wav?t=${link}`));
    const stored = await (await env.RECORDINGS.get(`shares/${id}.json`))?.text();
    expect(stored).not.toContain(link.split('.')[1]);

    const { body } = await ask('GET', `${path()}/shares`);
    const [listed] = body.shares as { createdAt: string; expiresAt: string }[];
    expect(body.shares).toEqual([
      {
        id,
        numbers: true,
        download: false,
        by: 'owner',
        createdAt: listed?.createdAt,
        expiresAt: listed?.expiresAt,
        opened: 1,
      },
    ]);
    expect(await ask('DELETE', `${path()}/shares/${id}`)).toEqual({
      status: 200,
      body: { id, revoked: true },
    });
    expect(await statusOf(open(`/s/audio/wav?t=${link}`))).toBe(404);
    expect((await ask('DELETE', `${path()}/shares/${id}`)).status).toBe(404);
  });

  test('that was revoked elsewhere opens no longer than 30 s', async ({ expect }) => {
    const { link, id } = await share();
    expect(await statusOf(open(`/s/audio/wav?t=${link}`))).toBe(200);
    await env.RECORDINGS.delete(`shares/${id}.json`);
    const nowMs = Date.now();
    vi.spyOn(Date, 'now').mockReturnValue(nowMs + SHARE_MEMORY_MS + 1);
    expect(await statusOf(open(`/s/audio/wav?t=${link}`))).toBe(404);
  });

  test.for(['a hold', 'an erasure'])('ends with %s', async (what, { expect }) => {
    const { link } = await share();
    const { services, manifestKey } = world;
    const hold = { reason: 'a dispute', by: 'owner', at: iso(startMs) };
    if (what === 'a hold') await setHold(manifestKey, hold, services);
    else await eraseRecording({ manifestKey, by: 'owner' }, services);

    expect(await keysOf('shares/')).toEqual([]);
    expect(await statusOf(open(`/s/audio/wav?t=${link}`))).toBe(404);
  });

  test('is not made for what is on hold, nor where a hold is set meanwhile', async ({ expect }) => {
    const { services, manifestKey } = world;
    const hold = { reason: 'a dispute', by: 'owner', at: iso(startMs) };
    const shares = {
      ...services.shares,
      async create(made: Parameters<typeof services.shares.create>[0]) {
        await setHold(manifestKey, hold, services);
        await services.shares.create(made);
      },
    };
    const wanted = {
      version: 1 as const,
      id: '0123456789ab',
      manifestKey,
      numbers: false,
      download: false,
      by: 'owner',
      createdAt: iso(startMs),
      expiresAt: iso(startMs + 60_000),
      secretSha256: 'a',
    };

    expect(await makeShare(wanted, { ...services, shares })).toBe('on_hold');
    expect(await keysOf('shares/')).toEqual([]);
    expect(await ask('POST', `${path()}/shares`, {})).toMatchObject({
      status: 409,
      body: { code: 'on_hold' },
    });
  });

  test.for([
    [{ expiresInSeconds: 59 }],
    [{ expiresInSeconds: 1e9 }],
    [{ numbers: 'yes' }],
    [{ download: 1 }],
    [{ x: 1 }],
  ])('refuses %j', async ([body], { expect }) => {
    expect(await ask('POST', `${path()}/shares`, body)).toMatchObject({
      status: 400,
      body: { code: 'invalid_body', parameter: Object.keys(body ?? {})[0] },
    });
  });
});

describe('the page of a share', () => {
  const page = async (link: string) => {
    const response = await open(`/s?t=${link}`, { headers: { accept: 'text/html,*/*' } });
    return { response, html: await response.text() };
  };

  test('shows a browser one recording, and leads to nothing else', async ({ expect }) => {
    const { link } = await share();
    const { response, html } = await page(link);

    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      'text/html; charset=utf-8',
    ]);
    expect(response.headers.get('referrer-policy')).toBe('no-referrer');
    expect(response.headers.get('x-robots-tag')).toBe('noindex');
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'/);
    expect(html).not.toMatch(/555|rec-share|call-share/);
    const addresses = Array.from(
      html.matchAll(/ (?:href|src|action|data-wave)="([^"]*)"/g),
      ([, one = '']) => one,
    );
    for (const address of addresses) expect(address).toMatch(/^\/(assets\/|s\/(audio|waveform)\/wav\?t=)/);
    expect(html).not.toContain('download=true');
    expect(html).not.toContain('<form');
  });

  test('has the numbers and a download where the share says so', async ({ expect }) => {
    const { link } = await share({ numbers: true, download: true });
    const { html } = await page(link);
    expect(html).toContain('+1\u00a0555\u00a0123\u00a00000 → +1\u00a0555\u00a0987\u00a00000');
    expect(html).toContain(`href="/s/audio/wav?t=${link}&#38;download=true"`);
  });

  test('is that of its own copy, where the recording has another under a later day', async ({ expect }) => {
    const { link } = await share();
    const later = { ...world.event('2'), startedAt: '2026-07-02T10:00:00Z', durationSeconds: 77 };
    await world.deliver({ ...later, eventId: 'another-day' });
    expect((await keysOf('recordings/')).length).toBe(4);

    const { response, html } = await page(link);
    expect([response.status, html.includes('1:17')]).toEqual([200, false]);
    expect(await statusOf(open(`/s/audio/wav?t=${link}`))).toBe(200);
  });

  test('says that the vault fails, not that the link has ended', async ({ expect }) => {
    const { link } = await share();
    vault = await createVault({ VAULT_TOKEN: owner, CATALOG: undefined });
    const { response, html } = await page(link);
    expect(response.status).toBe(503);
    expect(html).not.toContain('does not open anything');
    expect(html).toContain('catalog_unavailable');
  });

  test('says that a link has ended, the same for each cause', async ({ expect }) => {
    const { id, link } = await share();
    await ask('DELETE', `${path()}/shares/${id}`);
    const [revoked, unknown] = [await page(link), await page(`${'0'.repeat(12)}.${'0'.repeat(64)}`)];
    expect([revoked.response.status, unknown.response.status]).toEqual([404, 404]);
    expect(revoked.html).toBe(unknown.html);
    expect(revoked.html).toContain('This link does not open anything');
  });
});
