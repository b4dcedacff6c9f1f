import vault from '../../src/index.ts';
import type { QueueMessage } from '../../src/storage/transfer-queue.ts';

/** The local queue works on one message at a time; deployed, up to 20 consumers work side by side. */
const waiting: QueueMessage[] = [];

const queue = { send: async (message: QueueMessage) => void waiting.push(message) };

let known: Env | undefined;

function bindings(env: Env): Env {
  known ??= Object.assign({ ...env }, { TRANSFERS: queue });
  return known;
}

function ackAll(): void {}

function batchOf(body: QueueMessage) {
  const message = {
    id: JSON.stringify(body),
    body,
    attempts: 1,
    timestamp: new Date(),
    ack: ackAll,
    retry: ackAll,
  };
  const ignored = { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } }, ackAll, retryAll: ackAll };
  return { queue: 'callvault-transfers', messages: [message], ...ignored };
}

/** callvault whose messages wait until `POST /bench/consume`, and are then worked on all at once. */
export default {
  async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
    if (!request.url.endsWith('/bench/consume')) return vault.fetch(request, bindings(env), context);
    const batches = waiting.splice(0).map(batchOf);
    await Promise.all(batches.map((batch) => vault.queue(batch, bindings(env))));
    return Response.json({ consumed: batches.length });
  },
  async queue(): Promise<void> {},
};
