import type { Manifest, RecordingEvent } from '../recording.ts';
import { keyPart, ownRecordingKeys, recordingKeys, recordingName, waveformKey } from '../storage/keys.ts';
import { eventName, type Tombstones } from '../storage/tombstones.ts';
import { indexManifest } from './index-recording.ts';
import type { ArchiveServices } from './services.ts';

type RemoveServices = Pick<ArchiveServices, 'recordings' | 'catalog'>;

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
  if (event.isNamedByCall) return tombstones.find(eventName(event.provider, event.eventId));
  return tombstones.find(recordingName((await recordingKeys(event)).manifest));
}

/** Removes what an attempt at an event of an erased recording has stored. */
export async function removeStored(event: RecordingEvent, services: RemoveServices): Promise<void> {
  const keys = [await recordingKeys(event), ...(event.isNamedByCall ? [await ownRecordingKeys(event)] : [])];
  for (const { manifest } of keys) await removeRecording(manifest, [event.eventId], services);
}

/** `locked`: a lock of the bucket keeps an object, and nothing was removed; in part, where something was. */
export type Removal = 'removed' | 'locked' | 'locked_in_part';

/**
 * Removes the audio and the manifest of a recording, and its row. What is gone already is no failure. The manifest of other
 * events alone is another recording, under an id that names only a call: it stays, with its audio.
 */
export async function removeRecording(
  manifestKey: string,
  eventIds: readonly string[],
  services: RemoveServices,
): Promise<Removal> {
  const { recordings } = services;
  const stored = await recordings.readManifest(manifestKey);
  const manifest = stored.state === 'present' ? stored.manifest : undefined;
  const isOwn = manifest !== undefined && eventIdsOf(manifest).some((id) => eventIds.includes(id));
  const audio = await ownAudio(manifestKey, { manifest, isOwn, eventIds }, services);
  let isAnyGone = false;
  for (const key of [...audio, ...(isOwn ? [manifestKey] : [])]) {
    if (!(await recordings.eraseObject(key))) return isAnyGone ? 'locked_in_part' : 'locked';
    isAnyGone = true;
  }
  if (isOwn || manifest === undefined) await removeRow(manifestKey, services);
  return 'removed';
}

async function removeRow(manifestKey: string, services: RemoveServices): Promise<void> {
  if (!services.catalog.isBound) return;
  await services.catalog.remove([manifestKey]);
  await indexManifest(manifestKey, services); // Another event may have written its manifest meanwhile.
}

interface Owned {
  readonly manifest: Manifest | undefined;
  readonly isOwn: boolean;
  readonly eventIds: readonly string[];
}

/** The audio of a recording and its waveforms, the newest first: a lock by age keeps that the longest. */
async function ownAudio(
  manifestKey: string,
  { manifest, isOwn, eventIds }: Owned,
  { recordings }: RemoveServices,
): Promise<string[]> {
  const stem = manifestKey.replace(/\.json$/, '');
  const events = [...eventIds, ...(manifest !== undefined && isOwn ? eventIdsOf(manifest) : [])];
  const parts = new Set(await Promise.all(events.map(keyPart)));
  const listed = (manifest?.files ?? []).toSorted((one, other) =>
    one.archivedAt < other.archivedAt ? 1 : -1,
  );
  // Also what an attempt has stored that crashed before the manifest.
  const beside = [...(await recordings.findAudio(`${stem}.`)), ...(await recordings.findAudio(`${stem}~_`))];
  const stray = beside.filter(({ metadata }) => metadata.event !== undefined && parts.has(metadata.event));
  const others = isOwn ? [] : listed.map(({ key }) => key);
  const keys = [...(isOwn ? listed : []), ...stray].map(({ key }) => key);
  return [...new Set(keys)].filter((key) => !others.includes(key)).flatMap((key) => [key, waveformKey(key)]);
}
