import { MAX_DELAY_SECONDS } from '../shared/limits.ts';

/** A message of the queue: which entry to work on. The entry itself is read when the message is consumed. */
export interface TransferMessage {
  readonly version: 1;
  readonly inboxKey: string;
}

/** A batch may hold so many messages. */
const MAX_BATCH_MESSAGES = 100;

/** The engine for what the fast path could not finish. */
export function createTransfers(queue: Queue<TransferMessage>) {
  return {
    async send(inboxKey: string, delaySeconds = 0): Promise<void> {
      await queue.send({ version: 1, inboxKey }, { delaySeconds });
    },

    async sendAll(inboxKeys: readonly string[]): Promise<void> {
      for (let at = 0; at < inboxKeys.length; at += MAX_BATCH_MESSAGES) {
        const keys = inboxKeys.slice(at, at + MAX_BATCH_MESSAGES);
        await queue.sendBatch(keys.map((inboxKey) => ({ body: { version: 1, inboxKey } })));
      }
    },
  };
}

export type Transfers = ReturnType<typeof createTransfers>;

/** The whole seconds until a time, as a queue takes them. */
export function delaySecondsUntil(atMs: number, nowMs: number): number {
  return Math.min(Math.max(0, Math.ceil((atMs - nowMs) / 1000)), MAX_DELAY_SECONDS);
}
