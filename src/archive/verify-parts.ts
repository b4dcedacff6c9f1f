import type { ArchivedFile, Manifest } from '../recording.ts';
import type { Failure } from '../shared/errors.ts';
import { err, ok, type Result } from '../shared/result.ts';
import type { Within } from '../shared/with-timeout.ts';
import type { RecordingKeys } from '../storage/keys.ts';
import type { Recordings } from '../storage/recordings.ts';
import { fingerprint } from '../transfer/block-reader.ts';

export interface VerifyServices {
  readonly recordings: Recordings;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly within: Within;
}

/**
 * Looks whether the keys that an attempt completed in parts are still what the manifest says: R2 cannot make such an
 * upload create-once, so that it may have replaced what another event of the recording stored and listed, or be
 * replaced by that. What lies there counts: the manifest is made to tell of it. Without `keys`, looks at all files.
 */
export async function verifyFiles(
  { manifest: key }: RecordingKeys,
  keys: readonly string[] | undefined,
  keepLease: () => Promise<boolean>,
  services: VerifyServices,
): Promise<Result<true, Failure>> {
  if (keys?.length === 0) return ok(true);
  const stored = await services.recordings.readManifest(key);
  if (stored.state !== 'present') return ok(true);
  const files: ArchivedFile[] = [];
  for (const file of stored.manifest.files) {
    const isSuspect = keys === undefined || keys.includes(file.key);
    const seen = isSuspect ? await seenAgain(file, keepLease, services) : file;
    if (seen === undefined)
      return err({ code: 'storage_failed', detail: 'An object changed while it was read' });
    files.push(seen);
  }
  if (files.every((file, at) => file === stored.manifest.files[at])) return ok(true);
  const manifest: Manifest = { ...stored.manifest, files };
  const isWritten = await services.recordings.writeManifest(key, manifest, stored.expected);
  return isWritten ? ok(true) : err({ code: 'storage_failed', detail: 'The manifest kept changing' });
}

/** The file as it is listed if that is true, else as it is now; `undefined` when that cannot be told. */
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
