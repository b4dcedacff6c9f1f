import type { ArchivedFile, InboxEntry, Manifest } from '../recording.ts';
import { MAX_MANIFEST_WRITES } from '../shared/limits.ts';
import type { Recordings, StoredManifest } from '../storage/recordings.ts';

/**
 * Adds files to the manifest at `key`, which is `stored` as far as we know.
 * Another attempt may write it at the same time: then reads it again and adds to that. False after
 * too many conflicts, or when what is there is not ours to change.
 */
export async function addToManifest(
  key: string,
  stored: StoredManifest,
  entry: InboxEntry,
  files: readonly ArchivedFile[],
  recordings: Recordings,
): Promise<boolean> {
  let current = stored;
  for (let write = 0; write < MAX_MANIFEST_WRITES && current.state !== 'unreadable'; write++) {
    const manifest = current.state === 'present' ? current.manifest : newManifest(entry);
    const merged = { ...manifest, files: files.reduce(withFile, manifest.files) };
    if (merged.files.length === manifest.files.length) return true;
    if (await recordings.writeManifest(key, merged, current.expected)) return true;
    current = await recordings.readManifest(key);
  }
  return false;
}

/** An object is listed once, by whom it was stored first. */
function withFile(listed: readonly ArchivedFile[], file: ArchivedFile): readonly ArchivedFile[] {
  return listed.some(({ key }) => key === file.key) ? listed : [...listed, file];
}

function newManifest({ event, delivery }: InboxEntry): Manifest {
  const { files: _links, ...facts } = event;
  return { schema: 1, ...facts, files: [], delivery };
}
