import type { ArchivedFile, InboxEntry, RecordingFile } from '../recording.ts';
import { sha256Hex, utf8 } from '../shared/bytes.ts';
import type { Failure } from '../shared/errors.ts';
import { err, ok, type Result } from '../shared/result.ts';
import { parseTimeMs } from '../shared/time.ts';
import { keyPart, ownRecordingKeys } from '../storage/keys.ts';
import { RECHECK_SECONDS, type TransferLimits } from '../transfer/checks.ts';
import { canRefresh, createOpener, linkExpiresMs, type Opener } from '../transfer/link.ts';
import type { RenewLease } from '../transfer/services.ts';
import type { StoredAudio } from '../transfer/stored-audio.ts';
import { transferFile } from '../transfer/transfer.ts';
import { receivedMs, triesOf } from './entry.ts';
import { keysFor, type Place, placeOf } from './place.ts';
import { MAX_ATTEMPTS } from './retry-policy.ts';
import type { ArchiveServices } from './services.ts';

/** Where an attempt runs: in the background after the response, or in a consumer of the queue. */
export type Mode = 'fast' | 'queue';

/** A larger recording may take more than the fast path's 25 s: it goes to the queue at once. */
export const LARGE_RECORDING_BYTES = 64 * 1024 ** 2;

/**
 * The time that the downloads of one attempt may take. The platform cancels background work 30 s after the
 * response, without running a `catch`; a consumer has 15 minutes.
 */
export const deadlineMs: Readonly<Record<Mode, number>> = { fast: 25_000, queue: 14 * 60_000 };

/** One file of an entry, the place of the recording, and what the attempt may spend on it. */
export interface FileJob {
  readonly entry: InboxEntry;
  readonly place: Place;
  readonly file: RecordingFile;
  readonly mode: Mode;
  readonly deadline: AbortSignal;
  readonly renewLease: RenewLease;
}

/** A file as it is in the bucket now, and whether this attempt completed it in parts. */
export type FileEnd = ArchivedFile & { readonly isInParts: boolean };

/**
 * Downloads one file of a recording and stores it, create-once. Where other bytes lie under its key, it gets a
 * further one.
 */
export async function archiveFile(
  job: FileJob,
  services: ArchiveServices,
): Promise<Result<FileEnd, Failure>> {
  const { entry, file } = job;
  if (file.storedElsewhere) return err({ code: 'stored_elsewhere' });
  const linked = { event: entry.event, file, receivedMs: receivedMs(entry), tries: triesOf(entry) };
  const opener = createOpener(linked, job.deadline, services);
  const stored = await transferToFreeKey(job, opener, services);
  if (!stored.ok) return stored;
  const isGuess = opener.isFresh() && file.sizeBytes === undefined && namesCallOnly(entry, services);
  const checks = {
    ...stored.value.checks,
    ...(isGuess && { fresh_link: 'names_call_only' }),
    ...(opener.isOther() && { other_link: 'used' }),
  };
  return ok(fileEnd({ ...stored.value, checks }, job, services));
}

export function fileEnd(
  stored: StoredAudio,
  { entry, file: { claimedFormat } }: Pick<FileJob, 'entry' | 'file'>,
  { now }: ArchiveServices,
): FileEnd {
  const archivedAt = new Date(now()).toISOString();
  return { ...stored, claimedFormat, attempts: entry.attempts.length + 1, archivedAt };
}

/** The keys that one file may try. */
const MAX_KEYS = 4;

/** Transfers to the first of the file's keys under which no other bytes lie. */
async function transferToFreeKey(
  job: FileJob,
  opener: Opener,
  services: ArchiveServices,
): Promise<Result<StoredAudio, Failure>> {
  const { entry, file, renewLease } = job;
  const { event } = entry;
  const limits = limitsOf(job, opener, services);
  const metadata = await audioMetadata(file, entry);
  // R2 cannot make an upload in parts create-once: under a shared id it could replace another recording.
  const partsKeyOf = event.isNamedByCall ? (await ownRecordingKeys(event)).audio : undefined;
  const taken = new Set<string>();
  let place = job.place;
  let counted: { readonly bytes: number; readonly sha256: string } | undefined;
  for (let tries = 0; tries < MAX_KEYS; tries++) {
    const keyOf = (format: string, lengthBytes: number | undefined) => {
      const known = { ...counted, format, bytes: lengthBytes ?? counted?.bytes };
      return keysFor(place, file, known).find((key) => !taken.has(key)) ?? place.keys.audio(format);
    };
    const transfer = { open: opener.open, keyOf, partsKeyOf, metadata, limits, renewLease };
    const transferred = await transferFile(transfer, services);
    if (!transferred.ok) return transferred;
    if (!('taken' in transferred.value)) return ok(transferred.value);
    taken.add(transferred.value.taken.key);
    counted = transferred.value.taken;
    if (event.isNamedByCall) place = await placeOf(event, services.recordings);
  }
  return err({ code: 'source_changed', detail: 'Other bytes each time' });
}

function limitsOf({ entry, file, mode }: FileJob, opener: Opener, services: ArchiveServices): TransferLimits {
  const expiresMs = canRefresh(entry.event, services) ? Infinity : linkExpiresMs(file, receivedMs(entry));
  const isLastAttempt = triesOf(entry) + 1 >= MAX_ATTEMPTS;
  // A link that has expired by the clock and still works may work once more.
  const lives = expiresMs > services.now();
  const expiresWithin = (ms: number) => lives && expiresMs - services.now() < ms;
  return {
    announcedBytes: file.sizeBytes,
    announcedSha256: file.sha256,
    isSizeBinding: () => opener.isFresh() && namesCallOnly(entry, services),
    refusedBefore: refusedBefore(file, entry, services.now()),
    isLastChance: () => isLastAttempt || expiresWithin(RECHECK_SECONDS * 1000),
    mayBeLastChance: isLastAttempt || expiresWithin(RECHECK_SECONDS * 1000 + deadlineMs[mode]),
    maxBytes: services.maxRecordingBytes,
    handOverBytes: mode === 'fast' ? LARGE_RECORDING_BYTES : Infinity,
  };
}

/** The SHA-256 of this file's bodies that were refused only for a claim about them, long enough ago. */
function refusedBefore(
  { claimedFormat }: RecordingFile,
  { attempts }: InboxEntry,
  nowMs: number,
): Set<string> {
  const old = attempts.filter(({ at }) => nowMs - (parseTimeMs(at) ?? nowMs) >= RECHECK_SECONDS * 1000);
  const refused = old.flatMap(({ failures }) =>
    failures.filter((one) => one.claimedFormat === claimedFormat),
  );
  return new Set(refused.flatMap(({ sha256 }) => (sha256 === undefined ? [] : sha256)));
}

/** Whether a fresh link may be another recording's of the call: then only the announced size tells. */
function namesCallOnly({ event }: InboxEntry, { apis }: ArchiveServices): boolean {
  return apis.get(event.provider)?.api.namesCallOnly === true;
}

/** The custom metadata of an audio object, by which it is found before its manifest is written. */
export type AudioMetadata = Readonly<Record<'event' | 'fingerprint' | 'file', string>>;

/** Hashes and key parts: custom metadata takes ASCII only. */
export async function audioMetadata(
  { claimedFormat = '' }: RecordingFile,
  { event, fingerprint }: InboxEntry,
): Promise<AudioMetadata> {
  return {
    event: await keyPart(event.eventId),
    fingerprint: await sha256Hex(utf8(fingerprint)),
    file: await keyPart(claimedFormat),
  };
}
