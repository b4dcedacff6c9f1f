import { env } from 'cloudflare:workers';
import { BlobReader, configure, TextWriter, ZipReader } from '@zip.js/zip.js';
import { beforeEach, describe, test } from 'vitest';
import { isTimeZone } from '../../src/shared/zoned-day.ts';
import { rowsOf } from './catalog-state.ts';
import { createVault, keysOf } from './support.ts';
import { createWorld, type World } from './world.ts';

configure({ useWebWorkers: false });

const owner = 'a-token-of-the-owner-0123456789';
const base = 'https://vault.example';
let vault: Awaited<ReturnType<typeof createVault>>;
let cookie: string;

beforeEach(async () => {
  vault = await createVault({ VAULT_TOKEN: owner });
  for (const key of await keysOf()) await env.RECORDINGS.delete(key);
  for (const table of ['recordings', 'holds']) await rowsOf(`DELETE FROM ${table}`);
  cookie = await signIn(owner);
});

async function signIn(token: string): Promise<string> {
  const body = new URLSearchParams({ token });
  const headers = { origin: base };
  const request = new Request(`${base}/sign-in`, { method: 'POST', body, headers, redirect: 'manual' });
  const response = await vault.send(request);
  return (response.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
}

function open(path: string, headers: Record<string, string> = {}): Promise<Response> {
  const request = new Request(`${base}${path}`, { headers: { cookie, ...headers }, redirect: 'manual' });
  return vault.send(request);
}

function post(
  path: string,
  form: Record<string, string>,
  headers: Record<string, string> = { origin: base },
) {
  const init = { method: 'POST', body: new URLSearchParams(form), redirect: 'manual' } as const;
  return vault.send(new Request(`${base}${path}`, { ...init, headers: { cookie, ...headers } }));
}

async function archived(run: string, more: object = {}): Promise<World> {
  const world = createWorld(run);
  await env.DEDUPE.delete(`seen/telnyx/event-${run}`);
  await world.deliver({ ...world.event('1'), from: '+15551230000', to: '+15559870000', ...more });
  return world;
}

describe('a page', () => {
  test.for(['/', '/recordings/telnyx/rec-head'])(
    '%s loads and runs nothing from elsewhere',
    async (path, { expect }) => {
      await archived('head');
      const response = await open(path);

      expect([response.status, response.headers.get('content-type')]).toEqual([
        200,
        'text/html; charset=utf-8',
      ]);
      const policy = response.headers.get('content-security-policy') ?? '';
      expect(policy).toMatch(/^default-src 'none'; /);
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/unsafe|https:|\*/);
      expect(response.headers.get('cache-control')).toBe('private, no-store');
      const html = await response.text();
      expect(html).toMatch(/^<!doctype html><html lang="en-GB">/);
      expect(html).not.toMatch(/ style=| on[a-z]+=|javascript:/i);
      for (const [, address = ''] of html.matchAll(/ (?:src|href|action)="([^"]*)"/g))
        expect(address).toMatch(/^[/#]/);
    },
  );

  test('leads to the sign-in, and from there back', async ({ expect }) => {
    const response = await vault.send(
      new Request(`${base}/recordings/telnyx/a?t=94`, { redirect: 'manual' }),
    );
    const location = response.headers.get('location') ?? '';

    expect([response.status, location]).toEqual([
      303,
      `/sign-in?to=${encodeURIComponent('/recordings/telnyx/a?t=94')}`,
    ]);
    const form = await (await open(location)).text();
    expect(form).toContain('name="to" value="/recordings/telnyx/a?t=94"');
    const wrong = await post('/sign-in', { token: 'wrong', to: '/attention' });
    expect(wrong.status).toBe(401);
    expect(await wrong.text()).toContain('This token does not open the vault');
  });

  test('that another site links to asks for itself once more, and tells nothing', async ({ expect }) => {
    await archived('linked');
    const away = await open('/recordings/telnyx/rec-linked', { 'sec-fetch-site': 'cross-site' });
    const html = await away.text();

    expect([away.status, html]).toEqual([
      200,
      expect.stringContaining('<meta http-equiv="refresh" content="0">'),
    ]);
    expect(html).not.toContain('555');
    expect((await open('/recordings/telnyx/rec-linked', { 'sec-fetch-site': 'same-origin' })).status).toBe(
      200,
    );
  });

  test('says what failed, and shows a token what is its own', async ({ expect }) => {
    await archived('mine');
    const headers = { authorization: `Bearer ${owner}` };
    const body = JSON.stringify({ name: 'shop', sources: ['plivo'] });
    const made = await vault.send(new Request(`${base}/api/tokens`, { method: 'POST', body, headers }));
    const { token } = await made.json<{ token: string }>();
    cookie = await signIn(token);

    const [list, one, hold] = [
      await open('/'),
      await open('/recordings/telnyx/rec-mine'),
      await post('/recordings/telnyx/rec-mine/hold', { reason: 'x' }),
    ];
    expect(await list.text()).not.toContain('5551230000');
    expect([one.status, hold.status]).toEqual([404, 403]);
    expect(await one.text()).toContain('There is no such recording');
  });

  test('is the same in all zones but for its times', async ({ expect }) => {
    await archived('zone', { startedAt: '2026-06-27T23:30:00Z' });
    const times = async (tz: string) => {
      const response = await open('/', { cookie: `${cookie}; tz=${encodeURIComponent(tz)}` });
      return /<time datetime="[^"]*" title="[^"]*"><span class="d">([^<]*)<\/span> ([^<]*)</
        .exec(await response.text())
        ?.slice(1);
    };

    expect(await times('UTC')).toEqual(['Sat 27 Jun', '23:30']);
    expect(await times('Pacific/Auckland')).toEqual(['Sun 28 Jun', '11:30']);
    expect(await times('America/New_York')).toEqual(['Sat 27 Jun', '19:30']);
    expect(await times('No/Where')).toEqual(['Sat 27 Jun', '23:30']);
    for (const tz of ['%', '%E0%A4', 'Europe%2', '"'])
      expect((await open('/', { cookie: `${cookie}; tz=${tz}` })).status, tz).toBe(200);
    const chosen = await post('/time-zone', { tz: 'Asia/Kolkata' });
    expect(chosen.headers.get('set-cookie')).toMatch(/^tz=Asia%2FKolkata; .*SameSite=Strict$/);
  });

  test('leads to all zones, and from there back', async ({ expect }) => {
    const tz = 'America/Chicago';
    const zonesFrom = async (referer: string) =>
      (await open('/time-zone', { cookie: `${cookie}; tz=${tz}`, referer })).text();
    const html = await zonesFrom(`${base}/?q=4711`);
    expect(html).toContain('<option selected>America/Chicago</option>');
    for (const zone of ['UTC', 'Europe/Berlin', 'Pacific/Auckland'])
      expect(html).toContain(`<option>${zone}</option>`);
    expect(html).toContain('name="to" value="/?q=4711"');
    expect(await zonesFrom(`${base}/recordings/telnyx/a?call=b`)).toContain(
      'value="/recordings/telnyx/a?call=b"',
    );
    // What only a form opens, this page itself, and what is not ours.
    for (const path of ['/selection', '/recordings/telnyx/a/share', '/time-zone', '/nowhere'])
      expect(await zonesFrom(`${base}${path}`), path).toContain('name="to" value="/"');
    expect(await zonesFrom('https://evil.example/attention')).toContain('name="to" value="/"');
    const offered = [...html.matchAll(/<option(?: selected)?>([^<]+)</g)].map(([, zone = '']) => zone);
    expect(offered).toEqual(expect.arrayContaining(['Asia/Kolkata', 'Europe/Kyiv']));
    expect(offered).not.toContain('Asia/Calcutta');
    expect(offered.filter((zone) => !isTimeZone(zone))).toEqual([]);
    const chosen = await post('/time-zone', { tz: 'Etc/GMT+5', to: '/' });
    const [pair = ''] = chosen.headers.get('set-cookie')?.split(';') ?? [];
    expect(await (await open('/', { cookie: `${cookie}; ${pair}` })).text()).toContain('Times in GMT+5');
    expect((await post('/time-zone', { tz, to: '/?q=4711' })).headers.get('location')).toBe('/?q=4711');
    for (const to of ['https://evil.example/', '//evil.example', '/.//evil.example'])
      expect((await post('/time-zone', { tz, to })).headers.get('location')).toBe('/');
  });

  test('has a module with its strings, which a browser asks for once', async ({ expect }) => {
    const strings = await open('/assets/strings.js');
    expect(strings.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(await strings.text()).toMatch(/^export const strings = \{"copied":"Copied",/);
    const first = await open('/assets/page.css');
    const etag = first.headers.get('etag') ?? '';
    await first.body?.cancel();
    expect(etag).not.toBe('');
    expect((await open('/assets/page.css', { 'if-none-match': etag })).status).toBe(304);
  });

  test('that is nowhere is said as a page to a person, and as JSON to a program', async ({ expect }) => {
    const away = await vault.send(new Request(`${base}/nowhere`, { headers: { accept: 'text/html' } }));
    expect([away.status, await away.text()]).toEqual([404, expect.stringContaining('There is no such page')]);
    const told = await vault.send(new Request(`${base}/nowhere`));
    expect([told.status, await told.json()]).toEqual([404, { error: 'not_found' }]);
  });
});

describe('the list', () => {
  const rows = async (path: string) => {
    const html = await (await open(path)).text();
    return [...html.matchAll(/href="\/recordings\/telnyx\/([^"?]+)[^"]*"><span/g)].map(([, id]) => id);
  };

  test('finds by a number, its end, an id and a call, a length and a state', async ({ expect }) => {
    await archived('one', { durationSeconds: 30 });
    await archived('two', { from: '+15550004711', durationSeconds: 95, callId: 'a-call' });
    const dead = createWorld('dead');
    await dead.deliver({
      ...dead.event('1'),
      from: '+15550004711',
      files: [{ claimedFormat: 'wav', storedElsewhere: true }],
    });

    expect((await rows('/')).sort()).toEqual(['rec-dead', 'rec-one', 'rec-two']);
    expect((await rows('/?q=4711')).sort()).toEqual(['rec-dead', 'rec-two']);
    expect(await rows('/?q=%2B1+555+123+0000')).toEqual(['rec-one']);
    expect(await rows('/?q=rec-two')).toEqual(['rec-two']);
    expect(await rows('/?q=a-call')).toEqual(['rec-two']);
    expect(await rows('/?min=1:00')).toEqual(['rec-two']);
    expect(await rows('/?max=0:45')).toEqual(['rec-one']);
    expect(await rows('/?state=dead')).toEqual(['rec-dead']);
    expect(await rows('/?format=wav&q=4711')).toEqual(['rec-two']);
    expect(await rows('/?from=2026-06-28')).toEqual([]);
  });

  test('marks what was searched for, and says what nothing matches', async ({ expect }) => {
    await archived('mark');
    expect(await (await open('/?q=0000')).text()).toContain('<mark>0000</mark>');
    expect(await (await open('/?q=no-such-id')).text()).toContain('No recording matches “no-such-id”.');
    const wrong = await open('/?min=soon');
    expect([wrong.status, await wrong.text()]).toEqual([
      400,
      expect.stringContaining('That filter is not understood'),
    ]);
  });

  test('has text from outside as text', async ({ expect }) => {
    const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>'`;
    await archived('evil', {
      from: evil,
      to: `javascript:alert(1)${evil}`,
      clientState: evil,
      recordingId: evil,
      callId: evil,
    });
    for (const path of ['/', `/?q=${encodeURIComponent(evil)}`, `/?provider=${encodeURIComponent(evil)}`]) {
      const html = await (await open(path)).text();
      expect(html, path).not.toContain('<script>alert');
      expect(html, path).not.toContain('<img');
      expect(html, path).not.toMatch(/href="javascript:/);
    }
    const [, path = ''] = /href="(\/recordings\/telnyx\/[^"]+)"/.exec(await (await open('/')).text()) ?? [];
    const html = await (await open(path)).text();
    expect(html).toContain('&#60;script&#62;alert(1)');
    expect(html).not.toContain('<script>alert');
  });
});

describe('what a person does on the page of a recording', () => {
  const path = '/recordings/telnyx/rec-do';
  const lines = async (world: World) =>
    (await world.services.trail.list(world.manifestKey, '')).items.map(({ action, who }) => [action, who]);

  test('holds, releases, shares, revokes, and is in the trail', async ({ expect }) => {
    const world = await archived('do');
    const held = await post(`${path}/hold`, { reason: 'a dispute' });
    expect([held.status, held.headers.get('location')]).toEqual([303, `${path}?done=held`]);
    expect(await (await open(`${path}?done=held`)).text()).toContain('a dispute');
    const erasing = await (await post(`${path}/erase`, { confirm: '0000' })).text();
    expect(erasing).toContain('<code>on_hold</code>');
    expect((await post(`${path}/release`, {})).status).toBe(303);

    const shared = await (await post(`${path}/share`, { expiresInSeconds: '3600', download: 'true' })).text();
    const [, url = ''] =
      /<code class="id">(https:\/\/vault\.example\/s\?t=[0-9a-f.]+)<\/code>/.exec(shared) ?? [];
    expect((await vault.send(new Request(url))).status).toBe(200);
    const [, id = ''] = /name="id" value="([0-9a-f]{12})"/.exec(shared) ?? [];
    for (const wrong of [
      '',
      '.',
      '..',
      '../..',
      '..%2f',
      `${id}/..`,
      id.toUpperCase().replace(/[0-9]/g, 'A'),
    ])
      expect((await post(`${path}/revoke`, { id: wrong })).status, wrong).toBe(404);
    expect(await keysOf(world.manifestKey)).toHaveLength(1);
    expect((await post(`${path}/revoke`, { id })).headers.get('location')).toBe(`${path}?done=revoked`);
    expect((await vault.send(new Request(url))).status).toBe(404);
    expect(await lines(world)).toEqual([
      ['held', 'owner'],
      ['released', 'owner'],
      ['shared', 'owner'],
      ['unshared', 'owner'],
    ]);
  });

  test('erases only when the end of a number was typed', async ({ expect }) => {
    const world = await archived('do');
    const wrong = await post(`${path}/erase`, { confirm: '1234' });
    expect([wrong.status, wrong.headers.get('location')]).toEqual([303, `${path}?done=wrong`]);
    expect(await (await open(`${path}?done=wrong`)).text()).toContain('Nothing was erased.');
    expect(await keysOf(world.manifestKey)).toHaveLength(1);

    const gone = await (await post(`${path}/erase`, { confirm: '0000' })).text();
    expect(gone).toContain('The recording is gone.');
    expect(await keysOf('recordings/')).toEqual([]);
    expect((await open(path)).status).toBe(404);
  });

  test('shows the trail of one call where two have its id', async ({ expect }) => {
    for (const callId of ['call-a', 'call-b'])
      await archived(callId, { recordingId: 'rec-twin', callId, eventId: `event-${callId}` });
    const place = (callId: string) => `/recordings/telnyx/rec-twin`.concat(`?call=${callId}`);
    const held = await post(place('call-a').replace('?', '/hold?'), { reason: 'only of a' });
    expect(held.headers.get('location')).toBe(`${place('call-a')}&done=held`);

    expect(await (await open(place('call-a'))).text()).toContain('only of a');
    expect(await (await open(place('call-b'))).text()).not.toContain('only of a');
  });

  test('does what was asked for to the entry whose page it is', async ({ expect }) => {
    await archived('do');
    const world = createWorld('do');
    const letter = { claimedFormat: 'mp3', storedElsewhere: true as const };
    await world.deliver({ ...world.event('1'), eventId: 'do-2', from: '+15557770000', files: [letter] });
    const html = await (await open('/attention')).text();
    const [, link = ''] = /href="(\/recordings\/telnyx\/rec-do\?[^"]*)"/.exec(html) ?? [];
    const [at = '', query = ''] = link.replaceAll('&#38;', '&').split('?');
    expect(await (await open(`${at}?${query}`)).text()).toContain('<code>stored_elsewhere</code>');

    const retried = await post(`${at}/retry?${query}`, {});
    expect(retried.headers.get('location')).toBe(`${at}?${query}&done=retried`);
    expect(await keysOf('inbox/')).toHaveLength(1);
    expect(await keysOf('dead/')).toEqual([]);
    // The entry is no more: what is left of the id is shown.
    expect((await open(`${at}?${query}&done=retried`)).status).toBe(200);
  });

  test('retries a dead letter', async ({ expect }) => {
    const world = createWorld('do');
    await world.deliver({ ...world.event('1'), files: [{ claimedFormat: 'wav', storedElsewhere: true }] });
    expect(await (await open(path)).text()).toContain('Retry now');
    expect((await post(`${path}/retry`, {})).headers.get('location')).toBe(`${path}?done=retried`);
    expect(await keysOf('inbox/')).toHaveLength(1);
  });

  test.for(['hold', 'release', 'share', 'revoke', 'erase', 'retry'])(
    '%s is refused from another site, and to a reader',
    async (action, { expect }) => {
      await archived('do');
      const form = { reason: 'x', confirm: '0000', expiresInSeconds: '60' };
      for (const headers of [{ origin: 'https://evil.example' }, {}])
        expect((await post(`${path}/${action}`, form, headers)).status).toBe(403);
      const headers = { authorization: `Bearer ${owner}` };
      const made = await vault.send(
        new Request(`${base}/api/tokens`, { method: 'POST', body: '{"name":"r"}', headers }),
      );
      cookie = await signIn((await made.json<{ token: string }>()).token);
      expect((await post(`${path}/${action}`, form)).status).toBe(403);
      expect(await (await open(path)).text()).not.toContain(`/${action}"`);
      expect(await keysOf('recordings/')).toHaveLength(2);
    },
  );
});

describe('what needs a person', () => {
  const deadOf = async (run: string, more: object = {}) => {
    const world = createWorld(run);
    await env.DEDUPE.delete(`seen/telnyx/event-${run}`);
    await world.deliver({
      ...world.event('1'),
      files: [{ claimedFormat: 'wav', storedElsewhere: true }],
      ...more,
    });
    return world;
  };

  test('says whether the link that was forbidden is allowed by now', async ({ expect }) => {
    await deadOf('far', {
      files: [{ claimedFormat: 'wav', link: 'https://files.example:8443/a.wav?sig=1' }],
    });
    const html = await (await open('/attention')).text();
    expect(html).toContain('<code>link_forbidden</code>');
    expect(html).toContain('data-copy="DOWNLOAD_ORIGINS"');
    expect(html).toContain('Not allowed yet');
    expect(html).not.toContain('sig=1');

    vault = await createVault({ VAULT_TOKEN: owner, DOWNLOAD_ORIGINS: 'https://files.example:8443' });
    const after = await (await open('/attention')).text();
    expect(after).toContain('All allowed now');
    expect(after).not.toContain('a retry ends in the same way');
  });

  test('says nothing of a setting where none allows the link, and looks at each file', async ({ expect }) => {
    await deadOf('secret', {
      files: [{ claimedFormat: 'wav', link: 'https://u:p@files.example:8443/a.wav' }],
    });
    const settings = { VAULT_TOKEN: owner, DOWNLOAD_ORIGINS: 'https://files.example:8443' };
    vault = await createVault(settings);
    const html = await (await open('/attention')).text();
    expect(html).toContain('<code>link_forbidden</code>');
    expect(html).not.toContain('data-copy="DOWNLOAD_ORIGINS"');

    await deadOf('two', {
      files: [
        { claimedFormat: 'wav', link: 'https://files.example:8443/a.wav' },
        { claimedFormat: 'mp3', link: 'https://other.example:8443/a.mp3' },
      ],
    });
    expect(await (await open('/attention')).text()).toContain('Not allowed yet');
  });

  test('is listed by its code, with advice, and retried at once', async ({ expect }) => {
    const worlds = [await deadOf('one'), await deadOf('two')];
    await deadOf('three', { files: [{ claimedFormat: 'wav' }] });
    const waiting = createWorld('waiting', { '1': 503 });
    await waiting.deliver(waiting.event('1'));
    const html = await (await open('/attention')).text();

    expect(html).toContain('<code>stored_elsewhere</code>');
    expect(html).toContain('Look there: the provider is set to put recordings into it.');
    expect(html).toContain('Retry all 2');
    expect(html).toContain('<code>link_missing</code>');
    expect(html).toContain('<code>download_refused</code>');
    expect(html).toContain(
      'href="/recordings/telnyx/rec-one?call=call-one&#38;entry=dead%2Ftelnyx%2Fevent-one.json"',
    );

    const done = await (await post('/attention', { code: 'stored_elsewhere' })).text();
    expect(done).toContain('2 of 2 are in the inbox again.');
    expect((await keysOf('inbox/')).map((key) => key.replace(/.*event-/, '')).sort()).toEqual([
      'one.json',
      'two.json',
      'waiting.json',
    ]);
    for (const { services, manifestKey } of worlds)
      expect((await services.trail.list(manifestKey, '')).items).toMatchObject([{ action: 'retried' }]);
  });

  test('says when nothing does', async ({ expect }) => {
    await archived('fine');
    expect(await (await open('/attention')).text()).toContain('Nothing needs you.');
  });

  test('is seen by its sources alone, and retried by a manager', async ({ expect }) => {
    await deadOf('own');
    const headers = { authorization: `Bearer ${owner}` };
    const signed = async (body: object) => {
      const request = { method: 'POST', body: JSON.stringify(body), headers };
      const made = await vault.send(new Request(`${base}/api/tokens`, request));
      return signIn((await made.json<{ token: string }>()).token);
    };
    cookie = await signed({ name: 'other', right: 'manage', sources: ['plivo'] });
    expect(await (await open('/attention')).text()).not.toContain('stored_elsewhere');
    expect(await (await post('/attention', { code: 'stored_elsewhere' })).text()).toContain('0 of 0');
    cookie = await signed({ name: 'reader' });
    expect(await (await open('/attention')).text()).not.toContain('Retry all');
    expect((await post('/attention', { code: 'stored_elsewhere' })).status).toBe(403);
    expect(await keysOf('dead/')).toHaveLength(1);
  });
});

describe('a bucket that does not answer', () => {
  test.for(['/', '/attention', '/overview', '/recordings/telnyx/rec-away'])(
    'leaves a page at %s that says so',
    async (path, { expect }) => {
      await archived('away');
      const bucket = new Proxy(env.RECORDINGS, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name);
          if (name === 'list') return () => Promise.reject(new Error('R2 is unavailable'));
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
      vault = await createVault({ VAULT_TOKEN: owner, RECORDINGS: bucket });
      const response = await open(path);
      expect([response.status, response.headers.get('content-type')]).toEqual([
        500,
        'text/html; charset=utf-8',
      ]);
      expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'/);
      const html = await response.text();
      expect(html).toContain('A store does not answer');
      expect(html).not.toContain('unavailable');
    },
  );
});

describe('an empty vault', () => {
  test('tells its owner three steps, and what is set, and others that it is empty', async ({ expect }) => {
    const html = await (await open('/')).text();
    expect(html).toContain('<h1>No recordings yet</h1>');
    expect(html).toContain('npx wrangler secret put TELNYX_PUBLIC_KEY');
    expect(html).toContain(`data-copy="${base}/webhooks/telnyx"`);
    expect(html.match(/<\/svg>Set</g)).toHaveLength(2);
    expect(html.match(/<\/svg>Not set</g)).toHaveLength(3);
    expect(await (await open('/?q=4711')).text()).toContain('Nothing matches');

    cookie = await signIn(await newToken({ name: 'reader' }));
    const reader = await (await open('/')).text();
    expect(reader).toContain('<h1>No recordings yet</h1>');
    expect(reader).not.toContain('wrangler');
  });
});

async function newToken(body: object): Promise<string> {
  const headers = { authorization: `Bearer ${owner}` };
  const request = new Request(`${base}/api/tokens`, { method: 'POST', body: JSON.stringify(body), headers });
  return (await (await vault.send(request)).json<{ token: string }>()).token;
}

describe('the overview', () => {
  const day = (ago: number) => new Date(Date.now() - ago * 86_400_000).toISOString();

  test('counts by day and provider, and says what failed', async ({ expect }) => {
    await archived('today', { startedAt: day(0), durationSeconds: 1800 });
    await archived('old', { startedAt: day(40), durationSeconds: 3600 });
    const dead = createWorld('gone');
    await dead.deliver({ ...dead.event('1'), files: [{ claimedFormat: 'wav', storedElsewhere: true }] });
    const month = await (await open('/overview')).text();
    const totals = (html: string) => [...html.matchAll(/<dd>(.*?)<\/dd>/g)].map(([, value]) => value);

    expect(totals(month)[0]).toBe('2');
    expect(totals(month)[2]).toBe('1');
    expect(totals(month)[4]).toBe('<a href="/attention#dead">1</a>');
    expect(month).toContain('30 min of audio.');
    expect(month).toContain('<code>stored_elsewhere</code>');
    // One bar each: for recordings, hours, those archived soon, and bytes.
    expect(month.match(/<rect class="s1" x=/g)).toHaveLength(4);
    expect(month).not.toContain('<rect class="s2" x=');

    const quarter = await (await open('/overview?days=90')).text();
    expect(totals(quarter)[2]).toBe('2');
    expect(quarter).toContain('1.5 h of audio.');
    const year = await (await open('/overview?days=364')).text();
    expect(year).toContain('Recordings per week');
    expect(totals(year)[2]).toBe('2');
    expect(await (await open('/overview?days=7')).text()).toContain('Recordings per day');
  });

  test('shows a client its own sources', async ({ expect }) => {
    await archived('own', { startedAt: day(0) });
    cookie = await signIn(await newToken({ name: 'shop', sources: ['plivo'] }));
    const html = await (await open('/overview')).text();
    expect(html).toContain('<dt>Recordings, all time</dt><dd>0</dd>');
    expect(html).toContain('Nothing was recorded in this period.');
  });

  test('says when the catalog cannot be read', async ({ expect }) => {
    vault = await createVault({ VAULT_TOKEN: owner, CATALOG: undefined });
    cookie = await signIn(owner);
    const response = await open('/overview');
    expect([response.status, await response.text()]).toEqual([
      503,
      expect.stringContaining('<code>catalog_unavailable</code>'),
    ]);
    expect(await (await open('/status')).text()).toContain('there is no database bound as CATALOG');
  });
});

describe('the status', () => {
  test('says which settings are wrong, and when things last ran, without a secret', async ({ expect }) => {
    vault = await createVault({
      VAULT_TOKEN: owner,
      TELNYX_PUBLIC_KEY: 'not-a-key-of-telnyx',
      TELNYX_API_KEY: 'key-of-the-api-0123456789',
      RETENTION_DAYS: '90',
    });
    cookie = await signIn(owner);
    await archived('last');
    await rowsOf("INSERT OR REPLACE INTO marks VALUES ('cron', 1000)");
    const html = await (await open('/status')).text();

    expect(html).toContain('TELNYX_PUBLIC_KEY: value 1 of 1');
    expect(html).toContain('</svg>Invalid<');
    expect(html).toContain('It has stopped');
    expect(html).toContain('All others: 90 days.');
    expect(html).toContain('It is announced by the cron');
    expect(html).toMatch(
      /<th scope="row">telnyx<\/th>.*?Set<.*?<time datetime="[^"]+" title="[^"]+">27 Jun/s,
    );
    for (const secret of [owner, 'not-a-key-of-telnyx', 'key-of-the-api-0123456789'])
      expect(html).not.toContain(secret);
  });

  test('is for those alone who may change all of it', async ({ expect }) => {
    cookie = await signIn(await newToken({ name: 'manager', right: 'manage', sources: ['telnyx'] }));
    expect((await open('/status')).status).toBe(403);
    expect(await (await open('/overview')).text()).not.toContain('href="/status"');
    cookie = await signIn(await newToken({ name: 'reader' }));
    expect((await open('/status')).status).toBe(403);
  });
});

/** A bucket that does not take some keys. */
function failingPut(bucket: R2Bucket, fails: (key: string) => boolean): R2Bucket {
  return new Proxy(bucket, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      if (name !== 'put') return value.bind(target);
      return (key: string, ...rest: unknown[]) =>
        fails(key) ? Promise.reject(new Error('no')) : value.call(target, key, ...rest);
    },
  });
}

describe('a selection', () => {
  const path = (run: string) => `/api/recordings/telnyx/rec-${run}`;
  const choose = (paths: string[], more: Record<string, string>, target = '') => {
    const body = new URLSearchParams([...paths.map((one) => ['path', one]), ...Object.entries(more)]);
    const headers = { cookie, origin: base };
    return vault.send(new Request(`${base}/selection${target}`, { method: 'POST', body, headers }));
  };

  test('is held with one reason, and what is gone or not seen is left out', async ({ expect }) => {
    await archived('a');
    await archived('b');
    await archived('c');
    const asked = await (
      await choose([path('a'), path('b'), path('b'), path('gone')], { do: 'hold' })
    ).text();
    expect(asked).toContain('<dt>Recordings</dt><dd>2</dd>');
    expect(asked).toContain('Put 2 on hold');
    expect((await keysOf('holds/')).length).toBe(0);

    const done = await (await choose([path('a'), path('b')], { reason: 'a dispute' }, '/hold')).text();
    expect(done).toContain('2 put on hold');
    expect((await keysOf('holds/')).length).toBe(2);
    const again = await (await choose([path('a')], { reason: '  ' }, '/hold')).text();
    expect(again).toContain('0 put on hold');
    expect(again).toContain('<code>invalid_body</code>');
  });

  test('is released, and what was not on hold is named', async ({ expect }) => {
    for (const run of ['a', 'b', 'c']) await archived(run);
    await choose([path('a'), path('b')], { reason: 'a dispute' }, '/hold');
    const asked = await (await choose([path('a'), path('c')], { do: 'release' })).text();
    expect(asked).toContain('action="/selection/release"');
    expect(asked).toContain('Release 2');
    expect(await (await choose([path('a')], { do: 'hold' })).text()).toContain(
      'Those already on hold get this reason',
    );
    const done = await (await choose([path('a'), path('c')], {}, '/release')).text();
    expect(done).toContain('1 released');
    expect(done).toContain('rec-c</a> is not on hold, or is gone');
    expect(await keysOf('holds/')).toEqual([expect.stringContaining('rec-b')]);
  });

  test('is held as far as the bucket takes it, and what failed is named', async ({ expect }) => {
    for (const run of ['a', 'b', 'c']) await archived(run);
    const bucket = failingPut(env.RECORDINGS, (key) => key.startsWith('holds/') && key.includes('rec-b'));
    vault = await createVault({ VAULT_TOKEN: owner, RECORDINGS: bucket });
    const html = await (
      await choose([path('a'), path('b'), path('c')], { reason: 'a dispute' }, '/hold')
    ).text();
    expect(html).toContain('2 put on hold');
    expect(html).toMatch(/rec-b<\/a> <code>internal_error<\/code>/);
    expect(await keysOf('holds/')).toHaveLength(2);
  });

  test('of more than 100 is refused', async ({ expect }) => {
    const many = Array.from({ length: 101 }, (_, at) => path(String(at)));
    const response = await choose(many, { do: 'export' });
    expect([response.status, await response.text()]).toEqual([
      400,
      expect.stringContaining('Too many are selected'),
    ]);
  });

  test('is exported as it was chosen, with a line in each trail', async ({ expect }) => {
    const [a] = [await archived('a'), await archived('b')];
    const asked = await (await choose([path('a')], { do: 'export' })).text();
    expect(asked).toContain('action="/selection/export"');
    const zip = await choose([path('a')], {}, '/export');
    expect(zip.headers.get('content-type')).toBe('application/zip');
    const names = await namesIn(zip);
    expect(names.filter((name) => name.includes('rec-a'))).toHaveLength(3);
    expect(names.filter((name) => name.includes('rec-b'))).toHaveLength(0);
    expect((await a.services.trail.list(a.manifestKey, '')).items).toMatchObject([{ action: 'exported' }]);
  });

  test.for([
    ['nothing', [], 400],
    ['another host', ['https://other.example/api/recordings/telnyx/rec-a'], 400],
    ['another route', ['/api/recordings/telnyx/rec-a/hold', '/api/tokens'], 400],
    ['what no URL is', ['//', 'http://', '%', '/api/recordings/telnyx/%E0%A4'], 400],
  ] as const)('of %s opens no more than recordings', async ([, paths, status], { expect }) => {
    await archived('a');
    expect((await choose([...paths], { do: 'export' })).status).toBe(status);
  });

  test('asks for the right, and from the page alone', async ({ expect }) => {
    await archived('a');
    const body = new URLSearchParams({ path: path('a'), reason: 'x' });
    const elsewhere = { cookie, origin: 'https://other.example', 'sec-fetch-site': 'cross-site' };
    for (const target of ['/selection', '/selection/hold', '/selection/release', '/selection/export']) {
      const request = new Request(`${base}${target}`, { method: 'POST', body, headers: elsewhere });
      expect((await vault.send(request)).status, target).toBe(403);
    }
    cookie = await signIn(await newToken({ name: 'shop', sources: ['plivo'] }));
    expect((await choose([path('a')], { do: 'export' })).status).toBe(400);
    cookie = await signIn(await newToken({ name: 'reader' }));
    expect((await choose([path('a')], { do: 'export' })).status).toBe(200);
    expect((await choose([path('a')], { do: 'hold' })).status).toBe(403);
    expect((await choose([path('a')], { do: 'release' })).status).toBe(403);
    expect((await choose([path('a')], { reason: 'x' }, '/hold')).status).toBe(403);
    expect((await choose([path('a')], {}, '/release')).status).toBe(403);
    expect(await keysOf('holds/')).toEqual([]);
  });
});

async function filesIn(response: Response): Promise<Map<string, string>> {
  const reader = new ZipReader(new BlobReader(await response.blob()));
  const files = new Map<string, string>();
  for (const entry of await reader.getEntries())
    if (!entry.directory) files.set(entry.filename, await entry.getData(new TextWriter()));
  return files;
}

async function namesIn(response: Response): Promise<string[]> {
  return [...(await filesIn(response)).keys()];
}

describe('the export of a list', () => {
  test('says what it would have, and leads to the ZIP of the same filters', async ({ expect }) => {
    await archived('one', { from: '+15550004711' });
    await archived('two', { callId: 'a-call' });
    const zipOf = async (query: string) => {
      const html = await (await open(`/export?${query}`)).text();
      const [, link = ''] = /href="(\/api\/export[^"]*)"/.exec(html) ?? [];
      const [, recordings] = /<dt>Recordings<\/dt><dd>(\d+)/.exec(html) ?? [];
      return [recordings, link === '' ? [] : await namesIn(await open(link.replaceAll('&#38;', '&')))];
    };

    expect(await zipOf('q=4711')).toEqual([
      '1',
      expect.arrayContaining([expect.stringContaining('rec-one')]),
    ]);
    expect((await zipOf('q=a-call'))[0]).toBe('1');
    expect((await zipOf('q=rec-two'))[0]).toBe('1');
    expect((await zipOf(''))[0]).toBe('2');
    expect(await zipOf('q=nothing')).toEqual(['0', []]);
    expect(await zipOf('state=dead')).toEqual(['0', []]);
    expect((await zipOf('state=archived'))[0]).toBe('2');
    expect((await open('/export?from=yesterday')).status).toBe(400);
    expect((await open('/export?cursor=x')).status).toBe(400);
  });
});

describe('a bundle', () => {
  test('has the recording, a report, and a page that needs nothing else', async ({ expect }) => {
    const world = await archived('proof', { clientState: '<script>alert(1)</script>' });
    const files = await filesIn(await post('/recordings/telnyx/rec-proof/bundle', {}));
    const names = [...files.keys()];
    const manifest = names.find((name) => name.endsWith('rec-proof.json')) ?? '';

    expect(names).toEqual(expect.arrayContaining(['report.html', 'verify.html', 'index.csv']));
    expect(JSON.parse(files.get(manifest) ?? '').recordingId).toBe('rec-proof');
    const report = files.get('report.html') ?? '';
    expect(report).toContain('&#60;script&#62;alert(1)');
    expect(report).not.toContain('<script');
    expect(report).toContain(JSON.parse(files.get(manifest) ?? '').files[0].sha256);
    expect(report).toMatch(/Owner: Exported/); // The line of this very bundle.
    const verify = files.get('verify.html') ?? '';
    expect(verify).toContain("default-src 'none'");
    expect(verify).not.toMatch(/^\s*(import|export) /m);
    expect(verify.match(/<\/script>/g)).toHaveLength(1);
    expect((await world.services.trail.list(world.manifestKey, '')).items).toMatchObject([
      { action: 'exported' },
    ]);
    expect((await post('/recordings/telnyx/none/bundle', {})).status).toBe(404);
    // What a bundle is made of is read before the trail says that it was taken.
    const ASSETS = { fetch: async () => new Response(null, { status: 500 }) };
    vault = await createVault({ VAULT_TOKEN: owner, ASSETS });
    expect((await post('/recordings/telnyx/rec-proof/bundle', {})).status).toBe(500);
    expect((await world.services.trail.list(world.manifestKey, '')).items).toHaveLength(1);
    vault = await createVault({ VAULT_TOKEN: owner });
    // A link from elsewhere neither writes into the trail nor drops a file.
    expect((await open('/recordings/telnyx/rec-proof/bundle')).status).toBe(404);
    const elsewhere = { origin: 'https://other.example', 'sec-fetch-site': 'cross-site' };
    expect((await post('/recordings/telnyx/rec-proof/bundle', {}, elsewhere)).status).toBe(403);
  });
});
