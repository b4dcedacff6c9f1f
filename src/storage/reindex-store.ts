import * as v from 'valibot';
import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';
import { type Expected, putJson, readJson, type Store } from './objects.ts';

/** A rebuild of the catalog: how far it is, and what it found. Times are ISO 8601. */
const reindexRun = v.object({
  startedAt: v.string(),
  /** The last step. */
  movedAt: v.string(),
  endedAt: v.optional(v.string()),
  /** First the manifests are listed, then the rows are checked for a manifest, then the holds are listed. */
  after: v.object({
    phase: v.picklist(['manifests', 'rows', 'holds']),
    /** Of a row its id. */
    key: v.string(),
  }),
  /** The manifests so far. */
  listed: v.number(),
  /** The rows that were missing or differed. */
  fixed: v.number(),
  /** The rows without a manifest. */
  removed: v.number(),
});

export type ReindexRun = Readonly<v.InferOutput<typeof reindexRun>>;
export type StoredReindex = { readonly run?: ReindexRun | undefined; readonly expected: Expected };

const KEY = 'reindex/run.json';

/** The last rebuild of the catalog: `reindex/run.json`. */
export function createReindexStore(bucket: R2Bucket, limit: WithTimeout = withTimeout) {
  const store: Store = { bucket, withTimeout: limit };
  return {
    /** A run that cannot be read counts as none. */
    async read(): Promise<StoredReindex> {
      const found = await readJson(store, KEY);
      if (found === undefined) return { expected: { absent: true } };
      const run: unknown = found.json;
      return { run: v.is(reindexRun, run) ? run : undefined, expected: { etag: found.etag } };
    },

    /** `false` when another message has moved the run on in the meantime. */
    async write(run: ReindexRun, expected: Expected): Promise<boolean> {
      return (await putJson(store, { key: KEY, value: run, expected })) !== undefined;
    },
  };
}

export type ReindexStore = ReturnType<typeof createReindexStore>;
