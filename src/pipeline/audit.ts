import type { ListedPage, RecordingList } from '../providers/provider.ts';
import type { Failure } from '../shared/errors.ts';
import {
  AUDIT_EVERY_MS,
  AUDIT_MARGIN_MS,
  FIRST_AUDIT_MS,
  MAX_AUDIT_PAGES,
  MAX_PLANNED_PAGES,
  MAX_UNFINISHED_MS,
} from '../shared/limits.ts';
import { describeError, type Log } from '../shared/log.ts';
import { err, ok, type Result } from '../shared/result.ts';
import { parseTimeMs } from '../shared/time.ts';
import type { AuditMark, AuditRun, StoredAudit } from '../storage/audit-mark.ts';
import type { Inbox } from '../storage/inbox.ts';
import type { Recordings } from '../storage/recordings.ts';
import type { Transfers } from '../storage/transfers.ts';
import { announcementOf } from './announcement.ts';
import type { Downloader } from './download.ts';
import { type Missing, missingOf } from './missing.ts';
import { type ApiAccess, askApi } from './refresh.ts';

export interface AuditServices extends Downloader {
  readonly apis: ReadonlyMap<string, ApiAccess>;
  readonly auditMark: AuditMark;
  readonly inbox: Inbox;
  readonly recordings: Recordings;
  readonly transfers: Transfers;
  readonly timeout: (ms: number) => AbortSignal;
  readonly log: Log;
}

/** What a provider holds of a time, and what of that is not in the bucket. */
export interface Audit {
  readonly provider: string;
  /** ISO 8601, both included. */
  readonly from: string;
  readonly to: string;
  readonly listed: number;
  readonly missing: readonly Missing[];
  /** There are more pages than one look reads; a run reads them all. */
  readonly isCut?: boolean | undefined;
  readonly failure?: Failure | undefined;
}

/** A provider whose API can list recordings, and may be asked. */
interface Audited {
  readonly provider: string;
  readonly access: ApiAccess;
  readonly list: RecordingList;
}

const API_DEADLINE_MS = 60_000;

function auditedOf(provider: string, { apis }: AuditServices): Audited | undefined {
  const access = apis.get(provider);
  const list = access?.api.list;
  return access?.key === undefined || list === undefined ? undefined : { provider, access, list };
}

function allAudited(services: AuditServices): Audited[] {
  return Array.from(services.apis.keys()).flatMap((provider) => auditedOf(provider, services) ?? []);
}

/** Asks each provider that can be asked what it holds since the last audit; changes nothing. */
export async function planAudits(services: AuditServices): Promise<Audit[]> {
  const audits: Audit[] = [];
  for (const audited of allAudited(services)) audits.push(await planAudit(audited, services));
  return audits;
}

async function planAudit(audited: Audited, services: AuditServices): Promise<Audit> {
  const { provider } = audited;
  let run = newRun(audited, await services.auditMark.read(provider), services);
  const { from, to } = run;
  const missing: Missing[] = [];
  while (run.pages < MAX_PLANNED_PAGES) {
    const page = await readPage(run, audited, services);
    if (!page.ok) return { provider, from, to, listed: run.listed, missing, failure: page.error };
    missing.push(...(await missingOf(page.value, provider, services)));
    run = afterPage(run, page.value, 0);
    if (page.value.next === undefined) return { provider, from, to, listed: run.listed, missing };
    run = { ...run, path: page.value.next };
  }
  return { provider, from, to, listed: run.listed, missing, isCut: true };
}

/** Starts the audits that are due, and goes on with those that a crash has left. One fault stops no other. */
export async function auditWhenDue(services: AuditServices): Promise<void> {
  for (const audited of allAudited(services)) {
    await alarmed(audited.provider, services, async () => {
      const mark = await services.auditMark.read(audited.provider);
      const untilMs = parseTimeMs(mark.auditedUntil) ?? 0;
      const isDue = services.now() - untilMs >= AUDIT_EVERY_MS + AUDIT_MARGIN_MS;
      if (isDue || mark.run !== undefined) await startAudit(audited, mark, services);
    });
  }
}

/** Starts the audits of all providers now; each goes on page by page through the queue. */
export async function startAudits(services: AuditServices): Promise<void> {
  for (const audited of allAudited(services))
    await startAudit(audited, await services.auditMark.read(audited.provider), services);
}

async function startAudit(audited: Audited, mark: StoredAudit, services: AuditServices): Promise<void> {
  const { provider } = audited;
  const { auditedUntil, expected } = mark;
  if (mark.run === undefined) {
    const run = newRun(audited, mark, services);
    if (!(await services.auditMark.write(provider, { auditedUntil, run }, expected))) return;
  }
  await services.transfers.sendChore({ version: 1, chore: 'audit', provider });
}

function newRun({ list }: Audited, { auditedUntil }: StoredAudit, { now }: AuditServices): AuditRun {
  const toMs = now() - AUDIT_MARGIN_MS;
  const from = auditedUntil ?? new Date(toMs - FIRST_AUDIT_MS).toISOString();
  const to = new Date(toMs).toISOString();
  return { from, to, until: to, path: list.firstPath(from, to), pages: 0, listed: 0, sent: 0 };
}

/**
 * Works on the next page of an audit: fetches what is missing, moves the mark, and leaves the page after it to a
 * message of its own, since the platform bounds what one invocation may ask. Never rejects; a failure is an alarm,
 * and the cron goes on from the same page within the hour.
 */
export async function continueAudit(provider: string, services: AuditServices): Promise<void> {
  const audited = auditedOf(provider, services);
  if (audited === undefined) return;
  await alarmed(provider, services, async () => {
    const mark = await services.auditMark.read(provider);
    if (mark.run !== undefined) await auditPage(mark.run, audited, mark, services);
  });
}

async function auditPage(
  run: AuditRun,
  audited: Audited,
  { auditedUntil, expected }: StoredAudit,
  services: AuditServices,
): Promise<void> {
  const { provider } = audited;
  const page = await readPage(run, audited, services);
  if (!page.ok) return logAudit(provider, run, services, page.error);
  const missing = await missingOf(page.value, provider, services);
  for (const one of missing) await fetchMissing(one, services);
  const done = afterPage(run, page.value, missing.length);
  const { next: path } = page.value;
  const state = path === undefined ? { auditedUntil: done.until } : { auditedUntil, run: { ...done, path } };
  // Another message of the same run may have been here: then that one goes on, and this one ends.
  if (!(await services.auditMark.write(provider, state, expected))) return;
  if (path === undefined) logAudit(provider, done, services);
  else await services.transfers.sendChore({ version: 1, chore: 'audit', provider });
}

async function alarmed(provider: string, { log }: AuditServices, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const detail = describeError(error);
    log({ event: 'audit', provider, outcome: 'failed', code: 'internal_error', detail, isAlarm: true });
  }
}

/** A recording that no webhook announced means that something is wrong: an alarm. */
function logAudit(
  provider: string,
  { listed, sent }: AuditRun,
  { log }: AuditServices,
  failure?: Failure,
): void {
  const outcome = failure !== undefined ? 'failed' : sent > 0 ? 'missing_found' : 'complete';
  const isAlarm = outcome === 'complete' ? undefined : true;
  const { code, detail } = failure ?? {};
  log({ event: 'audit', provider, outcome, code, detail, listed, sent, isAlarm });
}

function afterPage(run: AuditRun, page: ListedPage, sent: number): AuditRun {
  return {
    ...run,
    pages: run.pages + 1,
    listed: run.listed + page.recordings.length,
    sent: run.sent + sent,
    until: beforeUnfinished(run, page),
  };
}

/** The next audit begins where the provider was still preparing something, unless that was long ago. */
function beforeUnfinished({ to, until }: AuditRun, { unfinishedAt }: ListedPage): string {
  const toMs = parseTimeMs(to) ?? 0;
  const times = unfinishedAt.map((time) => parseTimeMs(time) ?? toMs);
  const awaited = times.filter((ms) => ms > toMs - MAX_UNFINISHED_MS);
  return new Date(Math.min(parseTimeMs(until) ?? toMs, ...awaited)).toISOString();
}

async function readPage(
  { path, pages }: AuditRun,
  { access, list }: Audited,
  services: AuditServices,
): Promise<Result<ListedPage, Failure>> {
  const detail = `More than ${MAX_AUDIT_PAGES} pages`;
  if (pages >= MAX_AUDIT_PAGES) return err({ code: 'api_unavailable', detail });
  const answer = await askApi(path, access, services, services.timeout(API_DEADLINE_MS));
  if (!answer.ok) return answer;
  const page = list.readPage(answer.value, path);
  const { status } = answer.value;
  const isRefused = status === 401 || status === 403;
  if (page !== undefined) return ok(page);
  return err({
    code: isRefused ? 'api_refused' : 'api_unavailable',
    detail: `The API answered with status ${status}`,
  });
}

async function fetchMissing(
  { event, said }: Missing,
  { inbox, transfers, now }: AuditServices,
): Promise<void> {
  const nowIso = new Date(now()).toISOString();
  const { isNew, key } = await inbox.create({
    version: 1,
    announcement: announcementOf(event),
    event,
    delivery: { receivedAt: nowIso, headers: {}, rawBody: said },
    attempts: [],
    dueAt: nowIso,
  });
  if (isNew) await transfers.send(key);
}
