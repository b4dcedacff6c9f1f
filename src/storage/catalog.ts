import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';
import { endOfScan, type RowSearch, type Statement, searchStatement } from './catalog-query.ts';
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
export type FoundRow = PlacedRow & { readonly id: number };

/** A page of rows; `cursor` is absent where there are no more. A page that has read enough may be short, or empty. */
export interface FoundPage {
  readonly rows: readonly FoundRow[];
  readonly cursor?: number | undefined;
}

interface StoredRow {
  readonly id: number;
  readonly manifest_key: string;
  readonly facts: string;
}

function readFound({ id, manifest_key: manifestKey, facts }: StoredRow): FoundRow[] {
  const row = parseRow(facts);
  return row === undefined ? [] : [{ id, manifestKey, row }];
}

async function run<T>(database: D1Database, { sql, values }: Statement): Promise<T[]> {
  return (
    await database
      .prepare(sql)
      .bind(...values)
      .all<T>()
  ).results;
}

/** The place of a row in the list, and its manifest. */
export interface RowKey {
  readonly id: number;
  readonly manifestKey: string;
}

/**
 * The index of archived recordings in D1. It is derived: a row that is missing or wrong costs a search, never a
 * recording. The worker makes its tables itself, since `wrangler deploy` does not. Without a binding every call rejects.
 */
export function createCatalog(database: D1Database | undefined, limit: WithTimeout = withTimeout) {
  let isOpen = false;

  /** Kept by no promise: one that another request waits for would end with the request that began it. */
  async function open(): Promise<D1Database> {
    if (database === undefined) throw new Error('There is no binding CATALOG');
    if (!isOpen) await limit(STORE_MS, migrate(database));
    isOpen = true;
    return database;
  }

  async function putRows(database: D1Database, rows: readonly PlacedRow[]): Promise<number> {
    const columns = rows.map(columnsOf);
    const bind = (sql: string, values: unknown) => database.prepare(sql).bind(JSON.stringify(values));
    const steps = [REMOVE_CHANGED, ADD_MISSING, FIND_MISSING].map((sql) => bind(sql, columns));
    const [, added, missing] = await limit(STORE_MS, database.batch<{ at: number }>(steps));
    const others = missing?.results.map(({ at }) => bind(ADD_AT_NEXT_ID, [columns[at]])) ?? [];
    if (others.length > 0) await limit(STORE_MS, database.batch(others));
    return (added?.results.length ?? 0) + others.length;
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

    /** The rows of a page. */
    async search(search: RowSearch): Promise<FoundPage> {
      const opened = await open();
      const found = await limit(STORE_MS, run<StoredRow>(opened, searchStatement(search)));
      if (found.length > search.limit) {
        const rows = found.slice(0, search.limit);
        return { rows: rows.flatMap(readFound), cursor: rows.at(-1)?.id };
      }
      const end = endOfScan(search);
      const [last] = end === undefined ? [] : await limit(STORE_MS, run<{ id: number }>(opened, end));
      return { rows: found.flatMap(readFound), cursor: last?.id };
    },

    /** Removes the rows of manifests. */
    async remove(manifestKeys: readonly string[]): Promise<void> {
      const json = JSON.stringify(manifestKeys.map((key) => ({ manifestKey: key, ...placeOf(key) })));
      await limit(STORE_MS, (await open()).prepare(REMOVE).bind(json).run());
    },

    /** The manifests of the rows after an id, in its order. */
    async listKeys(afterId: number, count: number): Promise<RowKey[]> {
      const statement = (await open()).prepare(LIST_KEYS).bind(afterId, count);
      return (await limit(STORE_MS, statement.all<RowKey>())).results;
    },
  };
}

export type Catalog = ReturnType<typeof createCatalog>;

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
