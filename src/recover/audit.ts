import type { ListedPage } from '../providers/provider-api.ts';
import { eventFingerprint } from '../receive/event-fingerprint.ts';
import type { Failure } from '../shared/errors.ts';
import { describeError } from '../shared/log.ts';
import { err, ok, type Result } from '../shared/result.ts';
import { parseTimeMs } from '../shared/time.ts';
import type { AuditRun, StoredAudit } from '../storage/audit-store.ts';
import { AUDIT_EVERY_MS, afterPage, isDue, newRun, nextRun, settledPage } from './audit-run.ts';
import { allListings, type Listing, listingOf, readListedPage } from './listing.ts';
import { type Missing, missingOf } from './missing.ts';
import type { RecoverServices } from './services.ts';

/** A plan reads this many pages in its one invocation, and ends once this many recordings are missing. */
const MAX_PLANNED_PAGES = 8;
const MAX_PLANNED_MISSING = 20;

/** More pages mean an API whose list never ends: the audit raises an alarm. */
export const MAX_AUDIT_PAGES = 2_000;

/** The recordings that a provider holds of a time, and which of them are missing in the bucket. */
export interface Audit {
  readonly provider: string;
  /** ISO 8601, both included. */
  readonly from: string;
  readonly to: string;
  readonly listed: number;
  readonly missing: readonly Missing[];
  /** There are more pages than a plan reads; a run reads them all. */
  readonly isCut?: boolean | undefined;
  readonly failure?: Failure | undefined;
}

/** Lists what each provider holds since the last audit, and what is missing; changes nothing. */
export async function planAudits(services: RecoverServices): Promise<Audit[]> {
  const audits: Audit[] = [];
  for (const audited of allListings(services)) audits.push(await planAudit(audited, services));
  return audits;
}

async function planAudit(audited: Listing, services: RecoverServices): Promise<Audit> {
  const { provider } = audited;
  let run = newRun(audited.list, await services.auditStore.read(provider), services.now());
  const { from, to } = run;
  const missing: Missing[] = [];
  // A missing recording costs many reads of the bucket, and the free plan allows 1,000 an invocation.
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

/** Starts the audits that are due, and resumes those that a crash has left. A failure of one stops no other. */
export async function auditWhenDue(services: RecoverServices): Promise<void> {
  for (const audited of allListings(services)) {
    await orAlarm(audited.provider, services, async () => {
      const mark = await services.auditStore.read(audited.provider);
      if (mark.run !== undefined || isDue(mark, services.now())) await startAudit(audited, mark, services);
    });
  }
}

/** Starts the audits of all providers now; each continues page by page through the queue. */
export async function startAudits(services: RecoverServices): Promise<void> {
  for (const audited of allListings(services))
    await startAudit(audited, await services.auditStore.read(audited.provider), services);
}

async function startAudit(audited: Listing, mark: StoredAudit, services: RecoverServices): Promise<void> {
  const { provider } = audited;
  const { expected, ...state } = mark;
  if (mark.run === undefined) {
    const run = newRun(audited.list, mark, services.now());
    if (!(await services.auditStore.write(provider, { ...state, run }, expected))) return;
  }
  await services.queue.sendChore({ version: 1, chore: 'audit', provider });
}

/**
 * Reads the next page of an audit: enters missing recordings into the inbox, saves the run, and sends a message
 * for the page after it, since the platform limits the requests of one invocation. Never rejects; a failure
 * raises an alarm, and the cron resumes at the same page within the hour.
 */
export async function continueAudit(provider: string, services: RecoverServices): Promise<void> {
  const audited = listingOf(provider, services);
  if (audited === undefined) return;
  await orAlarm(provider, services, async () => {
    const mark = await services.auditStore.read(provider);
    if (mark.run !== undefined) await auditPage({ ...mark, run: mark.run }, audited, services);
  });
}

async function auditPage(
  { expected, ...state }: StoredAudit & { readonly run: AuditRun },
  audited: Listing,
  services: RecoverServices,
): Promise<void> {
  const { provider } = audited;
  const { run } = state;
  const page = await readPage(run, audited, services);
  if (!page.ok) {
    // A page that fails for a day must not stop later audits: a new run begins where the last one ended.
    const isOld = services.now() - (parseTimeMs(run.startedAt) ?? 0) >= AUDIT_EVERY_MS;
    if (isOld) await services.auditStore.write(provider, { ...state, run: undefined }, expected);
    return logAudit(provider, { ...run, failure: page.error }, services);
  }
  const missing = await missingOf(page.value, provider, services);
  for (const one of missing) await enterMissing(one, services);
  const next = nextRun(
    { before: run, run: afterPage(run, page.value, missing.length) },
    page.value,
    audited.list,
  );
  if (next === 'changing')
    logAudit(
      provider,
      { ...run, failure: { code: 'api_unavailable', detail: 'The list kept changing' } },
      services,
    );
  const { startedAt } = run;
  const ended = next === 'changing' ? { ...state, startedAt } : { auditedUntil: next.until, startedAt };
  const isOver = next === 'changing' || next.path === '';
  // Another message of the same run may have saved it: then that one continues, and this one ends.
  const written = isOver ? { ...ended, run: undefined } : { ...state, run: next };
  if (!(await services.auditStore.write(provider, written, expected))) return;
  if (!isOver) await services.queue.sendChore({ version: 1, chore: 'audit', provider });
  else if (next !== 'changing') logAudit(provider, next, services);
}

async function orAlarm(provider: string, { log }: RecoverServices, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const detail = describeError(error);
    log({ event: 'audit', provider, outcome: 'failed', code: 'internal_error', detail, isAlarm: true });
  }
}

/** A recording that no webhook announced raises an alarm. */
function logAudit(
  provider: string,
  { listed, sent, failure }: AuditRun & { readonly failure?: Failure },
  { log }: RecoverServices,
): void {
  const outcome = failure !== undefined ? 'failed' : sent > 0 ? 'missing_found' : 'complete';
  const isAlarm = outcome === 'complete' ? undefined : true;
  const { code, detail } = failure ?? {};
  log({ event: 'audit', provider, outcome, code, detail, listed, sent, isAlarm });
}

async function readPage(
  run: AuditRun,
  audited: Listing,
  services: RecoverServices,
): Promise<Result<ListedPage, Failure>> {
  const { path, pages } = run;
  const detail = `More than ${MAX_AUDIT_PAGES} pages`;
  if (pages >= MAX_AUDIT_PAGES) return err({ code: 'api_unavailable', detail });
  const page = await readListedPage(path, audited, services);
  return page.ok ? ok(settledPage(page.value, run)) : page;
}

async function enterMissing({ event, json }: Missing, { inbox, queue, now }: RecoverServices): Promise<void> {
  const nowIso = new Date(now()).toISOString();
  const { isNew, key } = await inbox.create({
    version: 1,
    fingerprint: eventFingerprint(event),
    event,
    delivery: { receivedAt: nowIso, headers: {}, rawBody: json },
    attempts: [],
    dueAt: nowIso,
  });
  if (isNew) await queue.send(key);
}
