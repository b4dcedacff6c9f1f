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

/** The rows that D1 says it has read and written, which are paid for. */
function countRows({ meta }: D1Result): void {
  add('D1 row written', meta.rows_written);
  add('D1 row read', meta.rows_read);
}

/** The database, each of whose results is counted. */
function countedDatabase(database: D1Database): D1Database {
  const originals = new WeakMap<object, D1PreparedStatement>();
  const wrap = (statement: D1PreparedStatement): D1PreparedStatement => {
    const wrapped = new Proxy(statement, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          const result: unknown = Reflect.apply(value, target, args);
          if (property === 'bind') return wrap(result as D1PreparedStatement);
          return Promise.resolve(result as Promise<D1Result>).then((settled) => {
            if (settled?.meta !== undefined) countRows(settled);
            return settled;
          });
        };
      },
    });
    originals.set(wrapped, statement);
    return wrapped;
  };
  const own = (statement: D1PreparedStatement) => originals.get(statement) ?? statement;
  const batch = async (statements: D1PreparedStatement[]) => {
    const results = await database.batch(statements.map(own));
    results.forEach(countRows);
    return results;
  };
  return Object.assign(Object.create(null), {
    prepare: (sql: string) => wrap(database.prepare(sql)),
    batch,
  });
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
    CATALOG: countedDatabase(env.CATALOG),
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
