import type { ArchivedFile, RecordingEvent, RecordingFile } from '../recording.ts';
import type { Failure, FileFailure } from '../shared/errors.ts';
import { FAST_PATH_DEADLINE_MS, LARGE_RECORDING_BYTES, QUEUE_DEADLINE_MS } from '../shared/limits.ts';
import { describeError } from '../shared/log.ts';
import { err } from '../shared/result.ts';
import { recordingKeys } from '../storage/keys.ts';
import type { StoredManifest } from '../storage/recordings.ts';
import { type ArchiveFileServices, archiveFile } from './archive-file.ts';
import type { HeldLease } from './lease.ts';
import { addToManifest } from './manifest.ts';
import { isInParts, verifyParts } from './verify-parts.ts';

export interface ArchiveFilesServices extends ArchiveFileServices {
  /** A signal that aborts after so many milliseconds. */
  readonly timeout: (ms: number) => AbortSignal;
}

/** What an attempt may take, by where it runs. */
export interface Budget {
  readonly deadlineMs: number;
  readonly handOverBytes: number;
}

/** Behind the answer to a delivery: what does not fit goes on in the queue. */
export const fastPath: Budget = {
  deadlineMs: FAST_PATH_DEADLINE_MS,
  handOverBytes: LARGE_RECORDING_BYTES,
};

export const fromQueue: Budget = {
  deadlineMs: QUEUE_DEADLINE_MS,
  handOverBytes: Number.POSITIVE_INFINITY,
};

/** For what has no attempt left: only what is in the bucket already. */
export const spentBudget: Budget = { deadlineMs: 0, handOverBytes: 0 };

/** The manifest's key, the bytes of the files that this attempt stored or found, and what failed. */
export interface FilesEnd {
  readonly key: string;
  readonly bytes: number;
  readonly failures: readonly FileFailure[];
  /** What was put up with. */
  readonly doubt?: string | undefined;
}

/** Puts every file of a recording that is not there yet into the bucket, and then into the manifest. */
export async function archiveFiles(
  lease: HeldLease,
  budget: Budget,
  services: ArchiveFilesServices,
): Promise<FilesEnd> {
  const { entry } = lease.pending();
  const keys = await recordingKeys(entry.event);
  const key = keys.manifest;
  const stored = await services.recordings.readManifest(key);
  if (stored.state === 'unreadable') return { key, bytes: 0, failures: [{ code: 'manifest_unreadable' }] };
  const deadline = budget === spentBudget ? AbortSignal.abort() : services.timeout(budget.deadlineMs);
  const effort = { deadline, handOverBytes: budget.handOverBytes, keepLease: lease.keep };
  const listed = stored.state === 'present' ? stored.manifest.files : [];
  const files: ArchivedFile[] = [];
  const failures: FileFailure[] = [];
  for (const file of missingFiles(entry.event, stored)) {
    const siblings = [...listed, ...files];
    const end = await archiveFile(file, siblings, entry, keys, services, effort).catch(internalError);
    if (end.ok) files.push(end.value);
    else failures.push({ ...inTime(end.error, deadline, budget), claimedFormat: file.claimedFormat });
  }
  const listing = await addToManifest(key, stored, entry, files, services.recordings).catch(internalError);
  if (!listing.ok) failures.push(listing.error);
  else if ([...listed, ...files].some(isInParts))
    failures.push(...(await verifyParts(keys, lease.keep, services)));
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return { key, bytes, failures, doubt: files.map(doubtOf).find((doubt) => doubt !== undefined) };
}

/** A check that did not fit, and was not insisted on. */
function doubtOf({ checks = {} }: ArchivedFile): string | undefined {
  const [doubt] = Object.entries(checks).filter(([, result]) => result !== 'ok');
  return doubt?.join(' ');
}

/** What the fast path had no time for is no failure of the link's. */
function inTime(failure: Failure, deadline: AbortSignal, budget: Budget): Failure {
  const isHandedOver = budget === fastPath && deadline.aborted && failure.code === 'download_timeout';
  return isHandedOver ? { code: 'handed_over', detail: 'Out of time' } : failure;
}

/** A fault at one file must not keep the others out of the manifest. */
function internalError(error: unknown): { ok: false; error: Failure } {
  return err({ code: 'internal_error', detail: describeError(error) });
}

/**
 * The files that the manifest does not list: under what the event calls them, since the same recording announced
 * again means the same files. But an event that names only a call may mean another recording of that call: then
 * only what this very event announced is known to be done.
 */
export function missingFiles(event: RecordingEvent, stored: StoredManifest): readonly RecordingFile[] {
  if (stored.state !== 'present') return event.files;
  const { eventId, files } = stored.manifest;
  return event.files.filter(({ claimedFormat }) => {
    const candidates = files.filter((file) => file.claimedFormat === claimedFormat);
    return !candidates.some((file) => !event.isNamedByCall || (file.eventId ?? eventId) === event.eventId);
  });
}
