import type { Log } from '../shared/log.ts';
import { orLogFault } from '../shared/log.ts';
import type { Catalog } from '../storage/catalog.ts';
import type { Hold, Holds } from '../storage/holds.ts';
import { recordingName } from '../storage/keys.ts';
import type { Recordings } from '../storage/recordings.ts';
import type { Shares } from '../storage/shares.ts';
import type { Tombstones } from '../storage/tombstones.ts';

export interface HoldServices {
  readonly holds: Holds;
  readonly tombstones: Tombstones;
  readonly shares: Shares;
  readonly catalog: Catalog;
  readonly recordings: Recordings;
  readonly log: Log;
}

/**
 * Sets a hold, and then looks for an erasure: one that begins later sees the hold. `erasing` when one has begun; then there
 * is no hold, unless there was one before: that one, the erasure sees. A hold ends all shares.
 */
export async function setHold(
  manifestKey: string,
  hold: Hold,
  services: HoldServices,
): Promise<'held' | 'erasing'> {
  const { holds, catalog, shares } = services;
  const name = recordingName(manifestKey);
  const wasHeld = await holds.isHeld(name);
  await holds.write(name, hold);
  if (!wasHeld && (await isErased(manifestKey, services))) {
    await holds.remove(name);
    return 'erasing';
  }
  await shares.removeOf(manifestKey);
  // The object decides: a recording is on hold also when the catalog lacks the flag.
  await orLogFault(catalog.holds.put([{ name, hold }]), { outcome: 'hold_not_indexed' }, services);
  return 'held';
}

/** Under an id that names only a call, the recording that was erased may have been another one. */
export async function isErased(
  manifestKey: string,
  { tombstones, recordings }: Pick<HoldServices, 'tombstones' | 'recordings'>,
): Promise<boolean> {
  const erasure = await tombstones.find(recordingName(manifestKey));
  return (
    erasure === 'erasing' || (erasure === 'erased' && (await recordings.etagOf(manifestKey)) === undefined)
  );
}

export async function releaseHold(manifestKey: string, services: HoldServices): Promise<void> {
  const name = recordingName(manifestKey);
  await services.holds.remove(name);
  await orLogFault(services.catalog.holds.remove([name]), { outcome: 'hold_not_indexed' }, services);
}
