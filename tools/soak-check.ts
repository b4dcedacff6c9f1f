import { createHash } from 'node:crypto';
import type { Manifest } from '../src/recording.ts';
import { listKeys, withBucket } from './local-bucket.ts';
import { type SoakCall, soakAudio } from './soak-calls.ts';

/** What the bucket itself says of the accepted calls. */
export interface SoakFindings {
  readonly archived: number;
  /** Accepted, and not whole in the bucket, with a manifest that tells of it. */
  readonly lost: number;
  /** Audio objects beyond one a file. */
  readonly doubled: number;
  /** Audio objects that are not the bytes that were served. */
  readonly partial: number;
  readonly pending: number;
  readonly dead: number;
}

export function checkBucket(calls: readonly SoakCall[], stateFolder: string): Promise<SoakFindings> {
  return withBucket(stateFolder, async (bucket) => {
    const keys = await listKeys(bucket, 'recordings/');
    const isManifest = (key: string) => key.endsWith('.json');
    const manifests = new Map(keys.filter(isManifest).map((key) => [key.split('/').at(-1), key]));
    const sums = new Map<string, string>();
    for (const key of keys.filter((key) => !isManifest(key))) sums.set(key, await sha256At(bucket, key));
    const expected = new Set(calls.flatMap(({ files }) => files.map(sha256Of)));
    let archived = 0;
    for (const call of calls) if (await isArchived(call, manifests, sums, bucket)) archived++;
    return {
      archived,
      lost: calls.length - archived,
      doubled: Math.max(0, sums.size - calls.flatMap(({ files }) => files).length),
      partial: [...sums.values()].filter((sum) => !expected.has(sum)).length,
      pending: (await listKeys(bucket, 'inbox/')).length,
      dead: (await listKeys(bucket, 'dead/')).length,
    };
  });
}

async function isArchived(
  { recordingId, files }: SoakCall,
  manifests: ReadonlyMap<string | undefined, string>,
  sums: ReadonlyMap<string, string>,
  bucket: R2Bucket,
): Promise<boolean> {
  const key = manifests.get(`${recordingId}.json`);
  const manifest = key === undefined ? null : await bucket.get(key);
  if (manifest === null) return false;
  const listed = (await manifest.json<Manifest>()).files;
  const isTrue = listed.every((file) => sums.get(file.key) === file.sha256);
  const has = (name: string) => listed.some((file) => file.sha256 === sha256Of(name));
  return isTrue && listed.length === files.length && files.every(has);
}

async function sha256At(bucket: R2Bucket, key: string): Promise<string> {
  const object = await bucket.get(key);
  const hash = createHash('sha256');
  hash.update(Buffer.from((await object?.arrayBuffer()) ?? new ArrayBuffer(0)));
  return hash.digest('hex');
}

function sha256Of(name: string): string {
  return createHash('sha256').update(soakAudio(name)).digest('hex');
}
