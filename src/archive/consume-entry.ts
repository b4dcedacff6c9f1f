import type { PendingEntry } from '../storage/inbox.ts';
import { delaySecondsUntil } from '../storage/transfer-queue.ts';
import { runAttempt } from './attempt.ts';
import { freeAtMs, LEASE_MS, takeLease } from './lease.ts';
import { mergeEntries } from './merge-entries.ts';
import type { ArchiveServices } from './services.ts';

/** What to do with a message: acknowledge it, or have it delivered again after a delay. */
export interface Verdict {
  readonly retryAfterSeconds?: number;
}

/** Runs an attempt on the inbox entry that a message names. */
export async function consumeEntry(inboxKey: string, services: ArchiveServices): Promise<Verdict> {
  const read = await services.inbox.read(inboxKey);
  if (read.state === 'present') return consumePending(read, services);
  // An unreadable entry stays, for a person or a newer version of callvault.
  if (read.state === 'unreadable')
    services.log({ event: 'message', outcome: 'entry_unreadable', key: inboxKey });
  return {};
}

async function consumePending(pending: PendingEntry, services: ArchiveServices): Promise<Verdict> {
  const freeMs = freeAtMs(pending.entry);
  const nowMs = services.now();
  if (freeMs > nowMs) return retryAt(freeMs, nowMs);
  const taken = await takeLease(pending, services);
  const merged = taken && (await mergeEntries(taken, services));
  if (merged?.outcome === 'merged') return {};
  if (merged?.outcome !== 'kept') return retryAt(services.now() + LEASE_MS, services.now());
  const { outcome, retryAtMs } = await runAttempt(merged.pending, 'queue', services);
  return outcome === 'pending' ? retryAt(retryAtMs ?? services.now() + LEASE_MS, services.now()) : {};
}

function retryAt(atMs: number, nowMs: number): Verdict {
  return { retryAfterSeconds: delaySecondsUntil(atMs, nowMs) };
}
