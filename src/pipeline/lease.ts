import type { InboxEntry, Lease } from '../recording.ts';
import { LEASE_MS, LEASE_RENEWAL_MS } from '../shared/limits.ts';
import { parseTimeMs } from '../shared/time.ts';
import type { Inbox, PendingEntry } from '../storage/inbox.ts';
import { withAttempt } from './attempts.ts';

export interface LeaseServices {
  readonly inbox: Inbox;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** A text that nobody guesses and that never comes twice. */
  readonly newToken: () => string;
}

export function newLease({ now, newToken }: Pick<LeaseServices, 'now' | 'newToken'>): Lease {
  return { token: newToken(), until: new Date(now() + LEASE_MS).toISOString() };
}

/** When an entry may be worked on: the end of its lease, or when it is due; in ms since 1970. */
export function freeAtMs({ lease, dueAt }: InboxEntry): number {
  return parseTimeMs(lease?.until) ?? parseTimeMs(dueAt) ?? 0;
}

/** Takes the lease of a free entry; nothing if another was first. Whoever held a lapsed one counts as dead. */
export async function takeLease(
  pending: PendingEntry,
  services: LeaseServices,
): Promise<PendingEntry | undefined> {
  const { lease, dueAt: _, ...rest } = pending.entry;
  const entry = lease === undefined ? rest : withDeath(pending.entry, lease);
  return services.inbox.update(pending, { ...entry, lease: newLease(services) });
}

/** Whoever let a lease lapse is counted, so that what kills its worker is not tried for ever. */
function withDeath(entry: InboxEntry, { until }: Lease): InboxEntry {
  return withAttempt(entry, [{ code: 'attempt_died' }], parseTimeMs(until) ?? 0);
}

/** A lease in somebody's hands, with the entry as it was last written. */
export interface HeldLease {
  readonly pending: () => PendingEntry;
  /** To be called as the work moves on: renews a lease that nears its end. False when it is lost. */
  readonly keep: () => Promise<boolean>;
}

export function holdLease(taken: PendingEntry, services: LeaseServices): HeldLease {
  let pending = taken;
  return {
    pending: () => pending,
    async keep() {
      if (freeAtMs(pending.entry) - services.now() > LEASE_RENEWAL_MS) return true;
      try {
        const renewed = await services.inbox.update(pending, { ...pending.entry, lease: newLease(services) });
        if (renewed !== undefined) pending = renewed;
        return renewed !== undefined;
      } catch {
        return freeAtMs(pending.entry) > services.now(); // While it lasts, the next block tries again.
      }
    },
  };
}
