import { env } from 'cloudflare:workers';
import { beforeAll, describe, test } from 'vitest';
import type { Manifest } from '../../src/recording.ts';
import { createVault, jsonAt } from './support.ts';
import { createWorld } from './world.ts';

const token = 'a-token-of-the-owner-0123456789';
let vault: Awaited<ReturnType<typeof createVault>>;
let manifest: Manifest;
let bytes: Uint8Array;
let etag = '';

const PATH = '/api/recordings/telnyx/rec-audio/audio/wav';
/** Of the fixture. */
const SIZE = 135_988;

beforeAll(async () => {
  vault = await createVault({ VAULT_TOKEN: token });
  const world = createWorld('audio');
  await world.deliver({ ...world.event('1'), from: '+15551230000', to: '+15559870000' });
  manifest = await jsonAt(world.manifestKey);
  const object = await env.RECORDINGS.get(manifest.files[0]?.key ?? '');
  if (object === null) throw new Error('Cannot test: there is no audio');
  bytes = new Uint8Array(await object.arrayBuffer());
  etag = object.httpEtag;
});

function ask(headers: Record<string, string> = {}, method = 'GET', path = PATH): Promise<Response> {
  const request = { method, headers: { authorization: `Bearer ${token}`, ...headers } };
  return vault.send(new Request(`https://vault.example${path}`, request));
}

/** `E` is the ETag. */
type Case = readonly [headers: Record<string, string>, status: number, from?: number, to?: number];

const last = SIZE - 1;

const cases: readonly Case[] = [
  [{}, 200],
  // Ranges: RFC 9110, 14.1.2.
  [{ range: 'bytes=0-' }, 206, 0, last],
  [{ range: 'bytes=0-0' }, 206, 0, 0],
  [{ range: 'bytes=0-499' }, 206, 0, 499],
  [{ range: 'bytes=500-999' }, 206, 500, 999],
  [{ range: `bytes=${last}-` }, 206, last, last],
  [{ range: `bytes=${last}-${last}` }, 206, last, last],
  [{ range: `bytes=0-${last}` }, 206, 0, last],
  [{ range: `bytes=0-${SIZE}` }, 206, 0, last],
  [{ range: 'bytes=100-999999999999999999999999' }, 206, 100, last],
  [{ range: 'bytes=-1' }, 206, last, last],
  [{ range: 'bytes=-500' }, 206, SIZE - 500, last],
  [{ range: `bytes=-${SIZE}` }, 206, 0, last],
  [{ range: `bytes=-${SIZE + 1}` }, 206, 0, last],
  [{ range: 'bytes=-99999999999999999999999' }, 206, 0, last],
  [{ range: 'BYTES=0-9' }, 206, 0, 9],
  [{ range: 'bytes=00000-00009' }, 206, 0, 9],
  [{ range: 'bytes=00000000000000000005-6' }, 206, 5, 6],
  [{ range: 'bytes= 0-9' }, 206, 0, 9],
  [{ range: 'bytes=0-9 ' }, 206, 0, 9],
  // Unsatisfiable.
  [{ range: `bytes=${SIZE}-` }, 416],
  [{ range: `bytes=${SIZE}-${SIZE + 9}` }, 416],
  [{ range: 'bytes=99999999999999999999999-' }, 416],
  [{ range: 'bytes=-0' }, 416],
  // Invalid, several, or of another unit: a server ignores them.
  [{ range: 'bytes=9-0' }, 200],
  [{ range: `bytes=${SIZE + 9}-${SIZE}` }, 200],
  [{ range: 'bytes=-' }, 200],
  [{ range: 'bytes=' }, 200],
  [{ range: 'bytes' }, 200],
  [{ range: 'bytes=a-b' }, 200],
  [{ range: 'bytes=0-9a' }, 200],
  [{ range: 'bytes=+0-9' }, 200],
  [{ range: 'bytes=0x0-0x9' }, 200],
  [{ range: 'bytes=0--9' }, 200],
  [{ range: 'bytes=0.5-9' }, 200],
  [{ range: 'bytes =0-9' }, 200],
  [{ range: '0-9' }, 200],
  [{ range: 'items=0-9' }, 200],
  [{ range: 'bytes=0-9,20-29' }, 200],
  [{ range: 'bytes=0-9, 20-29' }, 200],
  [{ range: 'bytes=0-9,' }, 200],
  // If-Range: 13.1.5. Only the very same version counts, which a weak tag or a date cannot tell.
  [{ range: 'bytes=0-9', 'if-range': 'E' }, 206, 0, 9],
  [{ range: 'bytes=0-9', 'if-range': '"other"' }, 200],
  [{ range: 'bytes=0-9', 'if-range': 'W/E' }, 200],
  [{ range: 'bytes=0-9', 'if-range': 'Sat, 27 Jun 2026 10:06:00 GMT' }, 200],
  [{ range: `bytes=${SIZE}-`, 'if-range': '"other"' }, 200],
  [{ range: `bytes=${SIZE}-`, 'if-range': 'E' }, 416],
  [{ 'if-range': 'E' }, 200],
  // If-None-Match: 13.1.2, a weak comparison.
  [{ 'if-none-match': 'E' }, 304],
  [{ 'if-none-match': 'W/E' }, 304],
  [{ 'if-none-match': '"other", E' }, 304],
  [{ 'if-none-match': '"a,b" , W/"c",E' }, 304],
  [{ 'if-none-match': '*' }, 304],
  [{ 'if-none-match': '"other"' }, 200],
  [{ 'if-none-match': 'no tag' }, 200],
  [{ 'if-none-match': 'E', range: 'bytes=0-9' }, 304],
  [{ 'if-none-match': '"other"', range: 'bytes=0-9' }, 206, 0, 9],
  // If-Match: 13.1.1, a strong comparison; it comes first.
  [{ 'if-match': 'E' }, 200],
  [{ 'if-match': '*' }, 200],
  [{ 'if-match': '"other", E', range: 'bytes=0-9' }, 206, 0, 9],
  [{ 'if-match': 'W/E' }, 412],
  [{ 'if-match': '"other"' }, 412],
  [{ 'if-match': '"other"', range: 'bytes=0-9' }, 412],
  [{ 'if-match': '"other"', 'if-none-match': 'E' }, 412],
  [{ 'if-match': 'E', 'if-none-match': 'E' }, 304],
  // Dates: there is no modification date, so that they are ignored.
  [{ 'if-modified-since': 'Sat, 27 Jun 2037 10:06:00 GMT' }, 200],
  [{ 'if-unmodified-since': 'Sat, 27 Jun 1970 10:06:00 GMT' }, 200],
];

const withEtag = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.replace(/\bE\b/, etag)]));

describe('GET …/audio/:format', () => {
  test('has at least 60 cases', ({ expect }) => {
    expect(cases.length).toBeGreaterThanOrEqual(60);
  });

  test.for(cases)('%j answers %i', async ([headers, status, from = 0, to = last], { expect }) => {
    const response = await ask(withEtag(headers));
    const body = new Uint8Array(await response.arrayBuffer());

    expect(response.status).toBe(status);
    const range = status === 206 ? `bytes ${from}-${to}/${SIZE}` : status === 416 ? `bytes */${SIZE}` : null;
    expect(response.headers.get('content-range')).toBe(range);
    if (status === 200 || status === 206) {
      expect(response.headers.get('content-length')).toBe(String(to - from + 1));
      expect(body).toEqual(bytes.slice(from, to + 1));
    }
    if (status === 304) expect(body.byteLength).toBe(0);
    if (status < 400) expect(response.headers.get('etag')).toBe(etag);
  });

  test.for(cases)(
    'HEAD with %j answers as without a range, and without a body',
    async ([headers, status], { expect }) => {
      const response = await ask(withEtag(headers), 'HEAD');

      expect(response.status).toBe(status === 206 || status === 416 ? 200 : status);
      expect((await response.arrayBuffer()).byteLength).toBe(0);
      if (response.status === 200) expect(response.headers.get('content-length')).toBe(String(SIZE));
      expect(response.headers.get('content-range')).toBe(null);
    },
  );

  test('has the headers that a player, a cache and a person need', async ({ expect }) => {
    const { headers } = await ask();

    const digest =
      (manifest.files[0]?.sha256 ?? '').match(/../g)?.map((hex) => Number.parseInt(hex, 16)) ?? [];
    expect(Object.fromEntries(headers)).toEqual({
      'accept-ranges': 'bytes',
      'cache-control': 'private, no-store',
      'content-disposition':
        'inline; filename="2026-06-27 10-06 +15551230000 to +15559870000.wav"; ' +
        "filename*=UTF-8''2026-06-27%2010-06%20%2B15551230000%20%E2%86%92%20%2B15559870000.wav",
      'content-length': String(SIZE),
      'content-type': 'audio/wav',
      etag,
      'repr-digest': `sha-256=:${btoa(String.fromCharCode(...digest))}:`,
      'x-content-type-options': 'nosniff',
    });
  });

  test('costs one query of the catalog and one call to the bucket', async ({ expect }) => {
    const calls: string[] = [];
    const counted = <T extends object>(binding: T, name: string): T =>
      new Proxy(binding, {
        get(target, property) {
          const member: unknown = Reflect.get(target, property);
          if (typeof member !== 'function') return member;
          return (...args: unknown[]) => {
            calls.push(`${name}.${String(property)}`);
            return Reflect.apply(member, target, args);
          };
        },
      });
    const CATALOG = counted(env.CATALOG, 'D1');
    const RECORDINGS = counted(env.RECORDINGS, 'R2');
    vault = await createVault({ VAULT_TOKEN: token, CATALOG, RECORDINGS });
    await (await ask({ range: 'bytes=0-9' })).arrayBuffer(); // Looks for the tables.
    calls.length = 0;

    await (await ask({ range: 'bytes=0-9' })).arrayBuffer();
    expect(calls).toEqual(['D1.prepare', 'R2.get']);
    calls.length = 0;
    await (await ask({}, 'HEAD')).arrayBuffer();
    expect(calls).toEqual(['D1.prepare']);
  });

  test.for([
    ['another format', `${PATH.replace('wav', 'mp3')}`],
    ['another recording', '/api/recordings/telnyx/none/audio/wav'],
    ['another source', '/api/recordings/twilio/rec-audio/audio/wav'],
    ['another call', `${PATH}?call=none`],
    ['another file of the format', `${PATH}?sha256=${'0'.repeat(64)}`],
  ])('answers 404 for %s', async ([, path = ''], { expect }) => {
    expect((await ask({}, 'GET', path)).status).toBe(404);
  });

  test('serves a further file of the format by its SHA-256, and only what the manifest lists', async ({
    expect,
  }) => {
    const world = createWorld('further');
    await world.deliver(world.event('1', { sizeBytes: SIZE }));
    const other = world.event('2', { sizeBytes: 116_572 });
    const [file] = other.files;
    await world.deliver({
      ...other,
      eventId: 'further-2',
      files: [{ ...file, link: file?.link?.replace('mono', 'dual') }],
    });
    const path = '/api/recordings/telnyx/rec-further';
    const { files } = await (await ask({}, 'GET', path)).json<{ files: { path: string; bytes: number }[] }>();

    expect(files.map((one) => one.bytes)).toEqual([SIZE, 116_572]);
    for (const one of files) {
      const body = await (await ask({}, 'GET', one.path)).arrayBuffer();
      expect(body.byteLength).toBe(one.bytes);
    }
  });

  test('answers 404 where the object is gone or another one', async ({ expect }) => {
    const world = createWorld('replaced');
    await world.deliver(world.event('1'));
    const [file] = (await jsonAt<Manifest>(world.manifestKey)).files;
    const path = '/api/recordings/telnyx/rec-replaced/audio/wav';
    await env.RECORDINGS.put(file?.key ?? '', 'other bytes');

    const replaced = await ask({}, 'GET', path);
    expect([replaced.status, await replaced.json()]).toMatchObject([404, { code: 'audio_missing' }]);
    await env.RECORDINGS.delete(file?.key ?? '');
    const gone = await ask({ range: 'bytes=0-9' }, 'GET', path);
    expect([gone.status, await gone.json()]).toMatchObject([404, { code: 'audio_missing' }]);
  });
});
