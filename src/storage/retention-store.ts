import * as v from 'valibot';
import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';
import { putJson, readJson, type Store } from './objects.ts';

/** Since when a rule has its number of days, and the recordings that it would have erased then. */
const knownRule = v.object({ days: v.number(), since: v.string(), count: v.number() });

const retentionSchema = v.object({ version: v.literal(1), rules: v.record(v.string(), knownRule) });

export type KnownRules = Readonly<Record<string, Readonly<v.InferOutput<typeof knownRule>>>>;

const KEY = 'retention/rules.json';

/** The rules of retention as they were announced: `retention/rules.json`. */
export function createRetentionStore(bucket: R2Bucket, limit: WithTimeout = withTimeout) {
  const store: Store = { bucket, withTimeout: limit };
  return {
    /** What cannot be read counts as unknown: then each rule is announced again, and waits for its day. */
    async read(): Promise<KnownRules> {
      const stored: unknown = (await readJson(store, KEY))?.json;
      return v.is(retentionSchema, stored) ? stored.rules : {};
    },

    async write(rules: KnownRules): Promise<void> {
      await putJson(store, { key: KEY, value: { version: 1, rules }, expected: { anything: true } });
    },
  };
}

export type RetentionStore = ReturnType<typeof createRetentionStore>;
