import { isJsonObject, type JsonObject, objectAt, quantityAt, textAt } from '../shared/json.ts';
import { apiPathOf, durationOf, filesOf, isId, isoTime, isPlivoHost } from './plivo-links.ts';
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

/** Recordings of one page: Plivo gives no more. */
const PAGE_SIZE = 20;

const DAY_MS = 24 * 60 * 60_000;

/**
 * The recordings of an account. The key opens the audio as well, where the account is set to protect it.
 * @see https://www.plivo.com/docs/voice/api/recording
 */
export const plivoApi: ProviderApi = {
  keySetting: 'PLIVO_API_KEY',
  ...basicAuth,
  urlSetting: { name: 'PLIVO_API_URL', fallback: 'https://api.plivo.com/' },
  otherKey: { option: 'PLIVO_AUTH_ID', make: (authId, token) => `${authId}:${token}` },
  // Whether the account protects its audio is not known beforehand. Never over plain http.
  opensLink: (link, base) => (link.protocol === 'https:' && isPlivoHost(link)) || link.origin === base.origin,
  readLink,
  list: (options) => (options.PLIVO_AUTH_ID === undefined ? undefined : listOf(options)),
  deletion: {
    daysSetting: 'PLIVO_DELETE_AFTER_DAYS',
    request: ({ apiPath: path }, { PLIVO_AUTH_ID: authId }) =>
      path?.startsWith(`v1/Account/${authId}/`) ? { path, method: 'DELETE' } : undefined,
  },
};

function readLink({ status, body }: ApiAnswer): Refreshed {
  const detail = `The API answered with status ${status}`;
  if (status === 404) return { kind: 'absent', detail };
  if (status === 401 || status === 403) return { kind: 'refused', detail };
  if (status !== 200 || body === undefined) return { kind: 'failed', detail };
  const [{ link } = {}] = filesOf(textAt(body, 'recording_url'));
  return link === undefined ? { kind: 'pending', retryAfterSeconds: undefined } : { kind: 'link', link };
}

/** By the time at which a recording was added; page by page along `meta.next`. */
function listOf(options: Options): RecordingList {
  const timeOf = (ms: number) => new Date(ms).toISOString().slice(0, 19).replace('T', '%20');
  return {
    // The zone of the filter is not documented: what one that is ahead of UTC leaves out is in the next list.
    firstPath: (from, to) =>
      `v1/Account/${options.PLIVO_AUTH_ID}/Recording/?add_time__gte=${timeOf(Date.parse(from) - DAY_MS)}&add_time__lte=${timeOf(Date.parse(to))}&limit=${PAGE_SIZE}&offset=0`,
    readPage: (answer) => readPage(answer, options),
  };
}

function readPage({ status, body }: ApiAnswer, options: Options): ListedPage | undefined {
  if (status !== 200 || body === undefined || !Array.isArray(body.objects)) return undefined;
  const meta = objectAt(body, 'meta') ?? {};
  const { next } = meta;
  // A root path, in which the times may be written with a space.
  const [, path] = typeof next === 'string' ? (/^\/(v1\/Account\/[ -~]+)$/.exec(next) ?? []) : [];
  if ((next !== null && next !== undefined && path === undefined) || body.objects.length > PAGE_SIZE)
    return undefined;
  return {
    recordings: body.objects.filter(isJsonObject).flatMap((recording) => readRecording(recording, options)),
    unfinishedAt: [], // A recording has no state: the list may lack what is not ready.
    total: quantityAt(meta, 'total_count'),
    next: path,
  };
}

/** The recording as a webhook would have announced it. */
function readRecording(recording: JsonObject, options: Options): ListedRecording[] {
  const [recordingId, callId] = [textAt(recording, 'recording_id'), textAt(recording, 'call_uuid')];
  if (!isId(recordingId)) return [];
  const event = {
    eventId: `audit-${recordingId}`,
    eventType: 'callvault.audit',
    recordingId,
    callId: callId ?? recordingId,
    startedAt: isoTime(textAt(recording, 'recording_start_ms')),
    endedAt: isoTime(textAt(recording, 'recording_end_ms')),
    durationSeconds: durationOf(textAt(recording, 'recording_duration_ms')),
    apiPath: apiPathOf(options, recordingId),
    files: filesOf(textAt(recording, 'recording_url')),
  };
  // A webhook may have come before the start was known.
  return [{ event, otherNames: [{ startedAt: undefined }], json: JSON.stringify(recording) }];
}
