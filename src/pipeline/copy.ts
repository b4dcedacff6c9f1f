import type { ArchivedFile } from '../recording.ts';
import type { Failure, FailureCode } from '../shared/errors.ts';
import { COMMIT_MS, MAX_RESTARTS, STALL_MS } from '../shared/limits.ts';
import { describeError } from '../shared/log.ts';
import { err, ok, type Result } from '../shared/result.ts';
import type { RecordingKeys } from '../storage/keys.ts';
import type { Recordings } from '../storage/recordings.ts';
import type { Upload, UploadEnd } from '../storage/upload.ts';
import { type AudioFormat, detectAudioFormat } from './audio-format.ts';
import { announcementProblem, type Checked, type CopyLimits, checkEnd, checkSize } from './checks.ts';
import { discard } from './download.ts';
import { type Checksum, statedChecksum, wavBytes } from './integrity.ts';
import type { Open } from './open-file.ts';
import { createFingerprinter, type Fingerprint, fingerprint } from './pump.ts';
import { lengthOf, readSource, type Source, type SourceFailure, type SourceServices } from './source.ts';

export interface CopyServices extends SourceServices {
  readonly recordings: Recordings;
  /** Called at each block; false when somebody else has taken over. */
  readonly keepLease: () => Promise<boolean>;
}

/** Where a copy goes, and what it leaves there to be known by. */
export interface CopyTarget {
  readonly keys: RecordingKeys;
  readonly metadata: Record<string, string>;
  readonly limits: CopyLimits;
}

/** What is in the bucket after a copy, and whether that is what was downloaded. */
export type StoredAudio = Omit<ArchivedFile, 'claimedFormat' | 'attempts' | 'archivedAt'> & {
  readonly isSame: boolean;
};

/**
 * Streams a file into the bucket, create-once, under a key that follows what the first bytes are. On any failure
 * nothing is stored: the last block is held back until every check has passed.
 */
export async function copyAudio(
  open: Open,
  target: CopyTarget,
  services: CopyServices,
): Promise<Result<StoredAudio, Failure>> {
  for (let restarts = 0; ; restarts++) {
    const copied = await copyOnce(open, target, services);
    if (copied.ok) return copied;
    const { beginAgain, ...failure } = copied.error;
    if (beginAgain === undefined || restarts === MAX_RESTARTS) return err(failure);
  }
}

type Copied = Result<StoredAudio, SourceFailure>;

async function copyOnce(open: Open, target: CopyTarget, services: CopyServices): Promise<Copied> {
  const opened = await open();
  if (!opened.ok) return opened;
  const { headers } = opened.value;
  const lengthBytes = lengthOf(headers);
  const problem = announcementProblem(lengthBytes, target.limits);
  if (problem !== undefined) {
    await discard(opened.value);
    return err(problem);
  }
  const source = readSource(opened.value, open, services);
  try {
    return await copyBlocks(source, lengthBytes, statedChecksum(headers), target, services);
  } finally {
    await source.cancel(); // Does nothing after a whole copy.
  }
}

async function copyBlocks(
  source: Source,
  lengthBytes: number | undefined,
  checksum: Checksum | undefined,
  { keys, metadata, limits }: CopyTarget,
  services: CopyServices,
): Promise<Copied> {
  const first = await source.next();
  if (!first.ok) return first;
  if (first.value === undefined) return failure('empty_body');
  const audio = detectAudioFormat(first.value);
  if (audio === undefined) return failure('not_audio');
  const key = keys.audio(audio.format);
  const md5 = checksum?.algorithm === 'md5' ? checksum.hex : undefined;
  const upload = services.recordings.startUpload(key, {
    lengthBytes,
    contentType: audio.contentType,
    metadata,
    md5,
  });
  const wanted = { lengthBytes, wavBytes: wavBytes(first.value), checksum, limits };
  const sent = await sendBlocks(source, first.value, wanted, upload, services);
  const { within } = services;
  if (!sent.ok) {
    await within(COMMIT_MS, upload.abort(sent.error.code)).catch(() => undefined); // Nothing was stored yet.
    return sent;
  }
  const failed = (error: unknown) => ({ state: 'failed', error }) as const;
  const end = await within(COMMIT_MS, upload.commit()).catch(failed);
  return describeStored(end, sent.value, { ...audio, key }, services);
}

/** What all blocks together must be. */
interface Wanted {
  readonly lengthBytes: number | undefined;
  readonly wavBytes: number | undefined;
  readonly checksum: Checksum | undefined;
  readonly limits: CopyLimits;
}

type Sent = Fingerprint & { readonly checks: Checked };

/**
 * Sends everything and tells what it was. The block that completes the announced length is held back: R2 stores an
 * object as soon as it has all of its bytes, even if the stream is aborted. Without a length `commit` is what stores.
 */
async function sendBlocks(
  source: Source,
  first: Uint8Array,
  wanted: Wanted,
  upload: Upload,
  { keepLease, within }: CopyServices,
): Promise<Result<Sent, SourceFailure>> {
  const { lengthBytes = Number.POSITIVE_INFINITY, checksum } = wanted;
  const fingerprinter = createFingerprinter(checksum?.algorithm === 'crc32c');
  for (let block = first; ; ) {
    await fingerprinter.add(block);
    const held = fingerprinter.bytes() >= lengthBytes ? block.slice() : undefined;
    if (held === undefined && !(await write(upload, block, within)))
      return failure('storage_failed', 'R2 stopped taking bytes');
    const next = await nextBlock(source, fingerprinter.bytes(), wanted, keepLease);
    if (!next.ok) return next;
    if (next.value === undefined) return sendLast(held, await fingerprinter.finish(), wanted, upload, within);
    block = next.value;
  }
}

/** What comes after so many bytes, unless they are wrong already or somebody else has taken over. */
async function nextBlock(
  source: Source,
  bytes: number,
  { lengthBytes, limits }: Wanted,
  keepLease: CopyServices['keepLease'],
): Promise<Result<Uint8Array | undefined, SourceFailure>> {
  const next = await source.next();
  if (!next.ok) return next;
  const problem = checkSize(bytes, next.value === undefined, lengthBytes, limits);
  if (problem !== undefined) return err(problem);
  return (await keepLease()) ? next : failure('lease_lost');
}

async function sendLast(
  held: Uint8Array | undefined,
  fingerprint: Fingerprint,
  wanted: Wanted,
  upload: Upload,
  within: CopyServices['within'],
): Promise<Result<Sent, SourceFailure>> {
  const checks = checkEnd(fingerprint, wanted);
  if (!checks.ok) return checks;
  if (held !== undefined) await write(upload, held, within);
  return ok({ ...fingerprint, checks: checks.value });
}

async function write(upload: Upload, block: Uint8Array, within: CopyServices['within']): Promise<boolean> {
  return within(STALL_MS, upload.write(block)).catch(() => false); // A store that hangs has failed.
}

/** An object that was there before is described by its own bytes, not by those downloaded this time. */
async function describeStored(
  end: UploadEnd,
  { checks, crc32c: _, ...sent }: Sent,
  audio: AudioFormat & { key: string },
  { recordings, now, keepLease, within }: CopyServices,
): Promise<Result<StoredAudio, Failure>> {
  if (end.state === 'failed') return failure('storage_failed', describeError(end.error));
  if (end.state === 'mismatch') return failure('checksum_mismatch', 'md5');
  if (end.state === 'stored') return ok({ ...audio, ...sent, etag: end.etag, checks, isSame: true });
  const object = await recordings.readAudio(audio.key);
  if (object === null) return failure('storage_failed', 'The object vanished');
  const present = await fingerprint(object.body, now, keepLease, within);
  if (present === undefined) return failure('lease_lost');
  const { sha256, bytes } = present;
  const isSame = sha256 === sent.sha256;
  return ok({ ...audio, sha256, bytes, etag: object.etag, ...(isSame && { checks }), isSame });
}

function failure(code: FailureCode, detail?: string): { ok: false; error: Failure } {
  return err({ code, detail });
}
