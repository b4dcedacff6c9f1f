import { concat, decodeUtf8, utf8 } from '../shared/bytes.ts';
import type { RejectionReason } from '../shared/errors.ts';
import { type JsonObject, objectAt, parseJsonObject, quantityAt, textAt } from '../shared/json.ts';
import { err, ok } from '../shared/result.ts';
import { decodeHex } from '../signatures/hex.ts';
import { verifyHmacSha256 } from '../signatures/hmac.ts';
import { checkTimestamp } from '../signatures/timestamp.ts';
import {
  type Parsed,
  type Provider,
  type Secrets,
  type SignedDelivery,
  unreadable,
  type Verified,
} from './provider.ts';
import { apiPathOf, sautikitApi } from './sautikit-api.ts';

const SIGNATURE = 'x-sautikit-signature';
const EVENT_TYPE = 'call.recording.ready';
const MAC_HEX_LENGTH = 64;

/**
 * Sautikit: `call.recording.ready`, signed with HMAC-SHA256 in one of two published forms.
 * @see https://www.sautikit.com/developers/webhooks/call-recording-ready
 * @see https://www.sautikit.com/developers/guides/verify-webhook-signatures
 */
export const sautikit: Provider = {
  id: 'sautikit',
  docs: 'https://www.sautikit.com/developers/webhooks/call-recording-ready',
  settings: {
    secret: 'SAUTIKIT_WEBHOOK_SECRET',
    secretProblem: () => undefined, // Any text is a secret: its prefix is kept and nothing is decoded.
    scheme: { name: 'SAUTIKIT_SIGNATURE', choices: ['plain', 'timestamped', 'any'], fallback: 'any' },
  },
  signatureHeaders: [SIGNATURE],
  verify,
  parse,
  api: sautikitApi,
};

/** A signature header, taken apart: the MAC in hex, and the signed time where there is one. */
type Signature = { scheme: 'plain'; mac: string } | { scheme: 'timestamped'; mac: string; timestamp: string };

async function verify(
  { rawBody, headers }: SignedDelivery,
  secrets: Secrets,
  nowSeconds: number,
): Promise<Verified> {
  const header = headers.get(SIGNATURE);
  if (header === null) return err('signature_missing');
  const signature = readSignature(header);
  const mac = signature && decodeHex(signature.mac);
  if (signature === undefined || mac === undefined) return err('signature_malformed');
  if (secrets.scheme !== 'any' && secrets.scheme !== signature.scheme) return err('scheme_not_allowed');
  const refusal = refuse(signature, rawBody, nowSeconds, secrets.toleranceSeconds);
  if (refusal !== undefined) return err(refusal);
  // The body comes first, unlike in Stripe's scheme, and the time is signed as it was sent.
  const content = signature.scheme === 'plain' ? rawBody : concat(rawBody, utf8(`.${signature.timestamp}`));
  return (await verifyHmacSha256(secrets.values, mac, content))
    ? ok({ scheme: signature.scheme })
    : err('signature_mismatch');
}

/** A bare MAC, or a list of `key=value` in any order whose unknown keys (a `v2` to come) are passed over. */
function readSignature(header: string): Signature | undefined {
  if (!header.includes('=')) return isMac(header) ? { scheme: 'plain', mac: header } : undefined;
  const pairs = new Map<string, string>();
  for (const piece of header.split(',')) {
    const [, key, value] = /^([^=\s]+)=(\S+)$/.exec(piece.trim()) ?? [];
    if (key === undefined || value === undefined) return undefined;
    if (pairs.has(key)) return undefined; // The header came twice.
    pairs.set(key, value);
  }
  const timestamp = pairs.get('t');
  const mac = pairs.get('v1');
  return timestamp !== undefined && isMac(mac) ? { scheme: 'timestamped', mac, timestamp } : undefined;
}

function isMac(text: string | undefined): text is string {
  return text?.length === MAC_HEX_LENGTH;
}

function refuse(
  signature: Signature,
  rawBody: Uint8Array,
  nowSeconds: number,
  toleranceSeconds: number,
): RejectionReason | undefined {
  if (signature.scheme === 'timestamped')
    return checkTimestamp(signature.timestamp, nowSeconds, toleranceSeconds);
  // A timestamped MAC is also the plain MAC of the bytes `body.time`: whoever captured a delivery could
  // send it so at any later time. No JSON object ends like that.
  return /\.\d{1,15}$/.test(lastCharacters(rawBody)) ? 'scheme_ambiguous' : undefined;
}

function lastCharacters(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(-16));
}

function parse({ rawBody, headers }: SignedDelivery): Parsed {
  const text = decodeUtf8(rawBody);
  const body = text === undefined ? undefined : parseJsonObject(text);
  if (body === undefined) return unreadable('The body is not a JSON object');
  const signedType = textAt(body, 'kind', 'event_kind');
  if (signedType !== undefined) return parseType(signedType, body);
  return isRecording(body) ? parseRecording(body) : parseType(unsignedType(headers), body);
}

function parseType(eventType: string | undefined, body: JsonObject): Parsed {
  if (eventType === undefined) return unreadable('The event names no kind');
  if (eventType === EVENT_TYPE) return parseRecording(body);
  const places = [objectAt(body, 'data'), objectAt(body, 'payload'), body];
  const hasLink = places.some((place) => place !== undefined && textAt(place, 'download_url') !== undefined);
  return hasLink ? unreadable('An unknown kind carries a recording') : { kind: 'ignored', eventType };
}

/** Headers are not signed, and whoever repeats a delivery can change them: the body has the first word. */
function unsignedType(headers: Headers): string | undefined {
  const texts = ['x-sautikit-event', 'x-sautikit-event-kind'].map((name) => headers.get(name) ?? '');
  const types = texts.flatMap((text) => text.split(', ')).filter((type) => /^[a-z][a-z0-9._]*$/.test(type));
  return types.includes(EVENT_TYPE) ? EVENT_TYPE : types[0];
}

function isRecording(body: JsonObject): boolean {
  return textAt(detailOf(body), 'download_url', 'recording_id') !== undefined;
}

/** The event page puts the details into `data`, the S3 guide into `payload`, the switch beside each other. */
function detailOf(body: JsonObject): JsonObject {
  return objectAt(body, 'data') ?? objectAt(body, 'payload') ?? body;
}

function parseRecording(body: JsonObject): Parsed {
  const detail = detailOf(body);
  const recordingId = textAt(detail, 'recording_id');
  const call = textAt(detail, 'call_id') ?? textAt(body, 'call_id', 'sessionId', 'session_id', 'pbx_call_id');
  const callId = call ?? recordingId;
  if (callId === undefined) return unreadable('The event names neither a call nor a recording');
  const link = textAt(detail, 'download_url');
  const size = quantityAt(detail, 'size_bytes', 'recording_size_bytes');
  const sizeBytes = Number.isInteger(size) && size !== 0 ? size : undefined; // 0 says nothing.
  const event = {
    eventId: textAt(body, 'event_id'),
    eventType: EVENT_TYPE,
    recordingId: recordingId ?? callId,
    isNamedByCall: recordingId === undefined ? (true as const) : undefined,
    callId,
    occurredAt: textAt(body, 'occurred_at') ?? textAt(detail, 'occurred_at'),
    durationSeconds: quantityAt(detail, 'duration_seconds', 'recording_duration_seconds'),
    from: textAt(detail, 'from'),
    to: textAt(detail, 'to'),
    apiPath: call && apiPathOf(call),
    files: [{ link, sizeBytes, expiresAt: textAt(detail, 'expires_at') }],
  };
  return { kind: 'recordings', events: [event] };
}
