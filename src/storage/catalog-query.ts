import { firstIdAt } from './catalog-row.ts';

/** The most rows that one search reads for filters that have no index. */
export const MAX_SCANNED_ROWS = 50_000;

/** Which rows to find; all, without a filter. */
export interface RowFilter {
  readonly provider?: string | undefined;
  readonly source?: string | undefined;
  /** Of one of these sources alone. */
  readonly sources?: readonly string[] | undefined;
  /** The parts of a key that an id may mean. */
  readonly recordingKeys?: readonly string[] | undefined;
  readonly callKeys?: readonly string[] | undefined;
  /** A whole number, or its last digits. */
  readonly digits?: string | undefined;
  /** The digits are a whole number. */
  readonly areAllDigits?: boolean | undefined;
  /** The recording's time: from this, and before that; in ms since 1970. */
  readonly fromMs?: number | undefined;
  readonly beforeMs?: number | undefined;
  readonly format?: string | undefined;
  /** On hold, or not. */
  readonly hold?: boolean | undefined;
  readonly minSeconds?: number | undefined;
  readonly maxSeconds?: number | undefined;
}

/** A part of the list; `cursor` is the id at which the part before ended. */
export interface RowSearch {
  readonly filter: RowFilter;
  readonly order: 'newest' | 'oldest';
  readonly limit: number;
  readonly cursor?: number | undefined;
}

/** SQL with its values. */
export interface Statement {
  readonly sql: string;
  readonly values: readonly (string | number)[];
}

const IS_SHARED = `EXISTS (
  SELECT 1 FROM shared_ids WHERE shared_ids.source = found.source AND shared_ids.recording_key = found.recording_key
)`;

/** The name of a row's recording. */
const nameIn = (table: string) =>
  `${table}.source || '/' || ${table}.call_key || '/' || ${table}.recording_key`;

const COLUMNS = `id, manifest_key, facts, ${IS_SHARED} AS is_shared,
  (SELECT holds.facts FROM holds WHERE holds.name = ${nameIn('found')}) AS hold`;

/**
 * The statement of a search, for one row more than its limit. It has the conditions that are set and no others: SQLite
 * uses no index for a condition that may be absent. One index leads; what it does not answer is looked for in the first
 * `MAX_SCANNED_ROWS` rows that it gives.
 */
export function searchStatement(search: RowSearch): Statement {
  const { scan, others } = plan(search);
  const limit = search.limit + 1;
  const { sql, values } = scan('recordings.*');
  if (others.length === 0) return { sql: `SELECT ${COLUMNS} FROM (${sql} LIMIT ${limit}) AS found`, values };
  const rows = `SELECT ${COLUMNS} FROM (${sql} LIMIT ${MAX_SCANNED_ROWS}) AS found`;
  return join(`${rows}${whereOf(others)} LIMIT ${limit}`, values, others);
}

/** Counts the rows among the first `MAX_SCANNED_ROWS` that the leading index gives. */
export function countStatement(filter: RowFilter): Statement {
  const { scan, others } = plan({ filter, order: 'newest', limit: 1 });
  const { sql, values } = scan('recordings.*');
  return join(
    `SELECT count(*) AS count FROM (${sql} LIMIT ${MAX_SCANNED_ROWS})${whereOf(others)}`,
    values,
    others,
  );
}

/** Days from and to, both meant whole, as `yyyy-mm-dd`. */
export interface DayFilter {
  readonly from: string;
  readonly to: string;
  readonly sources?: readonly string[] | undefined;
}

export function daysStatement(table: 'days' | 'failures', { from, to, sources }: DayFilter): Statement {
  const conditions = [...is('day >= ?', from), ...is('day <= ?', to), ...isOneOf('source', sources)];
  return join(`SELECT * FROM ${table}${whereOf(conditions)} ORDER BY day, source`, [], conditions);
}

/** All that was archived of some sources: the table has a row a day and source. */
export function totalsStatement(sources: readonly string[] | undefined): Statement {
  const conditions = isOneOf('source', sources);
  const sums = 'coalesce(sum(recordings), 0) AS recordings, coalesce(sum(bytes), 0) AS bytes';
  return join(`SELECT ${sums} FROM days${whereOf(conditions)}`, [], conditions);
}

/** The newest row of each source, by its index. */
export function newestStatement(sources: readonly string[]): Statement {
  const newest = 'SELECT facts FROM recordings WHERE source = value ORDER BY id DESC LIMIT 1';
  return {
    sql: `SELECT value AS source, (${newest}) AS facts FROM json_each(?)`,
    values: [JSON.stringify(sources)],
  };
}

/** The id at which a search stops reading; `undefined` for one that reads no more rows than it shows. */
export function endOfScan(search: RowSearch): Statement | undefined {
  const { scan, others } = plan(search);
  // An id has a recording or two.
  if (others.length === 0 || search.filter.recordingKeys !== undefined) return undefined;
  const { sql, values } = scan('recordings.id');
  return { sql: `${sql} LIMIT 1 OFFSET ${MAX_SCANNED_ROWS - 1}`, values };
}

function plan({ filter, order, cursor }: RowSearch) {
  const [table, leading, others] = conditionsOf(filter);
  const id = table === 'numbers' ? 'numbers.id' : 'recordings.id';
  const { from: first, before } = rangeOf(filter, order, cursor);
  const indexed = [...leading, ...is(`${id} >= ?`, first), ...is(`${id} < ?`, before)];
  const direction = order === 'newest' ? 'DESC' : 'ASC';
  const from = tables[table];
  const scan = (columns: string) =>
    join(`SELECT ${columns} FROM ${from}${whereOf(indexed)} ORDER BY ${id} ${direction}`, [], indexed);
  return { scan, others };
}

type Table = 'recordings' | 'numbers' | 'holds';

const tables: Readonly<Record<Table, string>> = {
  recordings: 'recordings',
  numbers: 'numbers CROSS JOIN recordings ON recordings.id = numbers.id',
  holds: `holds CROSS JOIN recordings ON recordings.recording_key = holds.recording_key
    AND recordings.source = holds.source AND recordings.call_key = holds.call_key`,
};

function isHeld(hold: boolean): Statement {
  const sql = `source || '/' || call_key || '/' || recording_key ${hold ? '' : 'NOT '}IN (SELECT name FROM holds)`;
  return { sql, values: [] };
}

/** The ids of the days and after the cursor: one bound at each end, since SQLite begins at one and reads to the other. */
function rangeOf({ fromMs, beforeMs }: RowFilter, order: RowSearch['order'], cursor: number | undefined) {
  const lower = [
    ...(fromMs === undefined ? [] : [firstIdAt(fromMs)]),
    ...(cursor === undefined || order === 'newest' ? [] : [cursor + 1]),
  ];
  const upper = [
    ...(beforeMs === undefined ? [] : [firstIdAt(beforeMs)]),
    ...(cursor === undefined || order === 'oldest' ? [] : [cursor]),
  ];
  return {
    from: lower.length === 0 ? undefined : Math.max(...lower),
    before: upper.length === 0 ? undefined : Math.min(...upper),
  };
}

/** The conditions of the index that leads, which is the most selective one, and all others. */
function conditionsOf(filter: RowFilter): [Table, Statement[], Statement[]] {
  const { provider, source, sources, recordingKeys, callKeys, digits, format } = filter;
  const { minSeconds, maxSeconds } = filter;
  const only = sources?.length === 1 ? sources[0] : undefined;
  const candidates = [
    isOneOf('recording_key', recordingKeys),
    isOneOf('call_key', callKeys),
    [...is('source = ?', source), ...is('source = ?', only)],
    is('provider = ?', provider),
  ];
  const leadsByHold = digits === undefined && filter.hold === true;
  const lead =
    digits === undefined && !leadsByHold ? candidates.findIndex((conditions) => conditions.length > 0) : -1;
  const others = [
    ...candidates.filter((_, at) => at !== lead).flat(),
    ...(only === undefined ? isOneOf('source', sources) : []),
    ...(digits === undefined ? [] : endsWith(digits, filter.areAllDigits)),
    ...(filter.hold === undefined || leadsByHold ? [] : [isHeld(filter.hold)]),
    ...is("instr(formats, ',' || ? || ',') > 0", format),
    ...is('duration_ms >= ?', inMs(minSeconds)),
    ...is('duration_ms <= ?', inMs(maxSeconds)),
  ];
  if (leadsByHold) return ['holds', [], others];
  if (digits !== undefined) return ['numbers', is('numbers.digits = ?', suffixOf(digits)), others];
  return ['recordings', candidates[lead] ?? [], others];
}

/** Digits that the table of numbers has a key for; longer ones, and those in between, are compared in the row. */
const SUFFIXES = [7, 4];

function suffixOf(digits: string): string {
  const length = SUFFIXES.find((one) => digits.length >= one);
  return length === undefined ? digits : digits.slice(-length);
}

function endsWith(digits: string, areAll = false): Statement[] {
  if (areAll) return [{ sql: '(from_digits = ? OR to_digits = ?)', values: [digits, digits] }];
  if (suffixOf(digits) === digits) return [];
  const sql = `(substr(from_digits, -${digits.length}) = ? OR substr(to_digits, -${digits.length}) = ?)`;
  return [{ sql, values: [digits, digits] }];
}

function inMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.round(seconds * 1000);
}

function is(sql: string, value: string | number | undefined): Statement[] {
  return value === undefined ? [] : [{ sql, values: [value] }];
}

/** D1 takes 100 parameters. A list that is short is one of them each, since an index then keeps its order. */
const MAX_PARAMETERS = 4;

function isOneOf(column: string, values: readonly string[] | undefined): Statement[] {
  if (values === undefined) return [];
  if (values.length > MAX_PARAMETERS)
    return [{ sql: `${column} IN (SELECT value FROM json_each(?))`, values: [JSON.stringify(values)] }];
  return [{ sql: `${column} IN (${values.map(() => '?').join(', ')})`, values }];
}

function whereOf(conditions: readonly Statement[]): string {
  return conditions.length === 0 ? '' : ` WHERE ${conditions.map(({ sql }) => sql).join(' AND ')}`;
}

function join(sql: string, values: Statement['values'], conditions: readonly Statement[]): Statement {
  return { sql, values: [...values, ...conditions.flatMap((condition) => condition.values)] };
}
