import { freeAtMs } from '../archive/lease.ts';
import { lookThrough } from '../catalog/list-recordings.ts';
import type { RowFilter } from '../storage/catalog-query.ts';
import { replay } from './replay.ts';
import type { RecoverServices } from './services.ts';

/** `replayed`: a dead letter is in the inbox again. `woken`: a pending entry is due now. `running`: a worker has it. */
export type Retried = 'replayed' | 'woken' | 'running' | 'nothing_to_retry';

/** Retries a recording now: its first dead letter, else its first pending entry. */
export async function retryRecording(
  filter: Pick<RowFilter, 'source' | 'recordingKeys'>,
  services: RecoverServices,
): Promise<Retried> {
  const [letter] = (await lookThrough({ state: 'dead', filter, limit: 1, afterKey: '' }, services)).found;
  if (letter !== undefined && (await replay(letter.key, services)) === 'replayed') return 'replayed';
  const [entry] = (await lookThrough({ state: 'pending', filter, limit: 1, afterKey: '' }, services)).found;
  return entry === undefined ? 'nothing_to_retry' : wakeEntry(entry.key, services);
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
