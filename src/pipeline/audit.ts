import type { ListedRecording, RecordingList } from '../providers/provider.ts';
import type { RecordingEvent } from '../recording.ts';
import type { Failure } from '../shared/errors.ts';
import {
  AUDIT_EVERY_MS,
  AUDIT_MARGIN_MS,
  FIRST_AUDIT_MS,
  MAX_AUDIT_PAGES,
  MAX_UNFINISHED_MS,
} from '../shared/limits.ts';
import type { Log } from '../shared/log.ts';
import { err, ok, type Result } from '../shared/result.ts';
import { parseTimeMs } from '../shared/time.ts';
import type { AuditMark } from '../storage/audit-mark.ts';
import type { Inbox } from '../storage/inbox.ts';
import { recordingKeys } from '../storage/keys.ts';
import type { Recordings } from '../storage/recordings.ts';
import type { Transfers } from '../storage/transfers.ts';
import { announcementOf } from './announcement.ts';
import type { Downloader } from './download.ts';
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
  readonly failure?: Failure | undefined;
}

export interface Missing {
  readonly event: RecordingEvent;
  readonly said: string;
}

const API_DEADLINE_MS = 60_000;

/** Asks each provider that can be asked what it holds since the last audit; changes nothing. */
export async function planAudits(services: AuditServices): Promise<Audit[]> {
  const audits: Audit[] = [];
  for (const [provider, access] of services.apis) {
    const { list } = access.api;
    if (list !== undefined && access.key !== undefined)
      audits.push(await planAudit(provider, access, list, services));
  }
  return audits;
}

/** Runs the audits that are due. A recording that no webhook announced means that something is wrong: an alarm. */
export async function auditWhenDue(services: AuditServices): Promise<void> {
  for (const [provider, { api, key }] of services.apis) {
    if (api.list === undefined || key === undefined) continue;
    const until = parseTimeMs(await services.auditMark.read(provider)) ?? 0;
    if (services.now() - until < AUDIT_EVERY_MS + AUDIT_MARGIN_MS) continue;
    const apis = new Map([...services.apis].filter(([id]) => id === provider));
    for (const audit of await planAudits({ ...services, apis })) await runAudit(audit, services);
  }
}

/** Fetches what an audit found missing, and notes how far it came. */
export async function runAudit(audit: Audit, services: AuditServices): Promise<void> {
  const { provider, listed, missing, failure } = audit;
  for (const one of missing) await fetchMissing(one, services);
  if (failure === undefined) await services.auditMark.write(provider, audit.to);
  const outcome = failure !== undefined ? 'failed' : missing.length > 0 ? 'missing_found' : 'complete';
  const isAlarm = outcome === 'complete' ? undefined : true;
  const { code, detail } = failure ?? {};
  services.log({ event: 'audit', provider, outcome, code, detail, listed, sent: missing.length, isAlarm });
}

async function fetchMissing(
  { event, said }: Missing,
  { inbox, transfers, now }: AuditServices,
): Promise<void> {
  const nowIso = new Date(now()).toISOString();
  const pending = await inbox.create({
    version: 1,
    announcement: announcementOf(event),
    event,
    delivery: { receivedAt: nowIso, headers: {}, rawBody: said },
    attempts: [],
    dueAt: nowIso,
  });
  if (pending !== undefined) await transfers.send(pending.key);
}

async function planAudit(
  provider: string,
  access: ApiAccess,
  list: RecordingList,
  services: AuditServices,
): Promise<Audit> {
  const toMs = services.now() - AUDIT_MARGIN_MS;
  const from = (await services.auditMark.read(provider)) ?? new Date(toMs - FIRST_AUDIT_MS).toISOString();
  const to = new Date(toMs).toISOString();
  const missing: Missing[] = [];
  const unfinishedAt: string[] = [];
  let listed = 0;
  let path: string | undefined = list.firstPath(from, to);
  for (let pages = 0; path !== undefined; pages++) {
    const page = await readPage(path, pages, access, list, services);
    if (!page.ok) return { provider, from, to, listed, missing, failure: page.error };
    unfinishedAt.push(...page.value.unfinishedAt);
    for (const recording of page.value.recordings) {
      listed++;
      const event = { ...recording.event, provider, eventId: recording.event.eventId ?? '' };
      const isNew = !missing.some((other) => other.event.recordingId === event.recordingId);
      if (isNew && !(await isHere(event, recording, services))) missing.push({ event, said: recording.said });
    }
    path = page.value.next;
  }
  return { provider, from, to: beforeUnfinished(to, unfinishedAt), listed, missing };
}

/** The next audit begins where the provider was still preparing something, unless that was long ago. */
function beforeUnfinished(to: string, unfinishedAt: readonly string[]): string {
  const toMs = parseTimeMs(to) ?? 0;
  const times = unfinishedAt.map((time) => parseTimeMs(time) ?? toMs);
  const awaited = times.filter((ms) => ms > toMs - MAX_UNFINISHED_MS);
  return new Date(Math.min(toMs, ...awaited)).toISOString();
}

async function readPage(
  path: string,
  pages: number,
  access: ApiAccess,
  list: RecordingList,
  services: AuditServices,
): Promise<Result<NonNullable<ReturnType<RecordingList['readPage']>>, Failure>> {
  const detail = `More than ${MAX_AUDIT_PAGES} pages`;
  if (pages === MAX_AUDIT_PAGES) return err({ code: 'api_unavailable', detail });
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

/** Whether the recording has a manifest, by any of the names that a webhook may have given it. */
async function isHere(
  event: RecordingEvent,
  { otherIds }: ListedRecording,
  { recordings }: AuditServices,
): Promise<boolean> {
  const dateless = { ...event, startedAt: undefined, occurredAt: undefined }; // As a callback without a time is filed.
  const names = [event.recordingId, ...otherIds].map((recordingId) => ({ ...event, recordingId }));
  for (const name of [...names, dateless]) {
    const { manifest } = await recordingKeys(name);
    if ((await recordings.etagOf(manifest)) !== undefined) return true;
  }
  return false;
}
