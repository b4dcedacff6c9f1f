import { describeError } from '../shared/log.ts';
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
  { queue, now, log }: ArchiveServices,
): Promise<void> {
  try {
    await queue.send(key, delaySecondsUntil(atMs, now()));
  } catch (error) {
    const { provider, eventId } = entry.event;
    log({
      event: 'fault',
      provider,
      eventId,
      outcome: 'not_handed_over',
      detail: describeError(error),
    });
  }
}
