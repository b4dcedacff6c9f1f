import { isJsonObject, textAt } from '../shared/json.ts';
import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';
import { STORE_MS } from './objects.ts';

/** The longest delay that a queue takes; also the most that is believed of a `Retry-After`. */
export const MAX_DELAY_SECONDS = 24 * 60 * 60;

/** A message of the queue: which entry to work on. The entry itself is read when the message is consumed. */
export interface TransferMessage {
  readonly version: 1;
  readonly inboxKey: string;
}

/** A message that goes on with a chore: the audit of a provider, or the next dead letters to look at. */
export type ChoreMessage =
  | { readonly version: 1; readonly chore: 'audit'; readonly provider: string }
  | { readonly version: 1; readonly chore: 'purge'; readonly cursor: string };

export type QueueMessage = TransferMessage | ChoreMessage;

/** The most messages of a batch. */
const MAX_BATCH_MESSAGES = 100;

/** The engine for what the fast path could not finish. */
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

/** The whole seconds until a time, as a queue takes them. */
export function delaySecondsUntil(atMs: number, nowMs: number): number {
  return Math.min(Math.max(0, Math.ceil((atMs - nowMs) / 1000)), MAX_DELAY_SECONDS);
}

/** Reads a message of this version; `undefined` for any other. */
export function readMessage(body: unknown): QueueMessage | undefined {
  if (!isJsonObject(body) || body.version !== 1) return undefined;
  const { chore } = body;
  const inboxKey = textAt(body, 'inboxKey');
  const provider = textAt(body, 'provider');
  const cursor = textAt(body, 'cursor');
  if (inboxKey !== undefined) return { version: 1, inboxKey };
  if (chore === 'audit' && provider !== undefined) return { version: 1, chore, provider };
  if (chore === 'purge' && cursor !== undefined) return { version: 1, chore, cursor };
  return undefined;
}
