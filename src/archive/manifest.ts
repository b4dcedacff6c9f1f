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
    const merged = withFiles(manifest, files, entry);
    if (merged === manifest) return ok(true);
    // Under an id that only names a call, another event may have been first: its manifest is not ours to change.
    if (entry.event.isNamedByCall && manifest.eventId !== entry.event.eventId) break;
    if (await recordings.writeManifest(keys.manifest, merged, current.expected)) return ok(true);
    current = await recordings.readManifest(keys.manifest);
  }
  return err({ code: 'storage_failed', detail: 'The manifest kept changing' });
}

/** The manifest with the files that it lacks, and with the overruled claims of those that it has. */
function withFiles(
  manifest: Manifest,
  files: readonly ArchivedFile[],
  { event, delivery }: InboxEntry,
): Manifest {
  const isOwn = manifest.delivery.rawBody === delivery.rawBody;
  const own = isOwn ? {} : { eventId: event.eventId, delivery };
  const added = files.filter((file) => !isListed(file, manifest.files)).map((file) => ({ ...file, ...own }));
  const known = manifest.files.map((file) => withChecks(file, files));
  const isSame = added.length === 0 && known.every((file, at) => file === manifest.files[at]);
  return isSame ? manifest : { ...manifest, files: [...known, ...added] };
}

/** Another event may have claimed something else of the same bytes: that it was overruled must not be forgotten. */
function withChecks(listed: ArchivedFile, files: readonly ArchivedFile[]): ArchivedFile {
  const same = files.find((file) => isListed(file, [listed]) && file.sha256 === listed.sha256);
  const overruled = Object.entries(same?.checks ?? {}).filter(([, result]) => result.startsWith('differs'));
  const isNew = overruled.some(([code, result]) => listed.checks?.[code] !== result);
  return isNew ? { ...listed, checks: { ...listed.checks, ...Object.fromEntries(overruled) } } : listed;
}

/** An object may be listed twice if the event calls it by two names: both links served the same bytes. */
function isListed({ key, claimedFormat }: ArchivedFile, listed: readonly ArchivedFile[]): boolean {
  return listed.some((file) => file.key === key && file.claimedFormat === claimedFormat);
}

function newManifest({ event, delivery }: InboxEntry, recordingId: string): Manifest {
  const { files: _links, isNamedByCall: _named, apiPath: _path, ...facts } = event;
  return { schema: 1, ...facts, recordingId, files: [], delivery };
}

/** Notes at another event's file that its bytes are this event's as well, so that it is known to be done. */
export async function noteSameAudio(
  manifestKey: string,
  audioKeys: readonly string[],
  eventId: string,
  recordings: Recordings,
): Promise<void> {
  for (let write = 0; write < MAX_MANIFEST_WRITES; write++) {
    const stored = await recordings.readManifest(manifestKey);
    if (stored.state !== 'present') return; // The other event is still at it; a repetition downloads again.
    const files = stored.manifest.files.map((file) =>
      audioKeys.includes(file.key) && !file.alsoOf?.includes(eventId)
        ? { ...file, alsoOf: [...(file.alsoOf ?? []), eventId] }
        : file,
    );
    if (files.every((file, at) => file === stored.manifest.files[at])) return;
    if (await recordings.writeManifest(manifestKey, { ...stored.manifest, files }, stored.expected)) return;
  }
}
