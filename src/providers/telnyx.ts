import { concat, decodeUtf8, utf8 } from '../shared/bytes.ts';
import { type JsonObject, objectAt, parseJsonObject, quantityAt, textAt } from '../shared/json.ts';
import { ok, type Result } from '../shared/result.ts';
import { parseTimeMs } from '../shared/time.ts';
import { decodeBase64 } from '../signatures/base64.ts';
import { ed25519KeyProblem, matchingPublicKey } from '../signatures/ed25519.ts';
import { isTimestamp } from '../signatures/timestamp.ts';
import {
  type Parsed,
  type Provider,
  type Rejection,
  rejected,
  reportedError,
  type Secrets,
  type SignedDelivery,
  unreadable,
  type VerifyBody,
  withinTolerance,
} from './provider.ts';
import { telnyxApi } from './telnyx-api.ts';
import { apiPathOf, filesOf, linkOf, texmlPathOf } from './telnyx-links.ts';

const SIGNATURE = 'telnyx-signature-ed25519';
const TIMESTAMP = 'telnyx-timestamp';

/** The names in API v2 and, with an underscore, in API v1. */
const savedTypes = ['call.recording.saved', 'conference.recording.saved', 'recording_saved'];
/** Files of one event; Telnyx makes two. Each file costs requests at every attempt. */
const MAX_FILES = 8;
const errorTypes = ['call.recording.error', 'recording_error'];

/**
 * Telnyx: `call.recording.saved` and its relatives, signed with Ed25519.
 * @see https://developers.telnyx.com/api-reference/callbacks/call-recording-saved
 * @see https://developers.telnyx.com/development/api-fundamentals/webhooks/receiving-webhooks
 */
export const telnyx: Provider = {
  id: 'telnyx',
  settings: { secret: 'TELNYX_PUBLIC_KEY', secretProblem: ed25519KeyProblem },
  signatureHeaders: [TIMESTAMP, SIGNATURE],
  readSignature,
  parse,
  api: telnyxApi,
};

function readSignature(
  { headers }: Pick<SignedDelivery, 'headers'>,
  secrets: Secrets,
): Result<VerifyBody, Rejection> {
  const timestamp = headers.get(TIMESTAMP);
  const header = headers.get(SIGNATURE);
  if (timestamp === null) return rejected('timestamp_missing');
  if (header === null) return rejected('signature_missing');
  const signature = decodeBase64(header);
  if (signature?.byteLength !== 64) return rejected('signature_malformed');
  if (!isTimestamp(timestamp)) return rejected('timestamp_malformed');
  return ok(async (rawBody, nowSeconds) => {
    const content = concat(utf8(`${timestamp}|`), rawBody); // The time exactly as sent: a leading zero counts.
    const publicKey = await matchingPublicKey(secrets.values, signature, content);
    if (publicKey === undefined) return rejected('signature_mismatch');
    return withinTolerance({ timestamp, nowSeconds }, { scheme: 'ed25519', publicKey }, secrets);
  });
}

/** The content type is not signed: the body itself tells JSON from TeXML's form, which starts with a name. */
function parse({ rawBody }: Pick<SignedDelivery, 'rawBody'>): Parsed {
  const text = decodeUtf8(rawBody);
  if (text === undefined) return unreadable('The body is not UTF-8');
  const body = parseJsonObject(text);
  if (body !== undefined) return parseEvent(objectAt(body, 'data') ?? body);
  return /^[A-Za-z]+=/.test(text) ? parseTexml(text) : unreadable('The body is neither JSON nor a form');
}

/** Deliveries wrap the event in `data`; the event's own page shows it without. */
function parseEvent(event: JsonObject): Parsed {
  const eventType = textAt(event, 'event_type');
  if (eventType === undefined) return unreadable('The event names no event_type');
  const payload = objectAt(event, 'payload') ?? {};
  if (errorTypes.includes(eventType)) {
    // Its schema has `reason`, the example on its page `result`.
    const reason = textAt(payload, 'reason', 'result') ?? 'The provider gave no reason';
    return reportedError(reason, { eventId: eventIdOf(event), eventType });
  }
  if (savedTypes.includes(eventType)) return parseSaved(event, eventType, payload);
  const hasLinks = 'recording_urls' in payload || 'public_recording_urls' in payload;
  if (!hasLinks && !isSavedLike(eventType)) return { kind: 'ignored', eventType };
  const named = { eventId: eventIdOf(event), eventType, contents: payload };
  return unreadable('An unknown kind carries a recording', named);
}

/** Whether a kind is another version of one with a recording, such as `call.recording.saved.v2`. */
function isSavedLike(eventType: string): boolean {
  return savedTypes.some((type) => eventType.startsWith(type));
}

/** The event's id, which API v1 calls `webhook_id`. */
function eventIdOf(event: JsonObject): string | undefined {
  return textAt(event, 'webhook_id', 'id');
}

function parseSaved(event: JsonObject, eventType: string, payload: JsonObject): Parsed {
  const eventId = eventIdOf(event);
  const startedAt = textAt(payload, 'recording_started_at', 'start_time');
  const endedAt = textAt(payload, 'recording_ended_at', 'end_time');
  const recordingId = recordingIdOf(payload, startedAt) ?? eventId;
  if (recordingId === undefined) return unreadable('The event names neither a recording nor a call');
  const recording = {
    eventId,
    eventType,
    recordingId,
    callId:
      textAt(payload, 'call_session_id', 'call_leg_id', 'call_control_id', 'conference_id') ?? recordingId,
    occurredAt: textAt(event, 'occurred_at', 'created_at') ?? textAt(payload, 'occurred_at'),
    startedAt,
    endedAt,
    durationSeconds: durationOf(payload, startedAt, endedAt),
    channels: channelsOf(textAt(payload, 'channels')),
    from: textAt(payload, 'from'),
    to: textAt(payload, 'to'),
    clientState: decodeClientState(textAt(payload, 'client_state')),
    apiPath: apiPathOf(payload),
    files: filesOf(payload),
  };
  if (recording.files.length > MAX_FILES)
    return unreadable('The event announces too many files', { eventId, eventType });
  return { kind: 'recordings', events: [recording] };
}

/** A leg alone does not name a recording: it may be recorded several times. */
function recordingIdOf(payload: JsonObject, startedAt: string | undefined): string | undefined {
  const leg = textAt(payload, 'call_leg_id');
  const legAndStart = leg === undefined || startedAt === undefined ? undefined : `${leg}_${startedAt}`;
  return textAt(payload, 'recording_id') ?? legAndStart;
}

/** The duration, which is rarely stated. An end equal to the start, as in the documentation, gives none. */
function durationOf(payload: JsonObject, startedAt?: string, endedAt?: string): number | undefined {
  const seconds = quantityAt(payload, 'duration_secs');
  if (seconds !== undefined) return seconds;
  const millis = quantityAt(payload, 'duration_millis');
  if (millis !== undefined) return millis / 1000;
  const between = (parseTimeMs(endedAt) ?? 0) - (parseTimeMs(startedAt) ?? Infinity);
  return between > 0 ? between / 1000 : undefined;
}

function channelsOf(channels: string | undefined): number | undefined {
  if (channels === 'single' || channels === '1') return 1;
  return channels === 'dual' || channels === '2' ? 2 : undefined;
}

/** The caller's own state in base64: decoded if it is printable text, else left as it came. */
function decodeClientState(encoded: string | undefined): string | undefined {
  const bytes = encoded === undefined ? undefined : decodeBase64(encoded);
  const text = bytes === undefined ? undefined : decodeUtf8(bytes);
  return text === undefined || /[^\P{Cc}\t\n\r]/u.test(text) ? encoded : text;
}

/**
 * Parses TeXML's recording status callback: a form without an envelope, an event id or a time.
 * @see https://developers.telnyx.com/api-reference/callbacks/texml-recording-completed
 */
function parseTexml(text: string): Parsed {
  const form = new URLSearchParams(text);
  const field = (name: string) => form.get(name) || undefined;
  const recordingId = field('RecordingSid');
  const status = field('RecordingStatus')?.toLowerCase();
  if (recordingId === undefined || status === undefined)
    return unreadable('The form names no recording or no status');
  const eventId = `${recordingId}_${status}`;
  const eventType = `texml.recording.${status}`;
  if (status === 'absent' || status === 'failed')
    return reportedError(`RecordingStatus ${status}`, { eventId, eventType });
  if (status === 'in-progress') return { kind: 'ignored', eventType };
  if (status !== 'completed') return unreadable('The form has an unknown status');
  const recording = {
    eventId,
    eventType,
    recordingId,
    callId: field('CallSid') ?? recordingId,
    durationSeconds: /^\d{1,9}$/.test(field('RecordingDuration') ?? '')
      ? Number(field('RecordingDuration'))
      : undefined,
    channels: channelsOf(field('RecordingChannels')),
    from: field('From'),
    to: field('To'),
    apiPath: texmlPathOf(field('AccountSid'), recordingId),
    files: [linkOf(form.getAll('RecordingUrl').filter((link) => link !== ''))],
  };
  return { kind: 'recordings', events: [recording] };
}
