import { env } from 'cloudflare:workers';
import { BlobReader, BlobWriter, configure, ZipReader } from '@zip.js/zip.js';
import { afterEach, beforeEach, describe, test, vi } from 'vitest';
import { MAX_EXPORTED, MAX_EXPORTED_BYTES, planExport, zipEntries } from '../../src/catalog/export.ts';
import { csvCell } from '../../src/catalog/export-index.ts';
import { setHold } from '../../src/catalog/hold.ts';
import type { Manifest } from '../../src/recording.ts';
import type { CatalogRow } from '../../src/storage/catalog-row.ts';
import { rowsOf } from './catalog-state.ts';
import { createVault, jsonAt, keysOf, testServices } from './support.ts';
import { createWorld, iso, startMs, type World } from './world.ts';

configure({ useWebWorkers: false });

const token = 'a-token-of-the-owner-0123456789';
let vault: Awaited<ReturnType<typeof createVault>>;

beforeEach(async () => {
  vault = await createVault({ VAULT_TOKEN: token });
  for (const key of await keysOf()) await env.RECORDINGS.delete(key);
  for (const table of ['recordings', 'holds']) await rowsOf(`DELETE FROM ${table}`);
});

afterEach(() => void vi.restoreAllMocks());

function ask(path: string, bearer = token, init: RequestInit = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${bearer}` };
  return vault.send(new Request(`https://vault.example${path}`, { ...init, headers }));
}

const sha256 = async (blob: Blob) =>
  Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer())), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');

/** The files of a ZIP, read by a library that is not the one which wrote it. */
async function unzip(response: Response): Promise<Map<string, Blob>> {
  const reader = new ZipReader(new BlobReader(await response.blob()), { checkSignature: true });
  const files = new Map<string, Blob>();
  for (const entry of await reader.getEntries()) {
    if (entry.directory) throw new Error(`Cannot test: ${entry.filename} is a folder`);
    if (files.has(entry.filename)) throw new Error(`Two files have the name ${entry.filename}`);
    files.set(entry.filename, await entry.getData(new BlobWriter()));
  }
  return files;
}

/** The rows of a CSV file by their columns; every cell is in quotes. */
async function readIndex(blob: Blob | undefined): Promise<Record<string, string>[]> {
  const bytes = new Uint8Array((await blob?.arrayBuffer()) ?? []);
  if (bytes[0] !== 0xef || bytes[1] !== 0xbb || bytes[2] !== 0xbf) throw new Error('The mark is missing');
  const text = new TextDecoder().decode(bytes);
  const [head = [], ...rows] = text
    .split('\r\n')
    .slice(0, -1)
    .map((line) =>
      Array.from(line.matchAll(/"((?:[^"]|"")*)"/g), ([, cell = '']) => cell.replaceAll('""', '"')),
    );
  return rows.map((cells) => Object.fromEntries(head.map((name, at) => [name, cells[at] ?? ''])));
}

async function archived(run: string, more: object = {}): Promise<World> {
  const world = createWorld(run);
  await env.DEDUPE.delete(`seen/telnyx/event-${run}`);
  await world.deliver({ ...world.event('1'), from: '+15551230000', to: '4711', ...more });
  return world;
}

describe('GET /api/export', () => {
  test('is a ZIP of manifests, audio, trails and an index that agree with each other', async ({ expect }) => {
    const world = await archived('one', { durationSeconds: 8.5, channels: 1 });
    await setHold(world.manifestKey, { reason: '=a dispute', by: 'owner', at: iso(startMs) }, world.services);
    const response = await ask('/api/export?number=4711');

    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/zip');
    expect(response.headers.get('content-disposition')).toMatch(
      /^attachment; filename="callvault \d{4}-\d\d-\d\d\.zip"/,
    );
    expect(response.headers.get('cache-control')).toBe('private, no-store');
    expect(response.headers.get('link')).toBeNull();
    const files = await unzip(response);
    const name = '2026-06-27 10-06 telnyx rec-one';
    expect([...files.keys()]).toEqual([`${name}.json`, `${name}.wav`, `${name}.trail.json`, 'index.csv']);
    const manifest: Manifest = JSON.parse((await files.get(`${name}.json`)?.text()) ?? '');
    expect(manifest).toEqual(await jsonAt(world.manifestKey));
    const [file] = manifest.files;
    expect(await sha256(files.get(`${name}.wav`) ?? new Blob())).toBe(file?.sha256);
    const { trail } = JSON.parse((await files.get(`${name}.trail.json`)?.text()) ?? '');
    expect(trail).toEqual([{ at: expect.any(String), action: 'exported', who: 'owner' }]);
    expect(trail).toEqual((await world.services.trail.list(world.manifestKey, '')).items);
    expect(await readIndex(files.get('index.csv'))).toEqual([
      {
        file: `${name}.wav`,
        state: 'exported',
        bytes: String(file?.bytes),
        sha256: file?.sha256,
        source: 'telnyx',
        recordingId: 'rec-one',
        callId: 'call-one',
        at: '2026-06-27T10:06:00.000Z',
        durationSeconds: '8.5',
        channels: '1',
        from: "'+15551230000",
        to: '4711',
        numbersFrom: 'event',
        hold: "'=a dispute",
        warning: '',
        archivedAt: iso(startMs),
        key: file?.key,
      },
    ]);
  });

  test('has names that differ on a disk that ignores case, for the same ids and for further files', async ({
    expect,
  }) => {
    const world = await archived('same', createWorld('same').event('1', { sizeBytes: 135_988 }));
    await world.deliver({ ...world.event('1'), callId: 'other', eventId: 'same-2' });
    await world.deliver({ ...world.event('1'), recordingId: 'REC-same', eventId: 'same-3' });
    const [file] = world.event('1', { sizeBytes: 116_572 }).files;
    const link = file?.link?.replace('mono', 'dual');
    await world.deliver({ ...world.event('1'), eventId: 'same-4', files: [{ ...file, link }] });
    const files = await unzip(await ask('/api/export'));

    const names = [...files.keys()];
    expect(names).toHaveLength(3 * 3 + 1 + 1);
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
    const index = await readIndex(files.get('index.csv'));
    expect(index).toHaveLength(4);
    for (const line of index)
      expect(await sha256(files.get(line.file ?? '') ?? new Blob())).toBe(line.sha256);
    expect(names.filter((name) => / 2\.wav$/.test(name))).toHaveLength(1);
    expect(names.filter((name) => / \(2\)\.wav$/.test(name))).toHaveLength(1);
    expect(names.filter((name) => / \(3\)\.wav$/.test(name))).toHaveLength(1);
  });

  test('has no text from outside in a name', async ({ expect }) => {
    await archived('names', { recordingId: '../../x\u202e\u0000/ä'.padEnd(300, 'y') });
    await archived('dots', { recordingId: '..' });
    for (const name of (await unzip(await ask('/api/export'))).keys())
      expect(name).toMatch(/^[\w .~()-]{1,160}$/);
  });

  test('names in the index what is missing, and exports the rest', async ({ expect }) => {
    const gone = await archived('gone');
    await archived('there');
    const erased = await archived('erased');
    await env.RECORDINGS.delete(gone.manifestKey.replace('.json', '.wav'));
    await env.RECORDINGS.delete(erased.manifestKey);
    const files = await unzip(await ask('/api/export'));

    const index = await readIndex(files.get('index.csv'));
    expect(index.map(({ recordingId, state, file }) => [recordingId, state, file !== '']).sort()).toEqual([
      ['rec-erased', 'missing', false],
      ['rec-gone', 'missing', false],
      ['rec-there', 'exported', true],
    ]);
    expect([...files.keys()].filter((name) => name.includes('rec-erased'))).toEqual([]);
    expect((await erased.services.trail.list(erased.manifestKey, '')).items).toEqual([]);
  });

  test('counts with dryRun, and leaves no trail; nor does HEAD', async ({ expect }) => {
    const world = await archived('dry');
    const held = await archived('dry-held');
    await setHold(held.manifestKey, { reason: 'x', by: 'owner', at: iso(startMs) }, held.services);
    const { files } = await jsonAt<Manifest>(world.manifestKey);
    const bytes = 2 * (files[0]?.bytes ?? 0);

    const plan = await (await ask('/api/export?dryRun=true')).json();
    const head = await ask('/api/export', token, { method: 'HEAD' });

    expect(plan).toEqual({ recordings: 2, files: 2, bytes, held: 1 });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(await keysOf('trail/')).toEqual([]);
    expect(await (await ask('/api/export?dryRun=true&number=0001')).json()).toEqual({
      recordings: 0,
      files: 0,
      bytes: 0,
      held: 0,
    });
  });

  test('takes a number for its last digits, or with wholeNumber for the whole of it', async ({ expect }) => {
    await archived('whole');
    await archived('longer', { from: '+15550004711', to: undefined });
    const found = async (query: string) => {
      const plan: { recordings: number } = await (await ask(`/api/export?dryRun=true&${query}`)).json();
      const list: { recordings: object[] } = await (await ask(`/api/recordings?${query}`)).json();
      expect(list.recordings).toHaveLength(plan.recordings);
      return plan.recordings;
    };

    expect(await found('number=4711')).toBe(2);
    expect(await found('number=4711&wholeNumber=true')).toBe(1);
    expect(await found('number=%2B1%20555%20000-4711&wholeNumber=true')).toBe(1);
    expect(await found('number=5550004711&wholeNumber=true')).toBe(0);
    expect(await found('number=5550004711')).toBe(1);
    expect(await found('number=15551230000&wholeNumber=true')).toBe(1);
  });

  test('shows a token the recordings of its sources alone', async ({ expect }) => {
    await archived('mine');
    await archived('yours', { provider: 'twilio.shop' });
    const body = JSON.stringify({ name: 'shop', sources: ['twilio.shop'] });
    const made = await ask('/api/tokens', token, { method: 'POST', body });
    const shop: { token: string } = await made.json();

    const files = await unzip(await ask('/api/export', shop.token));

    expect([...files.keys()].filter((name) => name.includes(' telnyx '))).toEqual([]);
    expect((await readIndex(files.get('index.csv'))).map(({ source }) => source)).toEqual(['twilio.shop']);
    expect(await (await ask('/api/export?dryRun=true&source=telnyx', shop.token)).json()).toMatchObject({
      recordings: 0,
    });
  });

  test.for(['limit=10', 'state=all', 'dryRun=false', 'cursor=x', 'wholeNumber=1', 'number='])(
    'refuses ?%s',
    async (query, { expect }) => {
      const response = await ask(`/api/export?${query}`);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ code: 'invalid_parameter' });
    },
  );
});

describe('a ZIP that fails', () => {
  test('breaks off before the audio whose trail cannot be written', async ({ expect }) => {
    const world = await archived('broken');
    const plan = await planExport({ filter: {}, order: 'newest' }, world.services);
    if (!plan.ok) throw new Error('Cannot test');
    const entries = zipEntries(plan.value.rows, world.services, () => Promise.reject(new Error('trail')));

    await expect(entries.next()).rejects.toThrow('trail');
    expect(await entries.next()).toEqual({ done: true, value: undefined });
  });

  test('has no directory at its end, so that no reader takes it for whole', async ({ expect }) => {
    await archived('half');
    await archived('half-2');
    const bindings = {
      ...vault.bindings,
      RECORDINGS: failing((key) => key.startsWith('trail/') && key.includes('rec-half/')),
    };
    const broken = await createVault({ ...bindings, VAULT_TOKEN: token });
    const request = new Request('https://vault.example/api/export', {
      headers: { authorization: `Bearer ${token}` },
    });
    const response = await broken.send(request).catch(() => undefined);

    const blob = response?.blob();
    await expect(blob ?? Promise.reject(new Error('broken off'))).rejects.toThrow();
  });
});

/** The bucket, whose writes of some keys fail. */
function failing(isFailing: (key: string) => boolean): R2Bucket {
  return new Proxy(env.RECORDINGS, {
    get(bucket, name) {
      const value: unknown = Reflect.get(bucket, name);
      if (typeof value !== 'function') return value;
      return (key: unknown, ...rest: unknown[]) => {
        if (name === 'put' && typeof key === 'string' && isFailing(key))
          return Promise.reject(new Error('R2 is unavailable'));
        return value.call(bucket, key, ...rest);
      };
    },
  });
}

describe('planExport()', () => {
  /** Rows without objects: a catalog of a thousand recordings. */
  async function fill(count: number, bytes: number): Promise<void> {
    const { catalog } = testServices();
    const rows = Array.from({ length: count }, (_, at) => {
      const id = `r${at}`;
      const file = {
        format: 'wav',
        key: `recordings/telnyx/2026/06/27/c/${id}.wav`,
        bytes,
        sha256: '0'.repeat(64),
        contentType: 'audio/wav',
        etag: 'e',
      };
      const row: CatalogRow = {
        source: 'telnyx',
        recordingId: id,
        callId: 'c',
        atMs: startMs + at,
        files: [file],
        archivedAt: iso(startMs),
        archiveMs: 0,
      };
      return { manifestKey: `recordings/telnyx/2026/06/27/c/${id}.json`, row };
    });
    for (let at = 0; at < rows.length; at += 100) await catalog.put(rows.slice(at, at + 100));
  }

  async function parts(order: 'newest' | 'oldest') {
    const { catalog } = testServices();
    const found: { ids: string[]; bytes: number }[] = [];
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      const plan = await planExport({ filter: {}, order, cursor: cursor || undefined }, { catalog });
      if (!plan.ok) throw new Error(`Cannot test: ${plan.error}`);
      const { rows, bytes } = plan.value;
      found.push({ ids: rows.map(({ row }) => row.recordingId), bytes });
      cursor = plan.value.cursor;
    }
    return found;
  }

  test('gives parts of 1,000 recordings, without gaps and repetitions', async ({ expect }) => {
    await fill(2_050, 1_000);
    for (const order of ['newest', 'oldest'] as const) {
      const found = await parts(order);
      const ids = Array.from({ length: 2_050 }, (_, at) => `r${at}`);
      expect(found.map((part) => part.ids.length)).toEqual([MAX_EXPORTED, MAX_EXPORTED, 50]);
      expect(found.flatMap((part) => part.ids)).toEqual(order === 'newest' ? ids.reverse() : ids);
    }
  });

  test('gives parts of 1 GiB, and a larger recording alone', async ({ expect }) => {
    await fill(5, MAX_EXPORTED_BYTES / 2);
    expect((await parts('oldest')).map(({ ids }) => ids.length)).toEqual([2, 2, 1]);
    await rowsOf('DELETE FROM recordings');
    await fill(3, MAX_EXPORTED_BYTES + 1);
    expect((await parts('oldest')).map(({ ids }) => ids.length)).toEqual([1, 1, 1]);
  });

  test('is followed by the next part, which the Link of the answer names', async ({ expect }) => {
    await fill(MAX_EXPORTED + 1, 1_000);
    const first = await ask('/api/export?source=telnyx&order=oldest', token, { method: 'HEAD' });
    const [, next = ''] = /^<([^>]+)>; rel="next"$/.exec(first.headers.get('link') ?? '') ?? [];

    expect(next).toMatch(/^\/api\/export\?source=telnyx&order=oldest&cursor=\d+$/);
    expect(await (await ask(`${next}&dryRun=true`)).json()).toMatchObject({ recordings: 1 });
  });

  test('says in the log where its ZIP breaks off: a store fails, or the client leaves', async ({
    expect,
  }) => {
    await archived('cut');
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    const lines = () => log.mock.calls.map(([line]) => JSON.parse(String(line)));
    async function get(key: string, options: R2GetOptions) {
      const object = await env.RECORDINGS.get(key, options);
      const body = new ReadableStream({ type: 'bytes', pull: () => Promise.reject(new Error('R2 broke')) });
      return object !== null && key.endsWith('.wav') ? { ...object, body } : object;
    }
    const bucket = new Proxy(env.RECORDINGS, {
      get: (target, name) => (name === 'get' ? get : Reflect.get(target, name).bind(target)),
    });
    const failing = await createVault({ VAULT_TOKEN: token, RECORDINGS: bucket });
    const request = () =>
      new Request('https://vault.example/api/export', { headers: { authorization: `Bearer ${token}` } });
    const cut = await failing.send(request());
    await expect(cut.arrayBuffer()).rejects.toThrow();
    expect(lines()).toMatchObject([{ event: 'export', outcome: 'failed', isAlarm: true }]);
    expect(JSON.stringify(lines())).not.toContain('R2 broke');

    log.mockClear();
    const reader = (await vault.send(request())).body?.getReader();
    await reader?.read();
    await reader?.cancel();
    expect(lines()).toMatchObject([{ event: 'export', outcome: 'left' }]);
  });

  test('fails where the catalog does', async ({ expect }) => {
    const broken = await createVault({ VAULT_TOKEN: token, CATALOG: undefined });
    const request = new Request('https://vault.example/api/export', {
      headers: { authorization: `Bearer ${token}` },
    });
    const response = await broken.send(request);
    expect([response.status, await response.json()]).toEqual([
      503,
      expect.objectContaining({ code: 'catalog_unavailable' }),
    ]);
  });
});

describe('csvCell()', () => {
  test.for([
    ['a "quoted", text', '"a ""quoted"", text"'],
    ['=1+1', `"'=1+1"`],
    ['+15551230000', `"'+15551230000"`],
    ['-1', `"'-1"`],
    ['@SUM(A1)', `"'@SUM(A1)"`],
    ['\t=1', `"'\t=1"`],
    ['\r=1', `"'\r=1"`],
    ['＝1', `"'＝1"`],
    [' =1', `"' =1"`],
    ['\u00a0\n=1', `"'\u00a0\n=1"`],
    ['\u200b\u0000=1', `"'\u200b\u0000=1"`],
    [' a=1', '" a=1"'],
    ['a=1', '"a=1"'],
    [undefined, '""'],
    [-5, `"'-5"`],
  ] as const)('writes %j as %s', ([value, cell], { expect }) => {
    expect(csvCell(value)).toBe(cell);
  });
});
