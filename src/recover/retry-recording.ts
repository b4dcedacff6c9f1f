import { freeAtMs } from '../archive/lease.ts';
import { lookThrough, type Unarchived } from '../catalog/list-recordings.ts';
import type { RowFilter } from '../storage/catalog-query.ts';
import { keyPart } from '../storage/keys.ts';
import { replay } from './replay.ts';
import type { RecoverServices } from './services.ts';

/** `replayed`: a dead letter is in the inbox again. `woken`: a pending entry is due now. `running`: a worker has it. */
export type Retried = 'replayed' | 'woken' | 'running' | 'nothing_to_retry';

/** What a retry did, and the place of the recording's trail. */
export interface RetryEnd {
  readonly outcome: Retried;
  readonly place?: string;
}

/** Retries a recording now: its first dead letter, else its first pending entry. */
export async function retryRecording(
  filter: Pick<RowFilter, 'source' | 'recordingKeys' | 'callKeys'>,
  services: RecoverServices,
): Promise<RetryEnd> {
  for (const state of ['dead', 'pending'] as const) {
    const [one] = (await lookThrough({ state, filter, limit: 1, afterKey: '' }, services)).found;
    const end = one && (await retryEntry(one, services));
    if (end !== undefined && (state === 'pending' || end.outcome === 'replayed')) return end;
  }
  return { outcome: 'nothing_to_retry' };
}

/** Retries this dead letter, or this pending entry. */
export async function retryEntry(one: Unarchived, services: RecoverServices): Promise<RetryEnd> {
  const isReplayed = one.state === 'dead' && (await replay(one.key, services)) === 'replayed';
  const outcome = one.state === 'pending' ? await wakeEntry(one.key, services) : 'nothing_to_retry';
  if (isReplayed) return { outcome: 'replayed', ...(await trailOf(one)) };
  return { outcome, ...(outcome === 'woken' && (await trailOf(one))) };
}

/** As the key of a manifest, whose day is not needed. */
export async function trailOf({ source, facts }: Unarchived): Promise<{ readonly place?: string }> {
  if (facts?.callId === undefined || facts.recordingId === undefined) return {};
  const [call, recording] = await Promise.all([keyPart(facts.callId), keyPart(facts.recordingId)]);
  return { place: `recordings/${source}/yyyy/mm/dd/${call}/${recording}.json` };
}

/** Makes a pending entry due now, unless a worker has it. */
export async function wakeEntry(key: string, { inbox, queue, now }: RecoverServices): Promise<Retried> {
  const present = await inbox.read(key);
  if (present.state !== 'present') return 'nothing_to_retry';
  const { lease } = present.entry;
  if (lease !== undefined && freeAtMs(present.entry) > now()) return 'running';
  const dueAt = new Date(now()).toISOString();
  const woken = await inbox.change(present, (entry) => ({ ...entry, dueAt }));
  if (woken === undefined) return 'running';
  await queue.send(key);
  return 'woken';
}
