import type { InboxEntry } from '../recording.ts';
import { type FileFailure, isTransient } from '../shared/errors.ts';
import { describeError, orLogFault } from '../shared/log.ts';
import { patiently } from '../shared/retry-store-write.ts';
import { parseTimeMs } from '../shared/time.ts';
import { linksText, type PendingEntry } from '../storage/inbox.ts';
import { type FinishServices, finish, giveUp, removeGivenUp } from './close-entry.ts';
import { receivedMs, withAttempt, withoutLease } from './entry.ts';
import { linkExpiresMs } from './fresh-links.ts';
import { type HeldLease, holdLease, type LeaseServices } from './lease.ts';
import { type ArchiveFilesServices, archiveFiles, type Budget, spentBudget } from './recording.ts';
import { decide, spentBy } from './retry-policy.ts';

export interface ArchiveServices extends ArchiveFilesServices, LeaseServices, FinishServices {
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly wait: (ms: number) => Promise<void>;
}

/**
 * How an attempt ended. `lost`: another worker has the entry, and this one changes nothing more.
 * No `retryAtMs`: the outcome could not be saved, so the lease must expire first.
 */
export interface AttemptEnd {
  readonly outcome: 'archived' | 'pending' | 'dead' | 'lost';
  readonly retryAtMs?: number | undefined;
  readonly key?: string | undefined;
  readonly bytes?: number | undefined;
  readonly code?: string | undefined;
  readonly detail?: string | undefined;
  readonly isAlarm?: true | undefined;
}

/**
 * Archives what a leased inbox entry announces, and ends it: archived, dead, or still pending with the failures
 * written down. Never rejects: after a fault of our own the entry stays, and its lease expires.
 */
export async function archive(
  pending: PendingEntry,
  budget: Budget,
  services: ArchiveServices,
): Promise<AttemptEnd> {
  const { event, attempts } = pending.entry;
  const startedMs = services.now();
  const lease = holdLease(pending, services);
  const end = await attempt(lease, budget, services).catch(
    (error: unknown): AttemptEnd => ({ outcome: 'pending', ...internalError(error) }),
  );
  const { retryAtMs, ...said } = end;
  services.log({
    event: 'attempt',
    provider: event.provider,
    eventId: event.eventId,
    attempt: attempts.length + 1,
    ...said,
    retryAt: retryAtMs === undefined ? undefined : new Date(retryAtMs).toISOString(),
    ms: services.now() - startedMs,
  });
  return end;
}

async function attempt(lease: HeldLease, budget: Budget, services: ArchiveServices): Promise<AttemptEnd> {
  const { entry } = lease.pending();
  const tried = linksText(entry.event);
  if (entry.gaveUpAt !== undefined) {
    await removeGivenUp(lease, services);
    return { outcome: 'dead', code: 'attempt_died' };
  }
  const spent = spentBy(entry);
  const allowed = spent === undefined ? budget : spentBudget;
  const files = await archiveFiles(lease, allowed, services).catch((error: unknown) => internalError(error));
  if (spent !== undefined && ('code' in files || files.failures.length > 0))
    return giveUp(entry, tried, lease, spent, services);
  if ('code' in files) return setAside(lease, tried, [files], services);
  const { key, bytes, warning } = files;
  const [failure, ...others] = files.failures.toSorted(transientFirst);
  const isAlarm = warning?.includes('differs') ? true : undefined;
  if (failure !== undefined) {
    const end = await setAside(lease, tried, [failure, ...others], services);
    return { ...end, bytes, detail: [end.detail, warning].filter(Boolean).join('; ') || undefined, isAlarm };
  }
  await finish(lease, services);
  return { outcome: 'archived', key, bytes, detail: warning, isAlarm };
}

/** What keeps an entry pending is told before what is permanent. */
function transientFirst(one: FileFailure, other: FileFailure): number {
  return Number(isTransient(other)) - Number(isTransient(one));
}

/** Keeps the entry while another attempt may help, else makes it a dead letter. */
async function setAside(
  lease: HeldLease,
  tried: string,
  failures: readonly [FileFailure, ...FileFailure[]],
  services: ArchiveServices,
): Promise<AttemptEnd> {
  const lost = failures.find(({ code }) => code === 'lease_lost');
  if (lost !== undefined) return { outcome: 'lost', code: lost.code };
  const nowMs = services.now();
  const { entry } = lease.pending();
  const recorded = failures.map(({ claimedFormat, code, detail, sha256 }) => ({
    claimedFormat,
    code,
    detail,
    sha256,
  }));
  const failed = withAttempt(entry, recorded, nowMs);
  const decision = decide(failed, failures, {
    nowMs,
    random: services.random(),
    receivedMs: receivedMs(entry),
    linkExpiresMs: firstExpiryMs(entry),
  });
  if ('giveUp' in decision) return giveUp(failed, tried, lease, decision.giveUp, services);
  const { retryAtMs, failure, usesNoAttempt } = decision;
  const { code, detail } = failure;
  const setAsideUntil = (current: InboxEntry): InboxEntry => ({
    ...(usesNoAttempt
      ? { ...withoutLease(current), waitsFor: { code, detail } }
      : withAttempt(current, recorded, nowMs)),
    // A link that came in while this attempt ran is tried at once.
    dueAt: new Date(linksText(current.event) === tried ? retryAtMs : nowMs).toISOString(),
  });
  const changing = patiently(() => lease.change(setAsideUntil), services.wait);
  const writing = changing.then((changed) => changed?.dueAt ?? 'lost');
  const dueAt = await orLogFault(writing, 'attempt_not_recorded', entry.event, services.log);
  if (dueAt === 'lost') return { outcome: 'lost', code: 'lease_lost' };
  return { outcome: 'pending', retryAtMs: parseTimeMs(dueAt), code, detail };
}

/** When the first link expires, in ms since 1970: also one that could be replaced, since the API may not help. */
function firstExpiryMs(entry: InboxEntry): number {
  return Math.min(...entry.event.files.map((file) => linkExpiresMs(file, receivedMs(entry))));
}

function internalError(error: unknown): { code: 'internal_error'; detail: string } {
  return { code: 'internal_error', detail: describeError(error) };
}
