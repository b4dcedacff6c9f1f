import * as v from 'valibot';
import { parseJsonObject } from '../shared/json.ts';
import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';
import { seenKey } from './keys.ts';

/** A call to KV that takes longer is done without. */
export const KV_MS = 1_000;

/** The time for which a finished event is answered from KV; Sautikit's own retries may span seven days. */
const SEEN_TTL_SECONDS = 30 * 24 * 60 * 60;

const archivedEvent = v.object({ state: v.literal('archived'), fingerprint: v.string() });
/** There is a dead letter, and no link was tried. */
const lateEvent = v.object({ state: v.literal('late'), fingerprint: v.string() });
/** With the SHA-256 of the links that failed. */
const deadEvent = v.object({
  state: v.literal('dead'),
  fingerprint: v.string(),
  linksSha256: v.string(),
});

/** The end of an event. */
export type SeenEvent = Readonly<v.InferOutput<typeof archivedEvent | typeof lateEvent | typeof deadEvent>>;

/**
 * The fast filter: KV can say "surely seen", never "surely not seen". It shows an old absence for a minute, and
 * takes one write a second per key (more throw). Every call has a limit of a second: the caller goes on without
 * the answer.
 */
export function createSeen(kv: KVNamespace, limit: WithTimeout = withTimeout) {
  return {
    /**
     * `undefined` when KV does not know the event; `fingerprint` is the one it is expected to have ended with.
     */
    async find(provider: string, eventId: string, fingerprint: string): Promise<SeenEvent | undefined> {
      const text = await limit(KV_MS, kv.get(await seenKey(provider, eventId)));
      if (text === null) return undefined;
      const archived = { state: 'archived', fingerprint } as const;
      if (text === JSON.stringify(archived)) return archived; // As for nearly every repeated delivery.
      const seen = parseJsonObject(text);
      const isKnown = v.is(archivedEvent, seen) || v.is(lateEvent, seen) || v.is(deadEvent, seen);
      return isKnown ? seen : undefined;
    },
    async markSeen(provider: string, eventId: string, seen: SeenEvent): Promise<void> {
      const options = { expirationTtl: SEEN_TTL_SECONDS };
      await limit(KV_MS, kv.put(await seenKey(provider, eventId), JSON.stringify(seen), options));
    },
  };
}

export type Seen = ReturnType<typeof createSeen>;
