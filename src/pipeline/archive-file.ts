import type { ArchivedFile, InboxEntry, RecordingEvent, RecordingFile } from '../recording.ts';
import type { Failure } from '../shared/errors.ts';
import { err, ok, type Result } from '../shared/result.ts';
import type { RecordingKeys } from '../storage/keys.ts';
import type { Recordings } from '../storage/recordings.ts';
import { copyAudio, type StoredAudio } from './copy.ts';
import { type Downloader, download } from './download.ts';

export interface ArchiveFileServices extends Downloader {
  readonly recordings: Recordings;
  readonly maxRecordingBytes: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * Downloads one file of a recording and stores it, create-once.
 * `siblings` are the files of the recording that are there already.
 */
export async function archiveFile(
  file: RecordingFile,
  siblings: readonly ArchivedFile[],
  { event, attempts }: InboxEntry,
  keys: RecordingKeys,
  services: ArchiveFileServices,
  deadline: AbortSignal,
): Promise<Result<ArchivedFile, Failure>> {
  if (file.storedElsewhere) return err({ code: 'stored_elsewhere' });
  if (file.link === undefined) return err({ code: 'link_missing' });
  const response = await download(file.link, services, deadline);
  if (!response.ok) return response;
  const limits = { declaredBytes: file.sizeBytes, maxBytes: services.maxRecordingBytes };
  const copied = await copyAudio(response.value, keys, services.recordings, limits);
  if (!copied.ok) return copied;
  if (isConflict(copied.value, file, siblings, event)) return err({ code: 'recording_conflict' });
  const { isSame: _, ...audio } = copied.value;
  const archivedAt = new Date(services.now()).toISOString();
  return ok({ ...audio, claimedFormat: file.claimedFormat, attempts: attempts.length + 1, archivedAt });
}

/**
 * Whether the object that was there before is another recording, or another file of this one. A file of a
 * named recording may differ in bytes when it is fetched again; then the stored one counts.
 */
function isConflict(
  { isSame, key }: StoredAudio,
  { claimedFormat }: RecordingFile,
  siblings: readonly ArchivedFile[],
  event: RecordingEvent,
): boolean {
  const isSiblings = siblings.some((other) => other.key === key && other.claimedFormat !== claimedFormat);
  return !isSame && (event.isNamedByCall === true || isSiblings);
}
