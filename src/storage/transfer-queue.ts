import * as v from 'valibot';
import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';
import { STORE_MS } from './objects.ts';

/** The longest delay that a queue takes; also the most that is believed of a `Retry-After`. */
export const MAX_DELAY_SECONDS = 24 * 60 * 60;

/**
 * A message names an entry, which is read when the message is consumed; or the next page of an audit, of the deletions
 * at a provider, of a purge, of the retention, or of a rebuild of the catalog.
 */
export type QueueMessage = EntryMessage | ChoreMessage;

const entryMessage = v.object({ version: v.literal(1), inboxKey: v.pipe(v.string(), v.minLength(1)) });
const auditMessage = v.object({ version: v.literal(1), chore: v.literal('audit'), provider: v.string() });
const deletionMessage = v.object({
  version: v.literal(1),
  chore: v.literal('deletion'),
  provider: v.string(),
  path: v.string(),
  /** The pages before this one, and a recording that must not be listed again: a list that does not move has no end. */
  pages: v.number(),
  before: v.optional(v.string()),
});
const reindexMessage = v.object({ version: v.literal(1), chore: v.literal('reindex') });
const retentionMessage = v.object({
  version: v.literal(1),
  chore: v.literal('retention'),
  rule: v.string(),
  cursor: v.optional(v.number()),
  pages: v.number(),
  erased: v.number(),
});
const purgeMessage = v.object({ version: v.literal(1), chore: v.literal('purge'), cursor: v.string() });

type EntryMessage = Readonly<v.InferOutput<typeof entryMessage>>;
export type DeletionMessage = Readonly<v.InferOutput<typeof deletionMessage>>;
export type RetentionMessage = Readonly<v.InferOutput<typeof retentionMessage>>;
export type ChoreMessage = Readonly<v.InferOutput<(typeof choreMessages)[number]>>;

const choreMessages = [
  auditMessage,
  deletionMessage,
  purgeMessage,
  reindexMessage,
  retentionMessage,
] as const;

/** Messages of one batch. */
const MAX_BATCH_MESSAGES = 100;

/** The queue for entries that the fast path did not finish, and for chores. */
export function createTransferQueue(queue: Queue<QueueMessage>, limit: WithTimeout = withTimeout) {
  return {
    async send(inboxKey: string, delaySeconds = 0): Promise<void> {
      await limit(STORE_MS, queue.send({ version: 1, inboxKey }, { delaySeconds }));
    },

    async sendAll(inboxKeys: readonly string[]): Promise<void> {
      for (let at = 0; at < inboxKeys.length; at += MAX_BATCH_MESSAGES) {
        const keys = inboxKeys.slice(at, at + MAX_BATCH_MESSAGES);
        const messages = keys.map((inboxKey) => ({ body: { version: 1, inboxKey } as const }));
        await limit(STORE_MS, queue.sendBatch(messages));
      }
    },

    async sendChore(message: ChoreMessage): Promise<void> {
      await limit(STORE_MS, queue.send(message));
    },
  };
}

export type TransferQueue = ReturnType<typeof createTransferQueue>;

/** The whole seconds until a time, at most the longest delay of a queue. */
export function delaySecondsUntil(atMs: number, nowMs: number): number {
  return Math.min(Math.max(0, Math.ceil((atMs - nowMs) / 1000)), MAX_DELAY_SECONDS);
}

/** Reads a message of this version; `undefined` for any other. */
export function readMessage(body: unknown): QueueMessage | undefined {
  for (const message of [entryMessage, ...choreMessages]) if (v.is(message, body)) return body;
  return undefined;
}
