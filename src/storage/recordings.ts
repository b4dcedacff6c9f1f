import type { ArchivedFile, Manifest } from '../recording.ts';
import { isJsonObject, parseJsonObject, quantityAt, textAt } from '../shared/json.ts';
import { type Expected, putJson } from './objects.ts';
import { startPartUpload } from './part-upload.ts';
import { startStreamUpload } from './stream-upload.ts';
import type { Upload, UploadOptions } from './upload.ts';

/** A manifest as it is in the bucket, or that there is none, or that it is not one of ours. */
export type StoredManifest =
  | { readonly state: 'absent'; readonly expected: Expected }
  | { readonly state: 'present'; readonly expected: Expected; readonly manifest: Manifest }
  | { readonly state: 'unreadable' };

/** An audio object as it lies in the bucket, and what its upload left there to be known by. */
export interface StoredObject {
  readonly key: string;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
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

    /** Nothing when there is no such object. */
    async etagOf(key: string): Promise<string | undefined> {
      return (await bucket.head(key))?.etag;
    },

    /** False when somebody else has written the manifest in the meantime. */
    async writeManifest(key: string, manifest: Manifest, expected: Expected): Promise<boolean> {
      return (await putJson(bucket, key, manifest, expected)) !== undefined;
    },

    /** Starts a create-once upload. */
    startUpload(key: string, options: UploadOptions): Upload {
      const { lengthBytes } = options;
      return lengthBytes === undefined
        ? startPartUpload(bucket, key, options)
        : startStreamUpload(bucket, key, lengthBytes, options);
    },

    /** The audio of a recording in whatever format it is; `stem` is its key up to the extension's dot. */
    async findAudio(stem: string): Promise<StoredObject[]> {
      const include: R2ListOptions['include'] = ['customMetadata', 'httpMetadata'];
      const { objects } = await bucket.list({ prefix: `${stem}.`, include });
      return objects
        .filter(({ key }) => !key.endsWith('.json'))
        .map(({ key, customMetadata = {}, httpMetadata }) => ({
          key,
          contentType: httpMetadata?.contentType ?? '',
          metadata: customMetadata,
        }));
    },

    readAudio(key: string): Promise<R2ObjectBody | null> {
      return bucket.get(key);
    },
  };
}

export type Recordings = ReturnType<typeof createRecordings>;

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
