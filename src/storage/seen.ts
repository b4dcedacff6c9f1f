import { SEEN_TTL_SECONDS } from '../shared/limits.ts';
import { seenKey } from './keys.ts';

/**
 * The fast filter: KV can say "surely seen", never "surely not seen".
 * It shows an old absence for a minute, and takes one write a second per key (more throw).
 */
export function createSeen(kv: KVNamespace) {
  return {
    async has(provider: string, eventId: string): Promise<boolean> {
      return (await kv.get(await seenKey(provider, eventId))) !== null;
    },
    async mark(provider: string, eventId: string): Promise<void> {
      await kv.put(await seenKey(provider, eventId), '1', { expirationTtl: SEEN_TTL_SECONDS });
    },
  };
}

export type Seen = ReturnType<typeof createSeen>;
