import type { InboxEntry } from '../recording.ts';
import { withHistory } from '../storage/dead-letters.ts';
import type { PendingEntry } from '../storage/inbox.ts';
import { inboxKey } from '../storage/keys.ts';
import { linkedIn, offerOf, withLinks } from './fresh-links.ts';
import type { ArchiveServices } from './services.ts';

/**
 * The end of a merge: `kept`, the entry that this worker holds and goes on with; `merged` into another entry;
 * or `lost` to another worker.
 */
export type MergeEnd =
  | { readonly outcome: 'kept'; readonly pending: PendingEntry }
  | { readonly outcome: 'merged' | 'lost' };

/**
 * Merges an entry under a second key into the one of the same event under its first key, if there is one: the
 * first key was freed, and the event delivered again, before KV showed it. One event fingerprint is one entry.
 * While the entry is yielding, no delivery adds a link to it.
 */
export async function mergeEntries(taken: PendingEntry, services: ArchiveServices): Promise<MergeEnd> {
  const { inbox } = services;
  const { event, fingerprint, gaveUpAt, isYielding } = taken.entry;
  const isFirst = taken.key === (await inboxKey(event.provider, event.eventId));
  if (isFirst || gaveUpAt !== undefined) return { outcome: 'kept', pending: taken };
  const first = await inbox.find(event, fingerprint);
  if ((first === undefined || first.key === taken.key) && !isYielding)
    return { outcome: 'kept', pending: taken };
  const yielding = await inbox.change(taken, (entry) => ({ ...entry, isYielding: true }));
  if (yielding === undefined) return { outcome: 'lost' };
  if (first !== undefined && (await mergeInto(first, yielding.entry, services))) {
    await inbox.remove(yielding);
    return { outcome: 'merged' };
  }
  const pending = await inbox.change(yielding, ({ isYielding: _, ...entry }) => entry);
  return pending === undefined ? { outcome: 'lost' } : { outcome: 'kept', pending };
}

/**
 * Adds the attempts and the longer links of a yielding entry to the first; `false` when the first is closed.
 */
async function mergeInto(
  first: PendingEntry,
  yielding: InboxEntry,
  { inbox, queue, now }: ArchiveServices,
): Promise<boolean> {
  const { attempts, knownLinks = [] } = yielding;
  const offered = await offerOf(linkedIn(yielding), first.entry);
  const dueAt = new Date(now()).toISOString();
  const merged = await inbox.change(first, (entry) => {
    if (entry.gaveUpAt !== undefined) return undefined;
    const linked = withLinks(entry, offered);
    const own = linked?.knownLinks ?? entry.knownLinks ?? [offered.ownSha256];
    const known = [...new Set([...own, offered.sha256, ...knownLinks])];
    const turn = linked !== undefined && entry.lease === undefined ? { dueAt } : {};
    const history = withHistory(entry.attempts, attempts);
    return { ...(linked ?? entry), ...turn, knownLinks: known, attempts: history };
  });
  if (merged?.entry.dueAt === dueAt) await queue.send(merged.key);
  return merged !== undefined;
}
