import type { Manifest, RecordingEvent } from '../recording.ts';
import { keyPart, ownRecordingKeys, recordingKeys } from '../storage/keys.ts';
import { eventName, type Tombstones } from '../storage/tombstones.ts';
import type { ArchiveServices } from './services.ts';

/** The ids of the events that a manifest has files of. */
export function eventIdsOf({ eventId, files }: Manifest): string[] {
  return [
    ...new Set([eventId, ...files.flatMap((file) => [file.eventId ?? eventId, ...(file.alsoOf ?? [])])]),
  ];
}

/**
 * How far the erasure of an event's recording is; `undefined` where it was not erased. Under an id that names only a call,
 * the recording of another event may lie at the same key.
 */
export async function erasureOf(
  event: RecordingEvent,
  { tombstones }: { readonly tombstones: Tombstones },
): Promise<'erasing' | 'erased' | undefined> {
  return tombstones.find(
    event.isNamedByCall ? eventName(event.provider, event.eventId) : (await recordingKeys(event)).manifest,
  );
}

/** Removes what an attempt at an event has stored; not the recording of another event, under an id that names only a call. */
export async function removeStored(
  event: RecordingEvent,
  services: Pick<ArchiveServices, 'recordings' | 'catalog'>,
): Promise<void> {
  const keys = [await recordingKeys(event), ...(event.isNamedByCall ? [await ownRecordingKeys(event)] : [])];
  for (const { manifest } of keys) {
    const stored = await services.recordings.readManifest(manifest);
    const isOther = stored.state === 'present' && !eventIdsOf(stored.manifest).includes(event.eventId);
    if (!event.isNamedByCall || !isOther) await removeRecording(manifest, [event.eventId], services);
  }
}

/** Removes the audio and the manifest of a recording, and its row. What is gone already is no failure. */
export async function removeRecording(
  manifestKey: string,
  eventIds: readonly string[],
  { recordings, catalog }: Pick<ArchiveServices, 'recordings' | 'catalog'>,
): Promise<void> {
  const stored = await recordings.readManifest(manifestKey);
  const manifest = stored.state === 'present' ? stored.manifest : undefined;
  const events = [...eventIds, ...(manifest === undefined ? [] : eventIdsOf(manifest))];
  const parts = new Set(await Promise.all(events.map(keyPart)));
  const stem = manifestKey.replace(/\.json$/, '');
  const beside = await recordings.findAudio(`${stem}.`);
  // Under an id that names only a call, another event's audio may lie beside the manifest.
  const own = beside.filter(({ metadata }) => metadata.event === undefined || parts.has(metadata.event));
  const listed = manifest?.files.map(({ key }) => key) ?? [];
  for (const key of new Set([...listed, ...own.map((object) => object.key)])) {
    await recordings.removeWaveform(key);
    await recordings.removeAudio(key);
  }
  await recordings.removeManifest(manifestKey);
  if (catalog.isBound) await catalog.remove([manifestKey]);
}
