import type { ArchiveServices } from '../archive/services.ts';
import type { ListedPage, ListedRecording } from '../providers/provider.ts';
import type { RecordingEvent } from '../recording.ts';
import { recordingKeys } from '../storage/keys.ts';

/** A recording that a provider holds and the bucket does not: as an event, and what the provider said of it. */
export interface Missing {
  readonly event: RecordingEvent;
  readonly said: string;
}

/** What of a page is neither in the bucket nor on its way there. */
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
    if (isNew && !(await isHere(event, recording, services)))
      missing.push({ event, said: recording.said, names });
  }
  if (missing.length === 0) return [];
  const pending = await services.inbox.pendingRecordings(provider);
  return missing.filter(({ names }) => !names.some((name) => pending.has(name)));
}

/** Whether the recording has a manifest, by any of the names that a webhook may have given it. */
async function isHere(
  event: RecordingEvent,
  { otherNames }: ListedRecording,
  { recordings }: ArchiveServices,
): Promise<boolean> {
  const names = [{}, ...otherNames].map((name) => recordingKeys({ ...event, ...name }));
  const manifests = new Set((await Promise.all(names)).map(({ manifest }) => manifest));
  for (const manifest of manifests) if ((await recordings.etagOf(manifest)) !== undefined) return true;
  return false;
}
