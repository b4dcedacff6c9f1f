import type { Log } from '../shared/log.ts';
import { orLogFault } from '../shared/log.ts';
import type { Catalog } from '../storage/catalog.ts';
import type { Hold, Holds } from '../storage/holds.ts';
import type { Shares } from '../storage/shares.ts';
import type { Tombstones } from '../storage/tombstones.ts';

export interface HoldServices {
  readonly holds: Holds;
  readonly tombstones: Tombstones;
  readonly shares: Shares;
  readonly catalog: Catalog;
  readonly log: Log;
}

/**
 * Sets a hold, and then looks for an erasure: one that begins later sees the hold. `erasing` when one has begun; then there
 * is no hold. A hold ends all shares.
 */
export async function setHold(
  manifestKey: string,
  hold: Hold,
  services: HoldServices,
): Promise<'held' | 'erasing'> {
  const { holds, tombstones, catalog, shares } = services;
  await holds.write(manifestKey, hold);
  if ((await tombstones.find(manifestKey)) !== undefined) {
    await holds.remove(manifestKey);
    return 'erasing';
  }
  await shares.removeOf(manifestKey);
  const writing = catalog.holds.put([{ manifestKey, hold }]);
  // The object decides: without the flag in the catalog the recording is held all the same.
  await orLogFault(writing, { outcome: 'hold_not_indexed' }, services);
  return 'held';
}

export async function releaseHold(manifestKey: string, services: HoldServices): Promise<void> {
  await services.holds.remove(manifestKey);
  await orLogFault(services.catalog.holds.remove([manifestKey]), { outcome: 'hold_not_indexed' }, services);
}
