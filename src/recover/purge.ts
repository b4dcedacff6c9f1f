import { isComplete } from '../archive/place.ts';
import { erasureOf } from '../archive/remove-recording.ts';
import type { ArchiveServices } from '../archive/services.ts';
import type { DeadLetter } from '../recording.ts';

/** Dead letters of one page: each costs up to eight calls, and the free plan allows 1,000 an invocation. */
export const PURGE_PAGE_LETTERS = 100;

/**
 * Removes the dead letters of recordings that were erased, or archived later: by another event, by an audit, or by a
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
    if (stored === undefined || !(await isNeedless(stored.letter, services))) continue;
    if (await deadLetters.removeIf(stored)) removed++;
  }
  if (removed > 0) log({ event: 'purge', outcome: 'done', listed: page.deadLetters.length, removed });
}

/** Whether the recording of a letter is archived, or was erased. */
async function isNeedless({ event }: DeadLetter, services: ArchiveServices): Promise<boolean> {
  if (event === undefined) return false;
  return (await erasureOf(event, services)) === 'erased' || isComplete(event, services);
}
