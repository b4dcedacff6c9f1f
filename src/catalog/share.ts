import type { Holds } from '../storage/holds.ts';
import { recordingName } from '../storage/keys.ts';
import type { Recordings } from '../storage/recordings.ts';
import type { Share, Shares } from '../storage/shares.ts';
import type { Tombstones } from '../storage/tombstones.ts';
import type { Trail } from '../storage/trail.ts';
import { isErased } from './hold.ts';

export interface ShareServices {
  readonly shares: Shares;
  readonly holds: Holds;
  readonly tombstones: Tombstones;
  readonly recordings: Recordings;
}

/**
 * Makes a share, and then looks for a hold and for an erasure, which end all shares: one that begins later finds this one.
 */
export async function makeShare(
  share: Share,
  services: ShareServices,
): Promise<'made' | 'on_hold' | 'erasing'> {
  const { shares, holds } = services;
  await shares.create(share);
  const isHeld = await holds.isHeld(recordingName(share.manifestKey));
  const isErasing = await isErased(share.manifestKey, services);
  if (!isHeld && !isErasing) return 'made';
  await shares.remove(share.id);
  return isHeld ? 'on_hold' : 'erasing';
}

/** A share, and in how many half hours it was heard. */
export interface ListedShare extends Share {
  readonly opened: number;
}

/** All shares of a recording. */
export async function listShares(
  manifestKey: string,
  { shares, trail }: { readonly shares: Shares; readonly trail: Trail },
): Promise<ListedShare[]> {
  const all = await shares.listOf(manifestKey);
  const opened = await trail.countBy(manifestKey);
  return all.map((share) => ({ ...share, opened: opened.get(`share:${share.id}`) ?? 0 }));
}
