import type { Kept, ParsedEvent, Provider } from '../providers/provider.ts';
import type { RecordingEvent } from '../recording.ts';
import { sha256Hex, utf8 } from '../shared/bytes.ts';

/** The event with its provider and its id; without an id in the body, the same bytes are the same event. */
export async function nameEvent(
  event: ParsedEvent,
  provider: Provider,
  rawBody: Uint8Array,
): Promise<RecordingEvent> {
  return { ...event, provider: provider.id, eventId: event.eventId ?? (await bodyId(rawBody)) };
}

/** The id of what names no event. */
export async function bodyId(rawBody: Uint8Array): Promise<string> {
  return `sha256-${await sha256Hex(rawBody)}`;
}

/**
 * Tells whether two deliveries of one event announce the same: the recording and its files, not the bytes. A
 * retry may count its attempts, tell another time and carry a link that was signed anew; but one delivery may
 * have the link that the other lacks.
 */
export function announcementId({ recordingId, callId, files }: RecordingEvent): Promise<string> {
  const told = files.map(({ claimedFormat, link, storedElsewhere, sizeBytes }) => ({
    claimedFormat,
    link: link?.split('?', 1)[0],
    storedElsewhere,
    sizeBytes,
  }));
  return idOf({ recordingId, callId, files: told });
}

/** The same for a delivery that announces no recording. */
export function keptId({ code, detail, eventType }: Kept): Promise<string> {
  return idOf({ code, detail, eventType });
}

function idOf(said: object): Promise<string> {
  return sha256Hex(utf8(JSON.stringify(said)));
}
