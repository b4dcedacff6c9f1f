import type { ArchivedFile } from '../recording.ts';
import type { Failure, FailureCode } from '../shared/errors.ts';
import { describeError } from '../shared/log.ts';
import { err, ok, type Result } from '../shared/result.ts';
import type { Within } from '../shared/with-timeout.ts';
import type { Recordings } from '../storage/recordings.ts';
import type { UploadEnd, UploadedObject } from '../storage/upload.ts';
import { type AudioFormat, unknownBinary } from './audio-format.ts';
import { type Fingerprint, fingerprint } from './block-reader.ts';
import { type Checked, type CopyLimits, refusedFor } from './checks.ts';

export interface DescribeServices {
  readonly recordings: Recordings;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly within: Within;
  /** Called at each block; `false` when another worker has taken over. */
  readonly keepLease: () => Promise<boolean>;
}

/** What is in the bucket after a copy. */
export type StoredAudio = Omit<ArchivedFile, 'claimedFormat' | 'attempts' | 'archivedAt'> & {
  readonly isInParts: boolean;
};

/** Other bytes lie under the key: what was downloaded is described, and was not stored. */
export interface TakenKey {
  readonly taken: { readonly key: string; readonly bytes: number; readonly sha256: string };
}

export type Copied = Result<StoredAudio | TakenKey, Failure>;

/** What was sent to the bucket. */
export type Sent = Fingerprint & { readonly checks: Checked };

type Target = AudioFormat & { readonly key: string };

/** What the end of an upload means for the file. */
export async function describeEnd(
  end: UploadEnd,
  { checks, sha256, bytes }: Sent,
  audio: Target,
  limits: CopyLimits,
  services: DescribeServices,
): Promise<Copied> {
  if (end.state === 'failed') return failure('storage_failed', describeError(end.error));
  if (end.state === 'no_room') return failure('isolate_busy');
  if (end.state === 'mismatch')
    return err(refusedFor({ code: 'checksum_mismatch', detail: 'md5' }, sha256, limits));
  const isUnknown = audio.format === unknownBinary.format;
  const made = {
    ...audio,
    sha256,
    bytes,
    checks: isUnknown ? { ...checks, audio_format: 'unknown' } : checks,
  };
  return end.state === 'stored'
    ? describeStored(end.object, made, services)
    : describePresent(made, services);
}

/** What R2 says that it stored must be what was sent; an object that is not goes again. */
async function describeStored(
  { key, etag, bytes, isInParts }: UploadedObject,
  audio: Omit<StoredAudio, 'etag' | 'isInParts'>,
  { recordings }: DescribeServices,
): Promise<Copied> {
  if (bytes === audio.bytes) return ok({ ...audio, key, etag, isInParts });
  await recordings.removeAudio(key);
  return failure('storage_failed', `R2 stored ${bytes} of ${audio.bytes} bytes`);
}

/** An object that was there before is described by its own bytes, not by those downloaded this time. */
async function describePresent(
  audio: Omit<StoredAudio, 'etag' | 'isInParts'>,
  { recordings, now, keepLease, within }: DescribeServices,
): Promise<Copied> {
  const object = await recordings.readAudio(audio.key);
  if (object === null) return failure('storage_failed', 'The object vanished');
  const present = await fingerprint(object.body, now, keepLease, within);
  if (present === undefined) return failure('lease_lost');
  const { key, bytes, sha256 } = audio;
  if (present.sha256 !== sha256) return ok({ taken: { key, bytes, sha256 } });
  return ok({ ...audio, etag: object.etag, isInParts: false });
}

function failure(code: FailureCode, detail?: string): { ok: false; error: Failure } {
  return err({ code, detail });
}
