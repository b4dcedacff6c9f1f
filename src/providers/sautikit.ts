import { concat, decodeUtf8, utf8 } from '../shared/bytes.ts';
import { type JsonObject, objectAt, parseJsonObject, quantityAt, textAt } from '../shared/json.ts';
import { ok, type Result } from '../shared/result.ts';
import { decodeHex } from '../signatures/hex.ts';
import { hmacMatcher, MAX_SIGNATURES, secretFingerprint } from '../signatures/hmac.ts';
import { isTimestamp } from '../signatures/timestamp.ts';
import {
  type Parsed,
  type Provider,
  type Rejection,
  rejected,
  type Secrets,
  type SignedDelivery,
  unreadable,
  type Verified,
  type VerifyBody,
  withinTolerance,
} from './provider.ts';
import { apiPathOf, sautikitApi } from './sautikit-api.ts';
import { shortSecret } from './settings.ts';

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
  settings: {
    secret: 'SAUTIKIT_WEBHOOK_SECRET',
    secretProblem: () => undefined, // Any string is a valid secret: it is used with its prefix, and not decoded.
    secretWarning: shortSecret,
    scheme: {
      name: 'SAUTIKIT_SIGNATURE',
      choices: ['plain', 'timestamped', 'any'],
      fallback: 'any',
      strictest: 'timestamped',
    },
  },
  signatureHeaders: [SIGNATURE],
  readSignature,
  parse,
  api: sautikitApi,
};

/** The secret is used exactly as shown, its prefix included. */
const matchingSecret = hmacMatcher({ hash: 'SHA-256', bytesOf: utf8 });

/** The parts of a signature header: the MACs in hex, and the signed time in the timestamped scheme. */
type Signature =
  | { scheme: 'plain'; macs: readonly string[] }
  | { scheme: 'timestamped'; macs: readonly string[]; timestamp: string };

function readSignature(
  { headers }: Pick<SignedDelivery, 'headers'>,
  secrets: Secrets,
): Result<VerifyBody, Rejection> {
  const header = headers.get(SIGNATURE);
  if (header === null) return rejected('signature_missing');
  const signature = parseSignature(header);
  const macs = signature?.macs.map(decodeHex).filter((mac) => mac !== undefined) ?? [];
  if (signature === undefined || macs.length !== signature.macs.length)
    return rejected('signature_malformed');
  if (secrets.scheme !== 'any' && secrets.scheme !== signature.scheme) return rejected('scheme_not_allowed');
  if (signature.scheme === 'timestamped' && !isTimestamp(signature.timestamp))
    return rejected('timestamp_malformed');
  return ok((rawBody, nowSeconds) =>
    verifyBody({ ...signature, decoded: macs }, { rawBody, nowSeconds }, secrets),
  );
}

async function verifyBody(
  signature: Signature & { readonly decoded: readonly Uint8Array[] },
  { rawBody, nowSeconds }: { readonly rawBody: Uint8Array; readonly nowSeconds: number },
  secrets: Secrets,
): Promise<Verified> {
  const { scheme } = signature;
  if (scheme === 'plain' && endsInTime(rawBody)) return rejected('scheme_ambiguous');
  // The body comes first, unlike in Stripe's scheme. The time is signed as it was sent.
  const content = scheme === 'plain' ? rawBody : concat(rawBody, utf8(`.${signature.timestamp}`));
  const secret = await matchingSecret(secrets.values, signature.decoded, content);
  if (secret === undefined) return rejected('signature_mismatch');
  const verifier = { scheme, secretFingerprint: await secretFingerprint(secret) };
  return scheme === 'plain'
    ? ok(verifier)
    : withinTolerance({ timestamp: signature.timestamp, nowSeconds }, verifier, secrets);
}

/**
 * Parses a bare MAC, or a list of `key=value` in any order; unknown keys are skipped. Several `v1` are the MACs
 * of several secrets: other providers send them while a secret is rotated.
 */
function parseSignature(header: string): Signature | undefined {
  if (!header.includes('=')) return isMac(header) ? { scheme: 'plain', macs: [header] } : undefined;
  const pairs = header.split(',').map((piece) => /^([^=\s]+)=(\S+)$/.exec(piece.trim()) ?? []);
  const valuesOf = (name: string) => pairs.flatMap(([, key, value = '']) => (key === name ? value : []));
  const macs = valuesOf('v1');
  const [timestamp, ...others] = valuesOf('t'); // Two times mean that the header came twice.
  const isWhole = pairs.every(([, key]) => key !== undefined) && others.length === 0;
  const isSigned = macs.length > 0 && macs.length <= MAX_SIGNATURES && macs.every(isMac);
  return timestamp !== undefined && isWhole && isSigned
    ? { scheme: 'timestamped', macs, timestamp }
    : undefined;
}

function isMac(text: string): boolean {
  return text.length === MAC_HEX_LENGTH;
}

/**
 * Whether a body ends like the signed content of the timestamped scheme. Its MAC is also the plain MAC of the
 * bytes `body.time`: a captured delivery could be replayed in that form at any time. No JSON object ends like
 * that.
 */
function endsInTime(rawBody: Uint8Array): boolean {
  return /\.\d{1,15}$/.test(lastCharacters(rawBody));
}

function lastCharacters(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(-16));
}

function parse({ rawBody, headers }: Pick<SignedDelivery, 'rawBody' | 'headers'>): Parsed {
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
  if (!namesRecording(eventType, body)) return { kind: 'ignored', eventType };
  const named = { eventId: textAt(body, 'event_id'), eventType, contents: detailOf(body) };
  return unreadable('An unknown kind carries a recording', named);
}

/**
 * An unknown kind of recording event, such as `call.recording.ready.v2`, or any event with a recording's id.
 */
function namesRecording(eventType: string, body: JsonObject): boolean {
  const places = [objectAt(body, 'data'), objectAt(body, 'payload'), body];
  const hasRecording = (place: JsonObject | undefined) =>
    place !== undefined && textAt(place, 'download_url', 'recording_id') !== undefined;
  return eventType.startsWith(EVENT_TYPE) || places.some(hasRecording);
}

/** The kind in the body wins: headers are not signed, and a repeated delivery may change them. */
function unsignedType(headers: Headers): string | undefined {
  const texts = ['x-sautikit-event', 'x-sautikit-event-kind'].map((name) => headers.get(name) ?? '');
  const types = texts.flatMap((text) => text.split(', ')).filter((type) => /^[a-z][a-z0-9._]*$/.test(type));
  return types.includes(EVENT_TYPE) ? EVENT_TYPE : types[0];
}

function isRecording(body: JsonObject): boolean {
  return textAt(detailOf(body), 'download_url', 'recording_id') !== undefined;
}

/**
 * The event page puts the details into `data`, the S3 guide into `payload`, the switch into the event itself.
 */
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
  const sizeBytes = Number.isInteger(size) && size !== 0 ? size : undefined; // 0 means unknown.
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
