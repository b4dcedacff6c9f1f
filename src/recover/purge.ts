import type { FinishServices } from '../archive/close-entry.ts';
import { isComplete } from '../archive/place.ts';
import { TIDY_PAGE_LETTERS } from '../shared/limits.ts';
import type { Transfers } from '../storage/queue.ts';

export interface TidyServices extends FinishServices {
  readonly transfers: Transfers;
}

/**
 * Removes the dead letters of recordings that are archived after all: by another event, by an audit, or by a delivery
 * that came again. Success wins, whichever way it came. Looks at one page, and leaves the next one to a message,
 * which is sent first: a page that cannot be looked at keeps none after it from its turn.
 */
export async function tidyDeadLetters(services: TidyServices, cursor?: string): Promise<void> {
  const { deadLetters, transfers, log } = services;
  const page = await deadLetters.list(cursor, TIDY_PAGE_LETTERS);
  if (page.cursor !== undefined)
    await transfers.sendChore({ version: 1, chore: 'tidy', cursor: page.cursor });
  let removed = 0;
  for (const { key } of page.deadLetters) {
    const stored = await deadLetters.read(key);
    if (stored === undefined) await deadLetters.removeRest(key);
    if (stored?.letter.event === undefined || !(await isComplete(stored.letter.event, services))) continue;
    if (await deadLetters.removeIf(stored)) removed++;
  }
  if (removed > 0) log({ event: 'tidy', outcome: 'done', listed: page.deadLetters.length, removed });
}
