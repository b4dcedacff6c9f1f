import { parseJsonObject, textAt } from '../shared/json.ts';

import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';
import { seenKey } from './keys.ts';

/** A call to KV that takes longer is done without. */
export const KV_MS = 1_000;

/** How long a finished event is answered from KV; Sautikit's own retries may span seven days. */
const SEEN_TTL_SECONDS = 30 * 24 * 60 * 60;

/**
 * How an event ended, and by which announcement; of a dead one also the SHA-256 of the links that were tried. Of one
 * that came late there is a dead letter, and nothing was tried.
 */
export type SeenEvent =
  | { readonly state: 'archived' | 'late'; readonly fingerprint: string }
  | { readonly state: 'dead'; readonly fingerprint: string; readonly linksSha256: string };

/**
 * The fast filter: KV can say "surely seen", never "surely not seen".
 * It shows an old absence for a minute, and takes one write a second per key (more throw). Every call has a limit
 * of a second: the caller goes on without the answer.
 */
export function createSeen(kv: KVNamespace, limit: WithTimeout = withTimeout) {
  return {
    /** `undefined` when KV knows nothing of the event; `announcement` is what it is expected to have ended by. */
    async find(provider: string, eventId: string, fingerprint: string): Promise<SeenEvent | undefined> {
      const text = await limit(KV_MS, kv.get(await seenKey(provider, eventId)));
      if (text === null) return undefined;
      const archived = { state: 'archived', fingerprint } as const;
      return text === JSON.stringify(archived) ? archived : readSeen(text); // As of nearly every repetition.
    },
    async markSeen(provider: string, eventId: string, seen: SeenEvent): Promise<void> {
      const options = { expirationTtl: SEEN_TTL_SECONDS };
      await limit(KV_MS, kv.put(await seenKey(provider, eventId), JSON.stringify(seen), options));
    },
  };
}

export type Seen = ReturnType<typeof createSeen>;

function readSeen(text: string): SeenEvent | undefined {
  const seen = parseJsonObject(text) ?? {};
  const fingerprint = textAt(seen, 'fingerprint');
  const linksSha256 = textAt(seen, 'linksSha256');
  if (fingerprint === undefined) return undefined;
  if (seen.state === 'archived' || seen.state === 'late') return { state: seen.state, fingerprint };
  return linksSha256 === undefined ? undefined : { state: 'dead', fingerprint, linksSha256 };
}
