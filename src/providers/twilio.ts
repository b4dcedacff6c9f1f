import { concat, decodeUtf8, sha256Hex, utf8 } from '../shared/bytes.ts';
import { parseJsonObject, textAt } from '../shared/json.ts';
import { ok, type Result } from '../shared/result.ts';
import { decodeBase64 } from '../signatures/base64.ts';
import { sortedPairs } from '../signatures/form-pairs.ts';
import { hmacMatcher, secretFingerprint } from '../signatures/hmac.ts';
import {
  type Options,
  type Parsed,
  type Provider,
  type Rejection,
  rejected,
  reportedError,
  type Secrets,
  type SignedDelivery,
  unreadable,
  type Verified,
  type VerifyBody,
} from './provider.ts';
import { daysProblem, shortSecret } from './settings.ts';
import { twilioApi } from './twilio-api.ts';
import { accountProblem, apiPathOf, filesOf, formatsProblem, isoTime } from './twilio-links.ts';

const SIGNATURE = 'x-twilio-signature';
const MAC_BYTES = 20;

/**
 * Twilio: recording status callbacks, a form signed together with the URL by HMAC-SHA1. Nothing in it tells the time:
 * a captured delivery fits for ever, and is a duplicate by its recording and status.
 * @see https://www.twilio.com/docs/usage/security#validating-requests
 * @see https://www.twilio.com/docs/voice/api/recording#recordingstatuscallback
 */
export const twilio: Provider = {
  id: 'twilio',
  settings: {
    secret: 'TWILIO_AUTH_TOKEN',
    secretProblem: () => undefined, // Any string is a valid token.
    secretWarning: shortSecret,
    options: [
      { name: 'TWILIO_ACCOUNT_SID', problem: accountProblem },
      { name: 'TWILIO_FORMATS', problem: formatsProblem },
      { name: 'TWILIO_DELETE_AFTER_DAYS', problem: daysProblem },
    ],
  },
  signatureHeaders: [SIGNATURE],
  signsUrl: true,
  readSignature,
  parse,
  api: twilioApi,
};

const matchingSecret = hmacMatcher({ hash: 'SHA-1', bytesOf: utf8 });

function readSignature(
  { headers, url }: Pick<SignedDelivery, 'headers' | 'url'>,
  { values }: Secrets,
): Result<VerifyBody, Rejection> {
  const header = headers.get(SIGNATURE);
  if (header === null) return rejected('signature_missing');
  const mac = decodeBase64(header);
  if (mac?.byteLength !== MAC_BYTES) return rejected('signature_malformed');
  return ok((rawBody) => verifyBody(rawBody, { url, mac }, values));
}

async function verifyBody(
  rawBody: Uint8Array,
  { url, mac }: { readonly url: string; readonly mac: Uint8Array },
  secrets: readonly string[],
): Promise<Verified> {
  const bodySha256 = url.includes('?') ? URL.parse(url)?.searchParams.get('bodySHA256') : undefined;
  const isForm = bodySha256 === null || bodySha256 === undefined;
  if (!isForm && bodySha256 !== (await sha256Hex(rawBody))) return rejected('signature_mismatch');
  const pairs = isForm ? signedPairs(rawBody) : new Uint8Array();
  if (pairs === undefined) return rejected('signature_mismatch');
  for (const form of urlForms(url)) {
    const secret = await matchingSecret(secrets, [mac], concat(utf8(form), pairs));
    if (secret !== undefined)
      return ok({
        scheme: isForm ? 'form' : 'body-sha256',
        secretFingerprint: await secretFingerprint(secret),
      });
  }
  return rejected('signature_mismatch');
}

/** Twilio signs with the standard port or without it. */
function urlForms(url: string): string[] {
  const [, scheme, rest] = /^(https?):\/\/([^/?]+.*)$/s.exec(url) ?? [];
  if (scheme === undefined || rest === undefined) return [url];
  const [host = ''] = rest.split(/[/?]/, 1);
  if (/:\d+$/.test(host)) return [url, `${scheme}://${host.replace(/:\d+$/, '')}${rest.slice(host.length)}`];
  return [url, `${scheme}://${host}:${scheme === 'https' ? 443 : 80}${rest.slice(host.length)}`];
}

/** Each name with its values, once each, without anything in between. */
function signedPairs(rawBody: Uint8Array): Uint8Array | undefined {
  const pairs = sortedPairs(rawBody);
  if (pairs === undefined) return undefined;
  const isFirst = ([name, value]: [string, string], at: number) =>
    name !== pairs[at - 1]?.[0] || value !== pairs[at - 1]?.[1];
  return utf8(pairs.filter(isFirst).flat().join(''));
}

/** The fields of a form, or of the JSON that Twilio sends with `bodySHA256`. */
function fieldsOf(text: string): { readonly field: Field; readonly names: readonly string[] } {
  const body = parseJsonObject(text);
  if (body !== undefined) return { field: (name) => textAt(body, name), names: Object.keys(body) };
  const form = new URLSearchParams(text);
  return { field: (name) => form.get(name) || undefined, names: [...form.keys()] };
}

/**
 * Pairs are signed without anything between them, so that a letter may move from a value to the next name: an id counts
 * only in its own form.
 */
const idForms = {
  AccountSid: /^AC[0-9a-f]{32}$/,
  RecordingSid: /^RE[0-9a-f]{32}$/,
  CallSid: /^CA[0-9a-f]{32}$/,
  ConferenceSid: /^CF[0-9a-f]{32}$/,
};

type Field = (name: string) => string | undefined;

function idAt(field: Field, name: keyof typeof idForms): string | undefined {
  const id = field(name);
  return id !== undefined && idForms[name].test(id) ? id : undefined;
}

function parse({ rawBody, headers }: Pick<SignedDelivery, 'rawBody' | 'headers'>, options: Options): Parsed {
  const parsed = parseBody(rawBody, options);
  if (parsed.kind !== 'quarantined' || parsed.eventId !== undefined) return parsed;
  // Not by its bytes: one signature fits a form that is written in other ways, each of which would be a letter.
  return { ...parsed, eventId: `signature_${headers.get(SIGNATURE) ?? ''}` };
}

function parseBody(rawBody: Uint8Array, options: Options): Parsed {
  const text = decodeUtf8(rawBody);
  if (text === undefined) return unreadable('The body is not UTF-8');
  const { field, names } = fieldsOf(text);
  const accountSid = idAt(field, 'AccountSid');
  if (accountSid === undefined) return unreadable('The form names no account');
  if (field('RecordingSid') === undefined && field('RecordingUrl') === undefined)
    return { kind: 'ignored', eventType: 'twilio.callback' };
  // A name that holds more than letters has taken the beginning of a value, or of the next pair.
  if (!names.every((name) => /^[A-Za-z]+$/.test(name)))
    return unreadable('The form has an unknown kind of name');
  const recordingId = idAt(field, 'RecordingSid');
  if (recordingId === undefined) return unreadable('The form names no recording');
  return parseRecording(field, { accountSid, recordingId }, options);
}

function parseRecording(
  field: Field,
  { accountSid, recordingId }: { readonly accountSid: string; readonly recordingId: string },
  options: Options,
): Parsed {
  const status = field('RecordingStatus');
  // The `action` of a <Record> comes before the recording is ready.
  if (status === undefined)
    return unreadable('The form states no status: use recordingStatusCallback, not action');
  const named = { eventId: `${recordingId}_${status}`, eventType: `twilio.recording.${status}` };
  if (status === 'in-progress') return { kind: 'ignored', eventType: named.eventType };
  if (status === 'absent' || status === 'failed')
    return reportedError(failureDetail(status, field('ErrorCode')), named);
  if (status !== 'completed') return unreadable('The form has an unknown status', { eventId: named.eventId });
  const callId = idAt(field, 'CallSid') ?? idAt(field, 'ConferenceSid');
  const channels = numberOf(field('RecordingChannels'));
  const startedAt = isoTime(field('RecordingStartTime'));
  const isWhole = (channels === 1 || channels === 2) && URL.canParse(field('RecordingUrl') ?? '');
  // Every callback has all of these: a form without one had its boundaries moved, and would name the recording anew.
  if (callId === undefined || startedAt === undefined || !isWhole)
    return unreadable('The form lacks a call, a start, channels or a link', named);
  const event = {
    ...named,
    recordingId,
    callId,
    startedAt,
    durationSeconds: numberOf(field('RecordingDuration')),
    channels,
    apiPath: apiPathOf(accountSid, recordingId),
    files: filesOf(field('RecordingUrl'), channels, options),
  };
  return { kind: 'recordings', events: [event] };
}

function numberOf(text = ''): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** @see https://www.twilio.com/docs/api/errors */
const errorWords: Readonly<Record<string, string>> = {
  '16101': 'the recording was too short',
  '16102': 'the recording was silent, and silent ones are deleted',
};

function failureDetail(status: string, code: string | undefined): string {
  const known = code === undefined ? undefined : errorWords[code];
  const number = code !== undefined && /^\d{1,6}$/.test(code) && code !== '0' ? `, error ${code}` : '';
  return `RecordingStatus ${status}${number}${known === undefined ? '' : `: ${known}`}`;
}
