import { isComplete } from '../archive/place.ts';
import type { ArchiveServices } from '../archive/services.ts';

/** Dead letters of one page: each costs up to eight calls, and the free plan allows 1,000 an invocation. */
export const PURGE_PAGE_LETTERS = 100;

/**
 * Removes the dead letters of recordings that were archived later: by another event, by an audit, or by a
 * repeated delivery. Reads one page. The message for the next page is sent first, so that a page that fails
 * stops none after it.
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
