import { SEEN_TTL_SECONDS } from '../shared/limits.ts';
import { seenKey } from './keys.ts';

/**
 * The fast filter: KV can say "surely seen", never "surely not seen".
 * It shows an old absence for a minute, and takes one write a second per key (more throw).
 */
export function createSeen(kv: KVNamespace) {
  return {
    /** The last announcement of this event that is finished, archived or dead; nothing when KV knows none. */
    async find(provider: string, eventId: string): Promise<string | null> {
      return kv.get(await seenKey(provider, eventId));
    },
    async mark(provider: string, eventId: string, announcement: string): Promise<void> {
      await kv.put(await seenKey(provider, eventId), announcement, { expirationTtl: SEEN_TTL_SECONDS });
    },
  };
}

export type Seen = ReturnType<typeof createSeen>;
