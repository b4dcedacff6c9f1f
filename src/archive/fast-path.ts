import { LEASE_MS } from '../shared/limits.ts';
import { describeError } from '../shared/log.ts';
import type { PendingEntry } from '../storage/inbox.ts';
import { delaySecondsUntil, type Transfers } from '../storage/queue.ts';
import { type ArchiveServices, archive } from './attempt.ts';
import { fastPath } from './recording.ts';

export interface HandOverServices extends ArchiveServices {
  readonly transfers: Transfers;
}

/** Works behind the answer to a delivery, and hands over to the queue what it does not finish. Never rejects. */
export async function archiveOrHandOver(pending: PendingEntry, services: HandOverServices): Promise<void> {
  if (pending.entry.lease === undefined) return handOver(pending, services.now(), services);
  const { outcome, retryAtMs } = await archive(pending, fastPath, services);
  if (outcome === 'pending') await handOver(pending, retryAtMs ?? services.now() + LEASE_MS, services);
}

/** Without a message the entry is found by the cron. */
async function handOver(
  { key, entry }: PendingEntry,
  atMs: number,
  services: HandOverServices,
): Promise<void> {
  try {
    await services.transfers.send(key, delaySecondsUntil(atMs, services.now()));
  } catch (error) {
    const { provider, eventId } = entry.event;
    services.log({
      event: 'fault',
      provider,
      eventId,
      outcome: 'not_handed_over',
      detail: describeError(error),
    });
  }
}
