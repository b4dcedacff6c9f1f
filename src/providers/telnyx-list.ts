import { isJsonObject, type JsonObject, objectAt, quantityAt, textAt } from '../shared/json.ts';
import type { ApiAnswer, ListedPage, ListedRecording, RecordingList } from './provider-api.ts';
import { apiPathOf, filesOf } from './telnyx-links.ts';

/**
 * Recordings of one page: each may cost twelve reads of the bucket, and the free plan allows 1,000 an
 * invocation.
 */
const PAGE_SIZE = 50;

/**
 * `GET /v2/recordings` by time of creation, page by page.
 * @see https://developers.telnyx.com/api-reference/call-recordings/list-all-call-recordings
 */
export const telnyxList: RecordingList = {
  firstPath: (from, to) =>
    `recordings?filter[created_at][gte]=${from}&filter[created_at][lte]=${to}&page[number]=1&page[size]=${PAGE_SIZE}`,
  readPage,
};

function readPage({ status, body }: ApiAnswer, path: string): ListedPage | undefined {
  if (status !== 200 || body === undefined || !Array.isArray(body.data)) return undefined;
  const meta = objectAt(body, 'meta') ?? {};
  const [, asked] = /page\[number\]=(\d+)/.exec(path) ?? [];
  const number = Number(asked ?? 1);
  // An answer with another page, or with more recordings than were asked for, is refused.
  if (body.data.length > PAGE_SIZE || (quantityAt(meta, 'page_number') ?? number) !== number)
    return undefined;
  // A full page is followed by the next, even if the API states a smaller number of pages or none.
  const isLast = body.data.length < PAGE_SIZE && number >= (quantityAt(meta, 'total_pages') ?? 1);
  const next = isLast ? undefined : path.replace(/page\[number\]=\d+/, `page[number]=${number + 1}`);
  const all = body.data.filter(isJsonObject);
  const unfinished = all.filter((one) => !isCompleted(one)).map((one) => textAt(one, 'created_at') ?? '');
  return {
    recordings: all.filter(isCompleted).flatMap(readRecording),
    unfinishedAt: unfinished,
    total: quantityAt(meta, 'total_results', 'total_pages'),
    next,
  };
}

function isCompleted(recording: JsonObject): boolean {
  return textAt(recording, 'status') === 'completed';
}

/** The recording as a webhook would have announced it. */
function readRecording(recording: JsonObject): ListedRecording[] {
  const recordingId = textAt(recording, 'id');
  if (recordingId === undefined) return [];
  const startedAt = textAt(recording, 'recording_started_at');
  const event = {
    eventId: `audit-${recordingId}`,
    eventType: 'callvault.audit',
    recordingId,
    callId:
      textAt(recording, 'call_session_id', 'call_leg_id', 'call_control_id', 'conference_id') ?? recordingId,
    occurredAt: textAt(recording, 'created_at'),
    startedAt,
    endedAt: textAt(recording, 'recording_ended_at'),
    durationSeconds: (quantityAt(recording, 'duration_millis') ?? NaN) / 1000 || undefined,
    from: textAt(recording, 'from'),
    to: textAt(recording, 'to'),
    apiPath: apiPathOf({ recording_id: recordingId }),
    files: filesOf({ recording_urls: recording.download_urls }),
  };
  return [{ event, otherNames: otherNames(recording, recordingId), json: JSON.stringify(recording) }];
}

/**
 * The other names of a recording. A webhook may name the call by any of its ids, and the recording by its leg
 * and start. TeXML's callback names the call by its control id, and states no time.
 */
function otherNames(recording: JsonObject, recordingId: string): ListedRecording['otherNames'] {
  const leg = textAt(recording, 'call_leg_id');
  const startedAt = textAt(recording, 'recording_started_at');
  const byLeg = leg === undefined || startedAt === undefined ? [] : [`${leg}_${startedAt}`];
  const ids = ['call_session_id', 'call_leg_id', 'call_control_id', 'conference_id'];
  const callIds = new Set(ids.flatMap((name) => textAt(recording, name) ?? [])).add(recordingId);
  const dateless = { recordingId, startedAt: undefined, occurredAt: undefined };
  return Array.from(callIds).flatMap((callId) => [
    ...[recordingId, ...byLeg].map((id) => ({ callId, recordingId: id })),
    { callId, ...dateless },
  ]);
}
