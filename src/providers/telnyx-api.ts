import type { RecordingEvent, RecordingFile } from '../recording.ts';
import { isJsonObject, type JsonObject, objectAt, textAt } from '../shared/json.ts';
import { parseTimeMs } from '../shared/time.ts';
import type { ApiAnswer, ProviderApi, Refreshed } from './provider-api.ts';
import { telnyxList } from './telnyx-list.ts';

/**
 * `GET /v2/recordings/{id}`, or the recordings of a leg, or TeXML's resource: each request gives fresh links.
 * @see https://developers.telnyx.com/api-reference/call-recordings/retrieve-a-call-recording
 * @see https://developers.telnyx.com/api-reference/texml-rest-commands/fetch-recording-resource
 */
export const telnyxApi: ProviderApi = {
  keySetting: 'TELNYX_API_KEY',
  urlSetting: { name: 'TELNYX_API_URL', fallback: 'https://api.telnyx.com/v2/' },
  authorization: ({ key }) => `Bearer ${key}`,
  readLink,
  numbers: {
    path: ({ apiPath }) => (/^recordings\/[^/?]+$/.test(apiPath ?? '') ? apiPath : undefined),
    read: (body) => {
      const recording = objectAt(body, 'data') ?? {};
      return { from: textAt(recording, 'from'), to: textAt(recording, 'to') };
    },
  },
  list: () => telnyxList,
};

function readLink({ status, body }: ApiAnswer, event: RecordingEvent, file: RecordingFile): Refreshed {
  const detail = `The API answered with status ${status}`;
  if (status === 404) return { kind: 'absent', detail };
  if (status === 410) return { kind: 'gone', detail };
  if (status === 401 || status === 403) return { kind: 'refused', detail };
  if (status !== 200 || body === undefined) return { kind: 'failed', detail };
  if (event.apiPath?.startsWith('texml/')) return readTexmlLink(body);
  const recording = Array.isArray(body.data) ? amongAll(body.data, event) : objectAt(body, 'data');
  if (recording === undefined) return { kind: 'absent', detail: 'The API does not list the recording' };
  const link = freshLink(objectAt(recording, 'download_urls') ?? {}, file);
  return link === undefined ? { kind: 'pending', retryAfterSeconds: undefined } : { kind: 'link', link };
}

/** The recording of a leg that began at the event's time: a leg may have several. */
function amongAll(recordings: readonly unknown[], { startedAt }: RecordingEvent): JsonObject | undefined {
  const startedMs = parseTimeMs(startedAt);
  const began = (recording: JsonObject) => parseTimeMs(textAt(recording, 'recording_started_at'));
  const all = recordings.filter(isJsonObject);
  return startedMs === undefined && all.length === 1 ? all[0] : all.find((one) => began(one) === startedMs);
}

/** The link of the file's format; for an event without a format WAV, which is lossless. */
function freshLink(links: JsonObject, { claimedFormat }: RecordingFile): string | undefined {
  return claimedFormat === undefined ? textAt(links, 'wav', 'mp3') : textAt(links, claimedFormat);
}

/** TeXML's resource has one link, in the recorded format. */
function readTexmlLink(body: JsonObject): Refreshed {
  const link = textAt(body, 'media_url');
  return link === undefined ? { kind: 'pending', retryAfterSeconds: undefined } : { kind: 'link', link };
}
