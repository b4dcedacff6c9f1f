import { env } from 'cloudflare:workers';
import { type WithTimeout, withTimeout } from '../../src/shared/with-timeout.ts';
import { createAuditStore } from '../../src/storage/audit-store.ts';
import { createDeadLetters } from '../../src/storage/dead-letters.ts';
import { createInbox } from '../../src/storage/inbox.ts';
import { createTransferQueue, type QueueMessage } from '../../src/storage/queue.ts';
import { createReconcileCursor } from '../../src/storage/reconcile-cursor.ts';
import { createRecordings } from '../../src/storage/recordings.ts';
import { createSeen } from '../../src/storage/seen.ts';

/** What happens at one call to a store, to the queue or to `fetch`; one that hangs has had its effect. */
export type Fault =
  | 'dies before'
  | 'dies after'
  | 'throws before'
  | 'throws after'
  | 'hangs'
  | 'loses'
  | 'nothing';

/** The time limits are this many times shorter, so that what hangs is given up in a test's time. */
const SPEED = 40;

const soon: WithTimeout = (ms, work) => withTimeout(ms / SPEED, work);

/** Bindings of which one call, counted from 1, meets a fault. */
export function createFaultInjector(fatalCall: number, fault: Fault) {
  let calls = 0;
  let isDead = false;
  const death = Promise.withResolvers<'dead'>();
  const never = new Promise<never>(() => undefined);

  /** Every call goes through here; to the dead nothing comes back any more. */
  async function pass<T>(work: () => Promise<T>, canLose: boolean): Promise<T> {
    calls++;
    if (isDead) return never;
    const value = calls === fatalCall && fault !== 'nothing' ? await strike(work, canLose) : await work();
    return isDead ? never : value;
  }

  async function strike<T>(work: () => Promise<T>, canLose: boolean): Promise<T> {
    if (fault === 'loses') return canLose ? (null as T) : work();
    if (fault === 'throws before') throw new Error('put: We encountered too many requests (10058)');
    if (fault === 'dies before') return die();
    await work();
    if (fault === 'hangs') return never;
    if (fault === 'throws after') throw new Error('put: We encountered an internal error (10001)');
    return die();
  }

  function die(): Promise<never> {
    isDead = true;
    death.resolve('dead');
    return never;
  }

  const bucket = wrap(env.RECORDINGS, pass);
  const kv = wrap(env.DEDUPE, pass);
  const queue = wrap({ send: async () => undefined, sendBatch: async () => undefined }, pass);
  return {
    death: death.promise,
    calls: () => calls,
    services: {
      seen: createSeen(kv, soon),
      reconcileCursor: createReconcileCursor(kv, soon),
      auditStore: createAuditStore(bucket, soon),
      inbox: createInbox(bucket, soon),
      deadLetters: createDeadLetters(bucket, soon),
      recordings: createRecordings(bucket, soon),
      queue: createTransferQueue(queue as unknown as Queue<QueueMessage>, soon),
      withTimeout: soon,
      fetch: ((input, init) => pass(() => fetch(input, init), false)) as typeof fetch,
    },
  };
}

type Pass = <T>(work: () => Promise<T>, canLose: boolean) => Promise<T>;

/** The same object, each of whose methods goes through `pass`; an upload in parts is wrapped in its turn. */
function wrap<T extends object>(target: T, pass: Pass): T {
  return new Proxy(target, {
    get(object, name) {
      const member: unknown = Reflect.get(object, name);
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]) => {
        const canLose = name === 'put' && Object(args[2]).onlyIf !== undefined;
        const value = await pass(() => member.apply(object, args), canLose);
        return name === 'createMultipartUpload' ? wrap(Object(value), pass) : value;
      };
    },
  });
}
