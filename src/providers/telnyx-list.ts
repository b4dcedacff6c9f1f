import { isJsonObject, type JsonObject, objectAt, quantityAt, textAt } from '../shared/json.ts';
import type { ApiAnswer, ListedPage, ListedRecording, RecordingList } from './provider.ts';
import { filesOf } from './telnyx-links.ts';

/**
 * `GET /v2/recordings` by time of creation, 100 a page.
 * @see https://developers.telnyx.com/api-reference/call-recordings/list-all-call-recordings
 */
export const telnyxList: RecordingList = {
  firstPath: (from, to) =>
    `recordings?filter[created_at][gte]=${from}&filter[created_at][lte]=${to}&page[number]=1&page[size]=100`,
  readPage,
};

function readPage({ status, body }: ApiAnswer, path: string): ListedPage | undefined {
  if (status !== 200 || body === undefined || !Array.isArray(body.data)) return undefined;
  const meta = objectAt(body, 'meta') ?? {};
  const number = quantityAt(meta, 'page_number') ?? 1;
  const isLast = number >= (quantityAt(meta, 'total_pages') ?? 1);
  const next = isLast ? undefined : path.replace(/page\[number\]=\d+/, `page[number]=${number + 1}`);
  return { recordings: body.data.filter(isJsonObject).flatMap(readRecording), next };
}

/** As a webhook would have announced it; one that is not completed has nothing to fetch yet. */
function readRecording(recording: JsonObject): ListedRecording[] {
  const recordingId = textAt(recording, 'id');
  if (recordingId === undefined || textAt(recording, 'status') !== 'completed') return [];
  const leg = textAt(recording, 'call_leg_id');
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
    durationSeconds: (quantityAt(recording, 'duration_millis') ?? Number.NaN) / 1000 || undefined,
    from: textAt(recording, 'from'),
    to: textAt(recording, 'to'),
    apiPath: `recordings/${encodeURIComponent(recordingId)}`,
    files: filesOf({ recording_urls: recording.download_urls }),
  };
  const otherIds = leg === undefined || startedAt === undefined ? [] : [`${leg}_${startedAt}`];
  return [{ event, otherIds, said: JSON.stringify(recording) }];
}
