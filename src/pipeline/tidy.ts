import { MAX_TIDY_PAGES } from '../shared/limits.ts';
import { type FinishServices, isComplete } from './finish.ts';

/**
 * Removes the dead letters of recordings that are archived after all: by another event, by an audit, or by a delivery
 * that came again. Success wins, whoever had it.
 */
export async function tidyDeadLetters(services: FinishServices): Promise<void> {
  const { deadLetters, log } = services;
  let cursor: string | undefined;
  let listed = 0;
  let removed = 0;
  for (let pages = 0; pages < MAX_TIDY_PAGES; pages++) {
    const page = await deadLetters.list(cursor);
    for (const { key } of page.deadLetters) {
      listed++;
      const letter = await deadLetters.read(key);
      if (letter?.event === undefined || !(await isComplete(letter.event, services))) continue;
      await deadLetters.removeAt(key);
      removed++;
    }
    cursor = page.cursor;
    if (cursor === undefined) break;
  }
  if (removed > 0) log({ event: 'tidy', outcome: 'done', listed, removed });
}
