import { indexManifest } from '../archive/index-recording.ts';
import { parseTimeMs } from '../shared/time.ts';
import type { ReindexRun } from '../storage/reindex-store.ts';
import type { RecoverServices } from './services.ts';

/** Rows of one step whose manifests are looked for: the free plan allows 1,000 calls an invocation. */
const MAX_ROWS = 500;

/** Calls to the bucket at the same time. */
const CONCURRENT_READS = 10;

/** A run that has not moved for this long has lost its message. */
const STALLED_MS = 10 * 60_000;

/** Starts a rebuild of the catalog, or resumes the one under way. It continues step by step through the queue. */
export async function startReindex(services: RecoverServices): Promise<ReindexRun> {
  const { reindexStore, queue, now } = services;
  const { run, expected } = await reindexStore.read();
  const startedAt = new Date(now()).toISOString();
  const fresh: ReindexRun = {
    startedAt,
    movedAt: startedAt,
    after: { phase: 'manifests', key: '' },
    listed: 0,
    fixed: 0,
    removed: 0,
  };
  const isUnderWay = run !== undefined && run.endedAt === undefined;
  if (!isUnderWay) await reindexStore.write(fresh, expected);
  await queue.sendChore({ version: 1, chore: 'reindex' });
  return isUnderWay ? run : fresh;
}

/** Sends the message of a run anew that has lost it. */
export async function resumeReindex({ reindexStore, queue, now }: RecoverServices): Promise<void> {
  const { run } = await reindexStore.read();
  if (run === undefined || run.endedAt !== undefined) return;
  if (now() - (parseTimeMs(run.movedAt) ?? 0) > STALLED_MS)
    await queue.sendChore({ version: 1, chore: 'reindex' });
}

/**
 * Makes the next step of a rebuild, and sends the message for the one after it. Rejects where a store fails: the message
 * is delivered again.
 */
export async function continueReindex(services: RecoverServices): Promise<void> {
  const { reindexStore, queue, log, now } = services;
  const { run, expected } = await reindexStore.read();
  if (run === undefined || run.endedAt !== undefined) return;
  const moved = await steps[run.after.phase](run, services);
  const next = { ...moved, movedAt: new Date(now()).toISOString() };
  // Another message of the same run may have saved it: then that one continues, and this one ends.
  if (!(await reindexStore.write(next, expected))) return;
  if (next.endedAt === undefined) return queue.sendChore({ version: 1, chore: 'reindex' });
  const { listed, fixed, removed } = next;
  log({ event: 'reindex', outcome: 'done', listed, fixed, removed });
}

/** Writes the rows of one page of manifests. */
async function indexPage(run: ReindexRun, { catalog, recordings }: RecoverServices): Promise<ReindexRun> {
  const after = run.after.key;
  let page = await recordings.listRows(after);
  let fixed = await catalog.put(page.rows);
  // A manifest may change between list and write: the last one to write its row has seen the last change.
  for (let changes = fixed; changes > 0; ) {
    const before = new Map(page.rows.map(({ manifestKey, etag }) => [manifestKey, etag]));
    page = await recordings.listRows(after);
    const changed = page.rows.filter(({ manifestKey, etag }) => before.get(manifestKey) !== etag);
    fixed += await catalog.put(changed);
    changes = changed.length;
  }
  const { rows, lastKey } = page;
  const isLast = lastKey === undefined;
  return {
    ...run,
    listed: run.listed + rows.length,
    fixed: run.fixed + fixed,
    after: isLast
      ? { phase: 'rows', key: String(Number.MIN_SAFE_INTEGER) }
      : { phase: 'manifests', key: lastKey },
  };
}

/** Removes the rows without a manifest among the next ones. */
async function sweepRows(run: ReindexRun, services: RecoverServices): Promise<ReindexRun> {
  const { catalog, recordings } = services;
  const rows = await catalog.listKeys(Number(run.after.key), MAX_ROWS);
  const waiting = rows.values();
  const ghosts: string[] = [];
  const work = async () => {
    for (const { manifestKey } of waiting)
      if ((await recordings.etagOf(manifestKey)) === undefined) ghosts.push(manifestKey);
  };
  await Promise.all(Array.from({ length: CONCURRENT_READS }, work));
  await catalog.remove(ghosts);
  for (const key of ghosts) await indexManifest(key, services); // It may have been archived since it was looked for.
  const last = rows.length < MAX_ROWS ? undefined : rows.at(-1);
  const removed = run.removed + ghosts.length;
  if (last === undefined) return { ...run, removed, after: { phase: 'holds', key: '' } };
  return { ...run, removed, after: { phase: 'rows', key: String(last.id) } };
}

/** After the names of all recordings. */
const END = '~';

/** Writes the flags of one page of holds, and removes those without a hold. */
async function indexHolds(run: ReindexRun, services: RecoverServices): Promise<ReindexRun> {
  const { catalog, holds, now } = services;
  const after = run.after.key;
  const { items, lastKey } = await holds.list(after);
  const before = new Set(await catalog.holds.list(after, lastKey ?? END));
  await catalog.holds.put(items);
  const held = new Set(items.map(({ name }) => name));
  const changed = [...items.map(({ name }) => name).filter((name) => !before.has(name)), ...before].filter(
    (name) => !before.has(name) || !held.has(name),
  );
  // A hold may have been released, or set, since the list was read.
  for (const name of changed) if (!(await holds.isHeld(name))) await catalog.holds.remove([name]);
  if (lastKey !== undefined) return { ...run, after: { phase: 'holds', key: lastKey } };
  return { ...run, endedAt: new Date(now()).toISOString() };
}

const steps = { manifests: indexPage, rows: sweepRows, holds: indexHolds } as const;
