import type { ArchivedFile, RecordingEvent } from '../recording.ts';
import type { Failure, FileFailure } from '../shared/errors.ts';
import { FAST_PATH_DEADLINE_MS, LARGE_RECORDING_BYTES, QUEUE_DEADLINE_MS } from '../shared/limits.ts';
import { describeError } from '../shared/log.ts';
import { err, type Result } from '../shared/result.ts';
import { ownRecordingKeys, recordingKeys } from '../storage/keys.ts';
import type { Recordings } from '../storage/recordings.ts';
import { type ArchiveFileServices, archiveFile, type FileEnd, leftFiles } from './file.ts';
import type { HeldLease } from './lease.ts';
import { addToManifest, noteSameAudio } from './manifest.ts';
import { missingFiles, type Place, placeOf } from './place.ts';
import { verifyFiles } from './verify-parts.ts';

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
  /** A claim that differs from the bytes, and was overruled. */
  readonly warning?: string | undefined;
}

/** Puts every file of a recording that is not there yet into the bucket, and then into the manifest. */
export async function archiveFiles(
  lease: HeldLease,
  budget: Budget,
  services: ArchiveFilesServices,
): Promise<FilesEnd> {
  const { entry } = lease.pending();
  const { recordings } = services;
  const place = await withoutStrays(await placeOf(entry.event, recordings), services);
  const { manifest: key } = place.keys;
  if (place.stored.state === 'unreadable')
    return { key, bytes: 0, failures: [{ code: 'manifest_unreadable' }] };
  const deadline = budget === spentBudget ? AbortSignal.abort() : services.timeout(budget.deadlineMs);
  const effort = { ...budget, deadline, keepLease: lease.keep };
  const files: FileEnd[] = await leftFiles(entry, place, services, lease.keep);
  const failures: FileFailure[] = [];
  for (const file of missingFiles(entry.event, place)) {
    if (files.some(({ claimedFormat }) => claimedFormat === file.claimedFormat)) continue;
    const end = await archiveFile({ entry, place, file }, services, effort).catch(internalError);
    if (end.ok) files.push(end.value);
    else failures.push({ ...inTime(end.error, deadline, budget), claimedFormat: file.claimedFormat });
  }
  const listed = await listFiles(lease, place, files, services).catch(internalError);
  if (!listed.ok) failures.push(listed.error);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const warning = warningOf(files);
  return { key: listed.ok ? listed.value : key, bytes, failures, warning };
}

/** Writes the files into the manifest of the place where they ended up; its key. */
async function listFiles(
  lease: HeldLease,
  before: Place,
  ends: readonly FileEnd[],
  services: ArchiveFilesServices,
): Promise<Result<string, Failure>> {
  const { entry } = lease.pending();
  const settled = await settle(before, entry.event, ends, services);
  if (!settled.ok) return settled;
  const { place, files } = settled.value;
  const { keys } = place;
  if (!(await lease.keep())) return err({ code: 'lease_lost' });
  const listing = await addToManifest(place, entry, files.map(withoutParts), services.recordings);
  if (!listing.ok) return listing;
  // An attempt that crashed may have completed an upload in parts over what is listed.
  const isAgain = entry.attempts.length > 0;
  const suspects = isAgain ? undefined : files.filter(({ isInParts }) => isInParts).map((file) => file.key);
  const verified = await verifyFiles(keys, suspects, lease.keep, services);
  return verified.ok ? { ok: true, value: keys.manifest } : verified;
}

/**
 * Where the files of an event belong after it has stored them. Under an id that only names a call, another event
 * may have stored audio at the same time: then this event's moves to its own place. What turned out to be another
 * event's audio is listed there.
 */
async function settle(
  place: Place,
  event: RecordingEvent,
  files: readonly FileEnd[],
  { recordings }: ArchiveFilesServices,
): Promise<Result<{ place: Place; files: FileEnd[] }, Failure>> {
  if (!event.isNamedByCall || files.length === 0) return { ok: true, value: { place, files: [...files] } };
  const now = await placeOf(event, recordings);
  const liesIn = (objects: Place['others'], { key }: FileEnd) => objects.some((object) => object.key === key);
  const shared = files.filter((file) => liesIn(now.others, file)).map(({ key }) => key);
  if (shared.length > 0)
    await noteSameAudio((await recordingKeys(event)).manifest, shared, event.eventId, recordings);
  const settled: FileEnd[] = [];
  for (const file of files.filter(({ key }) => !shared.includes(key))) {
    const place = liesIn(now.strays, file) ? await moveToOwn(file, event, recordings) : file;
    if (place === undefined) return err({ code: 'storage_failed', detail: 'An object did not move' });
    settled.push(place);
  }
  return { ok: true, value: { place: now, files: settled } };
}

async function moveToOwn(
  file: FileEnd,
  event: RecordingEvent,
  recordings: Recordings,
): Promise<FileEnd | undefined> {
  const own = await ownRecordingKeys(event);
  const moved = await recordings.move(file.key, own.audio(file.format));
  return moved && { ...file, key: moved.key, etag: moved.etag };
}

/** Moves what a crashed attempt of this event has left beside another event's audio. */
async function withoutStrays(place: Place, { recordings }: ArchiveFilesServices): Promise<Place> {
  for (const { key } of place.strays)
    await recordings.move(key, place.keys.audio(key.slice(key.lastIndexOf('.') + 1)));
  return place;
}

function withoutParts({ isInParts: _, ...file }: FileEnd): ArchivedFile {
  return file;
}

/** What the log tells of checks that did not fit: a claim that was overruled before anything else. */
function warningOf(files: readonly ArchivedFile[]): string | undefined {
  const odd = files.flatMap(({ checks = {} }) =>
    Object.entries(checks).filter(([, result]) => result !== 'ok'),
  );
  const overruled = odd.find(([, result]) => result.startsWith('differs'));
  return (overruled ?? odd[0])?.join(' ');
}

/** What the fast path has no time for is no failure of the link's; where it has no memory the queue goes on at once. */
function inTime(failure: Failure, deadline: AbortSignal, budget: Budget): Failure {
  if (budget !== fastPath) return failure;
  if (failure.code === 'isolate_busy') return { ...failure, retryAfterSeconds: 0 };
  const isLate = deadline.aborted && failure.code === 'download_timeout';
  return isLate ? { code: 'handed_over', detail: 'Out of time' } : failure;
}

/** A fault at one file must not keep the others out of the manifest. */
function internalError(error: unknown): { ok: false; error: Failure } {
  return err({ code: 'internal_error', detail: describeError(error) });
}
