import { freeAtMs } from '../archive/lease.ts';
import { lookThrough, type Unarchived } from '../catalog/list-recordings.ts';
import type { InboxEntry } from '../recording.ts';
import type { RowFilter } from '../storage/catalog-query.ts';
import { keyPart } from '../storage/keys.ts';
import { eventsOf, replay } from './replay.ts';
import type { RecoverServices } from './services.ts';

/**
 * `replayed`: a dead letter is in the inbox again. `woken`: a pending entry is due now. `running`: a worker has it.
 * `untold`: nothing was done, since that it was asked for could not be written into the trail.
 */
export type Retried = 'replayed' | 'woken' | 'running' | 'nothing_to_retry' | 'untold';

/** Writes into the trail of a place that it is retried; `false` where that failed. */
type Tell = (place: string) => Promise<boolean>;

/** Retries a recording now: its first dead letter, else its first pending entry. */
export async function retryRecording(
  filter: Pick<RowFilter, 'source' | 'recordingKeys' | 'callKeys'>,
  tell: Tell,
  services: RecoverServices,
): Promise<Retried> {
  let told: Promise<boolean> | undefined;
  const tellOnce: Tell = (place) => {
    told ??= tell(place);
    return told;
  };
  for (const state of ['dead', 'pending'] as const) {
    const [one] = (await lookThrough({ state, filter, limit: 1, afterKey: '' }, services)).found;
    const outcome = one && (await retryEntry(one, tellOnce, services));
    if (outcome !== undefined && outcome !== 'nothing_to_retry') return outcome;
  }
  return 'nothing_to_retry';
}

/** Retries this dead letter, or this pending entry. What cannot be retried is not told. */
export async function retryEntry(one: Unarchived, tell: Tell, services: RecoverServices): Promise<Retried> {
  const refusal =
    one.state === 'dead' ? await letterRefusal(one.key, services) : await entryRefusal(one.key, services);
  if (refusal !== undefined) return refusal;
  const place = await trailOf(one);
  if (place !== undefined && !(await tell(place))) return 'untold';
  if (one.state === 'pending') return wakeEntry(one.key, services);
  return (await replay(one.key, services)) === 'replayed' ? 'replayed' : 'nothing_to_retry';
}

async function letterRefusal(key: string, services: RecoverServices): Promise<Retried | undefined> {
  const stored = await services.deadLetters.read(key);
  const events = stored === undefined ? [] : await eventsOf(stored.letter, services);
  return events.length === 0 ? 'nothing_to_retry' : undefined;
}

async function entryRefusal(key: string, { inbox, now }: RecoverServices): Promise<Retried | undefined> {
  const present = await inbox.read(key);
  if (present.state !== 'present') return 'nothing_to_retry';
  return isRunning(present.entry, now()) ? 'running' : undefined;
}

function isRunning(entry: InboxEntry, nowMs: number): boolean {
  return entry.lease !== undefined && freeAtMs(entry) > nowMs;
}

/** As the key of a manifest, whose day is not needed. */
async function trailOf({ source, facts }: Unarchived): Promise<string | undefined> {
  if (facts?.callId === undefined || facts.recordingId === undefined) return undefined;
  const [call, recording] = await Promise.all([keyPart(facts.callId), keyPart(facts.recordingId)]);
  return `recordings/${source}/yyyy/mm/dd/${call}/${recording}.json`;
}

/** Makes a pending entry due now, unless a worker has it. */
export async function wakeEntry(key: string, { inbox, queue, now }: RecoverServices): Promise<Retried> {
  const present = await inbox.read(key);
  if (present.state !== 'present') return 'nothing_to_retry';
  if (isRunning(present.entry, now())) return 'running';
  const dueAt = new Date(now()).toISOString();
  const woken = await inbox.change(present, (entry) => ({ ...entry, dueAt }));
  if (woken === undefined) return 'running';
  await queue.send(key);
  return 'woken';
}
