import type { Failure, FailureCode } from '../shared/errors.ts';
import { COMMIT_MS, COPY_BYTES, MAX_RESTARTS, STALL_MS, STORE_MS } from '../shared/limits.ts';
import { err, ok, type Result } from '../shared/result.ts';
import type { Upload } from '../storage/upload.ts';
import { detectAudioFormat } from './audio-format.ts';
import { createFingerprinter, type Fingerprint } from './block-reader.ts';
import { type CopyLimits, checkClaims, checkSize, responseProblem, type Wanted } from './checks.ts';
import { discard } from './download.ts';
import type { Open } from './link.ts';
import type { MemoryBudget, Reservation } from './memory-budget.ts';
import { statedChecksum, wavBytes } from './response-headers.ts';
import {
  lengthOf,
  readSource,
  type Source,
  type SourceFailure,
  type SourceServices,
} from './resumable-body.ts';
import {
  type Copied,
  type DescribeServices,
  describeEnd,
  type Sent,
  type StoredAudio,
  type TakenKey,
} from './stored-audio.ts';

export interface CopyServices extends SourceServices, DescribeServices {
  readonly memory: MemoryBudget;
}

/** Where a copy goes, and what it leaves there to be known by. */
export interface CopyTarget {
  /** The key for audio of this format and, where it is known before, of this length. */
  readonly keyOf: (format: string, lengthBytes: number | undefined) => string;
  /** Where audio that goes in parts belongs, if elsewhere. */
  readonly partsKeyOf?: ((format: string) => string) | undefined;
  readonly metadata: Record<string, string>;
  readonly limits: CopyLimits;
}

/**
 * Streams a file into the bucket, create-once, under a key that follows what the first bytes are. On any failure
 * nothing is stored: the last block is held back until every check has passed.
 */
export async function copyAudio(open: Open, target: CopyTarget, services: CopyServices): Promise<Copied> {
  for (let restarts = 0; ; restarts++) {
    const memory = services.memory.reserve(COPY_BYTES);
    if (memory === undefined) return failure('isolate_busy');
    const copied = await copyOnce(open, target, memory, services).finally(memory.free);
    if (copied.ok) return copied;
    const { beginAgain, ...failed } = copied.error;
    if (beginAgain === undefined || restarts === MAX_RESTARTS) return err(failed);
  }
}

type CopiedOnce = Result<StoredAudio | TakenKey, SourceFailure>;

async function copyOnce(
  open: Open,
  target: CopyTarget,
  memory: Reservation,
  services: CopyServices,
): Promise<CopiedOnce> {
  const opened = await open();
  if (!opened.ok) return opened;
  const { headers } = opened.value;
  const lengthBytes = lengthOf(headers);
  const problem = responseProblem(lengthBytes, target.limits);
  if (problem !== undefined) {
    await discard(opened.value);
    return err(problem);
  }
  const source = readSource(opened.value, open, services);
  try {
    const checksum = statedChecksum(headers);
    return await copyBlocks(
      source,
      { lengthBytes, checksum, limits: target.limits },
      target,
      memory,
      services,
    );
  } finally {
    await source.cancel(); // Does nothing after a whole copy.
  }
}

async function copyBlocks(
  source: Source,
  claimed: Omit<Wanted, 'wavBytes'>,
  target: CopyTarget,
  memory: Reservation,
  services: CopyServices,
): Promise<CopiedOnce> {
  const first = await source.next();
  if (!first.ok) return first;
  if (first.value === undefined) return failure('empty_body');
  const audio = detectAudioFormat(first.value);
  if (audio === undefined) return failure('not_audio');
  const { lengthBytes } = claimed;
  const key = target.keyOf(audio.format, lengthBytes);
  const upload = services.recordings.startUpload(key, {
    lengthBytes,
    contentType: audio.contentType,
    metadata:
      lengthBytes === undefined ? target.metadata : { ...target.metadata, bytes: String(lengthBytes) },
    md5: storeMd5(claimed),
    partsKey: target.partsKeyOf?.(audio.format),
    grow: memory.grow,
  });
  const wanted = { ...claimed, wavBytes: wavBytes(first.value) };
  const sent = await sendBlocks(source, first.value, wanted, upload, services);
  const { within } = services;
  if (!sent.ok) {
    await within(COMMIT_MS, upload.abort(sent.error.code)).catch(() => undefined); // Nothing was stored yet.
    return sent;
  }
  const failed = (error: unknown) => ({ state: 'failed', error }) as const;
  const end = await within(COMMIT_MS, upload.commit()).catch(failed);
  // What completes after its time could replace what a later attempt has stored.
  if (end.state === 'failed') await within(STORE_MS, upload.abort('late')).catch(() => undefined);
  return describeEnd(end, sent.value, { ...audio, key }, wanted.limits, services);
}

/** The MD5 that R2 is to compare: it makes one of every put. Not where a claim may be overruled: there we make it. */
function storeMd5({ checksum, limits }: Omit<Wanted, 'wavBytes'>): string | undefined {
  return checksum?.algorithm === 'md5' && !mayOverrule(limits) ? checksum.hex : undefined;
}

function mayOverrule({ mayBeLastChance, refusedBefore }: CopyLimits): boolean {
  return refusedBefore.size > 0 || mayBeLastChance;
}

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
  const { lengthBytes = Number.POSITIVE_INFINITY, checksum, limits } = wanted;
  const isMd5Left = checksum?.algorithm === 'md5' && !mayOverrule(limits);
  const fingerprinter = createFingerprinter(isMd5Left ? undefined : checksum?.algorithm);
  for (let block = first; ; ) {
    await fingerprinter.add(block);
    const held = fingerprinter.bytes() >= lengthBytes ? block.slice() : undefined;
    if (held === undefined && !(await write(upload, block, within))) return stopped(upload, within);
    const next = await nextBlock(source, fingerprinter.bytes(), wanted, keepLease);
    if (!next.ok) return next;
    if (next.value === undefined) return sendLast(held, await fingerprinter.finish(), wanted, upload, within);
    block = next.value;
  }
}

/** Why the upload takes no more bytes. */
async function stopped(upload: Upload, within: CopyServices['within']): Promise<Result<Sent, SourceFailure>> {
  const end = await within(STALL_MS, upload.commit()).catch(() => undefined); // Nothing is stored: bytes are missing.
  return end?.state === 'no_room'
    ? failure('isolate_busy')
    : failure('storage_failed', 'R2 stopped taking bytes');
}

/** The next block, unless the bytes so far are wrong or another worker has taken over. */
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
  const checks = checkClaims(fingerprint, wanted);
  if (!checks.ok) return checks;
  if (held !== undefined) await write(upload, held, within);
  return ok({ ...fingerprint, checks: checks.value });
}

async function write(upload: Upload, block: Uint8Array, within: CopyServices['within']): Promise<boolean> {
  return within(STALL_MS, upload.write(block)).catch(() => false); // A store that hangs has failed.
}

function failure(code: FailureCode, detail?: string): { ok: false; error: Failure } {
  return err({ code, detail });
}
