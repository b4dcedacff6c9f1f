import { parseJsonObject, textAt } from '../shared/json.ts';
import { KV_MS, SEEN_TTL_SECONDS } from '../shared/limits.ts';
import { type Within, within } from '../shared/with-timeout.ts';
import { seenKey } from './keys.ts';

/**
 * How an event ended, and by which announcement; of a dead one also the SHA-256 of the links that were tried. Of one
 * that came late there is a dead letter, and nothing was tried.
 */
export type SeenEvent =
  | { readonly state: 'archived' | 'late'; readonly announcement: string }
  | { readonly state: 'dead'; readonly announcement: string; readonly linksSha256: string };

/**
 * The fast filter: KV can say "surely seen", never "surely not seen".
 * It shows an old absence for a minute, and takes one write a second per key (more throw). Every call has a limit
 * of a second: the caller goes on without the answer.
 */
export function createSeen(kv: KVNamespace, limit: Within = within) {
  return {
    /** `undefined` when KV knows nothing of the event; `announcement` is what it is expected to have ended by. */
    async find(provider: string, eventId: string, announcement: string): Promise<SeenEvent | undefined> {
      const text = await limit(KV_MS, kv.get(await seenKey(provider, eventId)));
      if (text === null) return undefined;
      const archived = { state: 'archived', announcement } as const;
      return text === JSON.stringify(archived) ? archived : readSeen(text); // As of nearly every repetition.
    },
    async mark(provider: string, eventId: string, seen: SeenEvent): Promise<void> {
      const options = { expirationTtl: SEEN_TTL_SECONDS };
      await limit(KV_MS, kv.put(await seenKey(provider, eventId), JSON.stringify(seen), options));
    },
  };
}

export type Seen = ReturnType<typeof createSeen>;

function readSeen(text: string): SeenEvent | undefined {
  const seen = parseJsonObject(text) ?? {};
  const announcement = textAt(seen, 'announcement');
  const linksSha256 = textAt(seen, 'linksSha256');
  if (announcement === undefined) return undefined;
  if (seen.state === 'archived' || seen.state === 'late') return { state: seen.state, announcement };
  return linksSha256 === undefined ? undefined : { state: 'dead', announcement, linksSha256 };
}
