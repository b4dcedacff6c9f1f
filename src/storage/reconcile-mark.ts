const KEY = 'reconcile/cursor';

/** A run that begins where one ended an hour ago would skip what came since. */
const TTL_SECONDS = 60 * 60;

/** Where a run of the cron stopped that could not look at everything; KV may be late, which costs a second look. */
export function createReconcileMark(kv: KVNamespace) {
  return {
    async read(): Promise<string | undefined> {
      return (await kv.get(KEY)) ?? undefined;
    },
    async write(cursor: string | undefined): Promise<void> {
      await (cursor === undefined ? kv.delete(KEY) : kv.put(KEY, cursor, { expirationTtl: TTL_SECONDS }));
    },
  };
}

export type ReconcileMark = ReturnType<typeof createReconcileMark>;
