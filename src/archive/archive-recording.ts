import { askEncryption, askNumbers } from '../providers/api-client.ts';
import {
  type ArchivedFile,
  type InboxEntry,
  type Manifest,
  type RecordingEvent,
  warningOf,
} from '../recording.ts';
import type { Failure, FileFailure } from '../shared/errors.ts';
import { describeError } from '../shared/log.ts';
import { err, ok, type Result } from '../shared/result.ts';
import { ownRecordingKeys, recordingKeys } from '../storage/keys.ts';
import type { Recordings } from '../storage/recordings.ts';
import { unknownBinary } from '../transfer/audio-format.ts';
import { archiveFile, deadlineMs, type FileEnd, type FileJob, type Mode } from './archive-file.ts';
import type { HeldLease } from './lease.ts';
import { addToManifest, noteSameAudio, verifyFiles } from './manifest.ts';
import { missingFiles, type Place, placeOf } from './place.ts';
import { recoverOrphans } from './recover-orphan.ts';
import { erasureOf, removeStored } from './remove-recording.ts';
import type { ArchiveServices } from './services.ts';

/** The time limit of what is asked of the API: the lease is renewed just before. */
const FACTS_MS = 10_000;

/** The manifest's key, the bytes of the files that this attempt stored or found, and the failures. */
export interface RecordingEnd {
  readonly key?: string | undefined;
  readonly bytes?: number | undefined;
  readonly failures: readonly FileFailure[];
  /** A check that did not pass and was overruled. */
  readonly warning?: string | undefined;
  /** The owner has erased it: there is nothing left to do. */
  readonly isErased?: true;
}

/**
 * Puts every file of a recording that is missing into the bucket, and then into the manifest. An entry that has
 * exhausted its attempts gets no further download: only what is in the bucket already is listed.
 */
export async function archiveRecording(
  lease: HeldLease,
  mode: Mode | 'exhausted',
  services: ArchiveServices,
): Promise<RecordingEnd> {
  const { event } = lease.pending().entry;
  const before = await endIfErased(event, services);
  if (before !== undefined) return before;
  const end = await archiveFiles(lease, mode, services);
  // An erasure that began meanwhile has not seen these objects.
  return (await endIfErased(event, services)) ?? end;
}

/** The end of an attempt at a recording that is erased: what it may have stored goes as well. */
async function endIfErased(
  event: RecordingEvent,
  services: ArchiveServices,
): Promise<RecordingEnd | undefined> {
  const erasure = await erasureOf(event, services);
  if (erasure === undefined) return undefined;
  if (erasure === 'erasing') return { failures: [{ code: 'erasing' }] };
  await removeStored(event, services);
  return { failures: [], isErased: true };
}

async function archiveFiles(
  lease: HeldLease,
  mode: Mode | 'exhausted',
  services: ArchiveServices,
): Promise<RecordingEnd> {
  const { entry } = lease.pending();
  const attempt = mode === 'exhausted' ? undefined : { mode, deadline: services.timeout(deadlineMs[mode]) };
  const place = await moveStrays(await placeOf(entry.event, services.recordings), services.recordings);
  const { manifest: key } = place.keys;
  if (place.stored.state === 'unreadable')
    return { key, bytes: 0, failures: [{ code: 'manifest_unreadable' }] };
  const job = { entry, place, renewLease: lease.renew };
  const files = await recoverOrphans(job, services);
  const isFound = (name: string | undefined) => files.some(({ claimedFormat }) => claimedFormat === name);
  const failures: FileFailure[] = [];
  for (const file of missingFiles(entry.event, place)) {
    const { claimedFormat } = file;
    if (isFound(claimedFormat)) continue;
    const end = attempt && (await archiveFile({ ...job, ...attempt, file }, services).catch(internalError));
    if (end?.ok) files.push(end.value);
    else failures.push({ ...failureIn(attempt, end?.error), claimedFormat });
  }
  const listed = await listFiles(lease, { place, files, deadline: attempt?.deadline }, services).catch(
    internalError,
  );
  if (!listed.ok) failures.push(listed.error);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return { key: listed.ok ? listed.value : key, bytes, failures, warning: warningOf(files) };
}

/** Files of an event that are in the bucket, and the place of the recording. */
interface Placed {
  readonly place: Place;
  readonly files: readonly FileEnd[];
}

/** Writes the files into the manifest of the place where they ended up; its key. */
async function listFiles(
  lease: HeldLease,
  placed: Placed & { readonly deadline: AbortSignal | undefined },
  services: ArchiveServices,
): Promise<Result<string, Failure>> {
  const { entry } = lease.pending();
  const settled = await settle(placed, entry.event, services.recordings);
  if (!settled.ok) return settled;
  const { place, files } = settled.value;
  if (!(await lease.renew())) return err({ code: 'lease_lost' });
  const isFirst = place.stored.state !== 'present' && files.length > 0;
  const fromApi = isFirst ? await factsOf({ entry, files }, placed.deadline, services) : undefined;
  const listing = { place, entry, files: files.map(withoutParts), fromApi };
  const listed = await addToManifest(listing, services.recordings);
  if (!listed.ok) return listed;
  const key = place.keys.manifest;
  // A crashed attempt may have completed an upload in parts over a listed file.
  const isAgain = entry.attempts.length > 0;
  const suspects = isAgain ? undefined : files.filter(({ isInParts }) => isInParts).map((file) => file.key);
  const verified = await verifyFiles({ key, suspects, renewLease: lease.renew }, services);
  return verified.ok ? ok(key) : verified;
}

/** What the event lacks, from the provider's API: asked once, and never a reason to fail. */
async function factsOf(
  { entry: { event }, files }: { readonly entry: InboxEntry; readonly files: readonly FileEnd[] },
  deadline: AbortSignal | undefined,
  services: ArchiveServices,
): Promise<Manifest['fromApi']> {
  const access = services.apis.get(event.provider);
  if (access === undefined) return undefined;
  const limit = services.timeout(FACTS_MS);
  const signal = deadline === undefined ? limit : AbortSignal.any([deadline, limit]);
  const asking = { signal, services };
  const hasNumbers = event.from !== undefined || event.to !== undefined;
  const isUnknown = files.some(({ format }) => format === unknownBinary.format);
  const { from, to } = (!hasNumbers && (await askNumbers(event, access, asking))) || {};
  const encryption = isUnknown ? await askEncryption(event, access, asking) : undefined;
  if ((from ?? to ?? encryption) === undefined) return undefined;
  return { from, to, encryption, askedAt: new Date(services.now()).toISOString() };
}

/**
 * Finds where the stored files of an event belong. Under an id that names only a call, another event may have
 * stored audio at the same time: then this event's is moved to its own place. Bytes that are another event's as
 * well are listed in that event's manifest.
 */
async function settle(
  { place, files }: Placed,
  event: RecordingEvent,
  recordings: Recordings,
): Promise<Result<Placed, Failure>> {
  if (!event.isNamedByCall || files.length === 0) return ok({ place, files });
  const now = await placeOf(event, recordings);
  const liesIn = (objects: Place['others'], { key }: FileEnd) => objects.some((object) => object.key === key);
  const shared = files.filter((file) => liesIn(now.others, file)).map(({ key }) => key);
  if (shared.length > 0) {
    const { manifest } = await recordingKeys(event);
    await noteSameAudio({ manifest, audioKeys: shared, eventId: event.eventId }, recordings);
  }
  const settled: FileEnd[] = [];
  for (const file of files.filter(({ key }) => !shared.includes(key))) {
    const own = liesIn(now.strays, file) ? await moveToOwn(file, event, recordings) : file;
    if (own === undefined) return err({ code: 'storage_failed', detail: 'An object did not move' });
    settled.push(own);
  }
  return ok({ place: now, files: settled });
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

/** Moves audio that a crashed attempt of this event has left beside another event's. */
async function moveStrays(place: Place, recordings: Recordings): Promise<Place> {
  for (const { key } of place.strays)
    await recordings.move(key, place.keys.audio(key.slice(key.lastIndexOf('.') + 1)));
  return place;
}

function withoutParts({ isInParts: _, ...file }: FileEnd): ArchivedFile {
  return file;
}

/** In the fast path, too little time or memory is not the link's failure: the queue continues. */
function failureIn(
  attempt: Pick<FileJob, 'mode' | 'deadline'> | undefined,
  failure: Failure = { code: 'attempts_exhausted' },
): Failure {
  if (attempt?.mode !== 'fast') return failure;
  if (failure.code === 'isolate_busy') return { ...failure, retryAfterSeconds: 0 };
  const isLate = attempt.deadline.aborted && failure.code === 'download_timeout';
  return isLate ? { code: 'handed_over', detail: 'Out of time' } : failure;
}

/** A bug at one file must not keep the others out of the manifest. */
function internalError(error: unknown): { ok: false; error: Failure } {
  return err({ code: 'internal_error', detail: describeError(error) });
}
