import type { ArchiveServices } from '../archive/services.ts';
import type { ListedPage, ListedRecording } from '../providers/provider-api.ts';
import type { RecordingEvent } from '../recording.ts';
import { recordingKeys, recordingName } from '../storage/keys.ts';

/** A recording that a provider holds and the bucket lacks: as an event, and the API's JSON. */
export interface Missing {
  readonly event: RecordingEvent;
  readonly json: string;
}

/** The recordings of a page that are neither in the bucket nor in the inbox. */
export async function missingOf(
  page: ListedPage,
  provider: string,
  services: ArchiveServices,
): Promise<Missing[]> {
  const missing: (Missing & { readonly names: readonly string[] })[] = [];
  for (const recording of page.recordings) {
    const event = { ...recording.event, provider, eventId: recording.event.eventId ?? '' };
    const names = [
      event.recordingId,
      ...recording.otherNames.flatMap(({ recordingId }) => recordingId ?? []),
    ];
    const isNew = !missing.some((other) => other.event.recordingId === event.recordingId);
    if (isNew && !(await isArchived(event, recording, services)))
      missing.push({ event, json: recording.json, names });
  }
  if (missing.length === 0) return [];
  const pending = await services.inbox.pendingRecordings(provider);
  return missing.filter(({ names }) => !names.some((name) => pending.has(name)));
}

/** Whether the recording has a manifest, under any of the ids that a webhook may have used, or was erased. */
async function isArchived(
  event: RecordingEvent,
  listed: ListedRecording,
  { recordings, tombstones }: ArchiveServices,
): Promise<boolean> {
  const keys = await manifestKeysOf(event, listed);
  for (const key of keys) if ((await recordings.etagOf(key)) !== undefined) return true;
  return (await tombstones.find(...keys.map(recordingName))) !== undefined;
}

/** The keys that the manifest of a listed recording may have: a webhook may have named it otherwise than the list. */
export async function manifestKeysOf(
  event: RecordingEvent,
  { otherNames }: ListedRecording,
): Promise<readonly string[]> {
  const names = [{}, ...otherNames].map((name) => recordingKeys({ ...event, ...name }));
  return [...new Set((await Promise.all(names)).map(({ manifest }) => manifest))];
}
