import type { Failure } from '../shared/errors.ts';
import { describeError } from '../shared/log.ts';
import { err, ok, type Result } from '../shared/result.ts';
import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';
import {
  countStatement,
  type DayFilter,
  daysStatement,
  endOfScan,
  newestStatement,
  type RowFilter,
  type RowSearch,
  searchStatement,
  totalsStatement,
} from './catalog-query.ts';
import { type CatalogRow, type PlacedRow, parseRow } from './catalog-row.ts';
import { migrate, type OpenCatalog, run } from './catalog-tables.ts';
import { putRows, removeRows } from './catalog-write.ts';
import { createHoldFlags } from './hold-flags.ts';
import { type Hold, parseHold } from './holds.ts';
import { STORE_MS } from './objects.ts';

const MARK_CRON = `INSERT INTO marks VALUES ('cron', ?1) ON CONFLICT (name) DO UPDATE SET at_ms = excluded.at_ms`;

const LAST_CRON = { sql: "SELECT at_ms FROM marks WHERE name = 'cron'", values: [] };

const LIST_KEYS = 'SELECT id, manifest_key AS manifestKey FROM recordings WHERE id > ?1 ORDER BY id LIMIT ?2';

/** A row, with its place in the list. */
export interface FoundRow extends PlacedRow {
  readonly id: number;
  /** Another recording of the source has the same id. */
  readonly isShared: boolean;
  readonly hold?: Hold | undefined;
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
  readonly hold: string | null;
}

function readFound({ id, manifest_key: manifestKey, facts, is_shared, hold }: StoredRow): FoundRow[] {
  const row = parseRow(facts);
  return row === undefined
    ? []
    : [{ id, manifestKey, row, isShared: is_shared === 1, hold: parseHold(hold) }];
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

export interface Totals {
  readonly recordings: number;
  readonly bytes: number;
}

export interface Activity {
  readonly cronMs?: number | undefined;
  readonly newest: readonly CatalogRow[];
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
  let hasTables = false;

  /** No promise is kept: one that another request waits for would end with the request that began it. */
  async function open(): Promise<OpenCatalog> {
    if (database === undefined) throw new Error('There is no binding CATALOG');
    if (!hasTables) await limit(STORE_MS, migrate(database));
    hasTables = true;
    return { database, withTimeout: limit };
  }

  /** That the database fails or hangs is expected: only what is read from it is not possible then. */
  async function read<T>(work: (opened: OpenCatalog) => Promise<T>): Promise<Result<T, Failure>> {
    try {
      return ok(await work(await open()));
    } catch (error) {
      return err({ code: 'catalog_failed', detail: describeError(error) });
    }
  }

  return {
    isBound: database !== undefined,

    /** Writes rows, and leaves those that are the same; the number of rows that were missing or differed. */
    put: async (rows: readonly PlacedRow[]): Promise<number> => putRows(await open(), rows),

    /** The rows of a page. */
    search: (search: RowSearch): Promise<Result<FoundPage, Failure>> =>
      read((opened) => find(opened, search)),

    /** The number of rows, of at most `MAX_SCANNED_ROWS`. */
    async count(filter: RowFilter): Promise<number> {
      const [found] = await run<{ count: number }>(await open(), countStatement(filter));
      return found?.count ?? 0;
    },

    /** What was archived, and what failed on the way, by UTC day and source. */
    stats: (days: DayFilter): Promise<Result<Stats, Failure>> =>
      read(async (opened) => ({
        days: await run<DayStats>(opened, daysStatement('days', days)),
        failures: await run<FailureStats>(opened, daysStatement('failures', days)),
      })),

    /** All that was archived of some sources; of all, without. */
    totals: (sources: readonly string[] | undefined): Promise<Result<Totals, Failure>> =>
      read(async (opened) => {
        const [totals] = await run<Totals>(opened, totalsStatement(sources));
        return totals ?? { recordings: 0, bytes: 0 };
      }),

    /** The last run of the cron, and the newest recording of each source that has one. */
    activity: (sources: readonly string[]): Promise<Result<Activity, Failure>> =>
      read(async (opened) => {
        const [cron] = await run<{ at_ms: number }>(opened, LAST_CRON);
        const newest = await run<{ facts: string | null }>(opened, newestStatement(sources));
        return { cronMs: cron?.at_ms, newest: newest.flatMap(({ facts }) => parseRow(facts ?? '') ?? []) };
      }),

    /** Notes the time of a run of the cron. */
    async markCron(ms: number): Promise<void> {
      await run(await open(), { sql: MARK_CRON, values: [ms] });
    },

    /** Removes the rows of manifests. */
    remove: async (manifestKeys: readonly string[]): Promise<void> => removeRows(await open(), manifestKeys),

    holds: createHoldFlags(open),

    /** The manifests of the rows after an id, in its order. */
    listKeys: async (afterId: number, count: number): Promise<RowKey[]> =>
      run(await open(), { sql: LIST_KEYS, values: [afterId, count] }),
  };
}

export type Catalog = ReturnType<typeof createCatalog>;

async function find(opened: OpenCatalog, search: RowSearch): Promise<FoundPage> {
  const found = await run<StoredRow>(opened, searchStatement(search));
  if (found.length > search.limit) {
    const rows = found.slice(0, search.limit);
    return { rows: rows.flatMap(readFound), cursor: rows.at(-1)?.id };
  }
  const end = endOfScan(search);
  const [last] = end === undefined ? [] : await run<{ id: number }>(opened, end);
  return { rows: found.flatMap(readFound), cursor: last?.id };
}
