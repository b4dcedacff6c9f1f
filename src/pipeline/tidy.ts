import { TIDY_PAGE_LETTERS } from '../shared/limits.ts';
import type { Transfers } from '../storage/transfers.ts';
import type { FinishServices } from './finish.ts';
import { isComplete } from './place.ts';

export interface TidyServices extends FinishServices {
  readonly transfers: Transfers;
}

/**
 * Removes the dead letters of recordings that are archived after all: by another event, by an audit, or by a delivery
 * that came again. Success wins, whichever way it came. Looks at one page, and leaves the next one to a message.
 */
export async function tidyDeadLetters(services: TidyServices, cursor?: string): Promise<void> {
  const { deadLetters, transfers, log } = services;
  const page = await deadLetters.list(cursor, TIDY_PAGE_LETTERS);
  let removed = 0;
  for (const { key } of page.deadLetters) {
    const letter = await deadLetters.read(key);
    if (letter?.event === undefined || !(await isComplete(letter.event, services))) continue;
    await deadLetters.removeAt(key);
    removed++;
  }
  if (removed > 0) log({ event: 'tidy', outcome: 'done', listed: page.deadLetters.length, removed });
  if (page.cursor !== undefined)
    await transfers.sendChore({ version: 1, chore: 'tidy', cursor: page.cursor });
}
