import vault from '../../src/index.ts';
import { createCatalog } from '../../src/storage/catalog.ts';
import { type RowSearch, searchStatement } from '../../src/storage/catalog-query.ts';
import type { CatalogRow, PlacedRow } from '../../src/storage/catalog-row.ts';

const START_MS = Date.UTC(2024, 0, 1);
const SECOND_MS = 1000;
const CHUNK_ROWS = 5_000;
const REPEATS = 25;

/** The row of a recording a minute; ten callers in a million have one number. */
function rowAt(at: number): PlacedRow {
  const source = ['telnyx', 'twilio', 'twilio.shop', 'sautikit'][at % 4] ?? '';
  const recordingId = `rec-${at}`;
  const callId = `call-${at >> 1}`;
  const day = new Date(START_MS + at * 60 * SECOND_MS).toISOString().slice(0, 10).replaceAll('-', '/');
  const folder = `recordings/${source}/${day}/${callId}`;
  const row: CatalogRow = {
    source,
    recordingId,
    callId,
    atMs: START_MS + at * 60 * SECOND_MS,
    startedAt: new Date(START_MS + at * 60 * SECOND_MS).toISOString(),
    durationSeconds: at % 600,
    channels: 2,
    from: `+1555${String(at % 100_000).padStart(7, '0')}`,
    to: `+4930${String((at * 7) % 1_000_000).padStart(7, '0')}`,
    files: [
      {
        format: 'wav',
        key: `${folder}/${recordingId}.wav`,
        bytes: 2_400_000,
        sha256: 'a'.repeat(64),
        contentType: 'audio/wav',
        etag: 'e'.repeat(32),
      },
    ],
    archivedAt: new Date(START_MS + at * 60 * SECOND_MS).toISOString(),
    archiveMs: at % 20_000,
  };
  return { manifestKey: `${folder}/${recordingId}.json`, row };
}

/** Writes rows; the milliseconds of the writes alone. */
async function fill(database: D1Database, from: number, rows: number): Promise<number> {
  const catalog = createCatalog(database);
  await catalog.put([]);
  let ms = 0;
  for (let at = from; at < from + rows; at += CHUNK_ROWS) {
    const chunk = Array.from({ length: CHUNK_ROWS }, (_, more) => rowAt(at + more));
    const startMs = performance.now();
    await catalog.put(chunk);
    ms += performance.now() - startMs;
  }
  return ms;
}

/** The median of a search, and of its SQL alone, in turns. */
async function measure(database: D1Database, search: RowSearch) {
  const catalog = createCatalog(database);
  const { sql, values } = searchStatement(search);
  const statement = database.prepare(sql).bind(...values);
  const times: { readonly whole: number[]; readonly bare: number[] } = { whole: [], bare: [] };
  let rows = 0;
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const startMs = performance.now();
    const page = await catalog.search(search);
    const middleMs = performance.now();
    await statement.all();
    times.whole.push(middleMs - startMs);
    times.bare.push(performance.now() - middleMs);
    rows = page.ok ? page.value.rows.length : -1;
  }
  const median = (all: number[]) => all.toSorted((one, other) => one - other)[REPEATS >> 1];
  return { rows, wholeMs: median(times.whole), bareMs: median(times.bare) };
}

/** callvault's read side, and beside it what the platform alone does. */
export default {
  async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
    const url = new URL(request.url);
    const numberAt = (name: string) => Number(url.searchParams.get(name));
    switch (url.pathname) {
      case '/bench/fill':
        return Response.json({ ms: await fill(env.CATALOG, numberAt('from'), numberAt('rows')) });
      case '/bench/search':
        return Response.json(await measure(env.CATALOG, await request.json()));
      case '/bench/range': {
        const range = { offset: numberAt('offset'), length: numberAt('length') };
        const object = await env.RECORDINGS.get(url.searchParams.get('key') ?? '', { range });
        if (object === null) return new Response(null, { status: 404 });
        // The local platform handles an answer by its status and type: they are those of the API's.
        const headers = { 'Content-Length': String(range.length), 'Content-Type': 'audio/wav' };
        return new Response(object.body, { status: 206, headers });
      }
      default:
        return vault.fetch(request, env, context);
    }
  },
  queue: vault.queue,
  scheduled: vault.scheduled,
};
