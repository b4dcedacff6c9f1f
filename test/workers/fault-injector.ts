import { env } from 'cloudflare:workers';
import { type WithTimeout, withTimeout } from '../../src/shared/with-timeout.ts';
import { createAuditStore } from '../../src/storage/audit-store.ts';
import { createCatalog } from '../../src/storage/catalog.ts';
import { createDeadLetters } from '../../src/storage/dead-letters.ts';
import { createHolds } from '../../src/storage/holds.ts';
import { createInbox } from '../../src/storage/inbox.ts';
import { createReconcileCursor } from '../../src/storage/reconcile-cursor.ts';
import { createRecordings } from '../../src/storage/recordings.ts';
import { createReindexStore } from '../../src/storage/reindex-store.ts';
import { createSeen } from '../../src/storage/seen.ts';
import { createShares } from '../../src/storage/shares.ts';
import { createTombstones } from '../../src/storage/tombstones.ts';
import { createTrail } from '../../src/storage/trail.ts';
import { createTransferQueue, type QueueMessage } from '../../src/storage/transfer-queue.ts';

/**
 * The fault of one call to a store, to the queue or to `fetch`: before or after the call had its effect. A call that
 * hangs has had its effect.
 */
export const faults = [
  'crashes before',
  'crashes after',
  'throws before',
  'throws after',
  'hangs',
  'loses the condition',
] as const;

export type Fault = (typeof faults)[number] | 'none';

/** Time limits are divided by this, so that a call that hangs times out within a test. */
const SPEED = 40;

/** Services of which one call, counted from 1, has a fault. */
export function createFaultInjector(faultyCall: number, fault: Fault) {
  // The run without a fault counts the calls: a slow machine must not make it one with a fault.
  const speed = faultyCall === 0 ? 1 : SPEED;
  const shortTimeout: WithTimeout = (ms, work) => withTimeout(ms / speed, work);
  let calls = 0;
  let isCrashed = false;
  const crashed = Promise.withResolvers<'crashed'>();
  const never = new Promise<never>(() => undefined);

  /** Runs every call; after a crash no call returns. */
  async function pass<T>(work: () => Promise<T>, isConditional: boolean): Promise<T> {
    calls++;
    if (isCrashed) return never;
    const value =
      calls === faultyCall && fault !== 'none' ? await injectFault(work, isConditional) : await work();
    return isCrashed ? never : value;
  }

  async function injectFault<T>(work: () => Promise<T>, isConditional: boolean): Promise<T> {
    if (fault === 'loses the condition') return isConditional ? (null as T) : work();
    if (fault === 'throws before') throw new Error('put: We encountered too many requests (10058)');
    if (fault === 'crashes before') return crash();
    await work();
    if (fault === 'hangs') return never;
    if (fault === 'throws after') throw new Error('put: We encountered an internal error (10001)');
    return crash();
  }

  function crash(): Promise<never> {
    isCrashed = true;
    crashed.resolve('crashed');
    return never;
  }

  const bucket = wrap(env.RECORDINGS, pass);
  const kv = wrap(env.DEDUPE, pass);
  const queue = wrap({ send: async () => undefined, sendBatch: async () => undefined }, pass);
  return {
    crashed: crashed.promise,
    calls: () => calls,
    services: {
      seen: createSeen(kv, shortTimeout),
      reconcileCursor: createReconcileCursor(kv, shortTimeout),
      auditStore: createAuditStore(bucket, shortTimeout),
      reindexStore: createReindexStore(bucket, shortTimeout),
      trail: createTrail(bucket, async () => undefined, shortTimeout),
      tombstones: createTombstones(bucket, () => crypto.randomUUID(), shortTimeout),
      shares: createShares(bucket, () => Date.now(), shortTimeout),
      holds: createHolds(bucket, shortTimeout),
      inbox: createInbox(bucket, shortTimeout),
      deadLetters: createDeadLetters(bucket, shortTimeout),
      recordings: createRecordings(bucket, shortTimeout),
      catalog: createCatalog(wrapDatabase(env.CATALOG, pass), shortTimeout),
      queue: createTransferQueue(queue as unknown as Queue<QueueMessage>, shortTimeout),
      withTimeout: shortTimeout,
      fetch: ((input, init) => pass(() => fetch(input, init), false)) as typeof fetch,
    },
  };
}

type Pass = <T>(work: () => Promise<T>, isConditional: boolean) => Promise<T>;

/** The same database with every request run by `pass`: statements are made without one. */
function wrapDatabase(database: D1Database, pass: Pass): D1Database {
  const statements = new WeakMap<object, D1PreparedStatement>();
  const wrapStatement = (statement: D1PreparedStatement): D1PreparedStatement => {
    const wrapped = wrap(statement, pass, { bind: (...values) => wrapStatement(statement.bind(...values)) });
    statements.set(wrapped, statement);
    return wrapped;
  };
  const own = (statement: D1PreparedStatement) => statements.get(statement) ?? statement;
  return wrap(database, pass, {
    prepare: (sql) => wrapStatement(database.prepare(sql)),
    batch: (batch) => pass(() => database.batch(batch.map(own)), false) as never,
  });
}

/** The same object with every method but `own` run by `pass`. An upload in parts is wrapped as well. */
function wrap<T extends object>(target: T, pass: Pass, own: Partial<T> = {}): T {
  return new Proxy(target, {
    get(object, name) {
      if (Reflect.has(own, name)) return Reflect.get(own, name);
      const member: unknown = Reflect.get(object, name);
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]) => {
        const isConditional = name === 'put' && Object(args[2]).onlyIf !== undefined;
        const value = await pass(() => member.apply(object, args), isConditional);
        return name === 'createMultipartUpload' ? wrap(Object(value), pass) : value;
      };
    },
  });
}
