import type { ArchivedFile, Manifest } from '../recording.ts';
import type { FileFailure } from '../shared/errors.ts';
import type { Within } from '../shared/within.ts';
import type { RecordingKeys } from '../storage/keys.ts';
import type { Recordings } from '../storage/recordings.ts';
import { fingerprint } from './pump.ts';

export interface VerifyServices {
  readonly recordings: Recordings;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly within: Within;
}

/**
 * Looks whether what came in parts is still what the manifest says: R2 cannot make a multipart upload create-once,
 * and another event of the same recording may have completed one in between. What lies there counts: the manifest is
 * made to tell of it.
 */
export async function verifyParts(
  { manifest: key }: RecordingKeys,
  keepLease: () => Promise<boolean>,
  services: VerifyServices,
): Promise<FileFailure[]> {
  const stored = await services.recordings.readManifest(key);
  if (stored.state !== 'present') return [];
  const files: ArchivedFile[] = [];
  for (const file of stored.manifest.files) {
    const seen = isInParts(file) ? await seenAgain(file, keepLease, services) : file;
    if (seen === undefined)
      return [{ code: 'storage_failed', detail: 'An object changed while it was read' }];
    files.push(seen);
  }
  if (files.every((file, at) => file === stored.manifest.files[at])) return [];
  const manifest: Manifest = { ...stored.manifest, files };
  const isWritten = await services.recordings.writeManifest(key, manifest, stored.expected);
  return isWritten ? [] : [{ code: 'storage_failed', detail: 'The manifest kept changing' }];
}

/** R2's etag of what came in parts ends in their number. */
export function isInParts({ etag }: ArchivedFile): boolean {
  return /-\d+$/.test(etag);
}

/** The file as it is listed if that is true, else as it is now; nothing when that cannot be told. */
async function seenAgain(
  file: ArchivedFile,
  keepLease: () => Promise<boolean>,
  { recordings, now, within }: VerifyServices,
): Promise<ArchivedFile | undefined> {
  if ((await recordings.etagOf(file.key)) === file.etag) return file;
  const object = await recordings.readAudio(file.key);
  const present = object && (await fingerprint(object.body, now, keepLease, within));
  if (object === null || present === undefined || present === null) return undefined;
  const { sha256, bytes } = present;
  const { checks: _, ...rest } = file;
  return { ...rest, sha256, bytes, etag: object.etag };
}
