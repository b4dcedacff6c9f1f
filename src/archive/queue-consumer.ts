import type { InboxEntry } from '../recording.ts';
import { type AuditServices, continueAudit } from '../recover/audit.ts';
import { type TidyServices, tidyDeadLetters } from '../recover/purge.ts';
import { isJsonObject, textAt } from '../shared/json.ts';
import { LEASE_MS, MESSAGE_RETRY_SECONDS } from '../shared/limits.ts';
import { describeError } from '../shared/log.ts';
import { withHistory } from '../storage/dead-letters.ts';
import type { PendingEntry } from '../storage/inbox.ts';
import { inboxKey } from '../storage/keys.ts';
import { delaySecondsUntil } from '../storage/queue.ts';
import { type ArchiveServices, archive } from './attempt.ts';
import { explain } from './dead-letter.ts';
import { linkedIn, offerOf, withLinks } from './fresh-links.ts';
import { freeAtMs, takeLease } from './lease.ts';
import { fromQueue } from './recording.ts';

/** What to do about a message: nothing more, or to have it again after a delay. */
export type Verdict = { readonly retryAfterSeconds: number } | 'done';

export interface ConsumeServices extends ArchiveServices, AuditServices, TidyServices {}

/**
 * Works on what a message names: an inbox entry, or a chore. No message is needed for ever: whichever is lost or
 * unknown, the entry is still there, and the cron finds it.
 */
export async function consume(message: unknown, services: ConsumeServices): Promise<Verdict> {
  try {
    const named = readMessage(message);
    if (named === undefined) return unknownMessage(services);
    if ('chore' in named) return await doChore(named, services);
    const pending = await services.inbox.read(named.inboxKey);
    if (pending === 'absent') return 'done';
    if (pending === 'unreadable') return unreadableEntry(named.inboxKey, services);
    return await work(pending, services);
  } catch (error) {
    return notConsumed(error, services);
  }
}

type Named = { readonly inboxKey: string } | { readonly chore: string; readonly about: string };

/** What a message of this version names. */
function readMessage(message: unknown): Named | undefined {
  if (!isJsonObject(message) || message.version !== 1) return undefined;
  const inboxKey = textAt(message, 'inboxKey');
  const chore = textAt(message, 'chore');
  const about = textAt(message, 'provider', 'cursor');
  if (inboxKey !== undefined) return { inboxKey };
  return chore === undefined || about === undefined ? undefined : { chore, about };
}

async function doChore({ chore, about }: Extract<Named, { chore: string }>, services: ConsumeServices) {
  if (chore === 'audit') await continueAudit(about, services);
  else if (chore === 'tidy') await tidyDeadLetters(services, about);
  else return unknownMessage(services);
  return 'done' as const;
}

async function work(pending: PendingEntry, services: ConsumeServices): Promise<Verdict> {
  const freeMs = freeAtMs(pending.entry);
  if (freeMs > services.now()) return retryAt(freeMs, services.now());
  const leased = await takeLease(pending, services);
  const taken = leased && (await unlessYielded(leased, services));
  if (taken === undefined) return retryAt(services.now() + LEASE_MS, services.now());
  if (taken === 'yielded') return 'done';
  const { outcome, retryAtMs } = await archive(taken, fromQueue, services);
  return outcome === 'pending' ? retryAt(retryAtMs ?? services.now() + LEASE_MS, services.now()) : 'done';
}

/**
 * Merges an entry under a second key into the one of the same announcement under the event's own key, if there is
 * one: that key was freed, and the event sent again, before KV showed it. One announcement is one entry. While the
 * entry is yielding no delivery adds a link to it. `undefined` when another worker has it.
 */
async function unlessYielded(
  taken: PendingEntry,
  { inbox, transfers, now }: ConsumeServices,
): Promise<PendingEntry | 'yielded' | undefined> {
  const { event, announcement, gaveUpAt, isYielding } = taken.entry;
  const isFirst = taken.key === (await inboxKey(event.provider, event.eventId));
  if (isFirst || gaveUpAt !== undefined) return taken;
  const first = await inbox.find(event, announcement);
  if ((first === undefined || first.key === taken.key) && !isYielding) return taken;
  const yielding = await inbox.change(taken, (entry) => ({ ...entry, isYielding: true }));
  if (yielding === undefined) return undefined;
  const isMerged = first !== undefined && (await mergeInto(first, yielding.entry, { inbox, transfers, now }));
  if (!isMerged) return inbox.change(yielding, ({ isYielding: _, ...entry }) => entry);
  await inbox.remove(yielding);
  return 'yielded';
}

/** Gives an entry the attempts and the longer links of another one; `false` when it has ended. */
async function mergeInto(
  first: PendingEntry,
  yielding: InboxEntry,
  { inbox, transfers, now }: Pick<ConsumeServices, 'inbox' | 'transfers' | 'now'>,
): Promise<boolean> {
  const { attempts, knownLinks = [] } = yielding;
  const offered = await offerOf(linkedIn(yielding), first.entry);
  const dueAt = new Date(now()).toISOString();
  const merged = await inbox.change(first, (entry) => {
    if (entry.gaveUpAt !== undefined) return undefined;
    const linked = withLinks(entry, offered);
    const own = linked?.knownLinks ?? entry.knownLinks ?? [offered.ownSha256];
    const known = [...new Set([...own, offered.sha256, ...knownLinks])];
    const turn = linked !== undefined && entry.lease === undefined ? { dueAt } : {};
    const history = withHistory(entry.attempts, attempts);
    return { ...(linked ?? entry), ...turn, knownLinks: known, attempts: history };
  });
  if (merged?.entry.dueAt === dueAt) await transfers.send(merged.key);
  return merged !== undefined;
}

/**
 * What came to the dead-letter queue: a message whose consumer failed again and again. Its entry is still there,
 * and the cron sends it anew, as it does the chores; only what names neither is put away for a person.
 */
export async function consumeDead(id: string, message: unknown, services: ArchiveServices): Promise<Verdict> {
  const { log, deadLetters, now } = services;
  const named = readMessage(message);
  log({ event: 'message', outcome: 'died', key: named && 'inboxKey' in named ? named.inboxKey : undefined });
  if (named !== undefined) return 'done';
  try {
    const deadAt = new Date(now()).toISOString();
    await deadLetters.keepMessage(id, message, explain('unreadable_message'), deadAt);
    return 'done';
  } catch (error) {
    return notConsumed(error, services);
  }
}

function notConsumed(error: unknown, { log }: ArchiveServices): Verdict {
  log({ event: 'fault', outcome: 'message_not_consumed', detail: describeError(error) });
  return { retryAfterSeconds: MESSAGE_RETRY_SECONDS };
}

/** From a newer version of callvault, perhaps: it stays in the queue until that is back. */
function unknownMessage({ log }: ArchiveServices): Verdict {
  log({ event: 'message', outcome: 'unknown_version' });
  return { retryAfterSeconds: 10 * MESSAGE_RETRY_SECONDS };
}

/** It stays where it is, for a person or a newer version. */
function unreadableEntry(key: string, { log }: ArchiveServices): Verdict {
  log({ event: 'message', outcome: 'entry_unreadable', key });
  return 'done';
}

function retryAt(atMs: number, nowMs: number): Verdict {
  return { retryAfterSeconds: delaySecondsUntil(atMs, nowMs) };
}
