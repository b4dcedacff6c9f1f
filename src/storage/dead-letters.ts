import type { DeadLetter } from '../recording.ts';
import { deadLetterKey } from './keys.ts';
import { countObjects, createAnnounced } from './objects.ts';

/** What was given up, kept whole with the reason. */
export function createDeadLetters(bucket: R2Bucket) {
  return {
    /** False when just this is here already: the first account of it stays. */
    async create(letter: DeadLetter): Promise<boolean> {
      const keyOf = (id: string) => deadLetterKey(letter.provider, id);
      const metadata = { code: letter.failure.code };
      return (await createAnnounced(bucket, keyOf, letter.eventId, letter, metadata)) !== undefined;
    },

    count(): Promise<number> {
      return countObjects(bucket, 'dead/');
    },
  };
}

export type DeadLetters = ReturnType<typeof createDeadLetters>;
