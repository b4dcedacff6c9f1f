import { eventIdsOf, removeRecording } from '../archive/remove-recording.ts';
import { lookThrough } from '../catalog/list-recordings.ts';
import { describeError } from '../shared/log.ts';
import { parseTimeMs } from '../shared/time.ts';
import { placeOf } from '../storage/catalog-row.ts';
import type { Shares } from '../storage/shares.ts';
import { type Erasure, eventName } from '../storage/tombstones.ts';
import type { Trail } from '../storage/trail.ts';
import { wakeEntry } from './retry-recording.ts';
import type { RecoverServices } from './services.ts';

export interface EraseServices extends RecoverServices {
  readonly trail: Trail;
  readonly shares: Shares;
}

/** Whose recording is erased, and who does it. */
export interface EraseRequest {
  readonly manifestKey: string;
  readonly by: string;
  readonly byName?: string | undefined;
}

/** `erasing`: it has begun, and the cron finishes it. `locked`: the bucket refuses to delete; nothing was erased. */
export type Erased = 'erased' | 'erasing' | 'on_hold' | 'locked' | 'not_found';

/**
 * Erases a recording: what remains is its trail, and a tombstone that says nothing of it. The intent is written first, and
 * then a hold is looked for: one that is set later finds the intent.
 */
export async function eraseRecording(request: EraseRequest, services: EraseServices): Promise<Erased> {
  const { recordings, tombstones, now } = services;
  const stored = await recordings.readManifest(request.manifestKey);
  if (stored.state !== 'present') return 'not_found';
  const { provider } = stored.manifest;
  const erasure: Erasure = {
    version: 1,
    ...request,
    names: eventIdsOf(stored.manifest).map((eventId) => eventName(provider, eventId)),
    startedAt: new Date(now()).toISOString(),
  };
  await tombstones.begin(erasure);
  return continueErasure(erasure, services);
}

/** Finishes the erasures whose worker has crashed, or that a store has refused. */
export async function finishErasures(services: EraseServices): Promise<void> {
  const erasures = await services.tombstones.listErasures();
  for (const erasure of erasures) await continueErasure(erasure, services);
}

async function continueErasure(erasure: Erasure, services: EraseServices): Promise<Erased> {
  const { holds, tombstones } = services;
  const { manifestKey } = erasure;
  if (!erasure.isChecked && (await holds.isHeld(manifestKey))) {
    await tombstones.cancel(erasure);
    return 'on_hold';
  }
  const checked: Erasure = { ...erasure, isChecked: true };
  if (!erasure.isChecked) await tombstones.begin(checked);
  try {
    await eraseAll(checked, services);
    return 'erased';
  } catch (error) {
    if (!isLocked(error)) return logFailure(error, services);
    await tombstones.cancel(checked);
    services.log({ event: 'erase', outcome: 'locked', isAlarm: true });
    return 'locked';
  }
}

async function eraseAll(erasure: Erasure, services: EraseServices): Promise<void> {
  const { manifestKey, by, byName } = erasure;
  await services.shares.removeOf(manifestKey);
  await removeRecording(manifestKey, [], services);
  await removeEntries(manifestKey, services);
  const atMs = parseTimeMs(erasure.startedAt) ?? services.now();
  await services.trail.write(manifestKey, { atMs, action: 'erased', who: by, name: byName });
  await services.tombstones.end(erasure);
  services.log({ event: 'erase', outcome: 'erased' });
}

/** Dead letters go; a pending entry finds the tombstone and closes itself, since a worker may hold it. */
async function removeEntries(manifestKey: string, services: EraseServices): Promise<void> {
  const { source, recordingKey } = placeOf(manifestKey);
  const filter = { source, recordingKeys: [recordingKey] };
  const all = { filter, limit: Number.POSITIVE_INFINITY, afterKey: '' };
  for (const { key } of (await lookThrough({ state: 'dead', ...all }, services)).found) {
    const stored = await services.deadLetters.read(key);
    if (stored !== undefined) await services.deadLetters.removeIf(stored);
  }
  for (const { key } of (await lookThrough({ state: 'pending', ...all }, services)).found)
    await wakeEntry(key, services);
}

/** R2 says that a bucket lock keeps an object. @see https://developers.cloudflare.com/r2/api/error-codes/ */
function isLocked(error: unknown): boolean {
  return error instanceof Error && /\(10069\)|\block/i.test(error.message);
}

/** The cron tries again. */
function logFailure(error: unknown, { log }: EraseServices): 'erasing' {
  log({ event: 'erase', outcome: 'failed', detail: describeError(error), isAlarm: true });
  return 'erasing';
}
