import type { Manifest, RecordingEvent, RecordingFile } from '../recording.ts';
import {
  keyPart,
  ownRecordingId,
  ownRecordingKeys,
  type RecordingKeys,
  recordingKeys,
} from '../storage/keys.ts';
import type { Recordings, StoredManifest, StoredObject } from '../storage/recordings.ts';
import { differs } from '../transfer/checks.ts';

/** The place of a recording in the bucket, and what lies there. */
export interface Place {
  readonly keys: RecordingKeys;
  readonly recordingId: string;
  readonly stored: StoredManifest;
  /** Audio of other events under the shared id: other bytes than these are another recording. */
  readonly others: readonly StoredObject[];
  /** Audio of this event that lies under an id that belongs to another event. */
  readonly strays: readonly StoredObject[];
}

/**
 * Finds the place of an event's recording: at its id. An id that names only a call belongs to the event whose
 * audio lies there, in any format; the recording of another event has a place of its own, which is looked at
 * first.
 */
export async function placeOf(event: RecordingEvent, recordings: Recordings): Promise<Place> {
  const keys = await recordingKeys(event);
  const { recordingId } = event;
  const none = { others: [], strays: [] };
  if (!event.isNamedByCall)
    return { keys, recordingId, stored: await recordings.readManifest(keys.manifest), ...none };
  const own = await ownPlace(event, recordings);
  if (own.stored.state !== 'absent') return { ...own, ...none };
  const stored = await recordings.readManifest(keys.manifest);
  const { others, strays } = await sharers(keys, event, recordings);
  if (stored.state === 'present' && isAnnouncedBy(event, stored.manifest))
    return { keys, recordingId, stored, ...none };
  if (others.length > 0 || stored.state === 'present') return { ...own, others, strays };
  const isOwn = (await recordings.findAudio(`${own.keys.stem}.`)).length > 0;
  return isOwn ? { ...own, ...none } : { keys, recordingId, stored, ...none };
}

/** Whether a manifest is the event's, or lists its audio because both have the same bytes. */
function isAnnouncedBy({ eventId }: RecordingEvent, manifest: Manifest): boolean {
  return manifest.eventId === eventId || manifest.files.some(({ alsoOf = [] }) => alsoOf.includes(eventId));
}

async function ownPlace(event: RecordingEvent, recordings: Recordings) {
  const keys = await ownRecordingKeys(event);
  return {
    keys,
    recordingId: ownRecordingId(event),
    stored: await recordings.readManifest(keys.manifest),
  };
}

/** The audio under a shared id: this event's, and that of others. */
async function sharers({ stem }: RecordingKeys, { eventId }: RecordingEvent, recordings: Recordings) {
  const eventPart = await keyPart(eventId);
  const audio = await recordings.findAudio(`${stem}.`);
  return {
    others: audio.filter(({ metadata }) => metadata.event !== eventPart),
    strays: audio.filter(({ metadata }) => metadata.event === eventPart),
  };
}

/** Audio before it is stored, as far as it is known. */
interface KnownAudio {
  readonly format: string;
  readonly bytes: number | undefined;
  readonly sha256?: string | undefined;
}

/**
 * The keys for a file, in order; the next one is used when other bytes lie under the one before. First that of
 * another event's audio which may be the same, only to compare; then its own; then a further one.
 */
export function keysFor(
  { keys, stored, others }: Place,
  { claimedFormat }: RecordingFile,
  { format, bytes, sha256 }: KnownAudio,
): readonly string[] {
  const rival = others.find(
    (other) => other.key.endsWith(`.${format}`) && (bytes === undefined || bytes === other.bytes),
  );
  const listed = stored.state === 'present' ? stored.manifest.files : [];
  const named = listed.filter((file) => file.claimedFormat === claimedFormat);
  const isOther = bytes !== undefined && named.length > 0 && named.every((file) => file.bytes !== bytes);
  return [
    ...(rival === undefined ? [] : [rival.key]),
    ...(isOther ? [] : [keys.audio(format)]),
    ...(bytes === undefined ? [] : [keys.further(format, bytes)]),
    ...(bytes === undefined || sha256 === undefined ? [] : [keys.further(format, bytes, sha256)]),
  ];
}

/**
 * The files of an event that the manifest does not list. They are compared by `claimedFormat`: a recording
 * announced again means the same files, unless another size is announced, which may mean other bytes.
 */
export function missingFiles({ files }: RecordingEvent, { stored }: Place): readonly RecordingFile[] {
  if (stored.state !== 'present') return files;
  return files.filter(({ claimedFormat, sizeBytes, sha256 }) => {
    const listed = stored.manifest.files.filter((file) => file.claimedFormat === claimedFormat);
    // The sender says which bytes it means.
    if (sha256 !== undefined) return listed.every((file) => file.sha256 !== sha256);
    if (listed.length === 0 || sizeBytes === undefined) return listed.length === 0;
    return listed.every(
      ({ bytes, checks }) => bytes !== sizeBytes && checks?.announced_size !== differs(sizeBytes),
    );
  });
}

/** Whether all files that an event announces are in the bucket. */
export async function isComplete(
  event: RecordingEvent,
  { recordings }: { readonly recordings: Recordings },
): Promise<boolean> {
  return missingFiles(event, await placeOf(event, recordings)).length === 0;
}
