import { SEEN_TTL_SECONDS } from '../shared/limits.ts';
import { seenKey } from './keys.ts';

/**
 * The fast filter: KV can say "surely seen", never "surely not seen".
 * It shows an old absence for a minute, and takes one write a second per key (more throw).
 */
export function createSeen(kv: KVNamespace) {
  return {
    /** How the event ended: `archived`, or dead by a body of this id; nothing when KV does not know it. */
    async find(provider: string, eventId: string): Promise<string | null> {
      return kv.get(await seenKey(provider, eventId));
    },
    async mark(provider: string, eventId: string, end: string): Promise<void> {
      await kv.put(await seenKey(provider, eventId), end, { expirationTtl: SEEN_TTL_SECONDS });
    },
  };
}

export type Seen = ReturnType<typeof createSeen>;
