import type { DeadLetter, InboxEntry } from '../recording.ts';
import { MAX_CONFLICTS } from '../shared/limits.ts';
import { type DeadLetters, type StoredLetter, withHistory } from '../storage/dead-letters.ts';
import type { Inbox, PendingEntry } from '../storage/inbox.ts';
import { linkedBy, offerOf, withLinks } from './fresh-links.ts';

export interface ReviveServices {
  readonly inbox: Inbox;
  readonly deadLetters: DeadLetters;
}

/**
 * Removes the letter that a new entry continues, while the entry is held: after the entry is there, so that a crash
 * in between leaves both, and success removes the letter. What was added to the letter since it was read comes along.
 */
export async function absorbLetter(
  entered: PendingEntry,
  letter: StoredLetter,
  { inbox, deadLetters }: ReviveServices,
): Promise<PendingEntry> {
  const { event, announcement } = entered.entry;
  let held = entered;
  let known: StoredLetter | undefined = letter;
  for (let conflicts = 0; conflicts <= MAX_CONFLICTS && known?.letter !== undefined; conflicts++) {
    if (await deadLetters.removeIf(known)) break;
    known = await deadLetters.find(event, announcement);
    const added = known?.letter;
    const changed = added && (await inbox.change(held, await withLetter(held.entry, added)));
    held = changed ?? held;
  }
  return held;
}

/** Adds what a letter has, and an entry lacks: attempts, and links that live longer. */
async function withLetter(entry: InboxEntry, letter: DeadLetter): Promise<(entry: InboxEntry) => InboxEntry> {
  const { event = entry.event, attempts, delivery } = letter;
  const offered = await offerOf(linkedBy(event, delivery), entry);
  return (present) => ({
    ...(withLinks(present, offered) ?? present),
    replayedAt: present.replayedAt,
    attempts: withHistory(present.attempts, attempts),
  });
}
