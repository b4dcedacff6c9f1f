import type { InboxEntry, Lease } from '../recording.ts';

import { parseTimeMs } from '../shared/time.ts';
import type { PendingEntry } from '../storage/inbox.ts';
import { withAttempt } from './entry.ts';
import type { ArchiveServices } from './services.ts';

/** A lease expires after this; longer than the fast path, which never renews it. */
export const LEASE_MS = 60_000;

/** A lease with less time left is renewed; two stalls and a renewal fit into the rest. */
const LEASE_RENEWAL_MS = 40_000;

type LeaseServices = Pick<ArchiveServices, 'inbox' | 'now' | 'newToken'>;

export function newLease({ now, newToken }: Pick<ArchiveServices, 'now' | 'newToken'>): Lease {
  return { token: newToken(), until: leaseEnd(now()) };
}

function leaseEnd(nowMs: number): string {
  return new Date(nowMs + LEASE_MS).toISOString();
}

/** The time an entry is free for a worker, in ms since 1970: the end of its lease, or its due time. */
export function freeAtMs({ lease, dueAt }: InboxEntry): number {
  return parseTimeMs(lease?.until) ?? parseTimeMs(dueAt) ?? 0;
}

/** Takes the lease of a free entry; `undefined` if another worker was first. */
export async function takeLease(
  pending: PendingEntry,
  services: LeaseServices,
): Promise<PendingEntry | undefined> {
  const lease = newLease(services);
  const nowMs = services.now();
  return services.inbox.change(pending, (entry) =>
    freeAtMs(entry) > nowMs ? undefined : withLease(entry, lease),
  );
}

/** The entry under a new lease. If its last lease has expired, that worker counts as crashed. */
export function withLease(present: InboxEntry, lease: Lease): InboxEntry {
  const { lease: expired, dueAt: _, waitsFor: _waits, ...rest } = present;
  // Each crash is an attempt: an entry that crashes its worker must not be retried forever.
  const entry = expired === undefined ? rest : withCrash(present, expired);
  return { ...entry, lease };
}

function withCrash(entry: InboxEntry, { until }: Lease): InboxEntry {
  return withAttempt(entry, [{ code: 'attempt_crashed' }], parseTimeMs(until) ?? 0);
}

/** A lease that this worker holds, and the entry as last written. */
export interface HeldLease {
  readonly pending: () => PendingEntry;
  /** Renews the lease when it nears its end; `false` when it is lost. To be called at each block. */
  readonly renew: () => Promise<boolean>;
  /** Changes the entry, and returns it changed; `undefined` when the lease is lost. */
  readonly change: (change: (entry: InboxEntry) => InboxEntry) => Promise<InboxEntry | undefined>;
}

export function holdLease(taken: PendingEntry, services: LeaseServices): HeldLease {
  let pending = taken;
  const { token } = taken.entry.lease ?? {};

  async function change(toChanged: (entry: InboxEntry) => InboxEntry): Promise<InboxEntry | undefined> {
    const changed = await services.inbox.change(pending, toChanged);
    if (changed !== undefined) pending = changed;
    return changed?.entry;
  }

  async function renew(): Promise<boolean> {
    if (freeAtMs(pending.entry) - services.now() > LEASE_RENEWAL_MS) return true;
    if (token === undefined) return false;
    const lease = { token, until: leaseEnd(services.now()) };
    try {
      return (await change((entry) => ({ ...entry, lease }))) !== undefined;
    } catch {
      return freeAtMs(pending.entry) > services.now(); // Until it expires, the next block tries again.
    }
  }

  return { pending: () => pending, renew, change };
}
