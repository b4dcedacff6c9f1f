import type { ArchivedFile, InboxEntry, RecordingEvent, RecordingFile } from '../recording.ts';
import type { Failure, FileFailure } from '../shared/errors.ts';
import { FAST_PATH_DEADLINE_MS } from '../shared/limits.ts';
import { describeError } from '../shared/log.ts';
import { err } from '../shared/result.ts';
import { recordingKeys } from '../storage/keys.ts';
import type { StoredManifest } from '../storage/recordings.ts';
import { type ArchiveFileServices, archiveFile } from './archive-file.ts';
import { addToManifest } from './manifest.ts';

export interface ArchiveFilesServices extends ArchiveFileServices {
  /** A signal that aborts after so many milliseconds. */
  readonly timeout: (ms: number) => AbortSignal;
}

/** The manifest's key, the bytes of the files that this attempt stored or found, and what failed. */
export interface FilesEnd {
  readonly key: string;
  readonly bytes: number;
  readonly failures: readonly FileFailure[];
}

/** Puts every file of a recording that is not there yet into the bucket, and then into the manifest. */
export async function archiveFiles(entry: InboxEntry, services: ArchiveFilesServices): Promise<FilesEnd> {
  const keys = await recordingKeys(entry.event);
  const key = keys.manifest;
  const stored = await services.recordings.readManifest(key);
  if (stored.state === 'unreadable') return { key, bytes: 0, failures: [{ code: 'manifest_unreadable' }] };
  const deadline = services.timeout(FAST_PATH_DEADLINE_MS);
  const listed = stored.state === 'present' ? stored.manifest.files : [];
  const files: ArchivedFile[] = [];
  const failures: FileFailure[] = [];
  for (const file of entry.event.files) {
    if (isDone(file, entry.event, stored)) continue;
    const end = await archiveFile(file, [...listed, ...files], entry, keys, services, deadline).catch(
      internalError,
    );
    if (end.ok) files.push(end.value);
    else failures.push({ ...end.error, claimedFormat: file.claimedFormat });
  }
  const listing = await addToManifest(key, stored, entry, files, services.recordings).catch(internalError);
  if (!listing.ok) failures.push(listing.error);
  return { key, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0), failures };
}

/** A fault at one file must not keep the others out of the manifest. */
function internalError(error: unknown): { ok: false; error: Failure } {
  return err({ code: 'internal_error', detail: describeError(error) });
}

/**
 * Whether the manifest lists the file already: under what the event calls it, since the same recording
 * announced again means the same files. But an event that names only a call may mean another recording of
 * that call: then only what this very event announced is known to be done.
 */
function isDone({ claimedFormat }: RecordingFile, event: RecordingEvent, stored: StoredManifest): boolean {
  if (stored.state !== 'present') return false;
  const { eventId, files } = stored.manifest;
  const candidates = files.filter((file) => file.claimedFormat === claimedFormat);
  return candidates.some((file) => !event.isNamedByCall || (file.eventId ?? eventId) === event.eventId);
}
