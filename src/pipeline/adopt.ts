import type { RecordingEvent } from '../recording.ts';
import type { Failure } from '../shared/errors.ts';
import { err, ok, type Result } from '../shared/result.ts';
import type { RecordingKeys } from '../storage/keys.ts';
import type { StoredObject } from '../storage/recordings.ts';
import type { CopyServices, StoredAudio } from './copy.ts';
import { fingerprint } from './pump.ts';

/** What an upload leaves at its object. */
export type Marks = Readonly<Record<'event' | 'announcement' | 'file', string>>;

/**
 * Audio that an attempt stored before it died, told by its own bytes; nothing when there is none. So it is
 * found even when its link has died in the meantime.
 */
export async function adoptAudio(
  { stem }: RecordingKeys,
  marks: Marks,
  event: RecordingEvent,
  { recordings, now, keepLease, within }: CopyServices,
): Promise<Result<StoredAudio, Failure> | undefined> {
  const found = await recordings.findAudio(stem);
  const own = found.find(({ metadata }) => isOurs(metadata, marks, event));
  const object = own && (await recordings.readAudio(own.key));
  if (own === undefined || object === undefined || object === null) return undefined;
  const present = await fingerprint(object.body, now, keepLease, within);
  if (present === undefined) return err({ code: 'lease_lost' });
  const format = own.key.slice(stem.length + 1);
  const { sha256, bytes } = present;
  const { key, contentType } = own;
  return ok({ format, key, bytes, sha256, contentType, etag: object.etag, isSame: true });
}

/** Under the name of a call there may be another recording of it: there only the very announcement counts. */
function isOurs(metadata: StoredObject['metadata'], marks: Marks, event: RecordingEvent): boolean {
  if (metadata.file !== marks.file) return false;
  const isSameEvent = metadata.event === marks.event && metadata.announcement === marks.announcement;
  return !event.isNamedByCall || isSameEvent;
}
