import { err, ok, type Result } from '../shared/result.ts';
import type { Catalog, FoundRow } from '../storage/catalog.ts';
import type { RowFilter } from '../storage/catalog-query.ts';
import { digitsOf, firstIdAt } from '../storage/catalog-row.ts';
import type { DeadLetters, ListedLetter } from '../storage/dead-letters.ts';
import type { EntryFacts } from '../storage/entry-facts.ts';
import type { Inbox, PendingFacts } from '../storage/inbox.ts';
import { isObjectKey, keyPart } from '../storage/keys.ts';
import type { Page } from '../storage/objects.ts';

/** Entries or letters that one list looks through. */
export const MAX_LISTED = 1_000;

/** Entries or letters that are counted for a person. */
const MAX_COUNTED = 10_000;

export interface ListServices {
  readonly catalog: Catalog;
  readonly inbox: Inbox;
  readonly deadLetters: DeadLetters;
}

/** A pending entry or a dead letter. */
export type Unarchived = (
  | ({ readonly state: 'pending' } & PendingFacts)
  | ({ readonly state: 'dead' } & ListedLetter)
) & { readonly source: string };

export type Listed = ({ readonly state: 'archived' } & FoundRow) | Unarchived;

/** A page of a list; `cursor` is absent on the last. */
export interface ListedPage {
  readonly recordings: readonly Listed[];
  readonly cursor?: string | undefined;
  /** Of `all`: the entries and letters that were not looked at. */
  readonly more?: { readonly pending: number; readonly dead: number } | undefined;
}

/** What a list is asked for; `cursor` is that of the page before. */
export interface ListQuery {
  readonly filter: RowFilter;
  readonly state: 'archived' | 'pending' | 'dead' | 'all';
  readonly order: 'newest' | 'oldest';
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** Why there is no list: the cursor is none of this list's, or the catalog fails. */
export type ListFailure = 'invalid_cursor' | 'catalog_unavailable';

type ListResult = Promise<Result<ListedPage, ListFailure>>;

export async function listRecordings(query: ListQuery, services: ListServices): ListResult {
  if (query.state === 'archived') return listArchived(query, services);
  return query.state === 'all' ? listAll(query, services) : listUnarchived(query.state, query, services);
}

async function listArchived({ cursor, ...search }: ListQuery, { catalog }: ListServices): ListResult {
  if (cursor !== undefined && !/^-?\d{1,16}$/.test(cursor)) return err('invalid_cursor');
  const page = await catalog.search({ ...search, cursor: cursor === undefined ? undefined : Number(cursor) });
  if (!page.ok) return err('catalog_unavailable');
  const { rows, cursor: next } = page.value;
  return ok({
    recordings: rows.map((row) => ({ state: 'archived', ...row })),
    cursor: next === undefined ? undefined : String(next),
  });
}

const folders = { pending: 'inbox/', dead: 'dead/' } as const;

/** Lists pending entries or dead letters from the bucket, in the order of their keys; a cursor is a key. */
async function listUnarchived(
  state: 'pending' | 'dead',
  { filter, limit, cursor }: ListQuery,
  services: ListServices,
): ListResult {
  const isKey = cursor === undefined || (cursor.startsWith(folders[state]) && isObjectKey(cursor));
  if (!isKey) return err('invalid_cursor');
  const { found, lastKey } = await lookThrough({ state, filter, limit, afterKey: cursor ?? '' }, services);
  return ok({ recordings: found, cursor: lastKey });
}

/**
 * Lists archived recordings, with the first 1,000 pending entries and dead letters in their places by time. The limit
 * counts the archived ones alone.
 */
async function listAll(query: ListQuery, services: ListServices): ListResult {
  const { filter, order, cursor } = query;
  const look = (state: 'pending' | 'dead') =>
    lookThrough({ state, filter, limit: MAX_LISTED, afterKey: '' }, services);
  const [listed, pending, dead] = await Promise.all([
    listArchived(query, services),
    look('pending'),
    look('dead'),
  ]);
  if (!listed.ok) return listed;
  const archived = listed.value;
  // A position grows along the list.
  const position = (id: number) => (order === 'newest' ? -id : id);
  const after = cursor === undefined ? -Infinity : position(Number(cursor));
  const until = archived.cursor === undefined ? Infinity : position(Number(archived.cursor));
  const others: Listed[] = [];
  const more = { pending: 0, dead: 0 };
  for (const [state, { found, lastKey }] of [['pending', pending] as const, ['dead', dead] as const]) {
    const isHere = (at: number) => at > after && at <= until;
    others.push(...found.filter((one) => isHere(position(idOf(one)))));
    if (lastKey !== undefined) more[state] = (await countOf(state, filter, services)) - MAX_LISTED;
  }
  const recordings = [...archived.recordings, ...others].sort(
    (one, other) => position(idOf(one)) - position(idOf(other)),
  );
  return ok({ recordings, cursor: archived.cursor, ...(more.pending + more.dead > 0 && { more }) });
}

/** Of the sources that may be seen; what is beyond `MAX_COUNTED` is not counted. */
async function countOf(
  state: 'pending' | 'dead',
  filter: RowFilter,
  { inbox, deadLetters }: ListServices,
): Promise<number> {
  const store = state === 'pending' ? inbox : deadLetters;
  let count = 0;
  for (const source of sourcesOf(filter)) count += await store.count(source, MAX_COUNTED - count);
  return count;
}

/** The sources whose entries are listed, in the order of their keys; `undefined` means all. */
function sourcesOf({ source, sources }: RowFilter): readonly (string | undefined)[] {
  if (source !== undefined) return sources === undefined || sources.includes(source) ? [source] : [];
  return sources === undefined ? [undefined] : [...new Set(sources)].sort(byKey);
}

/** As R2 sorts the keys of two sources: a slash ends them. */
function byKey(one: string, other: string): number {
  return `${one}/` < `${other}/` ? -1 : 1;
}

function idOf(one: Listed): number {
  return one.state === 'archived' ? one.id : firstIdAt(one.facts?.atMs ?? 0);
}

interface Look {
  readonly state: 'pending' | 'dead';
  readonly filter: RowFilter;
  readonly limit: number;
  readonly afterKey: string;
}

/** Finds what matches among the first `MAX_LISTED` after a key; `lastKey` is absent at the end. */
export async function lookThrough(
  look: Look,
  services: ListServices,
): Promise<{ readonly found: readonly Unarchived[]; readonly lastKey?: string }> {
  const { filter, limit } = look;
  const found: Unarchived[] = [];
  let looked = 0;
  let lastKey = '';
  for await (const one of listSources(look, services)) {
    // Asked before the next one: only then there surely is one.
    if (found.length === limit || looked === MAX_LISTED) return { found, lastKey };
    if (await matches(one, filter)) found.push(one);
    looked++;
    lastKey = one.key;
  }
  return { found };
}

/** The entries or letters after a key of the sources that are looked for, and of no other. */
async function* listSources({ state, filter, afterKey }: Look, services: ListServices) {
  for (const source of sourcesOf(filter)) {
    const prefix = source === undefined ? folders[state] : `${folders[state]}${source}/`;
    const isPast = afterKey > prefix && !afterKey.startsWith(prefix);
    if (!isPast)
      yield* listOfSource({ state, source, afterKey: afterKey > prefix ? afterKey : '' }, services);
  }
}

interface SourceLook {
  readonly state: 'pending' | 'dead';
  readonly source: string | undefined;
  readonly afterKey?: string;
}

/** All pending entries or dead letters of a source after a key, page by page. */
export async function* listOfSource(look: SourceLook, services: ListServices): AsyncGenerator<Unarchived> {
  for (let key: string | undefined = look.afterKey ?? ''; key !== undefined; ) {
    const page: Page<Unarchived> = await listPage(look, key, services);
    yield* page.items;
    key = page.lastKey;
  }
}

async function listPage(
  { state, source }: SourceLook,
  afterKey: string,
  { inbox, deadLetters }: ListServices,
): Promise<Page<Unarchived>> {
  if (state === 'pending') {
    const { items, lastKey } = await inbox.listAfter(afterKey, source);
    return { items: items.map((item) => ({ state, ...item, source: sourceOf(item.key) })), lastKey };
  }
  const { items, lastKey } = await deadLetters.listAfter(afterKey, source);
  return { items: items.map((item) => ({ state, ...item, source: sourceOf(item.key) })), lastKey };
}

function sourceOf(key: string): string {
  return key.split('/')[1] ?? '';
}

/** Whether an entry or a letter is meant; what only an archived recording has, none of them has. */
async function matches({ source, facts }: Unarchived, filter: RowFilter): Promise<boolean> {
  const { provider, source: only, sources, format, hold } = filter;
  if (provider !== undefined && source.split('.')[0] !== provider) return false;
  if (only !== undefined && source !== only) return false;
  if (sources !== undefined && !sources.includes(source)) return false;
  if (format !== undefined || hold === true) return false;
  return matchesFacts(facts, filter);
}

async function matchesFacts(facts: EntryFacts | undefined, filter: RowFilter): Promise<boolean> {
  const { recordingKeys, callKeys, digits, areAllDigits, fromMs, beforeMs, minSeconds, maxSeconds } = filter;
  const wanted = [recordingKeys, callKeys, digits, fromMs, beforeMs, minSeconds, maxSeconds];
  if (facts === undefined) return wanted.every((one) => one === undefined);
  const { recordingId, callId, from, to, atMs, durationSeconds = Number.NaN } = facts;
  return (
    (await isOneOf(recordingKeys, recordingId)) &&
    (await isOneOf(callKeys, callId)) &&
    (digits === undefined || [from, to].some((one) => endsIn(digits, one, areAllDigits))) &&
    atMs >= (fromMs ?? -Infinity) &&
    atMs < (beforeMs ?? Infinity) &&
    (minSeconds === undefined || durationSeconds >= minSeconds) &&
    (maxSeconds === undefined || durationSeconds <= maxSeconds)
  );
}

async function isOneOf(keys: readonly string[] | undefined, id: string | undefined): Promise<boolean> {
  return keys === undefined || (id !== undefined && keys.includes(await keyPart(id)));
}

/** As the catalog compares: fewer than four digits are a whole number. */
function endsIn(digits: string, number: string | undefined, areAll = false): boolean {
  const own = digitsOf(number) ?? '';
  return areAll || digits.length < 4 ? own === digits : own.endsWith(digits);
}
