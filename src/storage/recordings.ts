import * as v from 'valibot';
import { type Manifest, manifestSchema } from '../recording.ts';
import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';
import { type CatalogRow, type PlacedRow, readRow, rowMetadata, rowOf } from './catalog-row.ts';
import { waveformKey } from './keys.ts';
import {
  deleteObject,
  type Expected,
  headObject,
  listObjects,
  listPage,
  putJson,
  readJson,
  STORE_MS,
  type Store,
} from './objects.ts';
import { COMMIT_MS, startUpload, type Upload, type UploadOptions } from './upload.ts';

/** A manifest as it is in the bucket; `unreadable` when callvault did not write it. */
export type StoredManifest =
  | { readonly state: 'absent'; readonly expected: Expected }
  | { readonly state: 'present'; readonly expected: Expected; readonly manifest: Manifest }
  | { readonly state: 'unreadable' };

/** The catalog's row of a manifest of this version. */
export interface ListedRow {
  readonly etag: string;
  readonly row: CatalogRow;
}

/** One page of rows; `lastKey` is absent on the last. */
export interface RowPage {
  readonly rows: readonly (PlacedRow & ListedRow)[];
  readonly lastKey: string | undefined;
}

/** An audio object as it lies in the bucket, with the custom metadata of its upload. */
export interface StoredObject {
  readonly key: string;
  readonly etag: string;
  readonly bytes: number;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** One page of a list of objects; `cursor` is absent on the last. */
export interface ObjectPage {
  readonly objects: readonly { key: string; bytes: number; uploadedAt: string }[];
  readonly cursor?: string;
}

/** The audio and the manifests: `recordings/`. */
export function createRecordings(bucket: R2Bucket, limit: WithTimeout = withTimeout) {
  const store: Store = { bucket, withTimeout: limit };

  /** Lists the audio whose keys begin with a prefix, in any format. */
  async function findAudio(prefix: string): Promise<StoredObject[]> {
    const options: R2ListOptions = { prefix, include: ['customMetadata', 'httpMetadata'] };
    const objects: R2Object[] = [];
    let cursor: string | undefined;
    do {
      const page = await listObjects(store, options, cursor);
      objects.push(...page.objects);
      cursor = page.cursor;
    } while (cursor !== undefined);
    return objects.filter(({ key }) => !key.endsWith('.json')).map(describe);
  }

  return {
    readManifest: (key: string): Promise<StoredManifest> => readManifest(store, key),

    /** Lists one page of the catalog's rows, from the metadata of the manifests after a key. */
    listRows: (afterKey: string): Promise<RowPage> => listRows(store, afterKey),

    readRow: (key: string): Promise<ListedRow | undefined> => readListedRow(store, key),

    /** The etag of an object; `undefined` when there is none. */
    async etagOf(key: string): Promise<string | undefined> {
      return (await headObject(store, key))?.etag;
    },

    /** `false` when another worker has written the manifest in the meantime. */
    async writeManifest(key: string, manifest: Manifest, expected: Expected): Promise<boolean> {
      const metadata = rowMetadata(manifest);
      return (await putJson(store, { key, value: manifest, expected, metadata })) !== undefined;
    },

    /** Starts a create-once upload. */
    startUpload: (key: string, options: UploadOptions): Upload => startUpload(bucket, key, options),

    findAudio,

    readObject: (key: string): Promise<R2ObjectBody | null> => limit(STORE_MS, bucket.get(key)),

    /**
     * The bytes of a file, or a part of them, as a stream; `undefined` when the object is gone or another one.
     */
    async readRange(
      { key, etag }: { readonly key: string; readonly etag: string },
      range: { readonly offset: number; readonly length: number } | undefined,
    ): Promise<ReadableStream | undefined> {
      const options = { onlyIf: { etagMatches: etag }, ...(range && { range }) };
      const object = await limit(STORE_MS, bucket.get(key, options));
      return object !== null && 'body' in object ? object.body : undefined;
    },

    list: (prefix: string, cursor: string | undefined): Promise<ObjectPage> =>
      listObjectPage(store, prefix, cursor),

    readWaveform: (audioKey: string): Promise<Uint8Array | undefined> =>
      readBytesAt(store, waveformKey(audioKey)),

    async writeWaveform(audioKey: string, waveform: Uint8Array): Promise<void> {
      await limit(STORE_MS, bucket.put(waveformKey(audioKey), waveform));
    },

    removeWaveform: (audioKey: string): Promise<void> => deleteObject(store, waveformKey(audioKey)),

    /** `false` where a lock of the bucket keeps it. @see https://developers.cloudflare.com/r2/api/error-codes/ */
    eraseObject: (key: string): Promise<boolean> => eraseObject(store, key),

    /** Removes an object that this worker has just stored. */
    removeAudio: (key: string): Promise<void> => deleteObject(store, key),

    /**
     * Moves an object of one put to another key, create-once; `undefined` when other bytes are there. R2's etag
     * of such an object is its MD5.
     */
    move: (from: string, to: string): Promise<StoredObject | undefined> => moveObject(store, from, to),
  };
}

export type Recordings = ReturnType<typeof createRecordings>;

async function readManifest(store: Store, key: string): Promise<StoredManifest> {
  const found = await readJson(store, key);
  if (found === undefined) return { state: 'absent', expected: { absent: true } };
  const manifest: unknown = found.json;
  if (!v.is(manifestSchema, manifest)) return { state: 'unreadable' };
  return { state: 'present', expected: { etag: found.etag }, manifest };
}

/** Objects of one page that are read beside its list: the free plan allows 1,000 calls an invocation. */
const MAX_ROW_READS = 200;

async function listRows(store: Store, afterKey: string): Promise<RowPage> {
  const page = await listPage(store, { prefix: 'recordings/', afterKey }, (object) => object);
  const manifests = page.items.filter(({ key }) => key.endsWith('.json'));
  const objects = new Map(page.items.map((object) => [object.key, object]));
  const rows: (PlacedRow & ListedRow)[] = [];
  let reads = 0;
  for (const [at, { key, etag, customMetadata }] of manifests.entries()) {
    if (reads >= MAX_ROW_READS) return { rows, lastKey: manifests[at - 1]?.key };
    const row = readRow(customMetadata);
    if (row === undefined) reads++;
    const listed = row === undefined ? await readListedRow(store, key) : { etag, row };
    if (listed === undefined) continue;
    reads += listed.row.files.filter((file) => !objects.has(file.key)).length;
    rows.push({ manifestKey: key, ...listed, row: await withStoredEtags(listed.row, objects, store) });
  }
  return { rows, lastKey: page.lastKey };
}

/** A row with the etags of the objects as they lie there: a restored copy of an upload in parts may have another one. */
async function withStoredEtags(
  row: CatalogRow,
  objects: ReadonlyMap<string, R2Object>,
  store: Store,
): Promise<CatalogRow> {
  const files = row.files.map(async (file) => {
    const object = objects.get(file.key) ?? (await headObject(store, file.key));
    return object?.size === file.bytes ? { ...file, etag: object.etag } : file;
  });
  return { ...row, files: await Promise.all(files) };
}

/** The catalog's row of a manifest, from its metadata alone; `undefined` when there is no manifest of callvault's. */
async function readListedRow(store: Store, key: string): Promise<ListedRow | undefined> {
  const object = await headObject(store, key);
  if (object === null) return undefined;
  const { etag, customMetadata } = object;
  const row = readRow(customMetadata);
  if (row !== undefined) return { etag, row };
  const stored = await readManifest(store, key);
  return stored.state === 'present' ? { etag, row: rowOf(stored.manifest) } : undefined;
}

async function moveObject(store: Store, from: string, to: string): Promise<StoredObject | undefined> {
  const { bucket, withTimeout } = store;
  const object = await withTimeout(STORE_MS, bucket.get(from));
  if (object === null) return undefined;
  const { httpMetadata = {}, customMetadata = {}, etag } = object;
  const options = { httpMetadata, customMetadata, onlyIf: { etagDoesNotMatch: '*' } };
  await withTimeout(COMMIT_MS, bucket.put(to, object.body, options));
  const moved = await headObject(store, to);
  if (moved?.etag !== etag) return undefined;
  await deleteObject(store, from);
  return describe(moved);
}

async function eraseObject(store: Store, key: string): Promise<boolean> {
  try {
    await deleteObject(store, key);
    return true;
  } catch (error) {
    if (error instanceof Error && error.message.includes('(10069)')) return false;
    throw error;
  }
}

async function readBytesAt({ bucket, withTimeout }: Store, key: string): Promise<Uint8Array | undefined> {
  const read = async () => {
    const object = await bucket.get(key);
    return object === null ? undefined : new Uint8Array(await object.arrayBuffer());
  };
  return withTimeout(STORE_MS, read());
}

/** Lists one page of the objects with a prefix, of any kind. */
async function listObjectPage(store: Store, prefix: string, cursor: string | undefined): Promise<ObjectPage> {
  const page = await listObjects(store, { prefix }, cursor);
  const objects = page.objects.map(({ key, size, uploaded }) => ({
    key,
    bytes: size,
    uploadedAt: uploaded.toISOString(),
  }));
  return { ...page, objects };
}

function describe({ key, etag, size, customMetadata = {}, httpMetadata }: R2Object): StoredObject {
  const contentType = httpMetadata?.contentType ?? '';
  return { key, etag, bytes: size, contentType, metadata: customMetadata };
}
