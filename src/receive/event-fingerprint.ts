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
 * What a delivery announces, as one text: the recording and its files, not the bytes. A retry may count its
 * attempts, tell another time and carry a link that was signed anew; but one delivery may have the link that the
 * other lacks. Not hashed: it is compared with each repetition, and a digest is a tenth of what that costs.
 */
export function announcementOf({ recordingId, callId, files }: RecordingEvent): string {
  const told = files.map(({ claimedFormat, link, storedElsewhere, sizeBytes }) => ({
    claimedFormat,
    link: link?.split('?', 1)[0],
    storedElsewhere,
    sizeBytes,
  }));
  return JSON.stringify({ recordingId, callId, files: told });
}

/** The same for a delivery that announces no recording; what it holds can be long, and is hashed. */
export async function keptAnnouncement({ code, detail, eventType, contents }: Kept): Promise<string> {
  const sha256 = contents === undefined ? undefined : await sha256Hex(utf8(JSON.stringify(contents)));
  return JSON.stringify({ code, detail, eventType, sha256 });
}
