import { startDigest } from '../shared/digest.ts';
import { type Multipart, startMultipart } from './multipart.ts';
import { endOf, putOptions, type Upload, type UploadEnd, type UploadOptions } from './upload.ts';

/** The first size of a part's buffer, which grows with the body: most bodies of unknown length are small. */
export const FIRST_PART_BYTES = 64 * 1024;
const PART_GROWTH = 4;

/** The size of R2's smallest part. One is in memory; 10,000 of them are 48 GiB. */
export const PART_BYTES = 5 * 1024 ** 2;

/**
 * Starts an upload with one part in memory: a body that fits is one conditional put, a longer one a multipart
 * upload of equal parts. For a body of unknown length, and for one that is too long for a single put.
 */
export function startPartUpload(bucket: R2Bucket, key: string, options: UploadOptions): Upload {
  const part = createPart(options.grow);
  // R2 compares the MD5 of a whole put, but of no upload in parts.
  const md5 = options.md5 === undefined ? undefined : startDigest('MD5');
  let multipart: Multipart | undefined;
  let over: UploadEnd | undefined;
  let isAppending = false;

  async function append(bytes: Uint8Array): Promise<void> {
    await md5?.add(bytes);
    for (let rest = bytes; rest.byteLength > 0 && over === undefined; ) {
      const left = part.fill(rest);
      if (left === undefined) over = { state: 'no_room' };
      rest = left ?? rest.subarray(rest.byteLength);
      if (rest.byteLength === 0) return;
      multipart ??= startMultipart(bucket, options.partsKey ?? key, options);
      over = (await multipart.send(part.take())) ?? over;
    }
  }

  async function complete(upload: Multipart): Promise<UploadEnd> {
    const end = over ?? (await upload.send(part.take()));
    if (end !== undefined) return end;
    const isOther = md5 !== undefined && (await md5.finish()) !== options.md5;
    return isOther ? { state: 'mismatch' } : upload.complete();
  }

  return {
    async write(bytes) {
      isAppending = true;
      await append(bytes).catch((error: unknown) => {
        over = { state: 'failed', error };
      });
      isAppending = false;
      return over === undefined || over.state === 'exists';
    },
    async commit() {
      if (isAppending) over = { state: 'failed', error: new Error('A part hangs') };
      if (multipart === undefined)
        return over ?? endOf(key, bucket.put(key, part.take(), putOptions(options)));
      const end = await complete(multipart).catch((error: unknown) => ({ state: 'failed' as const, error }));
      if (end.state !== 'stored') await multipart.abort();
      return end;
    },
    async abort() {
      await multipart?.abort();
    },
  };
}

/** Collects the bytes of a part in a buffer that grows. `take` lends them out until the next `fill`. */
function createPart(grow: UploadOptions['grow']) {
  let bytes = new Uint8Array(0);
  let filledBytes = 0;

  /** `false` when the isolate has no memory for it. */
  function makeRoom(wantedBytes: number): boolean {
    let size = Math.max(bytes.byteLength, FIRST_PART_BYTES);
    while (size < Math.min(wantedBytes, PART_BYTES)) size = Math.min(size * PART_GROWTH, PART_BYTES);
    if (size === bytes.byteLength) return true;
    if (!grow(size - bytes.byteLength)) return false;
    const larger = new Uint8Array(size);
    larger.set(bytes.subarray(0, filledBytes));
    bytes = larger;
    return true;
  }

  return {
    /** Copies the bytes that fit, and returns the rest; `undefined` when the isolate has no memory. */
    fill(from: Uint8Array): Uint8Array | undefined {
      if (!makeRoom(filledBytes + from.byteLength)) return undefined;
      const taken = from.subarray(0, bytes.byteLength - filledBytes);
      bytes.set(taken, filledBytes);
      filledBytes += taken.byteLength;
      return from.subarray(taken.byteLength);
    },
    take(): Uint8Array {
      const taken = bytes.subarray(0, filledBytes);
      filledBytes = 0;
      return taken;
    },
  };
}
