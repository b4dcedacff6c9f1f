import type { Holds } from '../storage/holds.ts';
import type { Share, Shares } from '../storage/shares.ts';
import type { Tombstones } from '../storage/tombstones.ts';

export interface ShareServices {
  readonly shares: Shares;
  readonly holds: Holds;
  readonly tombstones: Tombstones;
}

/**
 * Makes a share, and then looks for a hold and for an erasure, which end all shares: one that begins later finds this one.
 */
export async function makeShare(
  share: Share,
  { shares, holds, tombstones }: ShareServices,
): Promise<'made' | 'on_hold' | 'erasing'> {
  await shares.create(share);
  const isHeld = await holds.isHeld(share.manifestKey);
  const isErasing = (await tombstones.find(share.manifestKey)) !== undefined;
  if (!isHeld && !isErasing) return 'made';
  await shares.remove(share.id);
  return isHeld ? 'on_hold' : 'erasing';
}
