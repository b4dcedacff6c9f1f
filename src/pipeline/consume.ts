import { isJsonObject } from '../shared/json.ts';
import { LEASE_MS, MESSAGE_RETRY_SECONDS } from '../shared/limits.ts';
import { describeError } from '../shared/log.ts';
import type { PendingEntry } from '../storage/inbox.ts';
import { delaySecondsUntil } from '../storage/transfers.ts';
import { type ArchiveServices, archive } from './archive.ts';
import { fromQueue } from './archive-files.ts';
import { explain } from './dead-letter.ts';
import { freeAtMs, takeLease } from './lease.ts';

/** What to do about a message: nothing more, or to have it again after a delay. */
export type Verdict = { readonly retryAfterSeconds: number } | 'done';

/**
 * Works on the inbox entry that a message names. No message is needed for ever: whatever is lost or unknown of
 * them, the entry is still there, and the cron finds it.
 */
export async function consume(message: unknown, services: ArchiveServices): Promise<Verdict> {
  try {
    const key = inboxKeyOf(message);
    if (key === undefined) return unknownMessage(services);
    const pending = await services.inbox.read(key);
    if (pending === 'absent') return 'done';
    if (pending === 'unreadable') return unreadableEntry(key, services);
    return await work(pending, services);
  } catch (error) {
    return notConsumed(error, services);
  }
}

async function work(pending: PendingEntry, services: ArchiveServices): Promise<Verdict> {
  const freeMs = freeAtMs(pending.entry);
  if (freeMs > services.now()) return retryAt(freeMs, services.now());
  const taken = await takeLease(pending, services);
  if (taken === undefined) return retryAt(services.now() + LEASE_MS, services.now());
  const { outcome, retryAtMs } = await archive(taken, fromQueue, services);
  return outcome === 'pending' ? retryAt(retryAtMs ?? services.now() + LEASE_MS, services.now()) : 'done';
}

function inboxKeyOf(message: unknown): string | undefined {
  if (!isJsonObject(message) || message.version !== 1) return undefined;
  return typeof message.inboxKey === 'string' ? message.inboxKey : undefined;
}

/**
 * What came to the dead-letter queue: a message whose consumer failed again and again. Its entry is still there,
 * and the cron sends it anew; only what names no entry is put away for a person.
 */
export async function consumeDead(id: string, message: unknown, services: ArchiveServices): Promise<Verdict> {
  const { log, deadLetters, now } = services;
  const key = inboxKeyOf(message);
  log({ event: 'message', outcome: 'died', key });
  if (key !== undefined) return 'done';
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
