import type { ListedPage, ListedRecording, RecordingList } from '../providers/provider-api.ts';

import { parseTimeMs } from '../shared/time.ts';
import type { AuditRun, AuditState } from '../storage/audit-store.ts';

/** An audit is due this long after the start of the last one. */
export const AUDIT_EVERY_MS = 24 * 60 * 60_000;

/**
 * Times that an audit begins again because its list changed. After that it raises an alarm, and waits a day.
 */
const MAX_AUDIT_RESTARTS = 3;

/** A recording that the provider has been preparing for longer is not waited for. */
const MAX_UNFINISHED_MS = 3 * 24 * 60 * 60_000;

/** The first audit looks back this far; a later one to the end of the one before. */
const FIRST_AUDIT_MS = 24 * 60 * 60_000;

/** An audit leaves out younger recordings: a webhook may still announce them. */
const AUDIT_MARGIN_MS = 60 * 60_000;

/** Whether a day has passed since the last audit began. Its end may wait for a recording in preparation. */
export function isDue({ auditedUntil, startedAt }: AuditState, nowMs: number): boolean {
  const startedMs = parseTimeMs(startedAt);
  if (startedMs !== undefined) return nowMs - startedMs >= AUDIT_EVERY_MS - AUDIT_MARGIN_MS / 2;
  return nowMs - (parseTimeMs(auditedUntil) ?? 0) >= AUDIT_EVERY_MS + AUDIT_MARGIN_MS;
}

/** A run over all recordings since the last one, up to an hour ago. */
export function newRun(list: RecordingList, { auditedUntil }: AuditState, nowMs: number): AuditRun {
  const toMs = nowMs - AUDIT_MARGIN_MS;
  const from = auditedUntil ?? new Date(toMs - FIRST_AUDIT_MS).toISOString();
  const to = new Date(toMs).toISOString();
  const startedAt = new Date(nowMs).toISOString();
  const counts = { pages: 0, listed: 0, sent: 0, restarts: 0 };
  return { from, to, until: to, path: list.firstPath(from, to), startedAt, ...counts };
}

/**
 * The page without the recordings that ended after the run's time, such as those of a list by whole days: their webhooks
 * may be on their way, and the next audit begins at them.
 */
export function settledPage(page: ListedPage, { to }: AuditRun): ListedPage {
  const toMs = parseTimeMs(to) ?? 0;
  const isYoung = ({ event }: ListedRecording) => (endMs(event) ?? 0) > toMs;
  const young = page.recordings.filter(isYoung);
  return {
    ...page,
    recordings: page.recordings.filter((recording) => !isYoung(recording)),
    unfinishedAt: [...page.unfinishedAt, ...young.map(({ event }) => event.startedAt ?? event.endedAt ?? '')],
  };
}

function endMs({ startedAt, endedAt, durationSeconds = 0 }: ListedRecording['event']): number | undefined {
  const startedMs = parseTimeMs(startedAt);
  return parseTimeMs(endedAt) ?? (startedMs === undefined ? undefined : startedMs + durationSeconds * 1000);
}

/** The run after a page. */
export function afterPage(run: AuditRun, page: ListedPage, sent: number): AuditRun {
  return {
    ...run,
    pages: run.pages + 1,
    listed: run.listed + page.recordings.length,
    sent: run.sent + sent,
    until: beforeUnfinished(run, page),
  };
}

/** The next audit begins at the first recording that is in preparation, unless that was long ago. */
function beforeUnfinished({ from, to, until }: AuditRun, { unfinishedAt }: ListedPage): string {
  const [fromMs, toMs] = [parseTimeMs(from) ?? 0, parseTimeMs(to) ?? 0];
  const times = unfinishedAt.map((time) => parseTimeMs(time) ?? fromMs);
  const awaited = times.filter((ms) => ms > toMs - MAX_UNFINISHED_MS);
  return new Date(Math.min(parseTimeMs(until) ?? toMs, ...awaited)).toISOString();
}

/**
 * The run with its next page, or with an empty path after the last one. When the total changes, a removal may
 * have moved a recording to a page that was read before: the run begins again.
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
  return { ...run, ...again, restarts: (run.restarts ?? 0) + 1 };
}
