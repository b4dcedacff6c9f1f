import type { ParsedEvent, Quarantined } from '../providers/provider.ts';
import type { RecordingEvent } from '../recording.ts';
import { sha256Hex, utf8 } from '../shared/bytes.ts';
import type { Arrival } from './stored-delivery.ts';

/** The event with its source and its id; without an id in the body, equal bodies are one event. */
export async function nameEvent(
  event: ParsedEvent,
  { source, rawBody }: Pick<Arrival, 'source' | 'rawBody'>,
): Promise<RecordingEvent> {
  return { ...event, provider: source, eventId: event.eventId ?? (await bodyId(rawBody)) };
}

/** The id of an event whose body names none. */
export async function bodyId(rawBody: Uint8Array): Promise<string> {
  return `sha256-${await sha256Hex(rawBody)}`;
}

/**
 * What makes two deliveries of one event the same: the recording and its files, not the bytes. A retry may
 * count its attempts, state another time and carry a link that was signed anew; but one delivery may have a
 * link that another lacks. Not hashed: each repeated delivery is compared with it, and a digest is a tenth of
 * that cost.
 */
export function eventFingerprint({ recordingId, callId, files }: RecordingEvent): string {
  const announced = files.map(({ claimedFormat, link, storedElsewhere, sizeBytes, sha256 }) => ({
    claimedFormat,
    link: link?.split('?', 1)[0],
    storedElsewhere,
    sizeBytes,
    sha256,
  }));
  return JSON.stringify({ recordingId, callId, files: announced });
}

/** The same for a delivery that announces no recording. Its contents can be long, and are hashed. */
export async function quarantineFingerprint({
  code,
  detail,
  eventType,
  contents,
}: Quarantined): Promise<string> {
  const sha256 = contents === undefined ? undefined : await sha256Hex(utf8(JSON.stringify(contents)));
  return JSON.stringify({ code, detail, eventType, sha256 });
}
