import type { Context } from 'hono';
import { Hono } from 'hono/tiny';
import { lookThrough, MAX_LISTED } from '../../catalog/list-recordings.ts';
import { allListings } from '../../recover/listing.ts';
import { retryEntry } from '../../recover/retry-recording.ts';
import type { Failure } from '../../shared/errors.ts';
import { orLogFault } from '../../shared/log.ts';
import { describe } from '../api/describe.ts';
import { writeTrail } from '../api/write-trail.ts';
import { internalError } from '../internal-error.ts';
import { readForm } from '../read-form.ts';
import type { AppEnv } from '../services.ts';
import { AttentionPage, type Unfinished } from './attention.tsx';
import { htmlOf } from './html.ts';
import { jsx } from './jsx.ts';
import { FailedPage } from './layout.tsx';
import { listPages } from './list-routes.tsx';
import { OverviewPage, PERIODS } from './overview.tsx';
import { failed, forPeople, viewOf } from './people.tsx';
import { recordingPages } from './recording-routes.tsx';
import { baseOf } from './set-up.tsx';
import { StatusPage } from './status.tsx';
import { timeZonePages } from './time-zone.tsx';
import { fill, loadWords, words } from './words.ts';

/** The pages for people: the same data and rights as the API, as HTML. */
export const pages = new Hono<AppEnv>();

/** A person gets a page also where a store fails. */
pages.onError(async (error, c) => {
  const withoutWords = internalError(error, c);
  const areLoaded = await orLogFault(
    loadWords(c.env).then(() => true),
    { outcome: 'words_unread' },
    c.env,
  );
  return areLoaded ? htmlOf(<FailedPage code="internal_error" />, 500) : withoutWords;
});

pages.route('/recordings', recordingPages);
pages.route('/', listPages);
pages.route('/', timeZonePages);

const DAY_MS = 86_400_000;

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
  const [view, dead, pending] = await Promise.all([
    viewOf(c),
    unfinishedOf('dead', c),
    unfinishedOf('pending', c),
  ]);
  const isCut = dead.isCut || pending.isCut;
  const attempts = await attemptsOf([...dead.all, ...pending.all].slice(0, MAX_TOLD), c);
  const all = { dead: dead.all, pending: pending.all, attempts, isCut, done };
  return htmlOf(<AttentionPage {...all} view={view} config={c.env.config} />);
}

/** `GET /overview?days=`: how much was archived, how fast, and what failed. */
pages.get('/overview', forPeople('read'), async (c) => {
  const asked = Number(c.req.query('days'));
  const period = PERIODS.find((days) => days === asked) ?? PERIODS[0];
  const { sources } = c.var.identity;
  const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const nowMs = c.env.now();
  const days = { from: dayOf(nowMs - (period - 1) * DAY_MS), to: dayOf(nowMs), sources };
  const [view, stats, totals, dead, pending] = await Promise.all([
    viewOf(c),
    c.env.catalog.stats(days),
    c.env.catalog.totals(sources),
    lookFor('dead', c),
    lookFor('pending', c),
  ]);
  if (!stats.ok || !totals.ok) return failed(c, 'catalog_unavailable', 503);
  const times = pending.found.flatMap(({ facts }) => facts?.atMs ?? []);
  const oldestPendingMs = times.length === 0 ? undefined : Math.min(...times);
  const codes = { pending: pending.found.map(({ code }) => code), dead: dead.found.map(({ code }) => code) };
  return htmlOf(
    <OverviewPage
      view={view}
      period={period}
      stats={stats.value}
      totals={totals.value}
      oldestPendingMs={oldestPendingMs}
      codes={codes}
    />,
  );
});

/** `GET /status`: what works, and which settings are wrong; for those who may change all of it. */
pages.get('/status', forPeople('manage'), async (c) => {
  const { config, catalog, auditStore, retentionStore, reindexStore } = c.env;
  if (c.var.identity.sources !== undefined) return failed(c, 'forbidden', 403);
  const listed = allListings(c.env).map(({ provider }) => provider);
  const [view, activity, rules, reindex, states] = await Promise.all([
    viewOf(c),
    catalog.activity(config.sources.map(({ id }) => id)),
    orLogFault(retentionStore.read(), { outcome: 'status_not_read' }, c.env),
    orLogFault(reindexStore.read(), { outcome: 'status_not_read' }, c.env),
    Promise.all(listed.map(async (source) => [source, await auditStore.read(source)] as const)),
  ]);
  if (!activity.ok) logFailure(activity.error, c);
  return htmlOf(
    <StatusPage
      view={view}
      config={config}
      base={baseOf(config, c.req.url)}
      activity={activity.ok ? activity.value : undefined}
      audits={new Map(states)}
      rules={rules}
      reindex={reindex}
      hasCatalog={catalog.isBound}
    />,
  );
});

/** Entries and letters whose attempts are shown: each is read. The page of one has them as well. */
const MAX_TOLD = 50;

async function attemptsOf(all: readonly Unfinished[], { env }: Context<AppEnv>) {
  const read = async ({ state, key }: Unfinished) => {
    if (state === 'dead') return (await env.deadLetters.read(key))?.letter.attempts ?? [];
    const found = await env.inbox.read(key);
    return found.state === 'present' ? found.entry.attempts : [];
  };
  const orNone = (one: Unfinished) =>
    orLogFault(read(one), { outcome: 'attempts_not_read' }, { log: env.log });
  return new Map(await Promise.all(all.map(async (one) => [one.key, (await orNone(one)) ?? []] as const)));
}

function logFailure({ code, detail }: Failure, { env }: Context<AppEnv>): void {
  env.log({ event: 'fault', outcome: 'status_not_read', code, detail });
}

/** Letters that one form replays: each costs some calls to the bucket. */
const MAX_RETRIED = 100;

/** `POST /attention` with the form's `code`: replays the first 100 dead letters of it. */
pages.post('/attention', forPeople('manage'), async (c) => {
  const code = (await readForm(c)).get('code');
  const { found } = await lookFor('dead', c);
  const wanted = found.filter((one) => (one.code ?? '') === code);
  let replayed = 0;
  for (const letter of wanted.slice(0, MAX_RETRIED)) {
    const outcome = await retryEntry(letter, (place) => writeTrail(c, place, { action: 'retried' }), c.env);
    if (outcome === 'untold') return failed(c, 'trail_unavailable', 503);
    if (outcome === 'replayed') replayed++;
  }
  return showAttention(c, fill(words.attention.retried, { count: replayed, all: wanted.length }));
});
