import { describeError, orLogFault } from '../shared/log.ts';
import type { ListedEntry } from '../storage/inbox.ts';
import type { Sweep } from '../storage/reconcile-cursor.ts';
import type { RecoverServices } from './services.ts';

/** Messages of one run, sent 100 at a time; further entries wait for their next turn. */
export const MAX_RECONCILE_SENDS = 5_000;

/** Pages of up to 1,000 entries that one run lists: about 20 s. */
export const MAX_RECONCILE_PAGES = 100;

/** An entry is overdue this long after its due time or the end of its lease: the queue needs a moment. */
const OVERDUE_MS = 60_000;

/**
 * Re-queues entries whose lease has expired, and entries that are overdue because their message was lost. Runs
 * once a minute; a run that cannot look at the whole inbox leaves a cursor for the next. `scheduledMs` is the
 * time that the run was meant for: from run to run it is a minute later.
 */
export async function reconcile(scheduledMs: number, services: RecoverServices): Promise<void> {
  const startedMs = services.now();
  const found = { listed: 0, sent: 0, isCut: false };
  try {
    await sendOverdue(found, scheduledMs, services);
    services.log({ event: 'reconcile', outcome: 'done', ...found, ms: services.now() - startedMs });
  } catch (error) {
    const detail = describeError(error);
    services.log({ event: 'reconcile', outcome: 'failed', ...found, detail, ms: services.now() - startedMs });
    throw error;
  }
}

async function sendOverdue(
  found: { listed: number; sent: number; isCut: boolean },
  scheduledMs: number,
  services: RecoverServices,
): Promise<void> {
  const { inbox, queue, reconcileCursor } = services;
  // Without KV each run starts a new sweep.
  const saved = await orLogFault(reconcileCursor.read(), { outcome: 'reconcile_cursor_not_read' }, services);
  const sweep = sweepAt(scheduledMs, saved);
  let { cursor } = sweep;
  for (let pages = 0; pages < MAX_RECONCILE_PAGES && found.sent < MAX_RECONCILE_SENDS; pages++) {
    const page = await inbox.list(cursor);
    const overdue = page.entries.filter((entry) => isTurn(entry, sweep));
    await queue.sendAll(overdue.map(({ key }) => key));
    found.listed += page.entries.length;
    found.sent += overdue.length;
    cursor = page.cursor;
    if (cursor === undefined) break;
  }
  found.isCut = cursor !== undefined;
  // Most sweeps take one run, and leave no cursor.
  const isLong = found.isCut || sweep.beganMs !== scheduledMs;
  const next = isLong ? { ...sweep, cursor, writtenMs: scheduledMs } : undefined;
  if (isLong || saved !== undefined)
    await orLogFault(reconcileCursor.write(next), { outcome: 'reconcile_cursor_not_written' }, services);
}

/** The sweep that this run continues or starts. */
function sweepAt(scheduledMs: number, saved: Sweep | undefined): Sweep {
  // A cursor that the last runs could not move is not used: entries before it would be left out.
  const isFresh = saved !== undefined && scheduledMs - saved.writtenMs <= STALE_CURSOR_MS;
  if (isFresh && saved.cursor !== undefined) return saved;
  const previousMs = isFresh ? saved.beganMs : scheduledMs - OVERDUE_MS;
  return { beganMs: scheduledMs, previousMs, writtenMs: scheduledMs };
}

/** KV shows an old value for a minute, and a run of the cron may be late by another minute. */
const STALE_CURSOR_MS = 150_000;

/**
 * Whether an overdue entry's turn has come since the last sweep: 1, 2, 4, 8 … 64 minutes after it was due, and
 * from then on every 64, since a queue drops messages that wait too long. While the queue is behind, it has the
 * entry's message already, and another one each minute would put it further behind.
 */
function isTurn({ dueMs }: ListedEntry, { beganMs, previousMs }: Sweep): boolean {
  return turnOf(beganMs - dueMs) > turnOf(previousMs - dueMs);
}

function turnOf(overdueMs: number): number {
  const minutes = Math.floor(overdueMs / OVERDUE_MS);
  if (minutes < 1) return -1;
  return Math.floor(minutes < 64 ? Math.log2(minutes) : 5 + minutes / 64);
}
