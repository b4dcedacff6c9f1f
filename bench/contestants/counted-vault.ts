import vault from '../../src/index.ts';

/** What the owner pays for, by what the price list calls it. */
type Counts = Record<string, number>;

const prices: Readonly<Record<string, string>> = {
  'DEDUPE.get': 'KV read',
  'DEDUPE.put': 'KV write',
  'RECORDINGS.get': 'R2 class B',
  'RECORDINGS.head': 'R2 class B',
  'RECORDINGS.put': 'R2 class A',
  'RECORDINGS.list': 'R2 class A',
  'RECORDINGS.createMultipartUpload': 'R2 class A',
  'RECORDINGS.resumeMultipartUpload': 'free',
  'RECORDINGS.delete': 'free',
  'RECORDINGS.uploadPart': 'R2 class A',
  'RECORDINGS.complete': 'R2 class A',
  'RECORDINGS.abort': 'free',
};

/** A message is written, read and deleted. */
const OPERATIONS_PER_MESSAGE = 3;

const counts: Counts = {};

function add(what: string, amount = 1): void {
  counts[what] = (counts[what] ?? 0) + amount;
}

const write = console.log;
console.log = (...texts: unknown[]) => {
  add('log line');
  write(...texts);
};

/** A binding, each of whose calls is counted; so are those of the uploads that it hands out. */
function counted<T extends object>(binding: T, name: string): T {
  return new Proxy(binding, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        const what = prices[`${name}.${String(property)}`];
        if (what === undefined) throw new Error(`No price is known of ${name}.${String(property)}`);
        add(what);
        const result: unknown = Reflect.apply(value, target, args);
        return String(property).endsWith('MultipartUpload') ? countedUpload(result) : result;
      };
    },
  });
}

async function countedUpload(upload: unknown): Promise<unknown> {
  const settled = await upload;
  return typeof settled === 'object' && settled !== null ? counted(settled, 'RECORDINGS') : settled;
}

/** With the setting `BENCH_QUEUE=off` messages are counted and dropped, so that entries stay where they are. */
function countedQueue(env: Env): Env['TRANSFERS'] {
  const isOff = Reflect.get(env, 'BENCH_QUEUE') === 'off';
  const deliver = async (messages: number, send: () => Promise<unknown>) => {
    add('queue operation', OPERATIONS_PER_MESSAGE * messages);
    if (!isOff) await send();
  };
  const queue = {
    send: (...args: Parameters<Env['TRANSFERS']['send']>) => deliver(1, () => env.TRANSFERS.send(...args)),
    sendBatch: (...args: Parameters<Env['TRANSFERS']['sendBatch']>) =>
      deliver([...args[0]].length, () => env.TRANSFERS.sendBatch(...args)),
  };
  return Object.assign(Object.create(null), queue);
}

let known: Env | undefined;

function bindings(env: Env): Env {
  known ??= {
    ...env,
    DEDUPE: counted(env.DEDUPE, 'DEDUPE'),
    RECORDINGS: counted(env.RECORDINGS, 'RECORDINGS'),
    TRANSFERS: countedQueue(env),
  };
  return known;
}

/** What was counted since it was asked for last. */
function tell(): Response {
  const told = { ...counts };
  for (const what of Object.keys(counts)) delete counts[what];
  return Response.json(told);
}

/** callvault with counted bindings; `GET /bench/operations` tells the counts, and begins again at none. */
export default {
  fetch(request: Request, env: Env, context: ExecutionContext): Response | Promise<Response> {
    if (request.url.endsWith('/bench/operations')) return tell();
    if (request.method === 'POST') add('request');
    return vault.fetch(request, bindings(env), context);
  },
  queue: (batch: MessageBatch, env: Env) => vault.queue(batch, bindings(env)),
  scheduled(controller: ScheduledController, env: Env): Promise<void> {
    add('request'); // A run of the cron is paid for as one.
    return vault.scheduled(controller, bindings(env));
  },
};
