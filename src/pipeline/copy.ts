import type { ArchivedFile } from '../recording.ts';
import type { Failure, FailureCode } from '../shared/errors.ts';
import { describeError } from '../shared/log.ts';
import { err, ok, type Result } from '../shared/result.ts';
import type { RecordingKeys } from '../storage/keys.ts';
import type { Recordings, Upload, UploadEnd } from '../storage/recordings.ts';
import { type AudioFormat, detectAudioFormat } from './audio-format.ts';
import { discard, networkFailure } from './download.ts';
import { type BlockReader, createFingerprinter, type Fingerprint, fingerprint, readBlocks } from './pump.ts';

/** What a copy must fulfil to be stored. */
export interface CopyLimits {
  /** What the provider said of the size, if anything. */
  readonly declaredBytes: number | undefined;
  readonly maxBytes: number;
}

/** What is in the bucket after a copy, and whether that is what was downloaded. */
export type StoredAudio = Omit<ArchivedFile, 'claimedFormat' | 'attempts' | 'archivedAt'> & {
  readonly isSame: boolean;
};

/**
 * Streams a response into the bucket, create-once, under a key that follows what the first bytes are.
 * On any failure nothing is stored: the last block is held back until every check has passed.
 */
export async function copyAudio(
  response: Response,
  keys: RecordingKeys,
  recordings: Recordings,
  limits: CopyLimits,
): Promise<Result<StoredAudio, Failure>> {
  const length = announcedBytes(response, limits);
  if (!length.ok || response.body === null) {
    await discard(response);
    return length.ok ? failure('empty_body') : length;
  }
  const source = readBlocks(response.body);
  try {
    return await copyBlocks(source, length.value, keys, recordings);
  } finally {
    await source.cancel(); // Does nothing after a whole copy.
  }
}

/** The length that the origin announces, if it can be trusted to be the length of what we will read. */
function announcedBytes(
  response: Response,
  { declaredBytes, maxBytes }: CopyLimits,
): Result<number, Failure> {
  const header = response.headers.get('content-length') ?? '';
  const isCoded = (response.headers.get('content-encoding') ?? 'identity') !== 'identity';
  if (isCoded || !/^\d{1,15}$/.test(header)) return failure('length_unknown');
  const bytes = Number(header);
  if (bytes === 0) return failure('empty_body');
  if (bytes > maxBytes) return failure('too_large', `${bytes} bytes, the limit is ${maxBytes}`);
  const isAsDeclared = declaredBytes === undefined || declaredBytes === bytes;
  return isAsDeclared
    ? ok(bytes)
    : failure('length_mismatch', `${bytes} bytes, the event said ${declaredBytes}`);
}

async function copyBlocks(
  source: BlockReader,
  lengthBytes: number,
  keys: RecordingKeys,
  recordings: Recordings,
): Promise<Result<StoredAudio, Failure>> {
  const first = await nextBlock(source);
  if (!first.ok) return first;
  if (first.value === undefined) return failure('empty_body');
  const audio = detectAudioFormat(first.value);
  if (audio === undefined) return failure('not_audio');
  const key = keys.audio(audio.format);
  const upload = recordings.startUpload(key, lengthBytes, audio.contentType);
  const sent = await sendBlocks(source, first.value, lengthBytes, upload);
  if (sent.ok) return describeStored(await upload.commit(), sent.value, { ...audio, key }, recordings);
  await upload.abort(sent.error.code);
  return sent;
}

/**
 * Sends everything and gives its fingerprint. Reads one block ahead, so that the last one is known before
 * it goes out: R2 stores an object as soon as it has all the announced bytes, even if the stream is aborted.
 */
async function sendBlocks(
  source: BlockReader,
  first: Uint8Array,
  lengthBytes: number,
  upload: Upload,
): Promise<Result<Fingerprint, Failure>> {
  const fingerprinter = createFingerprinter();
  for (let block = first; ; ) {
    await fingerprinter.add(block);
    const next = await nextBlock(source);
    if (!next.ok) return next;
    const problem = lengthProblem(fingerprinter.bytes(), next.value === undefined, lengthBytes);
    if (problem !== undefined) return failure('length_mismatch', problem);
    await upload.write(block);
    if (next.value === undefined) return ok(await fingerprinter.finish());
    block = next.value;
  }
}

function lengthProblem(bytes: number, isEnd: boolean, lengthBytes: number): string | undefined {
  if (isEnd && bytes !== lengthBytes) return `${bytes} bytes, the origin announced ${lengthBytes}`;
  return !isEnd && bytes >= lengthBytes ? `More bytes than the announced ${lengthBytes}` : undefined;
}

async function nextBlock(source: BlockReader): Promise<Result<Uint8Array | undefined, Failure>> {
  try {
    return ok(await source.next());
  } catch (error) {
    return err(networkFailure(error, 'download_interrupted'));
  }
}

/** An object that was there before is described by its own bytes, not by those downloaded this time. */
async function describeStored(
  end: UploadEnd,
  sent: Fingerprint,
  audio: AudioFormat & { key: string },
  recordings: Recordings,
): Promise<Result<StoredAudio, Failure>> {
  if (end.state === 'failed') return failure('storage_failed', describeError(end.error));
  if (end.state === 'stored') return ok({ ...audio, ...sent, etag: end.etag, isSame: true });
  const object = await recordings.readAudio(audio.key);
  if (object === null) return failure('storage_failed', 'The object vanished');
  const present = await fingerprint(object.body);
  return ok({ ...audio, ...present, etag: object.etag, isSame: present.sha256 === sent.sha256 });
}

function failure(code: FailureCode, detail?: string): { ok: false; error: Failure } {
  return err({ code, detail });
}
