import { orLogFault } from '../shared/log.ts';
import type { PendingEntry } from '../storage/inbox.ts';
import { delaySecondsUntil } from '../storage/transfer-queue.ts';
import { runAttempt } from './attempt.ts';
import { LEASE_MS } from './lease.ts';
import type { ArchiveServices } from './services.ts';

/**
 * Runs the first attempt in the background after the response; the queue continues what it does not finish.
 * Never rejects.
 */
export async function runFastPath(pending: PendingEntry, services: ArchiveServices): Promise<void> {
  if (pending.entry.lease === undefined) return handOver(pending, services.now(), services);
  const { outcome, retryAtMs } = await runAttempt(pending, 'fast', services);
  if (outcome === 'pending') await handOver(pending, retryAtMs ?? services.now() + LEASE_MS, services);
}

/** If the message cannot be sent, the cron finds the entry. */
async function handOver(
  { key, entry }: PendingEntry,
  atMs: number,
  services: ArchiveServices,
): Promise<void> {
  const sending = services.queue.send(key, delaySecondsUntil(atMs, services.now()));
  await orLogFault(sending, { outcome: 'not_handed_over', event: entry.event }, services);
}
