import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { beforeAll, describe, test } from 'vitest';
import { createCatalog, type FoundPage } from '../../src/storage/catalog.ts';
import {
  MAX_SCANNED_ROWS,
  type RowFilter,
  type RowSearch,
  searchStatement,
} from '../../src/storage/catalog-query.ts';
import { type CatalogRow, digitsOf, type PlacedRow } from '../../src/storage/catalog-row.ts';
import { rowsOf } from './catalog-state.ts';

const catalog = createCatalog(env.CATALOG);
const startMs = Date.UTC(2026, 5, 1);
const HOUR_MS = 3_600_000;

const sources = ['telnyx', 'twilio', 'twilio.shop', 'plivo'];
const numbers = ['+15551230000', '+445551230000', '+15559990000', '101', '4401', '+4930123456', undefined];

/** A row for each hour: the columns that are filtered repeat with periods that have no common factor. */
const rows: PlacedRow[] = Array.from({ length: 1_000 }, (_, at) => {
  const source = sources[at % sources.length] ?? '';
  const recordingId = `rec-${at}`;
  const callId = `call-${at % 301}`;
  const row: CatalogRow = {
    source,
    recordingId,
    callId,
    atMs: startMs + at * HOUR_MS,
    durationSeconds: at % 61,
    from: numbers[at % numbers.length],
    to: numbers[(at * 3) % numbers.length],
    files: (at % 5 === 0 ? ['wav', 'mp3'] : ['wav']).map((format) => ({
      format,
      key: `${recordingId}.${format}`,
      bytes: 1,
      sha256: 'a',
      contentType: 'audio/wav',
      etag: 'e',
    })),
    archivedAt: '2026-06-01T00:00:00.000Z',
    archiveMs: 0,
  };
  return { manifestKey: `recordings/${source}/2026/06/01/${callId}/${recordingId}.json`, row };
});

beforeAll(async () => {
  await rowsOf('DELETE FROM recordings');
  await catalog.put(rows);
});

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
const filter: fc.Arbitrary<RowFilter> = fc.record({
  provider: optional(fc.constantFrom('telnyx', 'twilio', 'none')),
  source: optional(fc.constantFrom('telnyx', 'twilio', 'twilio.shop')),
  sources: optional(fc.subarray(sources)),
  recordingKeys: optional(fc.constantFrom(['rec-7', 'rec~2D7'], ['rec-8'])),
  callKeys: optional(fc.constantFrom(['call-1'], ['call-2', 'call-3'])),
  digits: optional(
    fc.constantFrom('15551230000', '5551230000', '1230000', '30000', '0000', '101', '4401', '7', '3456'),
  ),
  fromMs: optional(fc.integer({ min: -10, max: 1010 }).map((at) => startMs + at * HOUR_MS)),
  beforeMs: optional(fc.integer({ min: -10, max: 1010 }).map((at) => startMs + at * HOUR_MS)),
  format: optional(fc.constantFrom('wav', 'mp3', 'av')),
  minSeconds: optional(fc.constantFrom(0, 30)),
  maxSeconds: optional(fc.constantFrom(10, 30.5)),
});

function matches({ manifestKey, row }: PlacedRow, wanted: RowFilter): boolean {
  const [, source = '', , , , callKey = '', recording = ''] = manifestKey.split('/');
  const { atMs, durationSeconds = 0, files } = row;
  const { digits = '' } = wanted;
  // A number of fewer than four digits is meant as it is.
  const isNumber = [row.from, row.to].some((number) => {
    const own = digitsOf(number) ?? '';
    return digits.length < 4 ? own === digits : own.endsWith(digits);
  });
  return (
    (wanted.provider === undefined || source.split('.')[0] === wanted.provider) &&
    (wanted.source === undefined || source === wanted.source) &&
    (wanted.sources === undefined || wanted.sources.includes(source)) &&
    (wanted.recordingKeys === undefined || wanted.recordingKeys.includes(recording.replace('.json', ''))) &&
    (wanted.callKeys === undefined || wanted.callKeys.includes(callKey)) &&
    (wanted.digits === undefined || isNumber) &&
    atMs >= (wanted.fromMs ?? atMs) &&
    atMs < (wanted.beforeMs ?? Infinity) &&
    (wanted.format === undefined || files.some((file) => file.format === wanted.format)) &&
    durationSeconds >= (wanted.minSeconds ?? 0) &&
    durationSeconds <= (wanted.maxSeconds ?? Infinity)
  );
}

function pageOf(result: Awaited<ReturnType<typeof catalog.search>>): FoundPage {
  if (!result.ok) throw new Error(result.error.detail);
  return result.value;
}

async function* pages(search: Omit<RowSearch, 'cursor'>) {
  let cursor: number | undefined;
  do {
    const page = pageOf(await catalog.search({ ...search, cursor }));
    yield page.rows.map(({ row }) => row.recordingId);
    cursor = page.cursor;
  } while (cursor !== undefined);
}

describe('catalog.search()', () => {
  test('finds what each combination of filters means, in pages without gaps and repetitions', async ({
    expect,
  }) => {
    await fc.assert(
      fc.asyncProperty(
        filter,
        fc.constantFrom('newest', 'oldest'),
        fc.constantFrom(7, 50, 1000),
        async (wanted, order, limit) => {
          const found: string[] = [];
          for await (const page of pages({ filter: wanted, order, limit })) found.push(...page);

          const expected = rows.filter((row) => matches(row, wanted)).map(({ row }) => row.recordingId);
          expect(found).toEqual(order === 'newest' ? expected.reverse() : expected);
        },
      ),
      { numRuns: 300 },
    );
  });

  const days = { fromMs: startMs + 100 * HOUR_MS, beforeMs: startMs + 900 * HOUR_MS };
  const listed: [string, RowFilter][] = [
    ['no filter', {}],
    ['a provider', { provider: 'twilio' }],
    ['a source', { source: 'twilio.shop' }],
    ['the only source of a token', { sources: ['plivo'] }],
    ['a call', { callKeys: ['call-1'] }],
    ['a recording', { recordingKeys: ['rec-7', 'rec~2D7'] }],
    // Another number with the same last seven digits would be read, and left out.
    ['a whole number', { digits: '15559990000' }],
    ['seven digits', { digits: '1230000' }],
    ['four digits', { digits: '0000' }],
  ];

  test.for(
    listed.flatMap(([name, wanted]) => [
      [name, wanted],
      [`${name} and days`, { ...wanted, ...days }],
    ]) as [string, RowFilter][],
  )('by %s reads at most 3 rows for each that it shows, by an index', async ([, wanted], { expect }) => {
    for (const [order, cursor] of [
      ['newest', undefined],
      ['oldest', undefined],
      ['newest', (startMs + 500 * HOUR_MS - Date.UTC(2020, 0)) * 4096],
    ] as const) {
      const { sql, values } = searchStatement({ filter: wanted, order, limit: 20, cursor });
      const prepared = env.CATALOG.prepare(sql).bind(...values);
      const { results, meta } = await prepared.all();
      const plan = await env.CATALOG.prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .bind(...values)
        .all<{ detail: string }>();
      const steps = plan.results.map(({ detail }) => detail).join('; ');

      expect(meta.rows_read, `${steps}: ${results.length} rows`).toBeLessThanOrEqual(
        Math.max(3 * results.length, 6),
      );
      // Without a filter the newest rows are the last of the primary key.
      const mayScan = Object.keys(wanted).length === 0 && cursor === undefined;
      if (!mayScan) expect(steps).not.toMatch(/SCAN (recordings|numbers)/);
      if (wanted.recordingKeys === undefined) expect(steps).not.toContain('TEMP B-TREE');
    }
  });

  test('stops after MAX_SCANNED_ROWS rows for a filter without an index, with a cursor', async ({
    expect,
  }) => {
    const { sql } = searchStatement({ filter: { format: 'amr' }, order: 'newest', limit: 20 });

    expect(sql).toContain(`LIMIT ${MAX_SCANNED_ROWS})`);
    const small = env.CATALOG.prepare(sql.replace(`LIMIT ${MAX_SCANNED_ROWS})`, 'LIMIT 100)')).bind('amr');
    expect((await small.all()).meta.rows_read).toBe(100);
  });

  test('continues where a scan ended that found too little', async ({ expect }) => {
    // The database says that it has read 100 rows where it says 50,000.
    const short = new Proxy(env.CATALOG, {
      get(target, name) {
        if (name === 'prepare')
          return (sql: string) =>
            target.prepare(
              sql
                .replace(`LIMIT ${MAX_SCANNED_ROWS}`, 'LIMIT 100')
                .replace(`OFFSET ${MAX_SCANNED_ROWS - 1}`, 'OFFSET 99'),
            );
        const member: unknown = Reflect.get(target, name);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
    const wanted = { format: 'mp3', minSeconds: 58 };
    const found: string[] = [];
    let count = 0;
    let cursor: number | undefined;
    do {
      const page = pageOf(
        await createCatalog(short).search({ filter: wanted, order: 'newest', limit: 20, cursor }),
      );
      found.push(...page.rows.map(({ row }) => row.recordingId));
      cursor = page.cursor;
      count++;
    } while (cursor !== undefined);

    expect(count).toBeGreaterThanOrEqual(10);
    const expected = rows.filter((row) => matches(row, wanted)).map(({ row }) => row.recordingId);
    expect(found).toEqual(expected.reverse());
  });
});
