import { erasureOf, eventIdsOf, removeRecording } from '../archive/remove-recording.ts';
import { listOfSource, type Unarchived } from '../catalog/list-recordings.ts';
import type { RecordingEvent } from '../recording.ts';
import { describeError } from '../shared/log.ts';
import { parseTimeMs } from '../shared/time.ts';
import { placeOf } from '../storage/catalog-row.ts';
import type { EntryFacts } from '../storage/entry-facts.ts';
import { keyPart, ownRecordingKeys, recordingKeys, recordingName } from '../storage/keys.ts';
import type { Shares } from '../storage/shares.ts';
import type { Erasure } from '../storage/tombstones.ts';
import type { Trail } from '../storage/trail.ts';
import { wakeEntry } from './retry-recording.ts';
import type { RecoverServices } from './services.ts';

export interface EraseServices extends RecoverServices {
  readonly trail: Trail;
  readonly shares: Shares;
}

/** Who erases. */
export interface Eraser {
  readonly by: string;
  readonly byName?: string | undefined;
  /** The keys of the only audio that may be erased; all, without. */
  readonly onlyFiles?: readonly string[] | undefined;
}

export interface EraseRequest extends Eraser {
  readonly manifestKey: string;
}

/**
 * `erasing`: it has begun, and the cron finishes it. `locked`: the bucket refuses to delete. `has_more`: there is audio that is
 * not among `onlyFiles`, or may come. In both nothing was erased.
 */
export type Erased =
  | 'erased'
  | 'erasing'
  | 'on_hold'
  | 'has_more'
  | 'locked'
  | 'not_found'
  | 'catalog_unavailable';

/**
 * Erases a recording with all its copies: what remains is its trail, and a tombstone that says nothing of it. The intent is
 * written first, and then a hold is looked for: one that is set later finds the intent.
 */
export async function eraseRecording(
  { manifestKey, ...who }: EraseRequest,
  services: EraseServices,
): Promise<Erased> {
  const { source } = placeOf(manifestKey);
  const manifestKeys = await copiesOf(manifestKey, services);
  if (manifestKeys === undefined) return 'catalog_unavailable';
  const eventIds = new Set<string>();
  for (const key of manifestKeys) {
    const stored = await services.recordings.readManifest(key);
    if (stored.state === 'present') for (const id of eventIdsOf(stored.manifest)) eventIds.add(id);
  }
  if (eventIds.size === 0) return 'not_found';
  return beginErasure({ source, manifestKeys, eventIds: [...eventIds], ...who }, services);
}

/** Erases what is not archived: a dead letter goes, and a pending entry is closed by the next worker that has it. */
export async function eraseEntry(
  { state, key }: Pick<Unarchived, 'state' | 'key'>,
  eraser: Eraser,
  services: EraseServices,
): Promise<Erased> {
  const event = await eventAt(key, state, services);
  if (event === undefined) return 'not_found';
  const keys = [await recordingKeys(event), ...(event.isNamedByCall ? [await ownRecordingKeys(event)] : [])];
  const [manifestKey = '', ...others] = keys.map(({ manifest }) => manifest);
  const { provider: source, eventId } = event;
  const wanted = { source, manifestKeys: [manifestKey, ...others], eventIds: [eventId], ...eraser };
  const outcome = await beginErasure(wanted, services);
  if (outcome !== 'erased' || event.isNamedByCall) return outcome;
  // Another event of the recording may have been archived before the tombstone was there.
  const again = await eraseRecording({ manifestKey, ...eraser }, services);
  return again === 'not_found' ? outcome : again;
}

async function eventAt(
  key: string,
  state: Unarchived['state'],
  { inbox, deadLetters }: EraseServices,
): Promise<RecordingEvent | undefined> {
  if (state === 'dead') return (await deadLetters.read(key))?.letter.event;
  const present = await inbox.read(key);
  return present.state === 'present' ? present.entry.event : undefined;
}

async function beginErasure(
  wanted: Omit<Erasure, 'version' | 'startedAt'>,
  services: EraseServices,
): Promise<Erased> {
  const erasure: Erasure = { version: 1, ...wanted, startedAt: new Date(services.now()).toISOString() };
  await services.tombstones.begin(erasure);
  return continueErasure(erasure, services);
}

/** The manifests of a recording: without a start, deliveries of it may have several days. */
async function copiesOf(manifestKey: string, { catalog }: EraseServices): Promise<string[] | undefined> {
  if (!catalog.isBound) return [manifestKey];
  const { source, recordingKey, callKey } = placeOf(manifestKey);
  const filter = { source, recordingKeys: [recordingKey], callKeys: [callKey] };
  const page = await catalog.search({ filter, order: 'newest', limit: 100 });
  return page.ok ? [...new Set([manifestKey, ...page.value.rows.map((row) => row.manifestKey)])] : undefined;
}

/** Finishes the erasures whose worker has crashed, or that a store has refused. One that fails stops no other. */
export async function finishErasures(services: EraseServices): Promise<void> {
  const { tombstones, now } = services;
  for (const key of await tombstones.listErasures()) {
    const erasure = await tombstones.readErasure(key); // Another worker may have ended it.
    if (erasure === undefined || (parseTimeMs(erasure.retryAt) ?? 0) > now()) continue;
    await continueErasure(erasure, services);
  }
}

async function continueErasure(erasure: Erasure, services: EraseServices): Promise<Erased> {
  const { tombstones } = services;
  try {
    const refusal = erasure.isChecked ? undefined : await refusalOf(erasure, services);
    if (refusal !== undefined) {
      await tombstones.cancel(erasure);
      return refusal;
    }
    const checked: Erasure = { ...erasure, isChecked: true };
    if (!erasure.isChecked) await tombstones.begin(checked);
    return await eraseAll(checked, services);
  } catch (error) {
    return waitAndRetry(erasure, describeError(error), services);
  }
}

/** Why nothing is erased: what comes later finds the tombstones, so that all that may refuse is there by now. */
async function refusalOf(
  erasure: Erasure,
  services: EraseServices,
): Promise<'on_hold' | 'has_more' | undefined> {
  const { onlyFiles } = erasure;
  // Before the manifests: an entry is closed after its manifest is written.
  if (onlyFiles !== undefined && (await isPending(erasure, services))) return 'has_more';
  const files: string[] = [];
  for (const key of erasure.manifestKeys) {
    const own = await ownFiles(key, erasure, services);
    if (own !== undefined && (await services.holds.isHeld(recordingName(key)))) return 'on_hold';
    files.push(...(own ?? []));
  }
  return onlyFiles === undefined || files.every((key) => onlyFiles.includes(key)) ? undefined : 'has_more';
}

/** The audio at a place; `undefined` where that is another event's, under an id that names only a call. */
async function ownFiles(
  manifestKey: string,
  { eventIds }: Erasure,
  { recordings }: EraseServices,
): Promise<string[] | undefined> {
  const stored = await recordings.readManifest(manifestKey);
  if (stored.state !== 'present') return [];
  const isOwn = eventIdsOf(stored.manifest).some((id) => eventIds.includes(id));
  return isOwn ? stored.manifest.files.map(({ key }) => key) : undefined;
}

async function isPending(erasure: Erasure, services: EraseServices): Promise<boolean> {
  for await (const { facts } of listOfSource({ state: 'pending', source: erasure.source }, services))
    if (await mayBeOf(facts, erasure)) return true;
  return false;
}

async function eraseAll(erasure: Erasure, services: EraseServices): Promise<Erased> {
  const { manifestKeys, eventIds, by, byName } = erasure;
  for (const [at, key] of manifestKeys.entries()) {
    const removal = await removeRecording(key, eventIds, services);
    if (removal === 'removed') continue;
    // Once something is gone, the rest must go.
    if (removal === 'locked_in_part' || at > 0 || erasure.failures !== undefined)
      return waitAndRetry({ ...erasure, isChecked: true }, 'A lock of the bucket', services);
    await services.tombstones.cancel(erasure);
    services.log({ event: 'erase', outcome: 'locked', isAlarm: true });
    return 'locked';
  }
  for (const key of manifestKeys) await services.shares.removeOf(key);
  await removeEntries(erasure, services);
  const atMs = parseTimeMs(erasure.startedAt) ?? services.now();
  for (const key of manifestKeys)
    await services.trail.write(key, { atMs, action: 'erased', who: by, name: byName });
  await services.tombstones.end(erasure);
  services.log({ event: 'erase', outcome: 'erased' });
  return 'erased';
}

const DAY_MINUTES = 24 * 60;

/** The cron tries again after 1, 2, 4 … minutes, and at last once a day. */
async function waitAndRetry(erasure: Erasure, detail: string, services: EraseServices): Promise<'erasing'> {
  const { tombstones, now, log } = services;
  const failures = (erasure.failures ?? 0) + 1;
  const minutes = Math.min(2 ** (failures - 1), DAY_MINUTES);
  const retryAt = new Date(now() + minutes * 60_000).toISOString();
  log({ event: 'erase', outcome: 'failed', detail, retryAt, isAlarm: true });
  // Without the note it is tried in a minute.
  await tombstones.update({ ...erasure, failures, retryAt }).catch(() => undefined);
  return 'erasing';
}

/** Dead letters go; a pending entry finds the tombstone and closes itself, since a worker may hold it. */
async function removeEntries(erasure: Erasure, services: EraseServices): Promise<void> {
  const { source } = erasure;
  for await (const { key, facts } of listOfSource({ state: 'dead', source }, services))
    if (await mayBeOf(facts, erasure)) await removeLetter(key, erasure, services);
  for await (const { key, facts } of listOfSource({ state: 'pending', source }, services))
    if (await mayBeOf(facts, erasure)) await wakeEntry(key, services);
}

/** Whether an entry or a letter may be of the recording: by its event, or by its id. Facts that are too long say nothing. */
async function mayBeOf(facts: EntryFacts | undefined, { manifestKeys, eventIds }: Erasure): Promise<boolean> {
  if (facts === undefined || eventIds.includes(facts.eventId)) return true;
  if (facts.recordingId === undefined) return false;
  const part = await keyPart(facts.recordingId);
  return manifestKeys.some((key) => placeOf(key).recordingKey === part);
}

async function removeLetter(key: string, erasure: Erasure, services: EraseServices): Promise<void> {
  const stored = await services.deadLetters.read(key);
  if (stored === undefined) return;
  const { event, eventId, fingerprint, provider } = stored.letter;
  const isErased = event !== undefined && (await erasureOf(event, services)) !== undefined;
  if (isErased || erasure.eventIds.includes(eventId))
    await services.deadLetters.remove({ provider, eventId }, fingerprint);
}
