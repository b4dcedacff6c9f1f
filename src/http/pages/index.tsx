import type { Context } from 'hono';
import { Hono } from 'hono/tiny';
import { listRecordings, lookThrough, MAX_LISTED } from '../../catalog/list-recordings.ts';
import { replay } from '../../recover/replay.ts';
import { trailOf } from '../../recover/retry-recording.ts';
import { isTimeZone } from '../../shared/zoned-day.ts';
import { describe } from '../api/describe.ts';
import { readListQuery } from '../api/list-query.ts';
import { writeTrail } from '../api/write-trail.ts';
import { readForm } from '../read-form.ts';
import type { AppEnv } from '../services.ts';
import { AttentionPage } from './attention.tsx';
import type { Filters } from './filters.tsx';
import { count, readDuration } from './format.ts';
import { htmlOf, pageHeaders } from './html.ts';
import type { View } from './layout.tsx';
import { type FoundList, ListPage } from './list.tsx';
import { failed, forPeople, viewOf } from './people.tsx';
import { recordingPages } from './recording-routes.tsx';
import { words } from './words.ts';

/** The pages for people: the same data and rights as the API, as HTML. */
export const pages = new Hono<AppEnv>();

pages.route('/recordings', recordingPages);

const PAGE_ROWS = 50;

/** `GET /`: the recordings. */
pages.get('/', forPeople('read'), async (c) => {
  const view = await viewOf(c);
  const query = new URL(c.req.url).searchParams;
  const given = (name: keyof Filters) => query.get(name) ?? '';
  const filters: Filters = {
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
  const found = await find(filters, view, c);
  if (typeof found === 'string') return failed(c, found, 503);
  const ids = c.env.config.sources.map(({ provider }) => provider.id);
  return htmlOf(
    <ListPage view={view} filters={filters} providers={[...new Set(ids)]} found={found} />,
    'invalid' in found ? 400 : 200,
  );
});

type Found = FoundList | { readonly invalid: string } | 'catalog_unavailable';

/** A text of digits is a number, any other the id of a recording, or else of a call. */
async function find(filters: Filters, view: View, c: Context<AppEnv>): Promise<Found> {
  const { q } = filters;
  const isDigits = /^\+?[\d\s().-]+$/.test(q) && /\d/.test(q);
  const search = searchOf(filters, view.clock.timeZone);
  if (q === '' || isDigits)
    return listOf(q === '' ? search : withParameter(search, 'number', q), isDigits, c);
  const byId = await listOf(withParameter(search, 'recording', q), false, c);
  const isFound = typeof byId === 'string' || 'invalid' in byId || byId.recordings.length > 0;
  return isFound ? byId : listOf(withParameter(search, 'call', q), false, c);
}

/** The parameters of the API that the filters mean. */
function searchOf(filters: Filters, tz: string): URLSearchParams {
  const search = new URLSearchParams({ limit: String(PAGE_ROWS), tz });
  const { min, max, state } = filters;
  const seconds = (text: string) => text && String(readDuration(text) ?? text);
  const { from, to, provider, format, hold, order, cursor } = filters;
  const given = { from, to, provider, format, hold, order, cursor };
  for (const [name, text] of Object.entries({ ...given, minSeconds: seconds(min), maxSeconds: seconds(max) }))
    if (text !== '') search.set(name, text);
  search.set('state', state || (hasArchivedOnly(filters) ? 'archived' : 'all'));
  return search;
}

function withParameter(search: URLSearchParams, name: string, value: string): URLSearchParams {
  return new URLSearchParams([...search, [name, value]]);
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

const ZONE_SECONDS = 365 * 86_400;

/** `POST /time-zone` with the form's `tz`: remembered by the browser. */
pages.post('/time-zone', forPeople('read'), async (c) => {
  const tz = (await readForm(c)).get('tz') ?? '';
  const zone = isTimeZone(tz) ? tz : 'UTC';
  const back = c.req.header('Referer');
  const { pathname, search } = new URL(back !== undefined && URL.canParse(back) ? back : '/', c.req.url);
  const headers = {
    ...pageHeaders,
    Location: `${pathname.replace(/^\/+/, '/')}${search}`,
    'Set-Cookie': `tz=${encodeURIComponent(zone)}; Max-Age=${ZONE_SECONDS}; Path=/; SameSite=Strict`,
  };
  return new Response(null, { status: 303, headers });
});

/** `GET /attention`: the first 1,000 dead letters and pending entries, by their codes. */
pages.get('/attention', forPeople('read'), (c) => showAttention(c));

function lookFor(state: 'dead' | 'pending', c: Context<AppEnv>) {
  const { sources } = c.var.identity;
  return lookThrough({ state, filter: { sources }, limit: MAX_LISTED, afterKey: '' }, c.env);
}

async function unfinishedOf(state: 'dead' | 'pending', c: Context<AppEnv>) {
  const { found, lastKey } = await lookFor(state, c);
  const all = await Promise.all(found.map(describe));
  return { all: all.filter((one) => one.state !== 'archived'), isCut: lastKey !== undefined };
}

async function showAttention(c: Context<AppEnv>, done?: string): Promise<Response> {
  const [view, dead, pending] = [
    await viewOf(c),
    await unfinishedOf('dead', c),
    await unfinishedOf('pending', c),
  ];
  const isCut = dead.isCut || pending.isCut;
  return htmlOf(
    <AttentionPage view={view} dead={dead.all} pending={pending.all} isCut={isCut} done={done} />,
  );
}

/** Letters that one form replays: each costs some calls to the bucket. */
const MAX_RETRIED = 100;

/** `POST /attention` with the form's `code`: replays the first 100 dead letters of it. */
pages.post('/attention', forPeople('manage'), async (c) => {
  const code = (await readForm(c)).get('code');
  const { found } = await lookFor('dead', c);
  const wanted = found.filter((one) => one.code === code).slice(0, MAX_RETRIED);
  let replayed = 0;
  for (const letter of wanted) {
    const { place } = await trailOf(letter);
    if (place !== undefined && !(await writeTrail(c, place, { action: 'retried' })))
      return failed(c, 'trail_unavailable', 503);
    if ((await replay(letter.key, c.env)) === 'replayed') replayed++;
  }
  return showAttention(c, words.attention.retried(count(replayed), count(wanted.length)));
});
