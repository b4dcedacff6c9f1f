import type { ArchivedFile, InboxEntry, Manifest } from '../recording.ts';
import type { Failure } from '../shared/errors.ts';
import { err, ok, type Result } from '../shared/result.ts';
import type { Recordings } from '../storage/recordings.ts';
import { hashBody } from '../transfer/hash.ts';
import type { RenewLease, TransferServices } from '../transfer/services.ts';
import type { Place } from './place.ts';

/** Conflicting writers of one manifest are two or three; more means that something is wrong. */
const MAX_MANIFEST_WRITES = 5;

/** Files to be listed in the manifest of a place, and the entry that announced them. */
export interface Listing {
  readonly place: Place;
  readonly entry: InboxEntry;
  readonly files: readonly ArchivedFile[];
  /** For a new manifest: what the event lacked. */
  readonly fromApi?: Manifest['fromApi'];
}

/**
 * Adds files to a manifest by compare-and-set. A file that another delivery announced than the one the manifest
 * was made from carries that delivery. Fails after too many conflicts, and for the manifest of another event.
 */
export async function addToManifest(
  { place: { keys, stored, recordingId }, entry, files, fromApi }: Listing,
  recordings: Recordings,
): Promise<Result<true, Failure>> {
  let current = stored;
  for (let write = 0; write < MAX_MANIFEST_WRITES && current.state !== 'unreadable'; write++) {
    const manifest =
      current.state === 'present' ? current.manifest : { ...newManifest(entry, recordingId), fromApi };
    const merged = withFiles(manifest, files, entry);
    if (merged === manifest) return ok(true);
    // Under an id that names only a call, another event may have been first: its manifest is never changed.
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
  { event, delivery, attempts }: InboxEntry,
): Manifest {
  const isOwn = manifest.delivery.rawBody === delivery.rawBody;
  const own = isOwn ? {} : { eventId: event.eventId, delivery };
  const added = files.filter((file) => !isListed(file, manifest.files)).map((file) => ({ ...file, ...own }));
  const known = manifest.files.map((file) => withChecks(file, files));
  const isSame = added.length === 0 && known.every((file, at) => file === manifest.files[at]);
  if (isSame) return manifest;
  return { ...manifest, files: [...known, ...added], failures: withFailures(manifest.failures, attempts) };
}

/** The failed attempts by code. The larger count stays: an entry's history has those of its earlier attempts again. */
function withFailures(
  known: Manifest['failures'] = {},
  attempts: InboxEntry['attempts'],
): Manifest['failures'] {
  const counts: Record<string, number> = {};
  for (const { failures } of attempts)
    for (const { code } of failures) counts[code] = (counts[code] ?? 0) + 1;
  for (const [code, count] of Object.entries(known)) counts[code] = Math.max(count, counts[code] ?? 0);
  return Object.keys(counts).length > 0 ? counts : undefined;
}

/**
 * Another event may have claimed something else of the same bytes: that it was overruled must not be forgotten.
 */
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

/** Audio in another event's manifest whose bytes are this event's as well. */
interface SameAudio {
  readonly manifest: string;
  readonly audioKeys: readonly string[];
  readonly eventId: string;
}

/** Lists an event at the files of another one that have the same bytes: then nothing of it is missing. */
export async function noteSameAudio(
  { manifest: manifestKey, audioKeys, eventId }: SameAudio,
  recordings: Recordings,
): Promise<void> {
  for (let write = 0; write < MAX_MANIFEST_WRITES; write++) {
    const stored = await recordings.readManifest(manifestKey);
    if (stored.state !== 'present') return; // The other event is not listed yet: a repeated delivery downloads again.
    const files = stored.manifest.files.map((file) =>
      audioKeys.includes(file.key) && !file.alsoOf?.includes(eventId)
        ? { ...file, alsoOf: [...(file.alsoOf ?? []), eventId] }
        : file,
    );
    if (files.every((file, at) => file === stored.manifest.files[at])) return;
    if (await recordings.writeManifest(manifestKey, { ...stored.manifest, files }, stored.expected)) return;
  }
}

/** A manifest, and which of its files to look at; all, without `suspects`. */
interface Verification {
  readonly key: string;
  readonly suspects: readonly string[] | undefined;
  readonly renewLease: RenewLease;
}

type VerifyServices = Pick<TransferServices, 'recordings' | 'now' | 'withTimeout'>;

/**
 * Compares listed files with the objects that lie there, and lists what lies there. R2 cannot make an upload in
 * parts create-once: it may have replaced an object that another event of the recording had stored and listed,
 * or have been replaced by it.
 */
export async function verifyFiles(
  { key, suspects, renewLease }: Verification,
  services: VerifyServices,
): Promise<Result<true, Failure>> {
  if (suspects?.length === 0) return ok(true);
  const stored = await services.recordings.readManifest(key);
  if (stored.state !== 'present') return ok(true);
  const files: ArchivedFile[] = [];
  for (const file of stored.manifest.files) {
    const isSuspect = suspects === undefined || suspects.includes(file.key);
    const present = isSuspect ? await asStored(file, renewLease, services) : file;
    if (present === undefined)
      return err({ code: 'storage_failed', detail: 'An object changed while it was read' });
    files.push(present);
  }
  if (files.every((file, at) => file === stored.manifest.files[at])) return ok(true);
  const manifest: Manifest = { ...stored.manifest, files };
  const isWritten = await services.recordings.writeManifest(key, manifest, stored.expected);
  return isWritten ? ok(true) : err({ code: 'storage_failed', detail: 'The manifest kept changing' });
}

/** The file as listed if its object has the etag, else as its object is; `undefined` when that is changing. */
async function asStored(
  file: ArchivedFile,
  renewLease: RenewLease,
  services: VerifyServices,
): Promise<ArchivedFile | undefined> {
  const { recordings } = services;
  if ((await recordings.etagOf(file.key)) === file.etag) return file;
  const object = await recordings.readObject(file.key);
  const hash = object === null ? undefined : await hashBody(object.body, renewLease, services);
  if (object === null || hash === undefined) return undefined;
  const { checks: _, ...rest } = file;
  return { ...rest, sha256: hash.sha256, bytes: hash.bytes, etag: object.etag };
}
