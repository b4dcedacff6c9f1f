import type { Failure, FailureCode } from '../shared/errors.ts';
import { err, ok, type Result } from '../shared/result.ts';
import type { Checksum } from './integrity.ts';
import type { Fingerprint } from './pump.ts';

/** What a copy must fulfil to be stored. */
export interface CopyLimits {
  /** What the provider said of the size, if anything. */
  readonly declaredBytes: number | undefined;
  /** More is refused for good. */
  readonly maxBytes: number;
  /** More is left to the queue. */
  readonly handOverBytes: number;
  /** A WAV file shorter than its own header says is not taken for whole. */
  readonly doubtsWav: boolean;
}

/** What was compared with the bytes, by name: `ok`, or the difference that was put up with. */
export type Checked = Readonly<Record<string, string>>;

/** What is wrong with the length that the origin announces, before a byte is read. */
export function announcementProblem(bytes: number | undefined, limits: CopyLimits): Failure | undefined {
  if (bytes === undefined) return undefined;
  if (bytes === 0) return failure('empty_body');
  const { declaredBytes } = limits;
  const isOther = declaredBytes !== undefined && declaredBytes !== bytes;
  return tooMuch(bytes, limits) ?? (isOther ? mismatch(bytes, `the event said ${declaredBytes}`) : undefined);
}

/** What is wrong with the count so far. */
export function checkSize(
  bytes: number,
  isEnd: boolean,
  lengthBytes: number | undefined,
  limits: CopyLimits,
): Failure | undefined {
  if (lengthBytes === undefined) return tooMuch(bytes, limits);
  if (isEnd && bytes !== lengthBytes) return mismatch(bytes, `the origin announced ${lengthBytes}`);
  return !isEnd && bytes >= lengthBytes
    ? mismatch(bytes, `and more, the origin announced ${lengthBytes}`)
    : undefined;
}

/** Compares the whole with all that was said of it; an MD5 is left to the store, which makes one anyway. */
export function checkEnd(
  { bytes, crc32c }: Fingerprint,
  wanted: {
    readonly lengthBytes: number | undefined;
    readonly wavBytes: number | undefined;
    readonly checksum: Checksum | undefined;
    readonly limits: CopyLimits;
  },
): Result<Checked, Failure> {
  const { lengthBytes, wavBytes, checksum, limits } = wanted;
  const { declaredBytes, doubtsWav } = limits;
  if (declaredBytes !== undefined && declaredBytes !== bytes)
    return err(mismatch(bytes, `the event said ${declaredBytes}`));
  if (checksum?.algorithm === 'crc32c' && checksum.hex !== crc32c)
    return err(failure('checksum_mismatch', 'crc32c'));
  if (wavBytes !== undefined && wavBytes > bytes && doubtsWav)
    return err(mismatch(bytes, `its WAV header says ${wavBytes}`));
  return ok({
    ...(lengthBytes !== undefined && { 'content-length': 'ok' }),
    ...(declaredBytes !== undefined && { 'event size': 'ok' }),
    ...(wavBytes !== undefined && { 'wav header': fits(wavBytes, bytes) ? 'ok' : `says ${wavBytes} bytes` }),
    ...(checksum !== undefined && { [`${checksum.from} ${checksum.algorithm}`]: 'ok' }),
  });
}

/** A chunk of odd length is padded, and not every writer counts that. */
function fits(wavBytes: number, bytes: number): boolean {
  return wavBytes === bytes || wavBytes + 1 === bytes;
}

function tooMuch(bytes: number, { maxBytes, handOverBytes }: CopyLimits): Failure | undefined {
  if (bytes > maxBytes) return failure('too_large', `At least ${bytes} bytes, the limit is ${maxBytes}`);
  return bytes > handOverBytes ? failure('handed_over', 'Large') : undefined;
}

function mismatch(bytes: number, other: string): Failure {
  return failure('length_mismatch', `${bytes} bytes, ${other}`);
}

function failure(code: FailureCode, detail?: string): Failure {
  return { code, detail };
}
