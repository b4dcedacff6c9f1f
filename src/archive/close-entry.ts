import { type InboxEntry, linksText } from '../recording.ts';
import type { FailureCode, FileFailure, PermanentFailure } from '../shared/errors.ts';
import { orLogFault } from '../shared/log.ts';
import { retryStoreWrite } from '../shared/retry-store-write.ts';
import type { SeenEvent } from '../storage/seen.ts';
import { deadLetter } from './dead-letter.ts';
import { withoutLease } from './entry.ts';
import { linksSha256 } from './fresh-links.ts';
import { indexOrAlarm } from './index-recording.ts';
import { freeAtMs, type HeldLease } from './lease.ts';
import { isComplete } from './place.ts';
import { erasureOf } from './remove-recording.ts';
import type { ArchiveServices } from './services.ts';

/**
 * Closes an entry whose files are all archived. The entry is removed last: a worker that crashes before leaves
 * it, and the next attempt finds the work done. Success wins over an earlier attempt that gave up: its dead
 * letter is removed.
 */
export async function closeArchived(lease: HeldLease, services: ArchiveServices): Promise<void> {
  const { entry } = lease.pending();
  const { event, fingerprint } = entry;
  // No other worker can have given up on a first attempt whose lease has not expired.
  const isFirst = entry.attempts.length === 0 && entry.attemptsCountFrom === undefined;
  const isAlone = isFirst && freeAtMs(entry) > services.now();
  if (!isAlone) await services.deadLetters.remove(event, fingerprint);
  await close(lease, { state: 'archived', fingerprint }, services);
}

/** Closes an entry whose recording the owner has erased; its dead letter goes as well. */
export async function closeErased(lease: HeldLease, services: ArchiveServices): Promise<void> {
  const { event, fingerprint } = lease.pending().entry;
  await services.deadLetters.remove(event, fingerprint);
  await close(lease, { state: 'archived', fingerprint }, services);
}

/** The entry with the failed attempt in its history, and the links that the attempt had. */
export interface Tried {
  readonly lease: HeldLease;
  readonly entry: InboxEntry;
  readonly links: string;
}

/** The end of giving up: dead, archived by another worker, or pending with a link that has just come. */
export type GivenUp =
  | { readonly outcome: 'dead'; readonly code: FailureCode; readonly detail?: string | undefined }
  | { readonly outcome: 'archived' | 'lost' | 'erased' }
  | { readonly outcome: 'pending'; readonly code: FailureCode; readonly retryAtMs: number };

/**
 * Makes a dead letter of an entry, unless another worker has archived it in the meantime, or a delivery has
 * added a fresh link.
 */
export async function giveUp(
  { lease, entry, links }: Tried,
  failure: PermanentFailure,
  services: ArchiveServices,
): Promise<GivenUp> {
  const { deadLetters, now, wait } = services;
  const { event, fingerprint } = entry;
  const nowMs = now();
  const { code, detail } = failure;
  await retryStoreWrite(() => deadLetters.write(deadLetter(entry, failure, nowMs)), wait);
  if ((await erasureOf(event, services)) === 'erased') {
    await closeErased(lease, services);
    return { outcome: 'erased' };
  }
  // Read after the letter is written: a worker that succeeds later than this read removes the letter.
  if (await isComplete(event, services)) {
    await indexOrAlarm(event, services);
    await deadLetters.remove(event, fingerprint);
    await close(lease, { state: 'archived', fingerprint }, services);
    return { outcome: 'archived' };
  }
  const nowIso = new Date(nowMs).toISOString();
  const closing = (current: InboxEntry): InboxEntry =>
    linksText(current.event) === links
      ? { ...current, attempts: entry.attempts, gaveUpAt: nowIso }
      : { ...current, attempts: entry.attempts, attemptsCountFrom: nowIso };
  const closed = await retryStoreWrite(() => lease.change(closing), wait);
  if (closed === undefined) return { outcome: 'lost' };
  if (closed.gaveUpAt === undefined) return restart(lease, failure, services);
  await closeGivenUp(lease, services);
  return { outcome: 'dead', code, detail };
}

/** A fresh link was added: the letter is removed while the entry is held, so that it is never a later one. */
async function restart(
  lease: HeldLease,
  { code }: FileFailure,
  { deadLetters, now, wait }: ArchiveServices,
): Promise<GivenUp> {
  const { event, fingerprint } = lease.pending().entry;
  if (!(await lease.renew())) return { outcome: 'lost' };
  await deadLetters.remove(event, fingerprint);
  const retryAtMs = now();
  const dueAt = new Date(retryAtMs).toISOString();
  const freed = await retryStoreWrite(
    () => lease.change((entry) => ({ ...withoutLease(entry), dueAt })),
    wait,
  );
  return freed === undefined ? { outcome: 'lost' } : { outcome: 'pending', code, retryAtMs };
}

/**
 * Closes an entry whose dead letter is written; also one that a crashed worker has left at this point. Some of its files
 * may be archived.
 */
export async function closeGivenUp(lease: HeldLease, services: ArchiveServices): Promise<void> {
  const { event, fingerprint } = lease.pending().entry;
  await indexOrAlarm(event, services);
  await close(lease, { state: 'dead', fingerprint, linksSha256: await linksSha256(event) }, services);
}

async function close(lease: HeldLease, end: SeenEvent, services: ArchiveServices): Promise<void> {
  const { event } = lease.pending().entry;
  const marking = services.seen.markSeen(event.provider, event.eventId, end);
  // KV is a filter: without the mark a repeated delivery costs an attempt, and nothing more.
  await orLogFault(marking, { outcome: 'seen_not_marked', event }, services);
  // Where the lease has expired, the key may hold another entry by now.
  if (await lease.renew()) await services.inbox.remove(lease.pending());
}
