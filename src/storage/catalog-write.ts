import type { Statement } from './catalog-query.ts';
import { columnsOf, type PlacedRow, placeOf } from './catalog-row.ts';
import { type OpenCatalog, run } from './catalog-tables.ts';
import { STORE_MS } from './objects.ts';

/** Rows of one statement, and characters of their JSON: D1 takes 2 MB a parameter. */
const MAX_ROWS = 500;
const MAX_JSON_LENGTH = 1_000_000;

/** The rows of the JSON that the catalog has. */
const KNOWN = `
  json_each(?1) JOIN recordings AS known ON known.source = value ->> 'source'
  AND known.recording_key = value ->> 'recordingKey' AND known.manifest_key = value ->> 'manifestKey'`;

const REMOVE = `DELETE FROM recordings WHERE id IN (SELECT known.id FROM ${KNOWN})`;

/** A row that differs is written anew: so there is one way to count it, and one to count it no more. */
const REMOVE_CHANGED = `
  DELETE FROM recordings WHERE id IN (SELECT known.id FROM ${KNOWN} WHERE known.facts <> value ->> 'facts')`;

const insert = (id: string) => `
  INSERT INTO recordings SELECT ${id},
    value ->> 'provider', value ->> 'source', value ->> 'recordingKey', value ->> 'callKey', value ->> 'manifestKey',
    value ->> 'atMs', value ->> 'fromDigits', value ->> 'toDigits', value ->> 'durationMs', value ->> 'formats',
    value ->> 'bytes', value ->> 'archiveMs', value ->> 'failures', value ->> 'facts'
  FROM json_each(?1) WHERE true`;

const ADD_MISSING = `${insert("value ->> 'id'")} ON CONFLICT DO NOTHING RETURNING manifest_key`;

/** Rows whose id another recording has. */
const FIND_MISSING = `
  SELECT key AS at FROM json_each(?1) WHERE NOT EXISTS (
    SELECT 1 FROM recordings WHERE source = value ->> 'source'
    AND recording_key = value ->> 'recordingKey' AND manifest_key = value ->> 'manifestKey'
  )`;

const ADD_AT_NEXT_ID = insert(`CASE WHEN EXISTS (SELECT 1 FROM recordings WHERE id = value ->> 'id') THEN (
  SELECT taken.id + 1 FROM recordings AS taken WHERE taken.id >= value ->> 'id'
  AND NOT EXISTS (SELECT 1 FROM recordings AS following WHERE following.id = taken.id + 1)
  ORDER BY taken.id LIMIT 1
) ELSE value ->> 'id' END`);

/** Writes rows, and leaves those that are the same; the number of rows that were missing or differed. */
export async function putRows(opened: OpenCatalog, rows: readonly PlacedRow[]): Promise<number> {
  let changed = 0;
  let waiting: Columns[] = [];
  let length = 0;
  for (const columns of rows.map(columnsOf)) {
    const own = JSON.stringify(columns).length;
    if (waiting.length === MAX_ROWS || length + own > MAX_JSON_LENGTH) {
      changed += await putSome(opened, waiting);
      waiting = [];
      length = 0;
    }
    waiting.push(columns);
    length += own;
  }
  return changed + (await putSome(opened, waiting));
}

type Columns = ReturnType<typeof columnsOf>;

/** Removes the rows of manifests. */
export async function removeRows(opened: OpenCatalog, manifestKeys: readonly string[]): Promise<void> {
  const places = manifestKeys.map((manifestKey) => ({ manifestKey, ...placeOf(manifestKey) }));
  await run(opened, statementOf(REMOVE, places));
}

/** Nearly always a row is new, and one statement writes it. */
async function putSome(opened: OpenCatalog, columns: readonly Columns[]): Promise<number> {
  if (columns.length === 0) return 0;
  const added = await run<{ manifest_key: string }>(opened, statementOf(ADD_MISSING, columns));
  const keys = new Set(added.map(({ manifest_key }) => manifest_key));
  const rest = columns.filter(({ manifestKey }) => !keys.has(manifestKey));
  return added.length + (rest.length === 0 ? 0 : await replaceChanged(opened, rest));
}

/** Other isolates write rows between the two batches: one may take the id, or be first with the same row. */
const MAX_TRIES = 3;

async function replaceChanged(
  opened: OpenCatalog,
  columns: readonly Columns[],
  triesLeft = MAX_TRIES,
): Promise<number> {
  const { database, withTimeout } = opened;
  const bind = (sql: string, values: unknown) => database.prepare(sql).bind(JSON.stringify(values));
  const steps = [REMOVE_CHANGED, ADD_MISSING, FIND_MISSING].map((sql) => bind(sql, columns));
  const [, added, missing] = await withTimeout(STORE_MS, database.batch<{ at: number }>(steps));
  const rest = missing?.results.flatMap(({ at }) => columns[at] ?? []) ?? [];
  const done = added?.results.length ?? 0;
  if (rest.length === 0) return done;
  try {
    await withTimeout(STORE_MS, database.batch(rest.map((one) => bind(ADD_AT_NEXT_ID, [one]))));
  } catch (error) {
    if (triesLeft === 1) throw error;
    return done + (await replaceChanged(opened, rest, triesLeft - 1));
  }
  return done + rest.length;
}

function statementOf(sql: string, values: unknown): Statement {
  return { sql, values: [JSON.stringify(values)] };
}
