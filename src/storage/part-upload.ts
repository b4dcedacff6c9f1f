import { startDigest } from '../shared/digest.ts';
import { PART_BYTES } from '../shared/limits.ts';
import { type Multipart, startMultipart } from './multipart.ts';
import { endOf, putOptions, type Upload, type UploadEnd, type UploadOptions } from './upload.ts';

/**
 * An upload of unknown length, with one part in memory: what fits into that is one conditional put, more is a
 * multipart upload of equal parts.
 */
export function startPartUpload(bucket: R2Bucket, key: string, options: UploadOptions): Upload {
  const part = createPart();
  // R2 makes an MD5 of a whole put, but none of what comes in parts.
  const md5 = options.md5 === undefined ? undefined : startDigest('MD5');
  let multipart: Multipart | undefined;
  let over: UploadEnd | undefined;
  let isAppending = false;

  async function append(bytes: Uint8Array): Promise<void> {
    await md5?.add(bytes);
    for (let rest = bytes; rest.byteLength > 0 && over === undefined; rest = part.fill(rest)) {
      if (!part.isFull()) continue;
      multipart ??= startMultipart(bucket, key, options);
      over = await multipart.send(part.take());
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
      if (multipart === undefined) return over ?? endOf(bucket.put(key, part.take(), putOptions(options)));
      const end = await complete(multipart).catch((error: unknown) => ({ state: 'failed' as const, error }));
      if (end.state !== 'stored') await multipart.abort();
      return end;
    },
    async abort() {
      await multipart?.abort();
    },
  };
}

/** Bytes until they are enough for a part; `take` lends them out until the next `fill`. */
function createPart() {
  const bytes = new Uint8Array(PART_BYTES);
  let filledBytes = 0;
  return {
    isFull: () => filledBytes === PART_BYTES,
    /** Takes what there is room for, and gives back the rest. */
    fill(from: Uint8Array): Uint8Array {
      const taken = from.subarray(0, PART_BYTES - filledBytes);
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
