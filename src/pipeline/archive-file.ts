import type { ArchivedFile, InboxEntry, RecordingEvent, RecordingFile } from '../recording.ts';
import { sha256Hex, utf8 } from '../shared/bytes.ts';
import type { Failure } from '../shared/errors.ts';
import { MAX_WAV_DOUBTS } from '../shared/limits.ts';
import { err, ok, type Result } from '../shared/result.ts';
import { keyPart, type RecordingKeys } from '../storage/keys.ts';
import { adoptAudio } from './adopt.ts';
import { triesOf } from './attempts.ts';
import { type CopyServices, copyAudio, type StoredAudio } from './copy.ts';
import { createOpener, type OpenFileServices } from './open-file.ts';

export interface ArchiveFileServices extends Omit<CopyServices, 'keepLease'>, OpenFileServices {
  readonly maxRecordingBytes: number;
}

/** What an attempt may spend, and how it keeps others away. */
export interface Effort {
  readonly deadline: AbortSignal;
  /** What is larger is left to the queue. */
  readonly handOverBytes: number;
  readonly keepLease: () => Promise<boolean>;
}

/**
 * Downloads one file of a recording and stores it, create-once; what an attempt that died has stored is taken
 * from the bucket. `siblings` are the files of the recording that are there already.
 */
export async function archiveFile(
  file: RecordingFile,
  siblings: readonly ArchivedFile[],
  entry: InboxEntry,
  keys: RecordingKeys,
  services: ArchiveFileServices,
  effort: Effort,
): Promise<Result<ArchivedFile, Failure>> {
  if (file.storedElsewhere) return err({ code: 'stored_elsewhere' });
  const metadata = await marksOf(file, entry);
  const copyServices = { ...services, keepLease: effort.keepLease };
  const orphan = entry.attempts.length > 0 && (await adoptAudio(keys, metadata, entry.event, copyServices));
  const { open, isFresh } = createOpener(file, entry, services, effort.deadline);
  const limits = {
    declaredBytes: file.sizeBytes,
    maxBytes: services.maxRecordingBytes,
    handOverBytes: effort.handOverBytes,
    doubtsWav: triesOf(entry, 'length_mismatch') < MAX_WAV_DOUBTS,
  };
  const stored = orphan || (await copyAudio(open, { keys, metadata, limits }, copyServices));
  if (!stored.ok) return stored;
  if (isConflict(stored.value, file, siblings, entry.event)) return err({ code: 'recording_conflict' });
  const { isSame: _, ...audio } = stored.value;
  const isGuess = isFresh() && file.sizeBytes === undefined && isByCall(entry, services);
  const checks = isGuess ? { ...audio.checks, 'fresh link': 'names the call only' } : audio.checks;
  const archivedAt = new Date(services.now()).toISOString();
  const attempts = entry.attempts.length + 1;
  return ok({ ...audio, claimedFormat: file.claimedFormat, attempts, archivedAt, checks });
}

/** Whether a fresh link may be another recording's of the call: then only the announced size would tell. */
function isByCall({ event }: InboxEntry, { apis }: ArchiveFileServices): boolean {
  return apis.get(event.provider)?.api.namesCallOnly === true;
}

/** What an object is known by before its manifest is written: custom metadata takes ASCII only. */
async function marksOf({ claimedFormat = '' }: RecordingFile, { event, announcement }: InboxEntry) {
  return {
    event: await keyPart(event.eventId),
    announcement: await sha256Hex(utf8(announcement)),
    file: await keyPart(claimedFormat),
  };
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
