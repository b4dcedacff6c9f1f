import { parseJsonObject, quantityAt, textAt } from '../shared/json.ts';
import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';
import { KV_MS } from './seen.ts';

const KEY = 'reconcile/sweep';

/** A sweep that nobody went on with for an hour begins anew. */
const TTL_SECONDS = 60 * 60;

/** A look at the whole inbox, which may take several runs of the cron; times are in ms since 1970. */
export interface Sweep {
  /** When it began, and when the one before it did. */
  readonly beganMs: number;
  readonly previousMs: number;
  /** Where its next run goes on; absent when it is over. */
  readonly cursor?: string | undefined;
  /** When the run was meant for that wrote this. */
  readonly writtenMs: number;
}

/** The sweep that is under way, or was the last to take several runs. KV may be late, which costs a second look. */
export function createReconcileCursor(kv: KVNamespace, limit: WithTimeout = withTimeout) {
  return {
    async read(): Promise<Sweep | undefined> {
      const mark = parseJsonObject((await limit(KV_MS, kv.get(KEY))) ?? '');
      const beganMs = mark && quantityAt(mark, 'beganMs');
      const previousMs = mark && quantityAt(mark, 'previousMs');
      const writtenMs = (mark && quantityAt(mark, 'writtenMs')) ?? 0;
      if (mark === undefined || beganMs === undefined || previousMs === undefined) return undefined;
      return { beganMs, previousMs, cursor: textAt(mark, 'cursor'), writtenMs };
    },
    async write(sweep: Sweep | undefined): Promise<void> {
      const write =
        sweep === undefined
          ? kv.delete(KEY)
          : kv.put(KEY, JSON.stringify(sweep), { expirationTtl: TTL_SECONDS });
      await limit(KV_MS, write);
    },
  };
}

export type ReconcileCursor = ReturnType<typeof createReconcileCursor>;
