import { decodeUtf8, utf8 } from '../shared/bytes.ts';
import { ok, type Result } from '../shared/result.ts';
import { decodeBase64 } from '../signatures/base64.ts';
import { sortedPairs } from '../signatures/form-pairs.ts';
import { hmacMatcher, MAX_SIGNATURES, secretFingerprint } from '../signatures/hmac.ts';
import { plivoApi } from './plivo-api.ts';
import { accountProblem, apiPathOf, durationOf, filesOf, isId, isoTime } from './plivo-links.ts';
import {
  type Options,
  type Parsed,
  type Provider,
  type Rejection,
  rejected,
  type Secrets,
  type SignedDelivery,
  unreadable,
  type Verified,
  type VerifyBody,
} from './provider.ts';
import { daysProblem, shortSecret } from './settings.ts';

/** By the account or subaccount of the call, and by the main account. */
const SIGNATURES = ['x-plivo-signature-v3', 'x-plivo-signature-ma-v3'];
const NONCE = 'x-plivo-signature-v3-nonce';
const MAC_BYTES = 32;

/**
 * Plivo: callbacks of recordings, a form signed together with the URL by HMAC-SHA256, signature V3 alone. V1 is older,
 * and V2 does not sign the body. Nothing in it tells the time: a captured delivery fits for ever, and is a duplicate by
 * its recording.
 * @see https://www.plivo.com/docs/voice/concepts/signature-validation
 * @see https://www.plivo.com/docs/voice/api/recording
 */
export const plivo: Provider = {
  id: 'plivo',
  settings: {
    secret: 'PLIVO_AUTH_TOKEN',
    secretProblem: () => undefined, // Any string is a valid token.
    secretWarning: shortSecret,
    options: [
      { name: 'PLIVO_AUTH_ID', problem: accountProblem },
      { name: 'PLIVO_DELETE_AFTER_DAYS', problem: daysProblem },
    ],
  },
  signatureHeaders: [...SIGNATURES, NONCE],
  signsUrl: true,
  readSignature,
  parse,
  api: plivoApi,
};

const matchingSecret = hmacMatcher({ hash: 'SHA-256', bytesOf: utf8 });

/** A header lists several signatures while several tokens are valid. One that fits is enough. */
function readSignature(
  { headers, url }: Pick<SignedDelivery, 'headers' | 'url'>,
  { values }: Secrets,
): Result<VerifyBody, Rejection> {
  const lists = SIGNATURES.flatMap((name) => headers.get(name) ?? []);
  const nonce = headers.get(NONCE);
  if (lists.length === 0 || nonce === null) return rejected('signature_missing');
  const all = lists.flatMap((list) => list.split(',')).map((text) => decodeBase64(text.trim()));
  const macs = all.flatMap((mac) => (mac?.byteLength === MAC_BYTES ? mac : []));
  // A nonce with a dot could have taken the end of the form.
  const isWellFormed =
    macs.length === all.length && all.length <= MAX_SIGNATURES && /^[\w+/=-]+$/.test(nonce);
  if (!isWellFormed) return rejected('signature_malformed');
  return ok(async (rawBody) => {
    const text = signedText(url, rawBody);
    return text === undefined ? rejected('signature_mismatch') : verifyBody(`${text}.${nonce}`, macs, values);
  });
}

async function verifyBody(
  text: string,
  macs: readonly Uint8Array[],
  secrets: readonly string[],
): Promise<Verified> {
  const secret = await matchingSecret(secrets, macs, utf8(text));
  if (secret === undefined) return rejected('signature_mismatch');
  return ok({ scheme: 'v3', secretFingerprint: await secretFingerprint(secret) });
}

/** The URL with its query sorted, and the form's pairs; the question mark stands also where only a form follows. */
function signedText(url: string, rawBody: Uint8Array): string | undefined {
  const [base = '', query = ''] = url.split(/\?(.*)/s, 2);
  const asked = sortedPairs(query)
    ?.map((pair) => pair.join('='))
    .join('&');
  const sent = signedPairs(rawBody);
  if (asked === undefined || sent === undefined) return undefined;
  return `${base}${asked || sent ? '?' : ''}${asked}${asked && sent ? '.' : ''}${sent}`;
}

/** Without anything in between. */
function signedPairs(rawBody: Uint8Array): string | undefined {
  return sortedPairs(rawBody)?.flat().join('');
}

function parse({ rawBody, headers }: Pick<SignedDelivery, 'rawBody' | 'headers'>, options: Options): Parsed {
  const text = decodeUtf8(rawBody);
  const parsed = text === undefined ? unreadable('The body is not UTF-8') : parseForm(text, options);
  if (parsed.kind !== 'quarantined') return parsed;
  // Not by its bytes: one signature fits a form that is written in other ways, each of which would be a letter.
  return { ...parsed, eventId: `nonce_${headers.get(NONCE) ?? ''}`, contents: signedPairs(rawBody) };
}

/** The value of the first of these names. */
type Field = (...names: readonly string[]) => string | undefined;

/**
 * Pairs are signed without anything between them, so that a letter may move from a value to the next name: a name begins
 * with a letter, an id and a start have their length, and no field may be missing.
 */
function parseForm(text: string, options: Options): Parsed {
  const form = new URLSearchParams(text);
  const names = [...form.keys()];
  const field: Field = (...wanted) => wanted.map((name) => form.get(name)).find(Boolean) ?? undefined;
  const callId = field('call_uuid', 'CallUUID');
  if (!isId(callId)) return unreadable('The form names no call');
  if (!names.some((name) => /record/i.test(name))) return { kind: 'ignored', eventType: 'plivo.callback' };
  if (!names.every((name) => /^[a-z][\w-]*$/i.test(name)))
    return unreadable('The form has an unknown kind of name');
  return parseRecording(field, callId, options);
}

/** Record API and `<Record>` spell the names in two ways. */
function parseRecording(field: Field, callId: string, options: Options): Parsed {
  const recordingId = field('recording_id', 'RecordingID');
  if (!isId(recordingId)) return unreadable('The form names no recording');
  const started = field('recording_start_ms', 'RecordingStartMs');
  const startedAt = isoTime(started);
  const seconds = field('recording_duration', 'RecordingDuration');
  const link = field('record_url', 'RecordUrl');
  const isWhole = /^(-1|\d+)(\.\d+)?$/.test(seconds ?? '') && URL.canParse(link ?? '');
  // Every callback has all of these: a form without one had its boundaries moved, and would name the recording anew.
  if ((startedAt === undefined && started !== '-1') || !isWhole)
    return unreadable('The form lacks a start, a duration or a link');
  const event = {
    eventId: recordingId,
    eventType: 'plivo.recording',
    recordingId,
    callId,
    startedAt,
    endedAt: isoTime(field('recording_end_ms', 'RecordingEndMs')),
    durationSeconds: durationOf(field('recording_duration_ms', 'RecordingDurationMs'), seconds),
    apiPath: apiPathOf(options, recordingId),
    files: filesOf(link),
  };
  return { kind: 'recordings', events: [event] };
}
