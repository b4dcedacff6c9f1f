import type { Failure } from '../shared/errors.ts';
import { describeError } from '../shared/log.ts';
import { err, ok, type Result } from '../shared/result.ts';
import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';
import {
  type DayFilter,
  daysStatement,
  endOfScan,
  type RowSearch,
  type Statement,
  searchStatement,
} from './catalog-query.ts';
import { columnsOf, type PlacedRow, parseRow, placeOf } from './catalog-row.ts';
import recordings from './migrations/0001-recordings.sql';
import { STORE_MS } from './objects.ts';

/** Numbered from 1. One that was released never changes. */
const migrations = [recordings];

/** Rows of one statement: far below the 2 MB of a parameter. */
const MAX_ROWS = 500;

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

const ADD_MISSING = `${insert("value ->> 'id'")} ON CONFLICT DO NOTHING RETURNING id`;

/** Rows whose id another recording has. */
const FIND_MISSING = `
  SELECT key AS at FROM json_each(?1) WHERE NOT EXISTS (
    SELECT 1 FROM recordings WHERE source = value ->> 'source'
    AND recording_key = value ->> 'recordingKey' AND manifest_key = value ->> 'manifestKey'
  )`;

const ADD_AT_NEXT_ID = insert(`(
  SELECT taken.id + 1 FROM recordings AS taken WHERE taken.id >= value ->> 'id'
  AND NOT EXISTS (SELECT 1 FROM recordings AS following WHERE following.id = taken.id + 1)
  ORDER BY taken.id LIMIT 1
)`);

const LIST_KEYS = 'SELECT id, manifest_key AS manifestKey FROM recordings WHERE id > ?1 ORDER BY id LIMIT ?2';

/** A row, with its place in the list. */
export interface FoundRow extends PlacedRow {
  readonly id: number;
  /** Another recording of the source has the same id. */
  readonly isShared: boolean;
}

/** A page of rows; `cursor` is absent where there are no more. A page that has read enough may be short, or empty. */
export interface FoundPage {
  readonly rows: readonly FoundRow[];
  readonly cursor?: number | undefined;
}

interface StoredRow {
  readonly id: number;
  readonly manifest_key: string;
  readonly facts: string;
  readonly is_shared: number;
}

function readFound({ id, manifest_key: manifestKey, facts, is_shared }: StoredRow): FoundRow[] {
  const row = parseRow(facts);
  return row === undefined ? [] : [{ id, manifestKey, row, isShared: is_shared === 1 }];
}

/** What was archived of a day and a source: the length of the audio, and how long archiving took. */
export interface DayStats {
  readonly day: string;
  readonly source: string;
  readonly recordings: number;
  readonly duration_ms: number;
  readonly bytes: number;
  readonly within_5s: number;
  readonly within_15s: number;
  readonly within_1min: number;
  readonly within_10min: number;
  readonly later: number;
}

export interface FailureStats {
  readonly day: string;
  readonly source: string;
  readonly code: string;
  readonly attempts: number;
}

export interface Stats {
  readonly days: readonly DayStats[];
  readonly failures: readonly FailureStats[];
}

/** The place of a row in the list, and its manifest. */
export interface RowKey {
  readonly id: number;
  readonly manifestKey: string;
}

/** A database whose tables exist, and whose requests have a time limit. */
interface Open {
  readonly database: D1Database;
  readonly withTimeout: WithTimeout;
}

/**
 * The index of archived recordings in D1. It is derived: a row that is missing or wrong costs a search, never a
 * recording. The worker makes its tables itself, since `wrangler deploy` does not. Without a binding every call rejects.
 */
export function createCatalog(database: D1Database | undefined, limit: WithTimeout = withTimeout) {
  let hasTables = false;

  /** No promise is kept: one that another request waits for would end with the request that began it. */
  async function open(): Promise<Open> {
    if (database === undefined) throw new Error('There is no binding CATALOG');
    if (!hasTables) await limit(STORE_MS, migrate(database));
    hasTables = true;
    return { database, withTimeout: limit };
  }

  return {
    isBound: database !== undefined,

    /** Writes rows, and leaves those that are the same; the number of rows that were missing or differed. */
    async put(rows: readonly PlacedRow[]): Promise<number> {
      const opened = await open();
      let changed = 0;
      for (let at = 0; at < rows.length; at += MAX_ROWS)
        changed += await putRows(opened, rows.slice(at, at + MAX_ROWS));
      return changed;
    },

    /** The rows of a page. That the database fails or hangs is expected: only the search is not possible then. */
    async search(search: RowSearch): Promise<Result<FoundPage, Failure>> {
      try {
        return ok(await find(await open(), search));
      } catch (error) {
        return err({ code: 'catalog_failed', detail: describeError(error) });
      }
    },

    /** What was archived, and what failed on the way, by UTC day and source. */
    async stats(days: DayFilter): Promise<Result<Stats, Failure>> {
      try {
        const opened = await open();
        const archived = await run<DayStats>(opened, daysStatement('days', days));
        return ok({
          days: archived,
          failures: await run<FailureStats>(opened, daysStatement('failures', days)),
        });
      } catch (error) {
        return err({ code: 'catalog_failed', detail: describeError(error) });
      }
    },

    /** Removes the rows of manifests. */
    async remove(manifestKeys: readonly string[]): Promise<void> {
      const places = manifestKeys.map((manifestKey) => ({ manifestKey, ...placeOf(manifestKey) }));
      await run(await open(), { sql: REMOVE, values: [JSON.stringify(places)] });
    },

    /** The manifests of the rows after an id, in its order. */
    listKeys: async (afterId: number, count: number): Promise<RowKey[]> =>
      run(await open(), { sql: LIST_KEYS, values: [afterId, count] }),
  };
}

export type Catalog = ReturnType<typeof createCatalog>;

async function putRows({ database, withTimeout }: Open, rows: readonly PlacedRow[]): Promise<number> {
  const columns = rows.map(columnsOf);
  const bind = (sql: string, values: unknown) => database.prepare(sql).bind(JSON.stringify(values));
  const steps = [REMOVE_CHANGED, ADD_MISSING, FIND_MISSING].map((sql) => bind(sql, columns));
  const [, added, missing] = await withTimeout(STORE_MS, database.batch<{ at: number }>(steps));
  const others = missing?.results.map(({ at }) => bind(ADD_AT_NEXT_ID, [columns[at]])) ?? [];
  if (others.length > 0) await withTimeout(STORE_MS, database.batch(others));
  return (added?.results.length ?? 0) + others.length;
}

async function find(opened: Open, search: RowSearch): Promise<FoundPage> {
  const found = await run<StoredRow>(opened, searchStatement(search));
  if (found.length > search.limit) {
    const rows = found.slice(0, search.limit);
    return { rows: rows.flatMap(readFound), cursor: rows.at(-1)?.id };
  }
  const end = endOfScan(search);
  const [last] = end === undefined ? [] : await run<{ id: number }>(opened, end);
  return { rows: found.flatMap(readFound), cursor: last?.id };
}

async function run<T>({ database, withTimeout }: Open, { sql, values }: Statement): Promise<T[]> {
  const statement = database.prepare(sql).bind(...values);
  return (await withTimeout(STORE_MS, statement.all<T>())).results;
}

/** Applies what is missing, each migration whole or not at all, in any number of isolates at once. */
async function migrate(database: D1Database): Promise<void> {
  await database.prepare('CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY)').run();
  let applied = await lastMigration(database);
  while (applied < migrations.length) {
    const statements = (migrations[applied] ?? '').split(/\n{2,}/).map((sql) => database.prepare(sql));
    const mark = database.prepare('INSERT INTO migrations VALUES (?1)').bind(applied + 1);
    try {
      await database.batch([mark, ...statements]);
      applied++;
    } catch (error) {
      const before = applied;
      applied = await lastMigration(database);
      if (applied === before) throw error; // No other isolate was first.
    }
  }
}

async function lastMigration(database: D1Database): Promise<number> {
  const query = 'SELECT max(number) AS number FROM migrations';
  return (await database.prepare(query).first<number | null>('number')) ?? 0;
}
