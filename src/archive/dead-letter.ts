import type { DeadLetter, InboxEntry } from '../recording.ts';
import { type PermanentCode, type PermanentFailure, permanentFailures } from '../shared/errors.ts';
import { type StoredLetter, withHistory } from '../storage/dead-letters.ts';
import type { PendingEntry } from '../storage/inbox.ts';
import { MAX_CONFLICTS } from '../storage/objects.ts';
import { linkedBy, offerOf, withLinks } from './fresh-links.ts';
import type { ArchiveServices } from './services.ts';

/** The dead letter of an entry that is given up. */
export function deadLetter(entry: InboxEntry, { code, detail }: PermanentFailure, nowMs: number): DeadLetter {
  const { provider, eventId, eventType } = entry.event;
  const failure = explain(code, detail);
  const { lease: _, dueAt: _due, ...kept } = entry;
  return { ...kept, provider, eventId, eventType, failure, deadAt: new Date(nowMs).toISOString() };
}

/** A failure with the advice of its code. */
export function explain(code: PermanentCode, detail?: string): DeadLetter['failure'] {
  return { code, detail, advice: permanentFailures[code] };
}

/**
 * Removes the letter that a new entry continues. The entry is created first and held meanwhile: a crash in
 * between leaves both, and success removes the letter. Attempts and links added to the letter since it was read
 * are moved.
 */
export async function absorbLetter(
  entered: PendingEntry,
  letter: StoredLetter,
  { inbox, deadLetters }: Pick<ArchiveServices, 'inbox' | 'deadLetters'>,
): Promise<PendingEntry> {
  const { event, fingerprint } = entered.entry;
  let held = entered;
  let known: StoredLetter | undefined = letter;
  for (let conflicts = 0; conflicts <= MAX_CONFLICTS && known?.letter !== undefined; conflicts++) {
    if (await deadLetters.removeIf(known)) break;
    known = await deadLetters.find(event, fingerprint);
    const added = known?.letter;
    const changed = added && (await inbox.change(held, await withLetter(held.entry, added)));
    held = changed ?? held;
  }
  return held;
}

/** Adds the attempts and longer links that a letter has and an entry lacks. */
async function withLetter(entry: InboxEntry, letter: DeadLetter): Promise<(entry: InboxEntry) => InboxEntry> {
  const { event = entry.event, attempts, delivery } = letter;
  const offered = await offerOf(linkedBy(event, delivery), entry);
  return (present) => ({
    ...(withLinks(present, offered) ?? present),
    attemptsCountFrom: present.attemptsCountFrom,
    attempts: withHistory(present.attempts, attempts),
  });
}
