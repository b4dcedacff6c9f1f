import { type FileFailure, isTransient } from '../shared/errors.ts';
import { describeError, orLogFault } from '../shared/log.ts';
import { patiently } from '../shared/patience.ts';
import type { PendingEntry } from '../storage/inbox.ts';
import { type ArchiveFilesServices, archiveFiles, type Budget, spentBudget } from './archive-files.ts';
import { receivedMs, withAttempt } from './attempts.ts';
import { type FinishServices, finish, giveUp } from './finish.ts';
import { type HeldLease, holdLease, type LeaseServices } from './lease.ts';
import { linkDiesMs } from './link-deadline.ts';
import { decide, spentBy } from './retry-policy.ts';

export interface ArchiveServices extends ArchiveFilesServices, LeaseServices, FinishServices {
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly wait: (ms: number) => Promise<void>;
}

/**
 * How an attempt ended. `lost`: another one works on the entry, and this one has nothing more to say.
 * Pending without a time to come again: that could not be written down, and the lease has to lapse.
 */
export interface AttemptEnd {
  readonly outcome: 'archived' | 'pending' | 'dead' | 'lost';
  readonly retryAtMs?: number | undefined;
  readonly key?: string | undefined;
  readonly bytes?: number | undefined;
  readonly code?: string | undefined;
  readonly detail?: string | undefined;
}

/**
 * Archives what a leased inbox entry announces, and ends it: archived, dead, or still pending with the failures
 * written down. Never rejects: after a fault of our own the entry stays, and its lease lapses.
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
  const spent = spentBy(entry);
  const allowed = spent === undefined ? budget : spentBudget;
  const files = await archiveFiles(lease, allowed, services).catch((error: unknown) => internalError(error));
  if (spent !== undefined && ('code' in files || files.failures.length > 0))
    return giveUp(entry, lease, spent, services);
  if ('code' in files) return setAside(lease, [files], services);
  const { key, bytes, doubt } = files;
  const [failure, ...others] = files.failures.toSorted(transientFirst);
  if (failure !== undefined) return { ...(await setAside(lease, [failure, ...others], services)), bytes };
  await finish(lease, services);
  return { outcome: 'archived', key, bytes, detail: doubt };
}

/** What keeps an entry pending is told before what is permanent. */
function transientFirst(one: FileFailure, other: FileFailure): number {
  return Number(isTransient(other)) - Number(isTransient(one));
}

/** Keeps the entry while another attempt may help, else makes it a dead letter. */
async function setAside(
  lease: HeldLease,
  failures: readonly [FileFailure, ...FileFailure[]],
  services: ArchiveServices,
): Promise<AttemptEnd> {
  const lost = failures.find(({ code }) => code === 'lease_lost');
  if (lost !== undefined) return { outcome: 'lost', code: lost.code };
  const pending = lease.pending();
  const nowMs = services.now();
  const entry = withAttempt(pending.entry, failures, nowMs);
  const linkDies = firstDeathMs(pending, services);
  const decision = decide(entry, failures, { nowMs, random: services.random(), linkDiesMs: linkDies });
  if ('giveUp' in decision) return giveUp(entry, lease, decision.giveUp, services);
  const { retryAtMs, failure } = decision;
  const due = { ...entry, dueAt: new Date(retryAtMs).toISOString() };
  const updating = patiently(() => services.inbox.update(pending, due), services.wait);
  const writing = updating.then((updated) => (updated === undefined ? 'lost' : 'written'));
  const written = await orLogFault(writing, 'attempt_not_recorded', entry.event, services.log);
  if (written === 'lost') return { outcome: 'lost', code: 'lease_lost' };
  const { code, detail } = failure;
  return { outcome: 'pending', retryAtMs: written === undefined ? undefined : retryAtMs, code, detail };
}

/** When the first link dies that nobody can replace, in ms since 1970. */
function firstDeathMs({ entry }: PendingEntry, { apis }: ArchiveServices): number {
  const { provider, apiPath, files } = entry.event;
  if (apiPath !== undefined && apis.get(provider)?.key !== undefined) return Number.POSITIVE_INFINITY;
  return Math.min(...files.map((file) => linkDiesMs(file, receivedMs(entry))));
}

function internalError(error: unknown): { code: 'internal_error'; detail: string } {
  return { code: 'internal_error', detail: describeError(error) };
}
