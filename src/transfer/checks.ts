import { differs } from '../archive/place.ts';
import type { Failure, FailureCode } from '../shared/errors.ts';
import { DOUBT_SECONDS } from '../shared/limits.ts';
import { err, ok, type Result } from '../shared/result.ts';
import type { Fingerprint } from './block-reader.ts';
import type { Checksum } from './response-headers.ts';

/** What is claimed of a recording besides its bytes, and what an attempt may take. */
export interface CopyLimits {
  /** What the provider said of the size, if anything. */
  readonly announcedBytes: number | undefined;
  /** The link comes from an API that knows the call alone: there the size tells two recordings apart. */
  readonly isSizeBinding: () => boolean;
  /** SHA-256 of whole bodies that an attempt refused, at least a minute ago, for a claim about them. */
  readonly refusedBefore: ReadonlySet<string>;
  /** No further attempt can be made before the link expires: no claim is worth the recording. */
  readonly isLastChance: () => boolean;
  /** It may become so while this attempt runs. */
  readonly mayBeLastChance: boolean;
  /** More is refused for good. */
  readonly maxBytes: number;
  /** More is left to the queue. */
  readonly handOverBytes: number;
}

/** What was compared with the bytes, by a code: `ok`, or `differs` and what was claimed. */
export type Checked = Readonly<Record<string, string>>;

/** What is wrong with the length that the origin states, before a byte is read. */
export function responseProblem(bytes: number | undefined, limits: CopyLimits): Failure | undefined {
  if (bytes === undefined) return undefined;
  if (bytes === 0) return failure('empty_body');
  const { announcedBytes, isSizeBinding } = limits;
  const isOther = isSizeBinding() && announcedBytes !== undefined && announcedBytes !== bytes;
  return (
    tooMuch(bytes, limits) ?? (isOther ? mismatch(bytes, `the event said ${announcedBytes}`) : undefined)
  );
}

/** What is wrong with the count so far. */
export function checkSize(
  bytes: number,
  isEnd: boolean,
  lengthBytes: number | undefined,
  limits: CopyLimits,
): Failure | undefined {
  if (lengthBytes === undefined)
    return tooMuch(bytes, limits) ?? (isEnd ? undefined : notBound(bytes, limits));
  if (isEnd && bytes !== lengthBytes) return mismatch(bytes, `the origin announced ${lengthBytes}`);
  return !isEnd && bytes >= lengthBytes
    ? mismatch(bytes, `and more, the origin announced ${lengthBytes}`)
    : undefined;
}

/** A body that is longer than the size that tells two recordings apart is read no further. */
function notBound(bytes: number, { announcedBytes = Number.POSITIVE_INFINITY, isSizeBinding }: CopyLimits) {
  const isOver = bytes >= announcedBytes && isSizeBinding();
  return isOver ? mismatch(bytes, `and more, the event said ${announcedBytes}`) : undefined;
}

/** What all blocks together should be. */
export interface Wanted {
  readonly lengthBytes: number | undefined;
  readonly wavBytes: number | undefined;
  readonly checksum: Checksum | undefined;
  readonly limits: CopyLimits;
}

/** A claim about the whole body, whether it holds, and the failure if it does not. */
interface Claim {
  readonly code: string;
  readonly holds: boolean;
  readonly claimed: string | number | undefined;
  readonly failure: Failure;
}

/**
 * Compares a whole body that ended without an error with all that was claimed of it. A claim that differs refuses
 * it, until the same bytes came twice, a minute apart: one wrong assumption about a provider would otherwise cost
 * all of its recordings. An MD5 that the fingerprint lacks is left to the store, which makes one anyway.
 */
export function checkClaims(fingerprint: Fingerprint, wanted: Wanted): Result<Checked, Failure> {
  const { sha256, bytes } = fingerprint;
  const { lengthBytes, limits } = wanted;
  const claims = claimsOf(fingerprint, wanted);
  const [broken] = claims.filter(({ holds }) => !holds);
  const isBound = broken?.code === 'announced_size' && limits.isSizeBinding();
  const isOverruled = !isBound && (limits.isLastChance() || limits.refusedBefore.has(sha256));
  if (broken !== undefined && !isOverruled)
    return err(isBound ? broken.failure : refusedFor(broken.failure, sha256, limits));
  const checked = claims.map(({ code, holds, claimed }) => [code, holds ? 'ok' : differs(claimed)]);
  return ok({
    ...(lengthBytes === bytes && { content_length: 'ok' }),
    ...Object.fromEntries(checked),
  });
}

/** The refusal of a whole body for a claim about it: to be looked at again in a minute, if the link lives on. */
export function refusedFor(failure: Failure, sha256: string, { isLastChance }: CopyLimits): Failure {
  return { ...failure, sha256, retryAfterSeconds: isLastChance() ? undefined : DOUBT_SECONDS };
}

function claimsOf({ bytes, crc32c, md5 }: Fingerprint, wanted: Wanted): Claim[] {
  const { wavBytes, checksum, limits } = wanted;
  const { announcedBytes } = limits;
  const claims: Claim[] = [];
  if (announcedBytes !== undefined) {
    const failure = mismatch(bytes, `the event said ${announcedBytes}`);
    claims.push({
      code: 'announced_size',
      holds: announcedBytes === bytes,
      claimed: announcedBytes,
      failure,
    });
  }
  if (wavBytes !== undefined) {
    const failure = mismatch(bytes, `its WAV header says ${wavBytes}`);
    claims.push({ code: 'wav_header', holds: wavBytes <= bytes + 1, claimed: wavBytes, failure });
  }
  if (checksum !== undefined) {
    const { algorithm, from, hex } = checksum;
    const made = algorithm === 'md5' ? md5 : crc32c;
    const holds = made === undefined || made === hex;
    const code = `${from.replaceAll('-', '_')}_${algorithm}`;
    claims.push({ code, holds, claimed: undefined, failure: failure('checksum_mismatch', algorithm) });
  }
  return claims;
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
