import type { RecordingFile } from '../recording.ts';
import type { StoredObject } from '../storage/recordings.ts';
import { differs } from '../transfer/checks.ts';
import { hashBody } from '../transfer/hash.ts';
import type { StoredAudio } from '../transfer/stored-audio.ts';
import { type AudioMetadata, audioMetadata, type FileEnd, type FileJob, fileEnd } from './archive-file.ts';
import type { Place } from './place.ts';
import type { ArchiveServices } from './services.ts';

type OrphanJob = Pick<FileJob, 'entry' | 'place' | 'renewLease'>;

/**
 * Finds the audio that a crashed attempt has stored and not listed, also when its link has expired in the
 * meantime. Lists no objects at the first attempt.
 */
export async function recoverOrphans(job: OrphanJob, services: ArchiveServices): Promise<FileEnd[]> {
  const { entry } = job;
  const files: FileEnd[] = [];
  for (const file of entry.attempts.length === 0 ? [] : entry.event.files) {
    const found = await recoverOrphan({ ...job, file }, services);
    if (found === undefined) continue;
    const checks = checksOf(file, found.bytes);
    files.push(fileEnd({ ...found, checks }, { entry, file }, services));
  }
  return files;
}

/** The check that can be repeated. All checks had passed, or been overruled, before the audio was stored. */
function checksOf({ sizeBytes }: RecordingFile, bytes: number): Record<string, string> | undefined {
  if (sizeBytes === undefined) return undefined;
  return { announced_size: sizeBytes === bytes ? 'ok' : differs(sizeBytes) };
}

/** Describes the audio by its own bytes; `undefined` when there is none, or when the lease is lost. */
async function recoverOrphan(
  { entry, place, file, renewLease }: OrphanJob & { readonly file: RecordingFile },
  services: ArchiveServices,
): Promise<StoredAudio | undefined> {
  const { recordings } = services;
  const orphan = await findOrphan(place, { file, metadata: await audioMetadata(file, entry) }, recordings);
  const object = orphan && (await recordings.readObject(orphan.key));
  if (orphan === undefined || object === undefined || object === null) return undefined;
  const hash = await hashBody(object.body, renewLease, services);
  if (hash === undefined) return undefined; // The next step finds that the lease is lost.
  const { key, contentType } = orphan;
  const format = key.slice(key.lastIndexOf('.') + 1);
  const { sha256, bytes } = hash;
  return { format, key, bytes, sha256, contentType, etag: object.etag, isInParts: false };
}

/**
 * The object of just this event fingerprint; under a recording's own name also one of another event of the
 * recording.
 */
async function findOrphan(
  { keys, stored, others }: Place,
  { file, metadata }: { readonly file: RecordingFile; readonly metadata: AudioMetadata },
  recordings: ArchiveServices['recordings'],
): Promise<StoredObject | undefined> {
  const listed = stored.state === 'present' ? stored.manifest.files : [];
  const isFile = (object: StoredObject) => object.metadata.file === metadata.file;
  const isExact = (object: StoredObject) =>
    isFile(object) &&
    object.metadata.event === metadata.event &&
    object.metadata.fingerprint === metadata.fingerprint;
  const audio = (await recordings.findAudio(keys.stem))
    .filter(({ key }) => isPlain(key, keys.stem) || key.startsWith(`${keys.stem}~_`))
    .filter(({ key }) => !listed.some((one) => one.key === key));
  // R2 said that it had stored fewer bytes than were sent, and the worker crashed before it removed them.
  for (const partial of audio.filter((object) => isExact(object) && !isWhole(object)))
    await recordings.removeAudio(partial.key);
  const whole = audio.filter(isWhole);
  const isNamed = others.length === 0 && !listed.some((one) => one.claimedFormat === file.claimedFormat);
  const named = (object: StoredObject) => isNamed && isFile(object) && isPlain(object.key, keys.stem);
  return whole.find(isExact) ?? whole.find(named);
}

/** Whether an object has the length that its upload was started with, if that was known. */
function isWhole({ bytes, metadata }: StoredObject): boolean {
  return metadata.bytes === undefined || metadata.bytes === String(bytes);
}

function isPlain(key: string, stem: string): boolean {
  return key.startsWith(`${stem}.`);
}
