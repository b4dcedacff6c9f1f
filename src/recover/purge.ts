import { isComplete } from '../archive/place.ts';
import type { ArchiveServices } from '../archive/services.ts';

/** Dead letters of one look: each costs up to eight calls, and the free plan allows 1,000 an invocation. */
export const PURGE_PAGE_LETTERS = 100;

/**
 * Removes the dead letters of recordings that are archived after all: by another event, by an audit, or by a delivery
 * that came again. Success wins, whichever way it came. Looks at one page, and leaves the next one to a message,
 * which is sent first: a page that cannot be looked at keeps none after it from its turn.
 */
export async function purgeDeadLetters(services: ArchiveServices, cursor?: string): Promise<void> {
  const { deadLetters, queue, log } = services;
  const page = await deadLetters.list(cursor, PURGE_PAGE_LETTERS);
  if (page.cursor !== undefined) await queue.sendChore({ version: 1, chore: 'purge', cursor: page.cursor });
  let removed = 0;
  for (const { key } of page.deadLetters) {
    const stored = await deadLetters.read(key);
    if (stored === undefined) await deadLetters.removeRest(key);
    if (stored?.letter.event === undefined || !(await isComplete(stored.letter.event, services))) continue;
    if (await deadLetters.removeIf(stored)) removed++;
  }
  if (removed > 0) log({ event: 'purge', outcome: 'done', listed: page.deadLetters.length, removed });
}
