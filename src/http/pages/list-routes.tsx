import type { Context } from 'hono';
import { Hono } from 'hono/tiny';
import { type ExportPart, planExport } from '../../catalog/export.ts';
import { findArchived } from '../../catalog/find-recording.ts';
import { listRecordings } from '../../catalog/list-recordings.ts';
import type { FoundRow } from '../../storage/catalog.ts';
import { type DescribedRow, describe, describeRow } from '../api/describe.ts';
import { zipOf } from '../api/export.ts';
import { readExportQuery, readListQuery } from '../api/list-query.ts';
import { maySee } from '../identity.ts';
import { readForm } from '../read-form.ts';
import type { AppEnv } from '../services.ts';
import { askApi, codeOfAnswer } from './ask-api.ts';
import type { Filters } from './filters.tsx';
import { hrefOf } from './filters.tsx';
import { readDuration } from './format.ts';
import { htmlOf } from './html.ts';
import { jsx } from './jsx.ts';
import type { View } from './layout.tsx';
import { type FoundList, ListPage } from './list.tsx';
import { clockOf, failed, forPeople, viewOf } from './people.tsx';
import { DonePage, ExportPage, SelectionPage } from './selection.tsx';
import { baseOf, EmptyPage, SetUpPage } from './set-up.tsx';
import { fill, words } from './words.ts';

/** The list, and what is done with several recordings of it. */
export const listPages = new Hono<AppEnv>();

const PAGE_ROWS = 50;

/** `GET /`: the recordings. */
listPages.get('/', forPeople('read'), async (c) => {
  const filters = readFilters(c);
  const [view, found] = await Promise.all([viewOf(c), find(filters, c)]);
  if (typeof found === 'string') return failed(c, found, 503);
  if (isEmpty(found) && Object.values(filters).every((value) => value === '')) return emptyPage(view, c);
  const ids = c.env.config.sources.map(({ provider }) => provider.id);
  return htmlOf(
    <ListPage view={view} filters={filters} providers={[...new Set(ids)]} found={found} />,
    'invalid' in found ? 400 : 200,
  );
});

function isEmpty(found: Exclude<Found, string>): boolean {
  return 'recordings' in found && found.recordings.length === 0 && found.cursor === undefined;
}

function emptyPage(view: View, c: Context<AppEnv>): Response {
  const { right, sources } = view.identity;
  if (right !== 'manage' || sources !== undefined) return htmlOf(<EmptyPage view={view} />);
  const { config } = c.env;
  return htmlOf(<SetUpPage view={view} sources={config.sources} base={baseOf(config, c.req.url)} />);
}

function readFilters(c: Context<AppEnv>): Filters {
  const query = new URL(c.req.url).searchParams;
  const given = (name: keyof Filters) => query.get(name) ?? '';
  return {
    q: given('q').trim(),
    from: given('from'),
    to: given('to'),
    min: given('min'),
    max: given('max'),
    state: given('state'),
    provider: given('provider'),
    format: given('format'),
    hold: given('hold'),
    order: given('order'),
    cursor: given('cursor'),
  };
}

type Found = FoundList | { readonly invalid: string } | 'catalog_unavailable';

/** What was typed as a number: digits, and what people write between them. */
function isNumber(q: string): boolean {
  return /^\+?[\d\s().-]+$/.test(q) && /\d/.test(q);
}

async function find(filters: Filters, c: Context<AppEnv>): Promise<Found> {
  let found: Found = { invalid: '' };
  for (const search of searchesOf(filters, clockOf(c).timeZone)) {
    search.set('limit', String(PAGE_ROWS));
    search.set('state', filters.state || (hasArchivedOnly(filters) ? 'archived' : 'all'));
    found = await listOf(search, isNumber(filters.q), c);
    if (typeof found === 'string' || !isEmpty(found)) break;
  }
  return found;
}

/**
 * The parameters of the API that the filters mean. A text that is no number is the id of a recording; where there is none,
 * that of a call.
 */
function searchesOf(filters: Filters, tz: string): URLSearchParams[] {
  const { q } = filters;
  const names = q === '' ? [] : isNumber(q) ? ['number'] : ['recording', 'call'];
  const search = searchOf(filters, tz);
  return names.length === 0 ? [search] : names.map((name) => new URLSearchParams([...search, [name, q]]));
}

function searchOf(filters: Filters, tz: string): URLSearchParams {
  const search = new URLSearchParams({ tz });
  const { min, max } = filters;
  const seconds = (text: string) => text && String(readDuration(text) ?? text);
  const { from, to, provider, format, hold, order, cursor } = filters;
  const given = { from, to, provider, format, hold, order, cursor };
  for (const [name, text] of Object.entries({ ...given, minSeconds: seconds(min), maxSeconds: seconds(max) }))
    if (text !== '') search.set(name, text);
  return search;
}

/** What is not archived has no format and no hold. */
function hasArchivedOnly({ format, hold }: Filters): boolean {
  return format !== '' || hold !== '';
}

async function listOf(search: URLSearchParams, isDigits: boolean, c: Context<AppEnv>): Promise<Found> {
  const query = await readListQuery(search);
  if (!query.ok) return { invalid: query.error.allowed ?? '' };
  const { sources } = c.var.identity;
  const page = await listRecordings({ ...query.value, filter: { ...query.value.filter, sources } }, c.env);
  if (!page.ok && page.error === 'catalog_unavailable') return page.error;
  if (!page.ok) return { invalid: '' };
  const { recordings, cursor, more } = page.value;
  return { recordings: await Promise.all(recordings.map(describe)), cursor, more, isDigits };
}

/** `GET /export?…` with the filters of the list: what the ZIP would have, and the link to it. */
listPages.get('/export', forPeople('read'), async (c) => {
  const view = await viewOf(c);
  const filters = readFilters(c);
  // What is pending or dead has no audio to export.
  if (filters.state !== '' && filters.state !== 'archived') return showExport(view, filters, NOTHING);
  return (await exportOf(view, filters, c)) ?? failed(c, 'not_found', 404);
});

const NOTHING = { search: new URLSearchParams(), part: { rows: [], files: 0, bytes: 0 } };

async function exportOf(view: View, filters: Filters, c: Context<AppEnv>): Promise<Response | undefined> {
  for (const search of searchesOf(filters, view.clock.timeZone)) {
    const query = await readExportQuery(search);
    if (!query.ok) return failed(c, 'invalid_parameter', 400);
    const { sources } = view.identity;
    const part = await planExport({ ...query.value, filter: { ...query.value.filter, sources } }, c.env);
    if (!part.ok) return failed(c, part.error, part.error === 'invalid_cursor' ? 400 : 503);
    const isLast = part.value.rows.length > 0 || search.has('call') || !search.has('recording');
    if (isLast) return showExport(view, filters, { search, part: part.value });
  }
  return undefined;
}

function showExport(
  view: View,
  filters: Filters,
  { search, part }: { readonly search: URLSearchParams; readonly part: ExportPart },
): Response {
  const { cursor } = part;
  const next = cursor === undefined ? undefined : hrefOf(filters, { cursor }).replace('/', '/export');
  return htmlOf(
    <ExportPage view={view} part={part} zip={`/api/export?${search}`} list={hrefOf(filters)} next={next} />,
  );
}

/** Recordings of one selection: a page of the list, and what was typed in its place. */
const MAX_SELECTED = 100;

/** Ids may be long. */
const MAX_SELECTION_BYTES = 256 * 1024;

/** `POST /selection` with the `path` of each: asks before it exports or holds them. */
listPages.post('/selection', forPeople('read'), async (c) => {
  const form = await readForm(c, MAX_SELECTION_BYTES);
  const rows = await selected(form, c);
  if (rows instanceof Response) return rows;
  const view = await viewOf(c);
  const asked = form.get('do');
  const wanted = asked === 'hold' || asked === 'release' ? asked : 'export';
  if (wanted !== 'export' && view.identity.right !== 'manage') return failed(c, 'forbidden', 403);
  return htmlOf(<SelectionPage view={view} all={rows.map(describeRow)} wanted={wanted} />);
});

/** `POST /selection/export`: the ZIP. */
listPages.post('/selection/export', forPeople('read'), async (c) => {
  const rows = await selected(await readForm(c, MAX_SELECTION_BYTES), c);
  return rows instanceof Response ? rows : zipOf(c, rows);
});

/** `POST /selection/hold` with a `reason`: each by itself; what fails is named. */
listPages.post('/selection/hold', forPeople('manage'), (c) =>
  ofEach(c, words.selection.heldTitle, (path, form) =>
    askApi(c, { method: 'POST', path, part: '/hold', body: { reason: form.get('reason')?.trim() } }),
  ),
);

/** `POST /selection/release`: the same, without a reason; those that are not on hold are named. */
listPages.post('/selection/release', forPeople('manage'), (c) =>
  ofEach(c, words.selection.releasedTitle, (path) => askApi(c, { method: 'DELETE', path, part: '/hold' })),
);

async function ofEach(
  c: Context<AppEnv>,
  title: string,
  act: (path: string, form: URLSearchParams) => Promise<Response>,
): Promise<Response> {
  const form = await readForm(c, MAX_SELECTION_BYTES);
  const rows = await selected(form, c);
  if (rows instanceof Response) return rows;
  const all: DescribedRow[] = [];
  const refusals: { readonly path: string; readonly code: string }[] = [];
  for (const one of rows.map(describeRow)) {
    const answer = await act(one.path, form);
    if (answer.ok) all.push(one);
    else refusals.push({ path: one.path, code: await codeOfAnswer(answer) });
  }
  const counted = fill(title, { count: all.length });
  return htmlOf(<DonePage view={await viewOf(c)} title={counted} all={all} refusals={refusals} />);
}

/** The rows that a form names by their paths, once each; those that are gone are left out. */
async function selected(form: URLSearchParams, c: Context<AppEnv>): Promise<FoundRow[] | Response> {
  const rows = new Map<string, FoundRow>();
  const paths = [...new Set(form.getAll('path'))];
  if (paths.length > MAX_SELECTED) return failed(c, 'too_many_selected', 400);
  for (const path of paths) {
    // As `describeRow` makes it, of parts of keys: they need no decoding.
    const [, source = '', recordingId = '', query] =
      /^\/api\/recordings\/([^/?]+)\/([^/?]+)(\?.*)?$/.exec(path) ?? [];
    if (source === '' || !maySee(c.var.identity, source)) continue;
    const call = new URLSearchParams(query).get('call') ?? undefined;
    const found = await findArchived({ source, recordingId, call }, c.env);
    if (!found.ok) return failed(c, 'catalog_unavailable', 503);
    if (found.value !== undefined) rows.set(found.value.manifestKey, found.value);
  }
  return rows.size === 0 ? failed(c, 'none_selected', 400) : [...rows.values()];
}
