import type { RecordingEvent, RecordingFile } from '../recording.ts';
import { isJsonObject, type JsonObject, objectAt, textAt } from '../shared/json.ts';
import type { Options } from './provider.ts';
import type {
  ApiAnswer,
  ListedPage,
  ListedRecording,
  ProviderApi,
  RecordingList,
  Refreshed,
} from './provider-api.ts';
import { basicAuth } from './settings.ts';
import { apiPathOf, filesOf, isoTime, isTwilioHost } from './twilio-links.ts';

/** Recordings of one page: each may cost twelve reads of the bucket, and the free plan allows 1,000 an invocation. */
const PAGE_SIZE = 50;

const BASE_URL = 'https://api.twilio.com/';

/**
 * The recordings of an account. The key opens the audio as well.
 * @see https://www.twilio.com/docs/voice/api/recording
 */
export const twilioApi: ProviderApi = {
  keySetting: 'TWILIO_API_KEY',
  ...basicAuth,
  urlSetting: { name: 'TWILIO_API_URL', fallback: BASE_URL },
  /** Without an API key the account itself signs in. */
  otherKey: { option: 'TWILIO_ACCOUNT_SID', make: (account, token) => `${account}:${token}` },
  // Never over plain http, also where DOWNLOAD_ORIGINS allows such a redirect.
  opensLink: (link, base) =>
    (link.protocol === 'https:' && isTwilioHost(link)) || link.origin === base.origin,
  readLink,
  numbers: {
    path: ({ apiPath, callId }) =>
      /^CA[0-9a-f]{32}$/.test(callId)
        ? apiPath?.replace(/Recordings\/.*$/, `Calls/${callId}.json`)
        : undefined,
    read: (call) => ({ from: textAt(call, 'from'), to: textAt(call, 'to') }),
  },
  encryption: readEncryption,
  list: (options) => (options.TWILIO_ACCOUNT_SID === undefined ? undefined : listOf(options)),
  deletion: {
    daysSetting: 'TWILIO_DELETE_AFTER_DAYS',
    request: ({ apiPath: path }, { TWILIO_ACCOUNT_SID: account }) =>
      path?.startsWith(`2010-04-01/Accounts/${account}/`) ? { path, method: 'DELETE' } : undefined,
  },
};

/**
 * The bytes are encrypted by a key that only the owner's private key opens; the API has it, and the initialisation vector.
 * @see https://www.twilio.com/docs/voice/tutorials/voice-recording-encryption
 */
function readEncryption(recording: JsonObject): Record<string, string> | undefined {
  const details = objectAt(recording, 'encryption_details') ?? {};
  const named = Object.entries(details).filter(
    (entry): entry is [string, string] => /^\w{1,64}$/.test(entry[0]) && typeof entry[1] === 'string',
  );
  const isWhole = ['encryption_cek', 'encryption_iv'].every((name) => textAt(details, name) !== undefined);
  return isWhole ? Object.fromEntries(named) : undefined;
}

/** The link never changes: what the API tells is whether there is a recording behind it. */
function readLink({ status, body }: ApiAnswer, _event: RecordingEvent, { link }: RecordingFile): Refreshed {
  const detail = `The API answered with status ${status}`;
  if (status === 404) return { kind: 'absent', detail };
  if (status === 401 || status === 403) return { kind: 'refused', detail };
  if (status !== 200 || body === undefined) return { kind: 'failed', detail };
  const state = textAt(body, 'status');
  if (state === 'absent' || state === 'deleted') return { kind: 'gone', detail: `The API says: ${state}` };
  if (state !== 'completed') return { kind: 'pending', retryAfterSeconds: undefined };
  if (isElsewhere(body)) return { kind: 'elsewhere' };
  return link === undefined ? { kind: 'failed', detail: 'The event had no link' } : { kind: 'link', link };
}

/** Whole days, since the filter knows no time; page by page along `next_page_uri`. */
function listOf(options: Options): RecordingList {
  return {
    firstPath: (from, to) =>
      `2010-04-01/Accounts/${options.TWILIO_ACCOUNT_SID}/Recordings.json?DateCreated%3E=${from.slice(0, 10)}&DateCreated%3C=${to.slice(0, 10)}&PageSize=${PAGE_SIZE}`,
    readPage: (answer) => readPage(answer, options),
  };
}

function readPage({ status, body }: ApiAnswer, options: Options): ListedPage | undefined {
  if (status !== 200 || body === undefined || !Array.isArray(body.recordings)) return undefined;
  const { next_page_uri: next } = body;
  const [, path] = typeof next === 'string' ? (/^\/(2010-04-01\/Accounts\/\S+)$/.exec(next) ?? []) : [];
  if ((next !== null && next !== undefined && path === undefined) || body.recordings.length > PAGE_SIZE)
    return undefined;
  const all = body.recordings.filter(isJsonObject);
  const stateOf = (recording: JsonObject) => textAt(recording, 'status') ?? '';
  const isUnfinished = (recording: JsonObject) =>
    /^(in-progress|paused|stopped|processing)$/.test(stateOf(recording));
  return {
    recordings: all
      .filter((recording) => stateOf(recording) === 'completed')
      .flatMap((recording) => readRecording(recording, options)),
    unfinishedAt: all
      .filter(isUnfinished)
      .map((recording) => isoTime(textAt(recording, 'date_created')) ?? ''),
    next: path,
  };
}

/** The recording as a webhook would have announced it. */
function readRecording(recording: JsonObject, options: Options): ListedRecording[] {
  const [recordingId = '', accountSid = ''] = [textAt(recording, 'sid'), textAt(recording, 'account_sid')];
  if (!/^RE[0-9a-f]{32}$/.test(recordingId) || !/^AC[0-9a-f]{32}$/.test(accountSid)) return [];
  const apiPath = apiPathOf(accountSid, recordingId);
  const { channels: count } = recording;
  const channels = count === 1 || count === 2 ? count : undefined;
  const link = `${options.TWILIO_API_URL ?? BASE_URL}${apiPath.replace(/\.json$/, '')}`;
  const seconds = Number(textAt(recording, 'duration'));
  const callId = textAt(recording, 'call_sid', 'conference_sid') ?? recordingId;
  const event = {
    eventId: `audit-${recordingId}`,
    eventType: 'callvault.audit',
    recordingId,
    callId,
    startedAt: isoTime(textAt(recording, 'start_time')),
    durationSeconds: seconds >= 0 ? seconds : undefined,
    channels,
    apiPath,
    files: isElsewhere(recording) ? [{ storedElsewhere: true as const }] : filesOf(link, channels, options),
  };
  // A webhook may state no start, or name the conference and not the call.
  const callIds = [textAt(recording, 'conference_sid') ?? callId, callId];
  const otherNames = callIds.flatMap((id) => [{ callId: id }, { callId: id, startedAt: undefined }]);
  const isEncrypted = objectAt(recording, 'encryption_details') !== undefined;
  const encryption = isEncrypted ? (readEncryption(recording) ?? 'not told') : undefined;
  return [{ event, encryption, otherNames, json: JSON.stringify(recording) }];
}

/** Twilio was set to store recordings in the owner's own S3 bucket. */
function isElsewhere(recording: JsonObject): boolean {
  const media = URL.parse(textAt(recording, 'media_url') ?? '');
  return media !== null && !isTwilioHost(media);
}
