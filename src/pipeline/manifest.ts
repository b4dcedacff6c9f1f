import type { ArchivedFile, InboxEntry, Manifest } from '../recording.ts';
import type { Failure } from '../shared/errors.ts';
import { MAX_MANIFEST_WRITES } from '../shared/limits.ts';
import { err, ok, type Result } from '../shared/result.ts';
import type { Recordings } from '../storage/recordings.ts';
import type { Place } from './place.ts';

/**
 * Adds files to the manifest of a place, as far as it is known; a file that another delivery announced than the one
 * the manifest was made from carries that delivery.
 * Another attempt may write it at the same time: then reads it again and adds to that. Fails after
 * too many conflicts, or when what is there is not ours to change.
 */
export async function addToManifest(
  { keys, stored, recordingId }: Place,
  entry: InboxEntry,
  files: readonly ArchivedFile[],
  recordings: Recordings,
): Promise<Result<true, Failure>> {
  let current = stored;
  for (let write = 0; write < MAX_MANIFEST_WRITES && current.state !== 'unreadable'; write++) {
    const manifest = current.state === 'present' ? current.manifest : newManifest(entry, recordingId);
    const isOwn = manifest.delivery.rawBody === entry.delivery.rawBody;
    const own = isOwn ? {} : { eventId: entry.event.eventId, delivery: entry.delivery };
    const added = files
      .filter((file) => !isListed(file, manifest.files))
      .map((file) => ({ ...file, ...own }));
    const merged = { ...manifest, files: [...manifest.files, ...added] };
    if (added.length === 0) return ok(true);
    if (await recordings.writeManifest(keys.manifest, merged, current.expected)) return ok(true);
    current = await recordings.readManifest(keys.manifest);
  }
  return err({ code: 'storage_failed', detail: 'The manifest kept changing' });
}

/** An object may be listed twice if the event calls it by two names: both links served the same bytes. */
function isListed({ key, claimedFormat }: ArchivedFile, listed: readonly ArchivedFile[]): boolean {
  return listed.some((file) => file.key === key && file.claimedFormat === claimedFormat);
}

function newManifest({ event, delivery }: InboxEntry, recordingId: string): Manifest {
  const { files: _links, isNamedByCall: _named, apiPath: _path, ...facts } = event;
  return { schema: 1, ...facts, recordingId, files: [], delivery };
}
