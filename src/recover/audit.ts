import { type ApiAccess, askApi } from '../providers/api-client.ts';
import type { ListedPage, RecordingList } from '../providers/provider.ts';
import { announcementOf } from '../receive/event-fingerprint.ts';
import type { Failure } from '../shared/errors.ts';
import { AUDIT_EVERY_MS, MAX_AUDIT_PAGES, MAX_PLANNED_MISSING, MAX_PLANNED_PAGES } from '../shared/limits.ts';
import { describeError, type Log } from '../shared/log.ts';
import { err, ok, type Result } from '../shared/result.ts';
import { parseTimeMs } from '../shared/time.ts';
import type { AuditMark, AuditRun, StoredAudit } from '../storage/audit-state.ts';
import type { Inbox } from '../storage/inbox.ts';
import type { Transfers } from '../storage/queue.ts';
import type { Recordings } from '../storage/recordings.ts';
import type { Downloader } from '../transfer/download.ts';
import { afterPage, isDue, newRun, nextRun } from './audit-run.ts';
import { type Missing, missingOf } from './missing.ts';

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
  let run = newRun(audited.list, await services.auditMark.read(provider), services.now());
  const { from, to } = run;
  const missing: Missing[] = [];
  // What is missing costs many looks into the bucket, and the free plan allows 1,000 an invocation.
  while (run.pages < MAX_PLANNED_PAGES && missing.length < MAX_PLANNED_MISSING) {
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
      if (mark.run !== undefined || isDue(mark, services.now())) await startAudit(audited, mark, services);
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
  const { expected, ...state } = mark;
  if (mark.run === undefined) {
    const run = newRun(audited.list, mark, services.now());
    if (!(await services.auditMark.write(provider, { ...state, run }, expected))) return;
  }
  await services.transfers.sendChore({ version: 1, chore: 'audit', provider });
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
  { expected, ...state }: StoredAudit,
  services: AuditServices,
): Promise<void> {
  const { provider } = audited;
  const page = await readPage(run, audited, services);
  if (!page.ok) {
    // A page that fails for a day must not stop every later audit: a new run begins where the last one ended.
    const isOld = services.now() - (parseTimeMs(run.startedAt) ?? 0) >= AUDIT_EVERY_MS;
    if (isOld) await services.auditMark.write(provider, { ...state, run: undefined }, expected);
    return logAudit(provider, run, services, page.error);
  }
  const missing = await missingOf(page.value, provider, services);
  for (const one of missing) await fetchMissing(one, services);
  const next = nextRun(run, afterPage(run, page.value, missing.length), page.value, audited.list);
  if (next === 'changing')
    logAudit(provider, run, services, { code: 'api_unavailable', detail: 'The list kept changing' });
  const { startedAt } = run;
  const ended = next === 'changing' ? { ...state, startedAt } : { auditedUntil: next.until, startedAt };
  const isOver = next === 'changing' || next.path === '';
  // Another message of the same run may have been here: then that one goes on, and this one ends.
  const written = isOver ? { ...ended, run: undefined } : { ...state, run: next };
  if (!(await services.auditMark.write(provider, written, expected))) return;
  if (!isOver) await services.transfers.sendChore({ version: 1, chore: 'audit', provider });
  else if (next !== 'changing') logAudit(provider, next, services);
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
