import * as v from 'valibot';
import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';
import { type Expected, putJson, readJson, type Store } from './objects.ts';

/** An audit under way: what it asks for, which page comes next, and what it has found. Times are ISO 8601. */
const auditRun = v.object({
  from: v.string(),
  to: v.string(),
  /** The time up to which this run covers everything: before what the provider is still preparing. */
  until: v.string(),
  path: v.string(),
  pages: v.number(),
  listed: v.number(),
  sent: v.number(),
  startedAt: v.string(),
  /** The number of recordings, if the provider's API says so: a list that changes meanwhile moves its pages. */
  total: v.optional(v.number()),
  /** The times it began again because the list had changed. */
  restarts: v.optional(v.number()),
});

/** How far a provider's recordings were audited. */
const auditMark = v.object({
  /** Absent before the first audit has ended. */
  auditedUntil: v.optional(v.string()),
  /** The start of the last run that has ended. */
  startedAt: v.optional(v.string()),
});

export type AuditRun = Readonly<v.InferOutput<typeof auditRun>>;
export type AuditState = Readonly<v.InferOutput<typeof auditMark>> & {
  /** The run that is under way. */
  readonly run?: AuditRun | undefined;
};
export type StoredAudit = AuditState & { readonly expected: Expected };

/** How far each provider's recordings were audited: `audit/<provider>.json`. */
export function createAuditStore(bucket: R2Bucket, limit: WithTimeout = withTimeout) {
  const store: Store = { bucket, withTimeout: limit };
  const keyOf = (provider: string) => `audit/${provider}.json`;
  return {
    /**
     * A state that cannot be read counts as none: the next audit looks back as far as the first. Where only its run
     * cannot be read, the time up to which all was audited stays.
     */
    async read(provider: string): Promise<StoredAudit> {
      const found = await readJson(store, keyOf(provider));
      if (found === undefined) return { expected: { absent: true } };
      const expected = { etag: found.etag };
      const { run, ...mark } = found.json ?? {};
      if (!v.is(auditMark, mark)) return { expected };
      return { ...mark, run: v.is(auditRun, run) ? run : undefined, expected };
    },

    /** `false` when another message has moved the audit on in the meantime. */
    async write(provider: string, state: AuditState, expected: Expected): Promise<boolean> {
      return (await putJson(store, { key: keyOf(provider), value: state, expected })) !== undefined;
    },
  };
}

export type AuditStore = ReturnType<typeof createAuditStore>;
