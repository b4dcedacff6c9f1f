import type { DeadLetter } from '../recording.ts';
import { deadLetterKey } from './keys.ts';
import { countObjects, putJson } from './objects.ts';

/** What was given up, kept whole with the reason. */
export function createDeadLetters(bucket: R2Bucket) {
  return {
    /** False when this event is here already: the first account of it stays. */
    async create(letter: DeadLetter): Promise<boolean> {
      const key = await deadLetterKey(letter.provider, letter.eventId);
      const metadata = { code: letter.failure.code };
      return (await putJson(bucket, key, letter, { absent: true }, metadata)) !== undefined;
    },

    /** For an event that was archived after all. */
    async remove({ provider, eventId }: Pick<DeadLetter, 'provider' | 'eventId'>): Promise<void> {
      await bucket.delete(await deadLetterKey(provider, eventId));
    },

    count(): Promise<number> {
      return countObjects(bucket, 'dead/');
    },
  };
}

export type DeadLetters = ReturnType<typeof createDeadLetters>;
