import type { ArchivedFile, InboxEntry, Manifest } from '../recording.ts';
import { MAX_MANIFEST_WRITES } from '../shared/limits.ts';
import type { Recordings, StoredManifest } from '../storage/recordings.ts';

/**
 * Adds files to the manifest at `key`, which is `stored` as far as we know; a file that another event
 * announced than the one the manifest was made from carries its own delivery.
 * Another attempt may write it at the same time: then reads it again and adds to that. False after
 * too many conflicts, or when what is there is not ours to change.
 */
export async function addToManifest(
  key: string,
  stored: StoredManifest,
  entry: InboxEntry,
  files: readonly ArchivedFile[],
  recordings: Recordings,
): Promise<boolean> {
  let current = stored;
  for (let write = 0; write < MAX_MANIFEST_WRITES && current.state !== 'unreadable'; write++) {
    const manifest = current.state === 'present' ? current.manifest : newManifest(entry);
    const own =
      manifest.eventId === entry.event.eventId
        ? {}
        : { eventId: entry.event.eventId, delivery: entry.delivery };
    const added = files
      .filter((file) => !isListed(file, manifest.files))
      .map((file) => ({ ...file, ...own }));
    const merged = { ...manifest, files: [...manifest.files, ...added] };
    if (added.length === 0) return true;
    if (await recordings.writeManifest(key, merged, current.expected)) return true;
    current = await recordings.readManifest(key);
  }
  return false;
}

/** An object may be listed twice if the event calls it by two names: both links served the same bytes. */
function isListed({ key, claimedFormat }: ArchivedFile, listed: readonly ArchivedFile[]): boolean {
  return listed.some((file) => file.key === key && file.claimedFormat === claimedFormat);
}

function newManifest({ event, delivery }: InboxEntry): Manifest {
  const { files: _links, ...facts } = event;
  return { schema: 1, ...facts, files: [], delivery };
}
