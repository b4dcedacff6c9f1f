import type { ArchivedFile, Manifest } from '../recording.ts';
import { isJsonObject, parseJsonObject, quantityAt, textAt } from '../shared/json.ts';
import { type Expected, putJson } from './objects.ts';

/** A manifest as it is in the bucket, or that there is none, or that it is not one of ours. */
export type StoredManifest =
  | { readonly state: 'absent'; readonly expected: Expected }
  | { readonly state: 'present'; readonly expected: Expected; readonly manifest: Manifest }
  | { readonly state: 'unreadable' };

/** How an upload ended; `exists` means that the key was taken and this upload changed nothing. */
export type UploadEnd =
  | { readonly state: 'stored'; readonly etag: string }
  | { readonly state: 'exists' }
  | { readonly state: 'failed'; readonly error: unknown };

/** An object on its way into the bucket: nothing is stored before its last byte is written. */
export interface Upload {
  /** Does nothing once the bucket has stopped reading, as it may when the key is taken. */
  write(bytes: Uint8Array): Promise<void>;
  /** To be called after the last byte. */
  commit(): Promise<UploadEnd>;
  /** Stores nothing; to be called before the last byte. */
  abort(reason: string): Promise<void>;
}

/** The audio and the manifests. */
export function createRecordings(bucket: R2Bucket) {
  return {
    async readManifest(key: string): Promise<StoredManifest> {
      const object = await bucket.get(key);
      if (object === null) return { state: 'absent', expected: { absent: true } };
      const manifest: unknown = parseJsonObject(await object.text());
      if (!isManifest(manifest)) return { state: 'unreadable' };
      return { state: 'present', expected: { etag: object.etag }, manifest };
    },

    /** False when somebody else has written the manifest in the meantime. */
    async writeManifest(key: string, manifest: Manifest, expected: Expected): Promise<boolean> {
      return (await putJson(bucket, key, manifest, expected)) !== undefined;
    },

    /** Starts a create-once upload of exactly `lengthBytes` bytes. */
    startUpload(key: string, lengthBytes: number, contentType: string): Upload {
      return startUpload(bucket, key, lengthBytes, contentType);
    },

    readAudio(key: string): Promise<R2ObjectBody | null> {
      return bucket.get(key);
    },
  };
}

export type Recordings = ReturnType<typeof createRecordings>;

function startUpload(bucket: R2Bucket, key: string, lengthBytes: number, contentType: string): Upload {
  const { readable, writable } = new FixedLengthStream(lengthBytes);
  const writer = writable.getWriter();
  // Create-once: `*` fits any object, so the write happens only where there is none.
  const put = bucket.put(key, readable, { onlyIf: { etagDoesNotMatch: '*' }, httpMetadata: { contentType } });
  const end: Promise<UploadEnd> = put.then(
    (object) => (object === null ? { state: 'exists' } : { state: 'stored', etag: object.etag }),
    (error: unknown) => ({ state: 'failed', error }),
  );
  // A put that ends early fails the writer, or leaves it hanging: its own end says why.
  let isOver = false;
  void end.then(() => {
    isOver = true;
  });
  const unlessOver = (work: () => Promise<void>) =>
    isOver ? end : Promise.race([work().catch(nothing), end]);
  return {
    async write(bytes) {
      await unlessOver(() => writer.write(bytes));
    },
    async commit() {
      await unlessOver(() => writer.close());
      return end;
    },
    async abort(reason) {
      await writer.abort(reason).catch(nothing); // Already failed is as good as aborted.
      await end;
    },
  };
}

function nothing(): void {}

function isManifest(value: unknown): value is Manifest {
  if (!isJsonObject(value) || value.schema !== 1 || !Array.isArray(value.files)) return false;
  return textAt(value, 'recordingId') !== undefined && value.files.every(isArchivedFile);
}

function isArchivedFile(value: unknown): value is ArchivedFile {
  if (!isJsonObject(value) || quantityAt(value, 'bytes') === undefined) return false;
  return ['format', 'key', 'sha256', 'contentType', 'etag'].every(
    (name) => textAt(value, name) !== undefined,
  );
}
