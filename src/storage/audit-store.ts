import { type JsonObject, objectAt, quantityAt, textAt } from '../shared/json.ts';
import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';
import { type Expected, putJson, readJson, type Store } from './objects.ts';

/** An audit under way: what it asks for, which page comes next, and what it has found. Times are ISO 8601. */
export interface AuditRun {
  readonly from: string;
  readonly to: string;
  /** Up to where this run covers everything: before what the provider is still preparing. */
  readonly until: string;
  readonly path: string;
  readonly pages: number;
  readonly listed: number;
  readonly sent: number;
  readonly startedAt: string;
  /** How many the provider's API says there are, if it does: a list that changes meanwhile moves its pages. */
  readonly total?: number | undefined;
  /** How often it began again because the list had changed. */
  readonly restarts: number;
}

/** How far a provider's recordings were audited, and the run that goes on. */
export interface AuditState {
  /** Absent before the first audit has ended. */
  readonly auditedUntil?: string | undefined;
  /** When the last run began that has ended. */
  readonly startedAt?: string | undefined;
  readonly run?: AuditRun | undefined;
}

export type StoredAudit = AuditState & { readonly expected: Expected };

/** How far each provider's recordings were audited: `audit/<provider>.json`. */
export function createAuditStore(bucket: R2Bucket, limit: WithTimeout = withTimeout) {
  const store: Store = { bucket, withTimeout: limit };
  const keyOf = (provider: string) => `audit/${provider}.json`;
  return {
    async read(provider: string): Promise<StoredAudit> {
      const found = await readJson(store, keyOf(provider));
      if (found === undefined) return { expected: { absent: true } };
      const { etag, json = {} } = found;
      const run = objectAt(json, 'run');
      return {
        auditedUntil: textAt(json, 'auditedUntil'),
        startedAt: textAt(json, 'startedAt'),
        run: run && readRun(run),
        expected: { etag },
      };
    },

    /** `false` when another message has moved the audit on in the meantime. */
    async write(provider: string, state: AuditState, expected: Expected): Promise<boolean> {
      return (await putJson(store, { key: keyOf(provider), value: state, expected })) !== undefined;
    },
  };
}

export type AuditStore = ReturnType<typeof createAuditStore>;

function readRun(run: JsonObject): AuditRun | undefined {
  const [from, to, until] = [textAt(run, 'from'), textAt(run, 'to'), textAt(run, 'until')];
  const [path, startedAt] = [textAt(run, 'path'), textAt(run, 'startedAt')];
  if (from === undefined || to === undefined || until === undefined) return undefined;
  if (path === undefined || startedAt === undefined) return undefined;
  const count = (name: string) => quantityAt(run, name) ?? 0;
  const [pages, listed, sent] = [count('pages'), count('listed'), count('sent')];
  const [restarts, total] = [count('restarts'), quantityAt(run, 'total')];
  return { from, to, until, path, startedAt, pages, listed, sent, restarts, total };
}
