import type { RecordingFile } from '../recording.ts';
import type { StoredObject } from '../storage/recordings.ts';
import { fingerprint } from '../transfer/block-reader.ts';
import type { DescribeServices, StoredAudio } from '../transfer/stored-audio.ts';
import type { Place } from './place.ts';

/** What an upload leaves at its object. */
export type Marks = Readonly<Record<'event' | 'announcement' | 'file', string>>;

/**
 * Audio that an attempt stored before it crashed, told by its own bytes; `undefined` when there is none. So it is
 * found even when its link has expired in the meantime.
 */
export async function adoptAudio(
  place: Place,
  marks: Marks,
  file: RecordingFile,
  services: DescribeServices,
): Promise<StoredAudio | undefined> {
  const { recordings, now, keepLease, within } = services;
  const own = await findOwn(place, marks, file, services);
  const object = own && (await recordings.readAudio(own.key));
  if (own === undefined || object === undefined || object === null) return undefined;
  const present = await fingerprint(object.body, now, keepLease, within);
  if (present === undefined) return undefined; // The lease is lost, which the next step finds.
  const { key, contentType } = own;
  const format = key.slice(key.lastIndexOf('.') + 1);
  const { sha256, bytes } = present;
  return { format, key, bytes, sha256, contentType, etag: object.etag, isInParts: false };
}

/** What just this announcement has left; under a recording's own name also what another event of it has. */
async function findOwn(
  { keys, stored, others }: Place,
  marks: Marks,
  { claimedFormat }: RecordingFile,
  { recordings }: DescribeServices,
): Promise<StoredObject | undefined> {
  const listed = stored.state === 'present' ? stored.manifest.files : [];
  const isFile = ({ metadata }: StoredObject) => metadata.file === marks.file;
  const isExact = (object: StoredObject) =>
    isFile(object) &&
    object.metadata.event === marks.event &&
    object.metadata.announcement === marks.announcement;
  const audio = (await recordings.findAudio(keys.stem))
    .filter(({ key }) => isPlain(key, keys.stem) || key.startsWith(`${keys.stem}~_`))
    .filter(({ key }) => !listed.some((file) => file.key === key));
  // R2 said that it had stored fewer bytes than were sent, and the worker crashed before it removed them.
  for (const broken of audio.filter((object) => isExact(object) && !isWhole(object)))
    await recordings.removeAudio(broken.key);
  const whole = audio.filter(isWhole);
  const isNamed = others.length === 0 && !listed.some((file) => file.claimedFormat === claimedFormat);
  const named = (object: StoredObject) => isNamed && isFile(object) && isPlain(object.key, keys.stem);
  return whole.find(isExact) ?? whole.find(named);
}

/** Whether an object has the length that its upload was begun for, where that was known. */
function isWhole({ bytes, metadata }: StoredObject): boolean {
  return metadata.bytes === undefined || metadata.bytes === String(bytes);
}

function isPlain(key: string, stem: string): boolean {
  return key.startsWith(`${stem}.`);
}
