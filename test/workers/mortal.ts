import { env } from 'cloudflare:workers';
import { createDeadLetters } from '../../src/storage/dead-letters.ts';
import { createInbox } from '../../src/storage/inbox.ts';
import { createRecordings } from '../../src/storage/recordings.ts';
import { createSeen } from '../../src/storage/seen.ts';
import { createTransfers, type TransferMessage } from '../../src/storage/transfers.ts';

/** What happens at one call to a store, to the queue or to `fetch`. */
export type Blow = 'dies before' | 'dies after' | 'throws before' | 'throws after' | 'loses' | 'nothing';

/** Bindings of which one call, counted from 1, meets a blow. */
export function createMortal(fatalCall: number, blow: Blow) {
  let calls = 0;
  let isDead = false;
  const death = Promise.withResolvers<'dead'>();
  const never = new Promise<never>(() => undefined);

  /** Every call goes through here; to the dead nothing comes back any more. */
  async function pass<T>(work: () => Promise<T>, canLose: boolean): Promise<T> {
    calls++;
    if (isDead) return never;
    const value = calls === fatalCall && blow !== 'nothing' ? await strike(work, canLose) : await work();
    return isDead ? never : value;
  }

  async function strike<T>(work: () => Promise<T>, canLose: boolean): Promise<T> {
    if (blow === 'loses') return canLose ? (null as T) : work();
    if (blow === 'throws before') throw new Error('put: We encountered too many requests (10058)');
    if (blow === 'dies before') return die();
    await work();
    if (blow === 'throws after') throw new Error('put: We encountered an internal error (10001)');
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
      seen: createSeen(kv),
      inbox: createInbox(bucket),
      deadLetters: createDeadLetters(bucket),
      recordings: createRecordings(bucket),
      transfers: createTransfers(queue as unknown as Queue<TransferMessage>),
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
