import type { ArchivedFile } from '../recording.ts';
import type { Failure, FailureCode } from '../shared/errors.ts';
import { describeError } from '../shared/log.ts';
import { err, ok, type Result } from '../shared/result.ts';
import type { UploadEnd, UploadedObject } from '../storage/upload.ts';
import { type AudioFormat, unknownBinary } from './audio-format.ts';
import { type Checked, refusedFor, type TransferLimits } from './checks.ts';
import { type BodyHash, hashBody } from './hash.ts';
import type { RenewLease, TransferServices } from './services.ts';
/** The audio in the bucket after a transfer. */
export type StoredAudio = Omit<ArchivedFile, 'claimedFormat' | 'attempts' | 'archivedAt'> & {
  readonly isInParts: boolean;
};

/** Other bytes lie under the key: what was downloaded is described, and was not stored. */
export interface TakenKey {
  readonly taken: { readonly key: string; readonly bytes: number; readonly sha256: string };
}

export type Transferred = Result<StoredAudio | TakenKey, Failure>;

/** The bytes that were sent to the bucket, and the claims about them. */
export type Sent = BodyHash & { readonly checks: Checked };

type SentAudio = AudioFormat & { readonly key: string; readonly sent: Sent };
/** What the description of an upload's end needs. */
type Ending = {
  readonly limits: TransferLimits;
  readonly renewLease: RenewLease;
  readonly services: TransferServices;
};

/** What the end of an upload means for the file. */
export async function describeEnd(
  end: UploadEnd,
  { sent, ...audio }: SentAudio,
  ending: Ending,
): Promise<Transferred> {
  const { checks, sha256, bytes } = sent;
  if (end.state === 'failed') return failure('storage_failed', describeError(end.error));
  if (end.state === 'no_room') return failure('isolate_busy');
  if (end.state === 'mismatch')
    return err(refusedFor({ code: 'checksum_mismatch', detail: 'md5' }, sha256, ending.limits));
  const isUnknown = audio.format === unknownBinary.format;
  const made = {
    ...audio,
    sha256,
    bytes,
    checks: isUnknown ? { ...checks, audio_format: 'unknown' } : checks,
  };
  return end.state === 'stored'
    ? describeStored(end.object, made, ending.services)
    : describePresent(made, ending);
}

type Described = Omit<StoredAudio, 'etag' | 'isInParts'>;

/** Compares what R2 says it stored with what was sent; an object that differs is removed. */
async function describeStored(
  { key, etag, bytes, isInParts }: UploadedObject,
  audio: Described,
  { recordings }: TransferServices,
): Promise<Transferred> {
  if (bytes === audio.bytes) return ok({ ...audio, key, etag, isInParts });
  await recordings.removeAudio(key);
  return failure('storage_failed', `R2 stored ${bytes} of ${audio.bytes} bytes`);
}

/** Describes an object that was there before by its own bytes, not by those downloaded this time. */
async function describePresent(audio: Described, { renewLease, services }: Ending): Promise<Transferred> {
  const { key, bytes, sha256 } = audio;
  const object = await services.recordings.readObject(key);
  if (object === null) return failure('storage_failed', 'The object vanished');
  const present = await hashBody(object.body, renewLease, services);
  if (present === undefined) return failure('lease_lost');
  if (present.sha256 !== sha256) return ok({ taken: { key, bytes, sha256 } });
  return ok({ ...audio, etag: object.etag, isInParts: false });
}

function failure(code: FailureCode, detail?: string): { ok: false; error: Failure } {
  return err({ code, detail });
}
