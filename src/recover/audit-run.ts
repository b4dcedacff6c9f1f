import type { ListedPage, RecordingList } from '../providers/provider.ts';

import { parseTimeMs } from '../shared/time.ts';
import type { AuditRun, AuditState } from '../storage/audit-store.ts';

/** An audit is due this long after the start of the last one. */
export const AUDIT_EVERY_MS = 24 * 60 * 60_000;

/** An audit begins again when its list changed meanwhile; more often than this it fails aloud, and waits a day. */
const MAX_AUDIT_RESTARTS = 3;

/** What a provider has been preparing for longer will not come any more. */
const MAX_UNFINISHED_MS = 3 * 24 * 60 * 60_000;

/** The first audit looks back so far; each further one to where the last one ended. */
const FIRST_AUDIT_MS = 24 * 60 * 60_000;

/** An audit covers what was recorded up to so long ago: what is younger may still be announced. */
const AUDIT_MARGIN_MS = 60 * 60_000;

/** Once a day by its begin: an end that waits for what is being prepared makes it due no earlier. */
export function isDue({ auditedUntil, startedAt }: AuditState, nowMs: number): boolean {
  const startedMs = parseTimeMs(startedAt);
  if (startedMs !== undefined) return nowMs - startedMs >= AUDIT_EVERY_MS - AUDIT_MARGIN_MS / 2;
  return nowMs - (parseTimeMs(auditedUntil) ?? 0) >= AUDIT_EVERY_MS + AUDIT_MARGIN_MS;
}

/** A run over all that was recorded since the last one, up to an hour ago. */
export function newRun(list: RecordingList, { auditedUntil }: AuditState, nowMs: number): AuditRun {
  const toMs = nowMs - AUDIT_MARGIN_MS;
  const from = auditedUntil ?? new Date(toMs - FIRST_AUDIT_MS).toISOString();
  const to = new Date(toMs).toISOString();
  const startedAt = new Date(nowMs).toISOString();
  const counts = { pages: 0, listed: 0, sent: 0, restarts: 0 };
  return { from, to, until: to, path: list.firstPath(from, to), startedAt, ...counts };
}

/** The run with what a page added to it. */
export function afterPage(run: AuditRun, page: ListedPage, sent: number): AuditRun {
  return {
    ...run,
    pages: run.pages + 1,
    listed: run.listed + page.recordings.length,
    sent: run.sent + sent,
    until: beforeUnfinished(run, page),
  };
}

/** The next audit begins where the provider was still preparing something, unless that was long ago. */
function beforeUnfinished({ from, to, until }: AuditRun, { unfinishedAt }: ListedPage): string {
  const [fromMs, toMs] = [parseTimeMs(from) ?? 0, parseTimeMs(to) ?? 0];
  const times = unfinishedAt.map((time) => parseTimeMs(time) ?? fromMs);
  const awaited = times.filter((ms) => ms > toMs - MAX_UNFINISHED_MS);
  return new Date(Math.min(parseTimeMs(until) ?? toMs, ...awaited)).toISOString();
}

/**
 * The run after a page; without a path when that was the last. Where the API says how many there are and that
 * changes, what was removed has moved another one to a page that was read before: the run begins again.
 */
export function nextRun(
  { before, run }: { readonly before: AuditRun; readonly run: AuditRun },
  { next, total }: ListedPage,
  list: RecordingList,
): AuditRun | 'changing' {
  const isChanged = before.total !== undefined && total !== undefined && total !== before.total;
  if (!isChanged) return { ...run, total: before.total ?? total, path: next ?? '' };
  if (run.restarts === MAX_AUDIT_RESTARTS) return 'changing';
  const again = { pages: 0, listed: 0, total: undefined, path: list.firstPath(run.from, run.to) };
  return { ...run, ...again, restarts: run.restarts + 1 };
}
