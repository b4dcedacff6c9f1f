import type { Failure, FailureCode } from '../shared/errors.ts';
import { err, ok, type Result } from '../shared/result.ts';
import type { BodyHash } from './hash.ts';
import type { Checksum } from './response-headers.ts';

/**
 * The same bytes in two attempts this far apart overrule a claim: a file that is still being written differs.
 */
export const RECHECK_SECONDS = 60;

/** What an attempt may take, and what is claimed of the recording besides its bytes. */
export interface TransferLimits {
  /** The size that the event states. */
  readonly announcedBytes: number | undefined;
  /** The SHA-256 that the event states. The sender made it of the file itself: other bytes are never stored. */
  readonly announcedSha256: string | undefined;
  /** The link comes from an API that knows the call alone: there the size tells two recordings apart. */
  readonly isSizeBinding: () => boolean;
  /** SHA-256 of the bodies that were refused for a claim about them, `RECHECK_SECONDS` ago or earlier. */
  readonly refusedBefore: ReadonlySet<string>;
  /** No further attempt can be made before the link expires: no claim is worth the recording. */
  readonly isLastChance: () => boolean;
  /** `isLastChance` may become true while this attempt runs. */
  readonly mayBeLastChance: boolean;
  /** A larger recording is refused for good. */
  readonly maxBytes: number;
  /** A larger recording is left to the queue. */
  readonly handOverBytes: number;
}

/** The results of the comparisons, by code: `ok`, or `differs` and what was claimed. */
export type Checked = Readonly<Record<string, string>>;

/** What the whole body should be. */
export interface Wanted {
  readonly lengthBytes: number | undefined;
  readonly wavBytes: number | undefined;
  readonly checksum: Checksum | undefined;
  readonly limits: TransferLimits;
}

/** Checks the length that the origin states, before a byte is read. */
export function responseProblem(bytes: number | undefined, limits: TransferLimits): Failure | undefined {
  if (bytes === undefined) return undefined;
  if (bytes === 0) return failure('empty_body');
  const { announcedBytes, isSizeBinding } = limits;
  const isOther = isSizeBinding() && announcedBytes !== undefined && announcedBytes !== bytes;
  return (
    tooLarge(bytes, limits) ?? (isOther ? mismatch(bytes, `the event said ${announcedBytes}`) : undefined)
  );
}

/** Checks the count of the bytes so far, with the length that the origin states, if it does. */
export function checkSize(
  { bytes, isEnd }: { readonly bytes: number; readonly isEnd: boolean },
  lengthBytes: number | undefined,
  limits: TransferLimits,
): Failure | undefined {
  if (lengthBytes === undefined)
    return tooLarge(bytes, limits) ?? (isEnd ? undefined : overBindingSize(bytes, limits));
  if (isEnd && bytes !== lengthBytes) return mismatch(bytes, `the origin announced ${lengthBytes}`);
  return !isEnd && bytes >= lengthBytes
    ? mismatch(bytes, `and more, the origin announced ${lengthBytes}`)
    : undefined;
}

/** A body longer than a size that is binding is read no further. */
function overBindingSize(
  bytes: number,
  { announcedBytes = Infinity, isSizeBinding }: TransferLimits,
): Failure | undefined {
  const isOver = bytes >= announcedBytes && isSizeBinding();
  return isOver ? mismatch(bytes, `and more, the event said ${announcedBytes}`) : undefined;
}

/** Whether this attempt may store bytes that differ from a claim. */
export function mayOverrule({ mayBeLastChance, refusedBefore }: TransferLimits): boolean {
  return refusedBefore.size > 0 || mayBeLastChance;
}

/** A claim about the whole body, and the failure if it does not hold. */
interface Claim {
  readonly code: string;
  readonly holds: boolean;
  readonly claimed: string | number | undefined;
  readonly failure: Failure;
}

/**
 * Compares a whole body with all claims about it. A claim that differs refuses the body, until the same bytes
 * came twice, `RECHECK_SECONDS` apart: one wrong assumption about a provider would otherwise cost all of its
 * recordings. An MD5 that `hash` lacks is left to R2.
 */
export function checkClaims(hash: BodyHash, wanted: Wanted): Result<Checked, Failure> {
  const { sha256, bytes } = hash;
  const { lengthBytes, limits } = wanted;
  const claims = claimsOf(hash, wanted);
  const differing = claims.find(({ holds }) => !holds);
  const isBinding =
    differing?.code === 'announced_sha256' ||
    (differing?.code === 'announced_size' && limits.isSizeBinding());
  const isOverruled = !isBinding && (limits.isLastChance() || limits.refusedBefore.has(sha256));
  if (differing !== undefined && !isOverruled)
    return err(isBinding ? differing.failure : refusedFor(differing.failure, sha256, limits));
  const checked = claims.map(({ code, holds, claimed }) => [code, holds ? 'ok' : differs(claimed)]);
  return ok({
    ...(lengthBytes === bytes && { content_length: 'ok' }),
    ...Object.fromEntries(checked),
  });
}

/** The refusal of a whole body for a claim about it, to be checked again if the link lives on. */
export function refusedFor(failure: Failure, sha256: string, { isLastChance }: TransferLimits): Failure {
  return { ...failure, sha256, retryAfterSeconds: isLastChance() ? undefined : RECHECK_SECONDS };
}

function claimsOf({ bytes, sha256, crc32c, md5 }: BodyHash, wanted: Wanted): Claim[] {
  const { wavBytes, checksum, limits } = wanted;
  const { announcedBytes, announcedSha256 } = limits;
  const claims: Claim[] = [];
  if (announcedSha256 !== undefined)
    claims.push({
      code: 'announced_sha256',
      holds: announcedSha256 === sha256,
      claimed: undefined,
      failure: failure('checksum_mismatch', 'The event states another SHA-256'),
    });
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

/** The result of a check whose claim was overruled, with what was claimed. */
export function differs(claimed: string | number | undefined): string {
  return claimed === undefined ? 'differs' : `differs:${claimed}`;
}

function tooLarge(bytes: number, { maxBytes, handOverBytes }: TransferLimits): Failure | undefined {
  if (bytes > maxBytes) return failure('too_large', `At least ${bytes} bytes, the limit is ${maxBytes}`);
  return bytes > handOverBytes ? failure('handed_over', 'Large') : undefined;
}

function mismatch(bytes: number, other: string): Failure {
  return failure('length_mismatch', `${bytes} bytes, ${other}`);
}

function failure(code: FailureCode, detail?: string): Failure {
  return { code, detail };
}
