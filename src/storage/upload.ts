/** An upload whose end takes longer has failed; what it stored all the same is found later. */
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
export function putOptions({
  contentType,
  metadata,
  md5,
}: UploadOptions): R2PutOptions & { onlyIf: R2Conditional } {
  const options = { httpMetadata: { contentType }, customMetadata: metadata };
  const onlyIf = { etagDoesNotMatch: '*' };
  return md5 === undefined ? { ...options, onlyIf } : { ...options, onlyIf, md5 };
}

/** The end of a conditional put. */
export async function endOf(key: string, put: Promise<R2Object | null>): Promise<UploadEnd> {
  return put.then(
    (object) => (object === null ? { state: 'exists' } : stored(key, object, false)),
    (error: unknown) => (isBadDigest(error) ? { state: 'mismatch' } : { state: 'failed', error }),
  );
}

export function stored(key: string, { etag, size }: R2Object, isInParts: boolean): UploadEnd {
  return { state: 'stored', object: { key, etag, bytes: size, isInParts } };
}

/** R2's errors have their number at the end. @see https://developers.cloudflare.com/r2/api/error-codes/ */
function isBadDigest(error: unknown): boolean {
  return error instanceof Error && error.message.endsWith('(10037)');
}
