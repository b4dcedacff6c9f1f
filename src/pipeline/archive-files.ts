import type { ArchivedFile, InboxEntry, RecordingEvent, RecordingFile } from '../recording.ts';
import type { Failure, FileFailure } from '../shared/errors.ts';
import { FAST_PATH_DEADLINE_MS } from '../shared/limits.ts';
import { type RecordingKeys, recordingKeys } from '../storage/keys.ts';
import type { Recordings, StoredManifest } from '../storage/recordings.ts';
import { copyAudio } from './copy.ts';
import { type Downloader, download } from './download.ts';
import { addToManifest } from './manifest.ts';

export interface ArchiveFilesServices extends Downloader {
  readonly recordings: Recordings;
  readonly maxRecordingBytes: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** A signal that aborts after so many milliseconds. */
  readonly timeout: (ms: number) => AbortSignal;
}

/** What became of one file: in the bucket, failed, or both when the bucket holds another recording. */
interface FileEnd {
  readonly file?: ArchivedFile;
  readonly failure?: FileFailure;
}

/** The manifest's key, the bytes stored by this attempt, and what failed. */
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
  const ends: FileEnd[] = [];
  for (const file of entry.event.files) {
    if (isDone(file, entry.event, stored)) continue;
    ends.push(await archiveFile(file, entry, keys, services, deadline));
  }
  const files = ends.flatMap(({ file }) => file ?? []);
  const failures = ends.flatMap(({ failure }) => failure ?? []);
  const isListed = await addToManifest(key, stored, entry, files, services.recordings);
  if (!isListed) failures.push({ code: 'storage_failed', detail: 'The manifest kept changing' });
  return { key, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0), failures };
}

/**
 * Whether the manifest lists the file already: under what the event calls it, since the same recording
 * announced again means the same files. But an event that names no recording, only a call, may mean
 * another recording of that call: then only the event that wrote the manifest is known to be done.
 */
function isDone({ claimedFormat }: RecordingFile, event: RecordingEvent, stored: StoredManifest): boolean {
  if (stored.state !== 'present') return false;
  const { eventId, files } = stored.manifest;
  const isNamed = event.recordingId !== event.callId;
  return (isNamed || eventId === event.eventId) && files.some((file) => file.claimedFormat === claimedFormat);
}

async function archiveFile(
  file: RecordingFile,
  entry: InboxEntry,
  keys: RecordingKeys,
  services: ArchiveFilesServices,
  deadline: AbortSignal,
): Promise<FileEnd> {
  const { claimedFormat } = file;
  const fail = (failure: Failure) => ({ failure: { ...failure, claimedFormat } });
  if (file.storedElsewhere) return fail({ code: 'stored_elsewhere' });
  if (file.link === undefined) return fail({ code: 'link_missing' });
  const response = await download(file.link, services, deadline);
  if (!response.ok) return fail(response.error);
  const limits = { declaredBytes: file.sizeBytes, maxBytes: services.maxRecordingBytes };
  const copied = await copyAudio(response.value, keys, services.recordings, limits);
  if (!copied.ok) return fail(copied.error);
  const { isSame, ...audio } = copied.value;
  const archivedAt = new Date(services.now()).toISOString();
  const archived = { ...audio, claimedFormat, attempts: entry.attempts.length + 1, archivedAt };
  return isSame ? { file: archived } : { file: archived, ...fail({ code: 'recording_conflict' }) };
}
