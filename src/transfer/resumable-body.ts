import type { Failure } from '../shared/errors.ts';
import { discard, networkFailure, STALL_MS } from '../shared/request.ts';
import { err, ok, type Result } from '../shared/result.ts';
import type { WithTimeout } from '../shared/with-timeout.ts';
import { type BlockReader, readBlocks } from './block-reader.ts';
import type { Open } from './link.ts';
import { hasContentEncoding, lengthOf } from './response-headers.ts';
import type { TransferServices } from './services.ts';

/** Times that one download is resumed before the attempt fails. */
const MAX_RESUMES = 8;

/** The failure of a body; with `beginAgain`, a transfer from the start may succeed. */
export type BodyFailure = Failure & { readonly beginAgain?: true };

/** The bytes of one version of a file, over several connections if need be. */
export interface ResumableBody {
  /** The next block, `undefined` at the end; a block is valid until the next. */
  next(): Promise<Result<Uint8Array | undefined, BodyFailure>>;
  cancel(): Promise<void>;
}

type BodyServices = Pick<TransferServices, 'now' | 'withTimeout'>;

/** Reads `first` to its end. When it fails or stalls, opens the rest of the same version and continues. */
export function resumableBody(
  first: Response,
  open: Open,
  { now, withTimeout }: BodyServices,
): ResumableBody {
  let version = versionOf(first.headers);
  let blocks = blocksOf(first, now);
  let bytes = 0;
  let resumedAt = -1;
  let resumes = 0;

  async function resume(failure: Failure): Promise<Result<true, BodyFailure>> {
    await blocks.cancel();
    if (version === undefined || bytes === 0) return err({ ...failure, beginAgain: true });
    if (bytes === resumedAt || resumes === MAX_RESUMES) return err(failure);
    resumedAt = bytes;
    resumes++;
    const rest = await open({ offsetBytes: bytes, validator: version.validator });
    if (!rest.ok) return rest;
    const totalBytes = totalOf(version, rest.value, bytes);
    if (totalBytes === undefined) {
      await discard(rest.value);
      return err({ code: 'source_changed', beginAgain: true });
    }
    version = { ...version, totalBytes };
    blocks = blocksOf(rest.value, now);
    return ok(true);
  }

  async function next(): Promise<Result<Uint8Array | undefined, BodyFailure>> {
    const read = await nextBlock(blocks, withTimeout);
    const isCutOff = read.ok && read.value === undefined && bytes < (version?.totalBytes ?? 0);
    if (read.ok && !isCutOff) {
      bytes += read.value?.byteLength ?? 0;
      return read;
    }
    const resumed = await resume(read.ok ? { code: 'download_interrupted' } : read.error);
    return resumed.ok ? next() : resumed;
  }

  return { next, cancel: () => blocks.cancel() };
}

async function nextBlock(
  blocks: BlockReader,
  withTimeout: WithTimeout,
): Promise<Result<Uint8Array | undefined, Failure>> {
  try {
    return ok(await withTimeout(STALL_MS, blocks.next()));
  } catch (error) {
    return err(networkFailure(error, 'download_interrupted'));
  }
}

function blocksOf({ body }: Response, now: () => number): BlockReader {
  return body === null
    ? { next: async () => undefined, cancel: async () => undefined }
    : readBlocks(body, now);
}

/** The validator and length of one version of a file. */
interface Version {
  readonly validator: string;
  readonly header: 'etag' | 'last-modified';
  readonly totalBytes: number | undefined;
}

/**
 * Reads a strong validator, which alone allows to resume: a strong etag, or a time a second before the
 * response.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-8.8
 */
function versionOf(headers: Headers): Version | undefined {
  if (hasContentEncoding(headers) || headers.get('accept-ranges') === 'none') return undefined;
  const totalBytes = lengthOf(headers);
  const etag = headers.get('etag');
  if (etag !== null && /^"[^"]*"$/.test(etag)) return { validator: etag, header: 'etag', totalBytes };
  const modified = headers.get('last-modified');
  const isOld = Date.parse(headers.get('date') ?? '') - Date.parse(modified ?? '') >= 1000;
  if (modified === null || !isOld) return undefined;
  return { validator: modified, header: 'last-modified', totalBytes };
}

/**
 * The length of the whole file, if a response is exactly its missing rest. An origin may ignore If-Range: the
 * version is compared. It may also send a part of the rest: only the length of the whole shows that.
 */
function totalOf(version: Version, { status, headers }: Response, offsetBytes: number): number | undefined {
  const range = headers.get('content-range') ?? '';
  const [, start, total] = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15}|\*)$/.exec(range) ?? [];
  const totalBytes = total === '*' ? version.totalBytes : Number(total);
  const isSameLength = version.totalBytes === undefined || totalBytes === version.totalBytes;
  const isSame = headers.get(version.header) === version.validator && !hasContentEncoding(headers);
  const isRest = status === 206 && Number(start) === offsetBytes && isSameLength && isSame;
  return isRest ? totalBytes : undefined;
}
