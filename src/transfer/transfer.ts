import type { Failure, FailureCode } from '../shared/errors.ts';
import { discard, STALL_MS } from '../shared/request.ts';
import { err, ok, type Result } from '../shared/result.ts';
import { STORE_MS } from '../storage/objects.ts';
import { COMMIT_MS, type Upload } from '../storage/upload.ts';
import { detectAudioFormat, wavBytes } from './audio-format.ts';
import { BLOCK_BYTES } from './block-reader.ts';
import {
  checkClaims,
  checkSize,
  mayOverrule,
  responseProblem,
  type TransferLimits,
  type Wanted,
} from './checks.ts';
import { type BodyHash, createHasher } from './hash.ts';
import type { Open } from './link.ts';
import type { Reservation } from './memory-budget.ts';
import { contentTypeOf, lengthOf, statedChecksum } from './response-headers.ts';
import { type BodyFailure, type ResumableBody, resumableBody } from './resumable-body.ts';
import type { RenewLease, TransferServices } from './services.ts';
import { describeEnd, type Sent, type StoredAudio, type TakenKey, type Transferred } from './stored-audio.ts';

/** Times that one attempt begins a file anew because it changed, or its origin cannot resume. */
const MAX_RESTARTS = 2;

/**
 * A transfer holds one block, and a second one at its end. Most files are small: a quarter of the second is
 * counted.
 */
export const TRANSFER_BYTES = BLOCK_BYTES * 1.25;

/** The transfer of one file: where its bytes come from, and where they go. */
export interface TransferJob {
  readonly open: Open;
  /** The key for audio of this format and, where it is known before, of this length. */
  readonly keyOf: (format: string, lengthBytes: number | undefined) => string;
  /** The key for an upload in parts, if it is another. */
  readonly partsKeyOf?: ((format: string) => string) | undefined;
  readonly metadata: Record<string, string>;
  readonly limits: TransferLimits;
  readonly renewLease: RenewLease;
}

/**
 * Streams a file into the bucket, create-once, under a key that follows from its first bytes. After a failure
 * nothing is stored: the last block is held back until every check has passed.
 */
export async function transferFile(job: TransferJob, services: TransferServices): Promise<Transferred> {
  for (let restarts = 0; ; restarts++) {
    const memory = services.memory.reserve(TRANSFER_BYTES);
    if (memory === undefined) return failure('isolate_busy');
    const transferred = await transferOnce(job, memory, services).finally(memory.free);
    if (transferred.ok) return transferred;
    const { beginAgain, ...failed } = transferred.error;
    if (beginAgain === undefined || restarts === MAX_RESTARTS) return err(failed);
  }
}

type TransferredOnce = Result<StoredAudio | TakenKey, BodyFailure>;

async function transferOnce(
  job: TransferJob,
  memory: Reservation,
  services: TransferServices,
): Promise<TransferredOnce> {
  const opened = await job.open();
  if (!opened.ok) return opened;
  const { headers } = opened.value;
  const lengthBytes = lengthOf(headers);
  const problem = responseProblem(lengthBytes, job.limits);
  if (problem !== undefined) {
    await discard(opened.value);
    return err(problem);
  }
  const body = resumableBody(opened.value, job.open, services);
  try {
    const first = await body.next();
    if (!first.ok) return first;
    if (first.value === undefined) return failure('empty_body');
    const claims = { lengthBytes, checksum: statedChecksum(headers), wavBytes: wavBytes(first.value) };
    const source = { body, first: first.value, headers, wanted: { ...claims, limits: job.limits } };
    return await store(source, { ...job, memory }, services);
  } finally {
    await body.cancel(); // Does nothing after a whole transfer.
  }
}

/** A body whose first block was read, and what all blocks together should be. */
interface Source {
  readonly body: ResumableBody;
  readonly first: Uint8Array;
  readonly headers: Headers;
  readonly wanted: Wanted;
}

async function store(
  source: Source,
  job: TransferJob & { readonly memory: Reservation },
  services: TransferServices,
): Promise<TransferredOnce> {
  const { first, headers, wanted } = source;
  const audio = detectAudioFormat(first);
  if (audio === undefined) return failure('not_audio', contentTypeOf(headers));
  const { withTimeout, recordings } = services;
  const { lengthBytes } = wanted;
  const { metadata } = job;
  const key = job.keyOf(audio.format, lengthBytes);
  const upload = recordings.startUpload(key, {
    lengthBytes,
    contentType: audio.contentType,
    metadata: lengthBytes === undefined ? metadata : { ...metadata, bytes: String(lengthBytes) },
    md5: md5ForStore(wanted),
    partsKey: job.partsKeyOf?.(audio.format),
    grow: job.memory.grow,
  });
  const sent = await sendBlocks(source, upload, { ...job, withTimeout });
  if (!sent.ok) {
    await withTimeout(COMMIT_MS, upload.abort(sent.error.code)).catch(() => undefined); // Nothing was stored yet.
    return sent;
  }
  const failed = (error: unknown) => ({ state: 'failed', error }) as const;
  const end = await withTimeout(COMMIT_MS, upload.commit()).catch(failed);
  // An upload that completes after its time limit could replace what a later attempt has stored.
  if (end.state === 'failed') await withTimeout(STORE_MS, upload.abort('late')).catch(() => undefined);
  return describeEnd(end, { ...audio, key, sent: sent.value }, { ...job, services });
}

/**
 * The MD5 that R2 is to compare: it makes one of every put. Not where a claim may be overruled: then callvault
 * makes it.
 */
function md5ForStore({ checksum, limits }: Wanted): string | undefined {
  return checksum?.algorithm === 'md5' && !mayOverrule(limits) ? checksum.hex : undefined;
}

type Sending = Pick<TransferJob, 'renewLease'> & Pick<TransferServices, 'withTimeout'>;

/**
 * Sends all blocks. The block that completes the announced length is held back until the checks have passed: R2
 * stores an object as soon as it has all of its bytes, even if the stream is aborted. Without a length `commit`
 * stores it.
 */
async function sendBlocks(
  { body, first, wanted }: Source,
  upload: Upload,
  { renewLease, withTimeout }: Sending,
): Promise<Result<Sent, BodyFailure>> {
  const { lengthBytes = Infinity, checksum } = wanted;
  const hasher = createHasher(md5ForStore(wanted) === undefined ? checksum?.algorithm : undefined);
  // A store that hangs has failed.
  const write = (block: Uint8Array) => withTimeout(STALL_MS, upload.write(block)).catch(() => false);
  for (let block = first; ; ) {
    await hasher.add(block);
    const bytes = hasher.bytes();
    const held = bytes >= lengthBytes ? block.slice() : undefined;
    if (held === undefined && !(await write(block))) return stopped(upload, withTimeout);
    const next = await nextBlock(body, { bytes, wanted }, renewLease);
    if (!next.ok) return next;
    if (next.value === undefined) return sendLast(held, { hash: await hasher.finish(), wanted }, write);
    block = next.value;
  }
}

/** The next block, unless the number of bytes is wrong or another worker holds the lease. */
async function nextBlock(
  body: ResumableBody,
  { bytes, wanted }: { readonly bytes: number; readonly wanted: Wanted },
  renewLease: RenewLease,
): Promise<Result<Uint8Array | undefined, BodyFailure>> {
  const next = await body.next();
  if (!next.ok) return next;
  const problem = checkSize({ bytes, isEnd: next.value === undefined }, wanted.lengthBytes, wanted.limits);
  if (problem !== undefined) return err(problem);
  return (await renewLease()) ? next : failure('lease_lost');
}

async function sendLast(
  held: Uint8Array | undefined,
  { hash, wanted }: { readonly hash: BodyHash; readonly wanted: Wanted },
  write: (block: Uint8Array) => Promise<boolean>,
): Promise<Result<Sent, BodyFailure>> {
  const checks = checkClaims(hash, wanted);
  if (!checks.ok) return checks;
  if (held !== undefined) await write(held);
  return ok({ ...hash, checks: checks.value });
}

/** The reason that the upload takes no more bytes. */
async function stopped(
  upload: Upload,
  withTimeout: TransferServices['withTimeout'],
): Promise<Result<Sent, BodyFailure>> {
  const end = await withTimeout(STALL_MS, upload.commit()).catch(() => undefined); // Bytes are missing: nothing is stored.
  return end?.state === 'no_room'
    ? failure('isolate_busy')
    : failure('storage_failed', 'R2 stopped taking bytes');
}

function failure(code: FailureCode, detail?: string): { ok: false; error: Failure } {
  return err({ code, detail });
}
