import { startDigest } from '../shared/digest.ts';

/** An upload that takes longer to complete has failed. If R2 stored the object, the next attempt finds it. */
export const COMMIT_MS = 30_000;
/**
 * The end of an upload. `exists`: the key was taken, and nothing was changed. `mismatch`: the bytes do not have
 * the stated MD5, and nothing was stored. `no_room`: the isolate has no memory.
 */
export type UploadEnd =
  | { readonly state: 'stored'; readonly object: UploadedObject }
  | { readonly state: 'exists' | 'mismatch' | 'no_room' }
  | { readonly state: 'failed'; readonly error: unknown };

/** An object that R2 has just stored, by its own answer. */
export interface UploadedObject {
  readonly key: string;
  readonly etag: string;
  readonly bytes: number;
  readonly isInParts: boolean;
}

/** An upload. Nothing is stored before its last byte is written. */
export interface Upload {
  /** `false` once the bucket has failed; `commit` then returns the error. */
  write(bytes: Uint8Array): Promise<boolean>;
  /** To be called after the last byte. */
  commit(): Promise<UploadEnd>;
  /** Stores nothing; to be called before the last byte. */
  abort(reason: string): Promise<void>;
}

export interface UploadOptions {
  /** `undefined` when it is not known before. */
  readonly lengthBytes: number | undefined;
  readonly contentType: string;
  readonly metadata: Record<string, string>;
  /** Lower-case hex of the MD5 that the bytes must have. */
  readonly md5: string | undefined;
  /** The key of an upload in parts, if it is another: R2 cannot make one create-once. */
  readonly partsKey?: string | undefined;
  /** Asked before the upload holds more bytes in memory. */
  readonly grow: (bytes: number) => boolean;
}

/** Create-once: `*` fits any object, so the write happens only where there is none. */
function putOptions({ contentType, metadata, md5 }: UploadOptions): R2PutOptions & { onlyIf: R2Conditional } {
  const options = { httpMetadata: { contentType }, customMetadata: metadata };
  const onlyIf = { etagDoesNotMatch: '*' };
  return md5 === undefined ? { ...options, onlyIf } : { ...options, onlyIf, md5 };
}

/** The end of a conditional put. */
async function endOf(key: string, put: Promise<R2Object | null>): Promise<UploadEnd> {
  return put.then(
    (object) => (object === null ? { state: 'exists' } : stored(key, object, false)),
    (error: unknown) => (isBadDigest(error) ? { state: 'mismatch' } : { state: 'failed', error }),
  );
}

function stored(key: string, { etag, size }: R2Object, isInParts: boolean): UploadEnd {
  return { state: 'stored', object: { key, etag, bytes: size, isInParts } };
}

/** R2's errors have their number at the end. @see https://developers.cloudflare.com/r2/api/error-codes/ */
function isBadDigest(error: unknown): boolean {
  return error instanceof Error && error.message.endsWith('(10037)');
}

/** A body of this length is uploaded in parts: R2 takes 4.995 GiB in one put. */
export const SINGLE_PUT_BYTES = 4 * 1024 ** 3;

/** Starts a create-once upload. */
export function startUpload(bucket: R2Bucket, key: string, options: UploadOptions): Upload {
  const { lengthBytes } = options;
  return lengthBytes === undefined || lengthBytes >= SINGLE_PUT_BYTES
    ? startPartUpload(bucket, key, options)
    : startStreamUpload(bucket, key, { ...options, lengthBytes });
}

/**
 * Starts a create-once upload of exactly `lengthBytes` bytes, an integer: R2 makes an empty object of anything
 * else.
 */
function startStreamUpload(
  bucket: R2Bucket,
  key: string,
  options: UploadOptions & { readonly lengthBytes: number },
): Upload {
  const { lengthBytes } = options;
  const { readable, writable } = new FixedLengthStream(lengthBytes);
  const writer = writable.getWriter();
  // A put that ends early fails the writer, or leaves it hanging: then its end wakes the write that waits. (A
  // `Promise.race` with `end` at each write would keep all of them in memory until the end.)
  let over: UploadEnd | undefined;
  let wake = nothing;
  const end = endOf(key, bucket.put(key, readable, putOptions(options))).then((ended) => {
    over = ended;
    wake();
    return ended;
  });
  const unlessOver = (work: () => Promise<void>) =>
    new Promise<void>((resolve) => {
      wake = resolve;
      if (over === undefined) work().then(resolve, () => resolve());
      else resolve();
    });
  return {
    async write(bytes) {
      await unlessOver(() => writer.write(bytes));
      return over === undefined || over.state === 'exists';
    },
    async commit() {
      await unlessOver(() => writer.close());
      return end;
    },
    async abort(reason) {
      await writer.abort(reason).catch(nothing); // A writer that has failed needs no abort.
      await end;
    },
  };
}

function nothing(): void {}

/** The first size of a part's buffer, which grows with the body: most bodies of unknown length are small. */
export const FIRST_PART_BYTES = 64 * 1024;
const PART_GROWTH = 4;

/** The size of R2's smallest part. One is in memory; 10,000 of them are 48 GiB. */
export const PART_BYTES = 5 * 1024 ** 2;

/**
 * Starts an upload with one part in memory: a body that fits is one conditional put, a longer one a multipart
 * upload of equal parts. For a body of unknown length, and for one that is too long for a single put.
 */
function startPartUpload(bucket: R2Bucket, key: string, options: UploadOptions): Upload {
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

/**
 * Starts an upload in parts, which becomes an object at its end. R2 cannot make that create-once: the key is
 * looked for before the first part and before the end, and in between the lease keeps other workers away.
 */
function startMultipart(bucket: R2Bucket, key: string, { contentType, metadata }: UploadOptions) {
  let upload: R2MultipartUpload | undefined;
  const parts: R2UploadedPart[] = [];
  const isTaken = async () => (await bucket.head(key)) !== null;
  return {
    /** Sends a part; `undefined`, unless the key is taken. */
    async send(part: Uint8Array): Promise<UploadEnd | undefined> {
      if (upload === undefined && (await isTaken())) return { state: 'exists' };
      const options = { httpMetadata: { contentType }, customMetadata: metadata };
      upload ??= await bucket.createMultipartUpload(key, options);
      parts.push(await upload.uploadPart(parts.length + 1, part));
      return undefined;
    },
    async complete(): Promise<UploadEnd> {
      if (upload === undefined || (await isTaken())) return { state: 'exists' };
      return stored(key, await upload.complete(parts), true);
    },
    /** Aborts the upload. If that fails, R2 aborts it after seven days; until then it is no object. */
    async abort(): Promise<void> {
      await upload?.abort().catch(() => undefined);
    },
  };
}

type Multipart = ReturnType<typeof startMultipart>;
