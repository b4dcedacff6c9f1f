import { env } from 'cloudflare:workers';
import { beforeAll, describe, test } from 'vitest';
import type { Manifest } from '../../src/recording.ts';
import { rowsOf } from './catalog-state.ts';
import { createVault, jsonAt, sha256At, testServices, wavEvent } from './support.ts';
import { createWorld, iso, startMs } from './world.ts';

const token = 'a-token-of-the-owner-0123456789';
let vault: Awaited<ReturnType<typeof createVault>>;

beforeAll(async () => {
  vault = await createVault({ VAULT_TOKEN: token });
  await rowsOf('DELETE FROM recordings');
});

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, ...init.headers };
  return vault.send(new Request(`https://vault.example${path}`, { ...init, headers }));
}

interface Listed {
  readonly path?: string;
  readonly state: string;
  readonly recordingId?: string;
  readonly files?: { format: string; path: string; sha256: string; key: string }[];
}

async function list(query: string): Promise<{ recordings: Listed[]; cursor?: string; more?: object }> {
  const response = await ask(`/api/recordings${query}`);
  const body: never = await response.json();
  if (response.status !== 200) throw new Error(`Cannot test: ${response.status} ${JSON.stringify(body)}`);
  return body;
}

describe('GET /api/recordings', () => {
  test('lists what a provider has announced, and each path leads to it', async ({ expect }) => {
    const run = 'listed';
    const world = createWorld(run);
    await world.deliver({
      ...world.event('1'),
      from: '+15551230000',
      to: '+15559870000',
      durationSeconds: 8.5,
    });

    const { recordings, cursor } = await list('?call=call-listed');

    const manifest = await jsonAt<Manifest>(world.manifestKey);
    const [file] = manifest.files;
    expect(cursor).toBeUndefined();
    expect(recordings).toEqual([
      {
        path: `/api/recordings/telnyx/rec-${run}`,
        state: 'archived',
        provider: 'telnyx',
        source: 'telnyx',
        recordingId: `rec-${run}`,
        callId: `call-${run}`,
        at: '2026-06-27T10:06:00.000Z',
        startedAt: '2026-06-27T10:06:00Z',
        durationSeconds: 8.5,
        from: '+15551230000',
        to: '+15559870000',
        files: [
          {
            format: 'wav',
            key: file?.key,
            bytes: file?.bytes,
            sha256: file?.sha256,
            contentType: file?.contentType,
            path: `/api/recordings/telnyx/rec-${run}/audio/wav`,
          },
        ],
        archivedAt: iso(startMs),
        archiveSeconds: 0,
      },
    ]);
    expect(await (await ask(recordings[0]?.path ?? '')).json()).toEqual(recordings[0]);
    expect(await (await ask(`${recordings[0]?.path}/manifest`)).json()).toEqual(manifest);
  });

  test('pages through all, without gaps and repetitions', async ({ expect }) => {
    const world = createWorld('paged');
    for (let at = 0; at < 5; at++) {
      const startedAt = iso(startMs + at * 1000);
      await world.deliver({ ...world.event('1'), eventId: `paged-${at}`, recordingId: `p${at}`, startedAt });
    }
    const seen: (string | undefined)[] = [];
    let cursor: string | undefined;
    do {
      const page = await list(`?call=call-paged&limit=2${cursor === undefined ? '' : `&cursor=${cursor}`}`);
      expect(page.recordings.length).toBeLessThanOrEqual(2);
      seen.push(...page.recordings.map(({ recordingId }) => recordingId));
      cursor = page.cursor;
    } while (cursor !== undefined);

    expect(seen).toEqual(['p4', 'p3', 'p2', 'p1', 'p0']);
    const { recordings } = await list('?call=call-paged&order=oldest');
    expect(recordings.map(({ recordingId }) => recordingId)).toEqual(['p0', 'p1', 'p2', 'p3', 'p4']);
  });

  test('takes days in a time zone, a whole day at the end', async ({ expect }) => {
    const world = createWorld('zoned');
    // In Auckland this is the 28th.
    await world.deliver({ ...world.event('1'), startedAt: '2026-06-27T13:30:00Z' });
    const found = async (query: string) => (await list(`?call=call-zoned&${query}`)).recordings.length;

    expect(await found('from=2026-06-27&to=2026-06-27')).toBe(1);
    expect(await found('from=2026-06-28')).toBe(0);
    expect(await found('from=2026-06-28&to=2026-06-28&tz=Pacific/Auckland')).toBe(1);
    expect(await found('to=2026-06-27&tz=Pacific/Auckland')).toBe(0);
    expect(await found('from=2026-06-27T13:30:00Z&to=2026-06-27T13:30:00.001Z')).toBe(1);
    expect(await found('to=2026-06-27T13:30:00Z')).toBe(0);
  });

  test('takes the last day that a date can say for no end', async ({ expect }) => {
    const world = createWorld('endless');
    await world.deliver(world.event('1'));
    expect((await list('?call=call-endless&to=9999-12-31')).recordings).toHaveLength(1);
    expect((await list('?call=call-endless&to=9999-12-30')).recordings).toHaveLength(1);
  });

  test('takes an event of any time and length', async ({ expect }) => {
    const world = createWorld('endoftime');
    await world.deliver({ ...world.event('1'), startedAt: '9999-12-31T23:59:59-10:00' });
    await world.deliver({ ...world.event('2'), eventId: 'e2', recordingId: 'e2', durationSeconds: 1e306 });
    await world.deliver({
      ...world.event('3'),
      eventId: 'e3',
      recordingId: 'e3',
      startedAt: '0000-01-01T00:00Z',
    });
    expect((await list('?call=call-endoftime')).recordings).toHaveLength(3);
  });

  test('is kept by no cache', async ({ expect }) => {
    const { headers } = await ask('/api/recordings');
    expect([headers.get('cache-control'), headers.get('x-content-type-options')]).toEqual([
      'private, no-store',
      'nosniff',
    ]);
  });

  test.for([
    ['limit=0', 'limit', '1 to 200'],
    ['limit=201', 'limit', '1 to 200'],
    ['limit=1&limit=2', 'limit', 'once'],
    ['state=lost', 'state', 'archived, pending, dead or all'],
    ['order=random', 'order', 'newest or oldest'],
    ['from=yesterday', 'from', 'a day, 2026-06-27, or an instant, 2026-06-27T10:06:00Z'],
    ['to=2026-02-30', 'to', 'a day, 2026-06-27, or an instant, 2026-06-27T10:06:00Z'],
    ['tz=Mars/Olympus', 'tz', 'a time zone, such as Europe/Berlin'],
    ['number=anna', 'number', 'a number, or its last digits'],
    ['provider=Telnyx', 'provider', 'the id of a provider'],
    ['source=twilio.SHOP', 'source', 'a provider, or <provider>.<account>'],
    ['minSeconds=-1', 'minSeconds', 'seconds, 0 or more'],
    ['format=WAV', 'format', 'a format, such as wav'],
    ['call=', 'call', '1 to 2,000 characters'],
    ['cursor=abc', 'cursor', 'the cursor of the page before'],
    ['state=pending&cursor=recordings/a', 'cursor', 'the cursor of the page before'],
    [`state=dead&cursor=dead/${'x'.repeat(1100)}`, 'cursor', 'the cursor of the page before'],
  ])('?%s answers 400 and says what is allowed', async ([query, parameter, allowed], { expect }) => {
    const response = await ask(`/api/recordings?${query}`);

    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toEqual({
      type: 'about:blank',
      title: 'Bad Request',
      status: 400,
      code: 'invalid_parameter',
      parameter,
      allowed,
    });
  });

  test('an unknown parameter answers 400, without its name', async ({ expect }) => {
    const response = await ask('/api/recordings?<script>=1');

    expect(response.status).toBe(400);
    const text = await response.text();
    expect(text).toContain('provider, source, call');
    expect(text).not.toContain('script');
  });

  test('answers 503 without a catalog, and while it fails', async ({ expect }) => {
    const failing = { prepare: () => ({ run: () => Promise.reject(new Error('D1_ERROR')) }) };
    for (const CATALOG of [undefined, failing]) {
      const without = await createVault({ VAULT_TOKEN: token, CATALOG });
      for (const path of ['', '/telnyx/r', '/telnyx/r/audio/wav', '/telnyx/r/manifest']) {
        const request = new Request(`https://vault.example/api/recordings${path}`, {
          headers: { authorization: `Bearer ${token}` },
        });
        const response = await without.send(request);
        expect([response.status, await response.json()]).toMatchObject([
          503,
          { code: 'catalog_unavailable' },
        ]);
      }
    }
  });
});

describe('what is not archived', () => {
  test('is listed from the bucket with its own cursors, found by call and number, and in its place by time', async ({
    expect,
  }) => {
    const run = 'open';
    const world = createWorld(run, { later: 503, gone: 410 });
    const at = (minute: number) => ({ startedAt: iso(startMs + minute * 60_000), from: '+4930123456' });
    const enter = async (name: string, v: string, minute: number) =>
      world.deliver({ ...world.event(v), ...at(minute), eventId: `open-${name}`, recordingId: name });
    await enter('a1', '1', 0);
    await enter('a2', '1', 10);
    await enter('a3', '1', 20);
    await enter('open-p1', 'later', 5);
    await enter('open-p2', 'later', 30);
    await world.deliver({
      ...world.event('1'),
      ...at(15),
      eventId: 'open-d1',
      recordingId: 'd1',
      files: [{ claimedFormat: 'wav', storedElsewhere: true }],
    });

    const names = async (query: string) => {
      const page = await list(`?call=call-open&${query}`);
      return [
        page.recordings.map(({ state, recordingId }) => `${state} ${recordingId}`),
        page.cursor,
      ] as const;
    };

    expect(await names('state=pending')).toEqual([['pending open-p1', 'pending open-p2'], undefined]);
    expect(await names('state=dead')).toEqual([['dead d1'], undefined]);
    expect(await names('state=pending&number=3456')).toEqual([
      ['pending open-p1', 'pending open-p2'],
      undefined,
    ]);
    expect(await names('state=pending&number=9999')).toEqual([[], undefined]);
    const [firstPending, pendingCursor] = await names('state=pending&limit=1');
    expect(firstPending).toEqual(['pending open-p1']);
    expect(await names(`state=pending&limit=1&cursor=${pendingCursor}`)).toEqual([
      ['pending open-p2'],
      undefined,
    ]);

    const [first, cursor] = await names('state=all&limit=2');
    expect(first).toEqual(['pending open-p2', 'archived a3', 'dead d1', 'archived a2']);
    const [second, end] = await names(`state=all&limit=2&cursor=${cursor}`);
    expect([second, end]).toEqual([['pending open-p1', 'archived a1'], undefined]);
    const [oldest] = await names('state=all&order=oldest');
    expect(oldest).toEqual([...second.toReversed(), ...first.toReversed()]);
    expect(await names('state=all&format=wav&order=oldest')).toEqual([
      ['archived a1', 'archived a2', 'archived a3'],
      undefined,
    ]);

    const { recordings } = await list('?call=call-open&state=pending&limit=1');
    expect(recordings[0]).toMatchObject({
      path: '/api/recordings/telnyx/open-p1?call=call-open&entry=inbox%2Ftelnyx%2Fopen-open-p1.json',
      key: 'inbox/telnyx/open-open-p1.json',
      attempts: 1,
      code: 'download_refused',
      from: '+4930123456',
      at: iso(startMs + 5 * 60_000),
    });
    expect(await (await ask('/api/recordings/telnyx/open-p1')).json()).toEqual(recordings[0]);
    expect(await (await ask('/api/recordings/telnyx/d1')).json()).toMatchObject({
      state: 'dead',
      code: 'stored_elsewhere',
      key: 'dead/telnyx/open-d1.json',
    });
  });

  test('is retried by its path', async ({ expect }) => {
    const retry = (name: string) => ask(`/api/recordings/telnyx/${name}/retry`, { method: 'POST' });

    vault.sent.length = 0;
    const woken = await retry('open-p1');
    expect([woken.status, await woken.json()]).toEqual([202, { outcome: 'woken' }]);
    const replayed = await retry('d1');
    expect([replayed.status, await replayed.json()]).toEqual([202, { outcome: 'replayed' }]);
    expect(vault.sent).toEqual([
      { inboxKey: 'inbox/telnyx/open-open-p1.json', delaySeconds: 0 },
      { inboxKey: 'inbox/telnyx/open-d1.json', delaySeconds: 0 },
    ]);
    const archived = await retry('a1');
    expect([archived.status, await archived.json()]).toMatchObject([409, { code: 'nothing_to_retry' }]);

    const services = testServices();
    const { key } = await services.inbox.create({
      version: 1,
      fingerprint: 'f',
      event: { ...wavEvent('leased'), recordingId: 'leased' },
      delivery: { receivedAt: iso(startMs), headers: {}, rawBody: '{}' },
      attempts: [],
      lease: { token: 't', until: iso(Date.now() + 60_000) },
    });
    const leased = await retry('leased');
    expect([leased.status, await leased.json()]).toEqual([202, { outcome: 'running' }]);
    await env.RECORDINGS.delete(key);
  });

  test('looks through the first 1,000, and tells how many there are more', { timeout: 60_000 }, async ({
    expect,
  }) => {
    const services = testServices();
    const put = (at: number) =>
      services.inbox.create({
        version: 1,
        fingerprint: `${at}`,
        event: {
          ...wavEvent('many'),
          provider: 'plivo',
          eventId: `many-${1000 + at}`,
          recordingId: `m${at}`,
        },
        delivery: { receivedAt: iso(startMs), headers: {}, rawBody: '{}' },
        attempts: [],
        dueAt: iso(startMs),
      });
    for (let at = 0; at < 1_005; at += 50)
      await Promise.all(Array.from({ length: Math.min(50, 1_005 - at) }, (_, more) => put(at + more)));

    const page = await list('?state=pending&source=plivo&recording=m1003');
    expect(page.recordings).toEqual([]);
    const rest = await list(`?state=pending&source=plivo&recording=m1003&cursor=${page.cursor}`);
    expect(rest.recordings.map(({ recordingId }) => recordingId)).toEqual(['m1003']);
    expect(rest.cursor).toBeUndefined();
    const all = await list('?state=all&source=plivo');
    expect(all.recordings).toHaveLength(1_000);
    expect(all.more).toMatchObject({ dead: 0 });
    expect((all.more as { pending: number }).pending).toBeGreaterThanOrEqual(5);
    for (let at = 0; at < 1_005; at++) await env.RECORDINGS.delete(`inbox/plivo/many-${1000 + at}.json`);
  });
});

describe('an id that two calls have', () => {
  test('names one recording together with the call in the query', async ({ expect }) => {
    const world = createWorld('twins');
    for (const callId of ['twin/1', 'twin2'])
      await world.deliver({ ...world.event('1'), callId, eventId: `twins-${callId}`, recordingId: 'same' });

    for (const [callId, query] of [
      ['twin/1', '?call=twin%7E2F1'],
      ['twin2', '?call=twin2'],
    ]) {
      const { recordings } = await list(`?call=${encodeURIComponent(callId ?? '')}`);
      expect(recordings.map(({ path }) => path)).toEqual([`/api/recordings/telnyx/same${query}`]);
      const [file] = recordings[0]?.files ?? [];
      expect(file?.path).toBe(`/api/recordings/telnyx/same/audio/wav${query}&sha256=${file?.sha256}`);
      expect(await (await ask(recordings[0]?.path ?? '')).json()).toEqual(recordings[0]);
      expect((await ask(recordings[0]?.files?.[0]?.path ?? '')).status).toBe(200);
    }
  });
});

describe('an id that cannot travel in a path', () => {
  test.for([
    ['dots', '..'],
    ['a lone surrogate', 'a\ud800'],
    ['a slash and a question mark', 'a/b?c#d'],
    ['an emoji', '☎️'],
    ['a percent sign', '100%25'],
    ['what looks like a part of a key', 'a~2Fb'],
  ])('%s is found by its path, and its audio', async ([, recordingId = ''], { expect }) => {
    const world = createWorld('paths');
    await world.deliver({ ...world.event('1'), recordingId, eventId: `paths-${recordingId}` });

    const { recordings } = await list('?call=call-paths&limit=200');
    const own = recordings.find((one) => one.recordingId === recordingId);

    expect(own?.path).toMatch(/^\/api\/recordings\/telnyx\/[\w~-]+$/);
    expect(await (await ask(own?.path ?? '')).json()).toEqual(own);
    const [file] = own?.files ?? [];
    const audio = await ask(file?.path ?? '');
    expect(audio.status).toBe(200);
    const digest = await crypto.subtle.digest('SHA-256', await audio.arrayBuffer());
    expect(new Uint8Array(digest)).toEqual(
      new Uint8Array(
        (await sha256At(file?.key ?? '')).match(/../g)?.map((hex) => Number.parseInt(hex, 16)) ?? [],
      ),
    );
  });
});

describe('GET /api/openapi.json', () => {
  test('is the description, behind the token, and in no cache', async ({ expect }) => {
    const response = await ask('/api/openapi.json');
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'private, no-store']);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await response.json()).toMatchObject({ openapi: '3.1.0' });
    expect((await ask('/openapi.json')).status).toBe(404);
    expect((await ask('/assets/../openapi.json')).status).toBe(404);
    expect((await ask('/assets/%2e%2e/openapi.json')).status).toBe(404);
  });

  test('a file of the page is served to all, as what it is', async ({ expect }) => {
    const open = (path: string) => vault.send(new Request(`https://vault.example${path}`));
    const types = { 'page.css': 'text/css', 'page.js': 'text/javascript', 'icons.svg': 'image/svg+xml' };
    for (const [name, type] of Object.entries(types)) {
      const response = await open(`/assets/${name}`);
      expect([response.status, response.headers.get('content-type')]).toEqual([
        200,
        expect.stringContaining(type),
      ]);
    }
    expect((await open('/assets/none.js')).status).toBe(404);
  });
});
