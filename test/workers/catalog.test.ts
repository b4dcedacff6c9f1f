import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { indexRecording } from '../../src/archive/index-recording.ts';
import type { Manifest } from '../../src/recording.ts';
import { createCatalog } from '../../src/storage/catalog.ts';
import { columnsOf, rowOf } from '../../src/storage/catalog-row.ts';
import { asciiJson } from '../../src/storage/entry-facts.ts';
import { createRecordings } from '../../src/storage/recordings.ts';
import { rowsOf, rowsToFix } from './catalog-state.ts';
import { jsonAt, link, testServices } from './support.ts';
import { createWorld, iso, startMs } from './world.ts';

const folderOf = (run: string) => `recordings/telnyx/2026/06/27/call-${run}/`;

/** A database whose requests fail or hang. */
function unavailable(how: 'fails' | 'hangs'): D1Database {
  const request = () =>
    how === 'fails'
      ? Promise.reject(new Error('D1_ERROR: Network connection lost'))
      : new Promise(() => undefined);
  const statement = { bind: () => statement, run: request, all: request, first: request };
  return { prepare: () => statement, batch: request } as unknown as D1Database;
}

const shortTimeout = <T>(_ms: number, work: Promise<T>): Promise<T> =>
  Promise.race([work, scheduler.wait(50).then(() => Promise.reject(new DOMException('', 'TimeoutError')))]);

describe('a row of the catalog', () => {
  test('holds what the event said, what is stored, and how it went', async ({ expect }) => {
    const run = 'row';
    const { services, event, create, take, firstKey, manifestKey, clock, origin } = createWorld(run, {
      young: 404,
    });
    const numbers = { from: '+1 (555) 123-0000', to: 'sip:4401@pbx.example' };
    await create({ ...event('young'), ...numbers, durationSeconds: 8.5, channels: 1 });
    await take(firstKey);
    clock.nowMs += 20_000;
    origin.answers.young = 200;
    await take(firstKey);

    const [row] = await rowsOf('SELECT * FROM recordings WHERE manifest_key = ?1', manifestKey);

    const { facts, id, ...columns } = row ?? {};
    expect(columns).toEqual({
      provider: 'telnyx',
      source: 'telnyx',
      recording_key: `rec-${run}`,
      call_key: `call-${run}`,
      manifest_key: manifestKey,
      at_ms: Date.UTC(2026, 5, 27, 10, 6),
      from_digits: '15551230000',
      to_digits: '4401',
      duration_ms: 8500,
      formats: ',wav,',
      bytes: 135_988,
      archive_ms: 20_000,
      failures: '{"link_refused":1}',
    });
    const manifest = await jsonAt<Manifest>(manifestKey);
    expect(manifest.failures).toEqual({ link_refused: 1 });
    expect(JSON.parse(String(facts))).toEqual(JSON.parse(JSON.stringify(rowOf(manifest))));
    expect(JSON.parse(String(facts))).toMatchObject({
      ...numbers,
      channels: 1,
      archivedAt: iso(startMs + 20_000),
    });
    expect(Math.floor(Number(id) / 4096)).toBe(Date.UTC(2026, 5, 27, 10, 6) - Date.UTC(2020, 0));
    expect(await rowsOf('SELECT digits FROM numbers WHERE id = ?1 ORDER BY digits', id)).toEqual([
      { digits: '0000' },
      { digits: '1230000' },
      { digits: '4401' },
    ]);
    expect(await rowsOf("SELECT * FROM failures WHERE day = '2026-06-27'")).toEqual([
      { day: '2026-06-27', source: 'telnyx', code: 'link_refused', attempts: 1 },
    ]);
    expect(services.lines.at(-1)).toMatchObject({ event: 'attempt', outcome: 'archived' });
  });

  test('costs at most 10 row writes, with two numbers of other ends', async ({ expect }) => {
    const catalog = createCatalog(env.CATALOG);
    await catalog.put([]);
    let written = 0;
    const count = ({ meta }: D1Result) => {
      written += meta.rows_written;
    };
    const counting = {
      prepare: (sql: string) => ({
        bind: (...values: unknown[]) => {
          const statement = env.CATALOG.prepare(sql).bind(...values);
          const all = async () => {
            const result = await statement.all();
            count(result);
            return result;
          };
          return { all, own: statement };
        },
        run: () => env.CATALOG.prepare(sql).run(),
        first: (column: string) => env.CATALOG.prepare(sql).first(column),
      }),
      async batch(statements: { own?: D1PreparedStatement }[]) {
        const results = await env.CATALOG.batch(statements.flatMap(({ own }) => own ?? []));
        results.forEach(count);
        return results;
      },
    } as unknown as D1Database;
    const row = rowOf(manifestOf('cost', { from: '+15551230000', to: '+15559874321' }));

    await createCatalog(counting).put([{ manifestKey: `${folderOf('cost')}rec-cost.json`, row }]);
    expect(written).toBeGreaterThan(5);
    expect(written).toBeLessThanOrEqual(10);

    written = 0;
    expect(
      await createCatalog(counting).put([{ manifestKey: `${folderOf('cost')}rec-cost.json`, row }]),
    ).toBe(0);
    expect(written).toBe(0);
  });

  test('takes the next free id where its own is taken, alone or with others', async ({ expect }) => {
    const catalog = createCatalog(env.CATALOG);
    // Of 3,000 names at one instant, many have the same 12 bits.
    const rows = Array.from({ length: 3_000 }, (_, at) => {
      const recordingId = `twin-${at}`;
      return {
        manifestKey: `recordings/telnyx/2031/01/01/call/${recordingId}.json`,
        row: rowOf({ ...manifestOf('twin'), recordingId, startedAt: '2031-01-01T00:00:00Z' }),
      };
    });
    for (const one of rows.slice(0, 100)) await catalog.put([one]);
    expect(await catalog.put(rows)).toBe(rows.length - 100);

    const [count] = await rowsOf<{ ids: number }>(
      "SELECT count(DISTINCT id) AS ids FROM recordings WHERE call_key = 'call'",
    );
    expect(count?.ids).toBe(rows.length);
    await catalog.remove(rows.map(({ manifestKey }) => manifestKey));
  });

  test('takes a free id also where another isolate writes the same row, or takes the id, meanwhile', async ({
    expect,
  }) => {
    const catalog = createCatalog(env.CATALOG);
    // `p0`, and three of the many names that have its 12 bits.
    const named = (recordingId: string, more: object = {}) => ({
      manifestKey: `recordings/telnyx/2032/01/01/call/${recordingId}.json`,
      row: rowOf({ ...manifestOf('raced'), recordingId, startedAt: '2032-01-01T00:00:00Z', ...more }),
    });
    const idOf = (recordingId: string) => columnsOf(named(recordingId)).id;
    const taken = named('p0');
    const [one, two] = Array.from({ length: 20_000 }, (_, at) => `q${at}`)
      .filter((name) => idOf(name) === idOf('p0'))
      .map((name) => named(name));
    if (one === undefined || two === undefined) throw new Error('Cannot test: no two names have the id');
    for (const meanwhile of [[one], [two], [named(one.row.recordingId, { channels: 2 })], [one, two]]) {
      await catalog.put([taken]);
      let batches = 0;
      const raced = new Proxy(env.CATALOG, {
        get(database, name) {
          const value: unknown = Reflect.get(database, name);
          if (typeof value !== 'function') return value;
          if (name !== 'batch') return value.bind(database);
          return async (statements: D1PreparedStatement[]) => {
            batches++;
            if (batches === 2) for (const other of meanwhile) await catalog.put([other]);
            return database.batch(statements);
          };
        },
      });

      await createCatalog(raced).put([one]);

      expect(batches).toBeGreaterThan(1);
      const keys = new Set([taken, one, ...meanwhile].map(({ manifestKey }) => manifestKey));
      const rows = await rowsOf(
        "SELECT manifest_key, facts FROM recordings WHERE call_key = 'call' AND manifest_key LIKE '%/2032/%'",
      );
      expect(rows.map(({ manifest_key }) => manifest_key).sort()).toEqual([...keys].sort());
      const own = rows.find(({ manifest_key }) => manifest_key === one.manifestKey);
      expect(own?.facts).toBe(asciiJson(one.row));
      await catalog.remove([...keys]);
    }
  });

  test('fits into a statement with others, however long they are', async ({ expect }) => {
    const file = { format: 'wav', bytes: 1, sha256: 'a', contentType: 'audio/wav', etag: 'e' };
    const rows = Array.from({ length: 300 }, (_, at) => {
      const recordingId = `long-${at}`;
      const files = Array.from({ length: 40 }, (_, more) => ({ ...file, key: `${more}`.repeat(150) }));
      const row = { ...rowOf(manifestOf('long')), recordingId, files };
      return { manifestKey: `recordings/telnyx/2032/01/01/long/${recordingId}.json`, row };
    });
    expect(JSON.stringify(rows).length).toBeGreaterThan(3_000_000);

    const catalog = createCatalog(env.CATALOG);
    expect(await catalog.put(rows)).toBe(300);
    expect(await catalog.put(rows)).toBe(0);
    await catalog.remove(rows.map(({ manifestKey }) => manifestKey));
  });

  test.for([
    ['a lone surrogate', 'a\ud800b'],
    ['a path', '../..'],
    ['quotes and a null', '\'";\0--'],
    ['emoji', '☎️'],
  ])('holds %s in an id as it is', async ([, recordingId = ''], { expect }) => {
    const { services, event, deliver } = createWorld('odd');
    await deliver({ ...event('1'), recordingId, eventId: `odd-${recordingId}` });

    expect(services.lines.at(-1)).toMatchObject({ outcome: 'archived' });
    const rows = await rowsOf<{ facts: string }>("SELECT facts FROM recordings WHERE call_key = 'call-odd'");
    expect(rows.map(({ facts }) => JSON.parse(facts).recordingId)).toContain(recordingId);
    expect(await rowsToFix(folderOf('odd'))).toEqual([]);
  });
});

function manifestOf(run: string, more: Partial<Manifest> = {}): Manifest {
  const file = {
    format: 'wav',
    key: `${folderOf(run)}rec-${run}.wav`,
    bytes: 10,
    sha256: 'a',
    contentType: 'audio/wav',
  };
  return {
    schema: 1,
    provider: 'telnyx',
    eventId: `event-${run}`,
    eventType: 'call.recording.saved',
    recordingId: `rec-${run}`,
    callId: `call-${run}`,
    startedAt: '2026-06-27T10:06:00Z',
    files: [{ ...file, etag: 'e', attempts: 1, archivedAt: '2026-06-27T10:07:00Z' }],
    delivery: { receivedAt: '2026-06-27T10:06:59Z', headers: {}, rawBody: '{}' },
    ...more,
  };
}

describe('the tables', () => {
  const drop = async () => {
    const tables = [
      'recordings',
      'numbers',
      'shared_ids',
      'holds',
      'days',
      'failures',
      'marks',
      'migrations',
    ];
    for (const table of tables) await env.CATALOG.prepare(`DROP TABLE IF EXISTS ${table}`).run();
  };

  test('are made once by any number of isolates at the same time', async ({ expect }) => {
    await drop();
    const row = rowOf(manifestOf('many'));
    const manifestKey = `${folderOf('many')}rec-many.json`;

    const puts = await Promise.all(
      Array.from({ length: 20 }, () => createCatalog(env.CATALOG).put([{ manifestKey, row }])),
    );

    expect(puts.toSorted().at(-1)).toBe(1);
    expect(puts.filter((changed) => changed > 0)).toHaveLength(1);
    expect(await rowsOf('SELECT number FROM migrations')).toEqual([{ number: 1 }, { number: 2 }]);
  });

  test('are made later when the database failed at first', async ({ expect }) => {
    await drop();
    let isDown = true;
    const database = new Proxy(env.CATALOG, {
      get: (target, name) => {
        if (name === 'batch' && isDown) return () => Promise.reject(new Error('D1_ERROR: overloaded'));
        const member: unknown = Reflect.get(target, name);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
    const catalog = createCatalog(database);

    await expect(catalog.put([])).rejects.toThrow('overloaded');
    isDown = false;
    expect(await catalog.put([])).toBe(0);
  });
});

describe('archiving', () => {
  test.for(['fails', 'hangs'] as const)(
    'downloads once and closes the entry with an alarm when the catalog %s',
    async (how, { expect }) => {
      const run = `down-${how}`;
      const catalog = createCatalog(unavailable(how), shortTimeout);
      const { services, event, enter, take, found, tried, clock, firstKey } = createWorld(run);
      const down = { catalog };
      const pending = await enter(event('1'));
      expect(pending.key).toBe(firstKey);
      for (let attempts = 0; attempts < 6 && (await found()).inbox > 0; attempts++) {
        clock.nowMs += 3_600_000;
        await take(firstKey, down);
      }

      expect(tried).toEqual(['1']);
      expect(await found()).toEqual({ inbox: 0, dead: 0, objects: 2 });
      const attempts = services.lines.filter((line) => line.event === 'attempt');
      expect(attempts.map(({ outcome, code }) => code ?? outcome)).toEqual([
        'catalog_failed',
        'catalog_failed',
        'archived',
      ]);
      expect(services.lines.filter(({ isAlarm }) => isAlarm)).toMatchObject([
        { event: 'fault', outcome: 'not_indexed', code: 'catalog_failed', eventId: `event-${run}` },
      ]);
      expect(await rowsToFix(folderOf(run))).toHaveLength(1);
    },
  );

  test('needs no catalog', async ({ expect }) => {
    const { event, deliver, found, services } = createWorld('unbound');
    await deliver(event('1'), { catalog: createCatalog(undefined) });

    expect(await found()).toEqual({ inbox: 0, dead: 0, objects: 2 });
    expect(services.lines.some(({ isAlarm }) => isAlarm)).toBe(false);
  });

  test('writes the row of a recording of which one file is given up', async ({ expect }) => {
    const run = 'partly';
    const { event, deliver, services } = createWorld(run);
    const [file] = event('1').files;
    const missing = { claimedFormat: 'mp3', storedElsewhere: true as const };
    await deliver({ ...event('1'), files: [...(file ? [file] : []), missing] });

    expect(services.lines.at(-1)).toMatchObject({ outcome: 'dead' });
    expect(await rowsOf('SELECT formats FROM recordings WHERE call_key = ?1', `call-${run}`)).toEqual([
      { formats: ',wav,' },
    ]);
  });
});

describe('indexRecording()', () => {
  test('writes the row again when the manifest has changed meanwhile', async ({ expect }) => {
    const run = 'moving';
    const { event, deliver, manifestKey } = createWorld(run);
    await deliver(event('1'));
    const recordings = createRecordings(env.RECORDINGS);
    const catalog = createCatalog(env.CATALOG);
    let changes = 0;
    const slow = {
      ...catalog,
      async put(rows: Parameters<typeof catalog.put>[0]) {
        if (changes++ === 0) {
          const stored = await recordings.readManifest(manifestKey);
          if (stored.state !== 'present') throw new Error('Cannot test: no manifest');
          const changed = { ...stored.manifest, failures: { link_refused: 7 } };
          await recordings.writeManifest(manifestKey, changed, stored.expected);
        }
        return catalog.put(rows);
      },
    };
    await recordings.readRow(manifestKey);

    expect(await indexRecording(event('1'), { ...testServices(), catalog: slow })).toEqual({
      ok: true,
      value: true,
    });
    expect(changes).toBe(2);
    expect(await rowsToFix(folderOf(run))).toEqual([]);
    expect(link('/', run)).toContain(run);
  });
});
