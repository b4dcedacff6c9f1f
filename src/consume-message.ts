import { consumeEntry, type Verdict } from './archive/consume-entry.ts';
import { explain } from './archive/dead-letter.ts';
import { continueAudit } from './recover/audit.ts';
import { continueDeletion } from './recover/delete-copies.ts';
import { purgeDeadLetters } from './recover/purge.ts';
import { continueReindex } from './recover/reindex.ts';
import { continueRetention, type RetentionServices } from './recover/retention.ts';
import type { RecoverServices } from './recover/services.ts';
import { describeError } from './shared/log.ts';
import { readMessage } from './storage/transfer-queue.ts';

/** A message that cannot be consumed now, after a store's failure, is delivered again after this. */
const RETRY_SECONDS = 60;

/** A message of another version of callvault stays in the queue until that version is back. */
const UNKNOWN_RETRY_SECONDS = 600;

/**
 * Consumes a message: it names an inbox entry, or the next page of a chore. No message is needed
 * forever: the entry is still there, and the cron finds it.
 */
export async function consumeMessage(body: unknown, services: RetentionServices): Promise<Verdict> {
  try {
    const message = readMessage(body);
    if (message === undefined) {
      services.log({ event: 'message', outcome: 'unknown_version' });
      return { retryAfterSeconds: UNKNOWN_RETRY_SECONDS };
    }
    if ('inboxKey' in message) return await consumeEntry(message.inboxKey, services);
    if (message.chore === 'audit') await continueAudit(message.provider, services);
    else if (message.chore === 'deletion') await continueDeletion(message, services);
    else if (message.chore === 'purge') await purgeDeadLetters(services, message.cursor);
    else if (message.chore === 'retention') await continueRetention(message, services);
    else await continueReindex(services);
    return {};
  } catch (error) {
    return notConsumed(error, services);
  }
}

/**
 * Consumes a message of the dead-letter queue, which failed again and again. The cron sends its entry, or its
 * chore, anew; a message that callvault cannot read becomes a dead letter for a person.
 */
export async function consumeDeadLettered(
  { id, body }: { readonly id: string; readonly body: unknown },
  services: RecoverServices,
): Promise<Verdict> {
  const { log, deadLetters, now } = services;
  const message = readMessage(body);
  const key = message !== undefined && 'inboxKey' in message ? message.inboxKey : undefined;
  log({ event: 'message', outcome: 'dead_lettered', key });
  if (message !== undefined) return {};
  try {
    const deadAt = new Date(now()).toISOString();
    await deadLetters.quarantineMessage({ id, body, failure: explain('unreadable_message'), deadAt });
    return {};
  } catch (error) {
    return notConsumed(error, services);
  }
}

function notConsumed(error: unknown, { log }: RecoverServices): Verdict {
  log({ event: 'fault', outcome: 'message_not_consumed', detail: describeError(error) });
  return { retryAfterSeconds: RETRY_SECONDS };
}
