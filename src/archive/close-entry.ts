import type { InboxEntry } from '../recording.ts';
import type { FailureCode, FileFailure } from '../shared/errors.ts';
import { type Log, orLogFault } from '../shared/log.ts';
import { patiently } from '../shared/retry-store-write.ts';
import type { DeadLetters } from '../storage/dead-letters.ts';
import { type Inbox, linksText } from '../storage/inbox.ts';
import type { Recordings } from '../storage/recordings.ts';
import type { Seen, SeenEvent } from '../storage/seen.ts';
import { deadLetter } from './dead-letter.ts';
import { withoutLease } from './entry.ts';
import { linksSha256 } from './fresh-links.ts';
import { freeAtMs, type HeldLease } from './lease.ts';
import { isComplete } from './place.ts';

export interface FinishServices {
  readonly inbox: Inbox;
  readonly deadLetters: DeadLetters;
  readonly recordings: Recordings;
  readonly seen: Seen;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
}

/**
 * Ends an entry whose files are all archived. The entry goes last: a worker that crashes before leaves it, and a
 * later attempt finds the work done. Success wins over an earlier attempt that gave up: its dead letter goes.
 */
export async function finish(lease: HeldLease, services: FinishServices): Promise<void> {
  const { entry } = lease.pending();
  const { event, announcement } = entry;
  // No other worker can have given up on what is tried for the first time, and in time.
  const isFirst = entry.attempts.length === 0 && entry.replayedAt === undefined;
  const isAlone = isFirst && freeAtMs(entry) > services.now();
  if (!isAlone) await services.deadLetters.remove(event, announcement);
  await close(lease, { state: 'archived', announcement }, services);
}

/** How giving up ended: dead, archived by another worker, or to be tried with a link that has just come. */
export type GivenUp =
  | { readonly outcome: 'dead'; readonly code: FailureCode; readonly detail?: string | undefined }
  | { readonly outcome: 'archived' | 'lost' }
  | { readonly outcome: 'pending'; readonly code: FailureCode; readonly retryAtMs: number };

/**
 * Makes a dead letter of an entry, unless another worker has archived it in the meantime, or a delivery has
 * brought a fresh link: `tried` are the links that the attempt had.
 */
export async function giveUp(
  entry: InboxEntry,
  tried: string,
  lease: HeldLease,
  failure: FileFailure,
  services: FinishServices,
): Promise<GivenUp> {
  const { deadLetters, now, wait } = services;
  const { event, announcement } = entry;
  const nowMs = now();
  const { code, detail } = failure;
  await patiently(() => deadLetters.write(deadLetter(entry, failure, nowMs)), wait);
  // Looked at after the letter is there: a worker that succeeds later than this look removes it.
  if (await isComplete(event, services)) {
    await deadLetters.remove(event, announcement);
    await close(lease, { state: 'archived', announcement }, services);
    return { outcome: 'archived' };
  }
  const nowIso = new Date(nowMs).toISOString();
  const closing = (current: InboxEntry): InboxEntry =>
    linksText(current.event) === tried
      ? { ...current, attempts: entry.attempts, gaveUpAt: nowIso }
      : { ...current, attempts: entry.attempts, replayedAt: nowIso };
  const closed = await patiently(() => lease.change(closing), wait);
  if (closed === undefined) return { outcome: 'lost' };
  if (closed.gaveUpAt === undefined) return beginAgain(lease, failure, services);
  await removeGivenUp(lease, services);
  return { outcome: 'dead', code, detail };
}

/** A fresh link has come in: the letter goes while the entry is held, so that it is never one of the new life. */
async function beginAgain(
  lease: HeldLease,
  { code }: FileFailure,
  { deadLetters, now, wait }: FinishServices,
): Promise<GivenUp> {
  const { event, announcement } = lease.pending().entry;
  if (!(await lease.keep())) return { outcome: 'lost' };
  await deadLetters.remove(event, announcement);
  const retryAtMs = now();
  const dueAt = new Date(retryAtMs).toISOString();
  const freed = await patiently(() => lease.change((entry) => ({ ...withoutLease(entry), dueAt })), wait);
  return freed === undefined ? { outcome: 'lost' } : { outcome: 'pending', code, retryAtMs };
}

/** Removes an entry whose dead letter is written; also what a worker that crashed after that has left. */
export async function removeGivenUp(lease: HeldLease, services: FinishServices): Promise<void> {
  const { event, announcement } = lease.pending().entry;
  await close(lease, { state: 'dead', announcement, linksSha256: await linksSha256(event) }, services);
}

async function close(lease: HeldLease, end: SeenEvent, { seen, inbox, log }: FinishServices): Promise<void> {
  const { event } = lease.pending().entry;
  // Only a filter: without the mark a repeated delivery costs an attempt, nothing more.
  await orLogFault(seen.mark(event.provider, event.eventId, end), 'seen_not_marked', event, log);
  // Only while it is ours: where the lease has expired, the key may hold another entry by now.
  if (await lease.keep()) await inbox.remove(lease.pending());
}
