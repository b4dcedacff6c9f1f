import * as v from 'valibot';
import { parseJsonObject } from '../shared/json.ts';
import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';
import { KV_MS } from './seen.ts';

const KEY = 'reconcile/cursor';

/** A sweep that no run has continued for this long is started anew. */
const TTL_SECONDS = 60 * 60;

/** A look at the whole inbox, which may take several runs of the cron; times are in ms since 1970. */
const sweepSchema = v.object({
  /** When it began, and when the one before it did. */
  beganMs: v.number(),
  previousMs: v.number(),
  /** The place where the next run continues; absent when the sweep has ended. */
  cursor: v.optional(v.string()),
  /** The time that the run was meant for that wrote this. */
  writtenMs: v.number(),
});

export type Sweep = Readonly<v.InferOutput<typeof sweepSchema>>;

/**
 * The sweep that is under way, or was the last to take several runs. KV may be late, which costs a second look.
 */
export function createReconcileCursor(kv: KVNamespace, limit: WithTimeout = withTimeout) {
  return {
    async read(): Promise<Sweep | undefined> {
      const sweep = parseJsonObject((await limit(KV_MS, kv.get(KEY))) ?? '');
      return v.is(sweepSchema, sweep) ? sweep : undefined;
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
