import type { ArchivedFile, InboxEntry, RecordingFile } from '../recording.ts';
import { sha256Hex, utf8 } from '../shared/bytes.ts';
import type { Failure } from '../shared/errors.ts';
import { DOUBT_SECONDS, MAX_ATTEMPTS } from '../shared/limits.ts';
import { err, ok, type Result } from '../shared/result.ts';
import { parseTimeMs } from '../shared/time.ts';
import { keyPart, ownRecordingKeys } from '../storage/keys.ts';
import type { CopyLimits } from '../transfer/checks.ts';
import { canRefresh, createOpener, type Opener, type OpenFileServices } from '../transfer/link.ts';
import type { StoredAudio } from '../transfer/stored-audio.ts';
import { type CopyServices, copyAudio } from '../transfer/transfer.ts';
import { receivedMs, triesOf } from './entry.ts';
import { linkExpiresMs } from './fresh-links.ts';
import { differs, keysFor, type Place, placeOf } from './place.ts';
import { adoptAudio, type Marks } from './recover-orphan.ts';

export interface ArchiveFileServices extends Omit<CopyServices, 'keepLease'>, OpenFileServices {
  readonly maxRecordingBytes: number;
}

/** What an attempt may spend, and how it keeps other workers away. */
export interface Effort {
  readonly deadline: AbortSignal;
  /** How long it is from the start of the attempt. */
  readonly deadlineMs: number;
  /** What is larger is left to the queue. */
  readonly handOverBytes: number;
  readonly keepLease: () => Promise<boolean>;
}

/** One file of an entry, and where the recording belongs. */
export interface Job {
  readonly entry: InboxEntry;
  readonly place: Place;
  readonly file: RecordingFile;
}

/** A file as it is in the bucket now, and whether this attempt completed it in parts. */
export type FileEnd = ArchivedFile & { readonly isInParts: boolean };

/**
 * What an attempt that crashed has stored and not listed: taken from the bucket as it is, so that it is found even
 * when its link has expired. Nothing is looked for at the first attempt.
 */
export async function leftFiles(
  entry: InboxEntry,
  place: Place,
  services: ArchiveFileServices,
  keepLease: Effort['keepLease'],
): Promise<FileEnd[]> {
  const files: FileEnd[] = [];
  for (const file of entry.attempts.length === 0 ? [] : entry.event.files) {
    const marks = await marksOf(file, entry);
    const left = await adoptAudio(place, marks, file, { ...services, keepLease });
    if (left !== undefined)
      files.push(fileEnd({ ...left, checks: checksLeft(file, left) }, file, entry, services));
  }
  return files;
}

/** What can still be told of audio that an attempt stored before it crashed: all checks had passed, or been overruled. */
function checksLeft(
  { sizeBytes }: RecordingFile,
  { bytes }: StoredAudio,
): Record<string, string> | undefined {
  if (sizeBytes === undefined) return undefined;
  return { announced_size: sizeBytes === bytes ? 'ok' : differs(sizeBytes) };
}

/**
 * Downloads one file of a recording and stores it, create-once. Where other bytes lie under the name, the file gets
 * a further one.
 */
export async function archiveFile(
  job: Job,
  services: ArchiveFileServices,
  effort: Effort,
): Promise<Result<FileEnd, Failure>> {
  const { entry, file } = job;
  if (file.storedElsewhere) return err({ code: 'stored_elsewhere' });
  const opener = createOpener(file, entry, services, effort.deadline);
  const copyServices = { ...services, keepLease: effort.keepLease };
  const stored = await copyTo(job, await marksOf(file, entry), opener, copyServices, effort);
  if (!stored.ok) return stored;
  const isGuess = opener.isFresh() && file.sizeBytes === undefined && namesCallOnly(entry, services);
  const checks = isGuess ? { ...stored.value.checks, fresh_link: 'names_call_only' } : stored.value.checks;
  return ok(fileEnd({ ...stored.value, checks }, file, entry, services));
}

function fileEnd(
  stored: StoredAudio,
  { claimedFormat }: RecordingFile,
  { attempts }: InboxEntry,
  { now }: ArchiveFileServices,
): FileEnd {
  const archivedAt = new Date(now()).toISOString();
  return { ...stored, claimedFormat, attempts: attempts.length + 1, archivedAt };
}

/** As many names as a file may have. */
const MAX_KEYS = 4;

/** Copies to the first of the file's keys where no other bytes lie. */
async function copyTo(
  { entry, place: before, file }: Job,
  metadata: Marks,
  opener: Opener,
  services: CopyServices & ArchiveFileServices,
  effort: Effort,
): Promise<Result<StoredAudio, Failure>> {
  const limits = limitsOf(file, entry, opener, services, effort);
  const { event } = entry;
  // R2 cannot make an upload in parts create-once: under a shared id it could replace another recording.
  const partsKeyOf = event.isNamedByCall ? (await ownRecordingKeys(event)).audio : undefined;
  const taken = new Set<string>();
  let place = before;
  let counted: { readonly bytes: number; readonly sha256: string } | undefined;
  for (let tries = 0; tries < MAX_KEYS; tries++) {
    const keyOf = (format: string, lengthBytes: number | undefined) => {
      const keys = keysFor(place, file, format, { ...counted, bytes: lengthBytes ?? counted?.bytes });
      return keys.find((key) => !taken.has(key)) ?? place.keys.audio(format);
    };
    const copied = await copyAudio(opener.open, { metadata, limits, partsKeyOf, keyOf }, services);
    if (!copied.ok) return copied;
    if (!('taken' in copied.value)) return ok(copied.value);
    taken.add(copied.value.taken.key);
    counted = copied.value.taken;
    if (event.isNamedByCall) place = await placeOf(event, services.recordings);
  }
  return err({ code: 'source_changed', detail: 'Other bytes each time' });
}

function limitsOf(
  file: RecordingFile,
  entry: InboxEntry,
  opener: Opener,
  services: ArchiveFileServices,
  { handOverBytes, deadlineMs }: Effort,
): CopyLimits {
  const expiresMs = canRefresh(entry, services)
    ? Number.POSITIVE_INFINITY
    : linkExpiresMs(file, receivedMs(entry));
  const isLastAttempt = triesOf(entry) + 1 >= MAX_ATTEMPTS;
  // A link that has expired by the clock and still answers may answer once more.
  const lives = expiresMs > services.now();
  const isNear = (ms: number) => lives && expiresMs - services.now() < ms;
  return {
    announcedBytes: file.sizeBytes,
    isSizeBinding: () => opener.isFresh() && namesCallOnly(entry, services),
    refusedBefore: refusedBefore(file, entry, services.now()),
    isLastChance: () => isLastAttempt || isNear(DOUBT_SECONDS * 1000),
    mayBeLastChance: isLastAttempt || isNear(DOUBT_SECONDS * 1000 + deadlineMs),
    maxBytes: services.maxRecordingBytes,
    handOverBytes,
  };
}

/** The bodies of this file that were refused only for a claim about them, long enough ago. */
function refusedBefore(
  { claimedFormat }: RecordingFile,
  { attempts }: InboxEntry,
  nowMs: number,
): Set<string> {
  const old = attempts.filter(({ at }) => nowMs - (parseTimeMs(at) ?? nowMs) >= DOUBT_SECONDS * 1000);
  const refused = old.flatMap(({ failures }) =>
    failures.filter((one) => one.claimedFormat === claimedFormat),
  );
  return new Set(refused.flatMap(({ sha256 }) => (sha256 === undefined ? [] : sha256)));
}

/** Whether a fresh link may be another recording's of the call: then only the announced size would tell. */
function namesCallOnly({ event }: InboxEntry, { apis }: ArchiveFileServices): boolean {
  return apis.get(event.provider)?.api.namesCallOnly === true;
}

/** What an object is known by before its manifest is written: custom metadata takes ASCII only. */
async function marksOf(
  { claimedFormat = '' }: RecordingFile,
  { event, announcement }: InboxEntry,
): Promise<Marks> {
  return {
    event: await keyPart(event.eventId),
    announcement: await sha256Hex(utf8(announcement)),
    file: await keyPart(claimedFormat),
  };
}
