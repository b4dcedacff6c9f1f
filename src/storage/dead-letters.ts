import type { DeadLetter } from '../recording.ts';
import { sha256Hex, utf8 } from '../shared/bytes.ts';
import { objectAt, parseJsonObject } from '../shared/json.ts';
import { deadLetterKey } from './keys.ts';
import { countObjects, putJson } from './objects.ts';

/** What was given up, kept whole with the reason. */
export function createDeadLetters(bucket: R2Bucket) {
  return {
    /**
     * False when this very delivery is here already. Another delivery of the same event may hold what the
     * first lacked: it gets a key of its own, the event id followed by the body's SHA-256.
     */
    async create(letter: DeadLetter): Promise<boolean> {
      const key = await deadLetterKey(letter.provider, letter.eventId);
      if (await put(bucket, key, letter)) return true;
      const body = bodyOf(letter.delivery);
      const stored = parseJsonObject((await (await bucket.get(key))?.text()) ?? '');
      if (stored !== undefined && bodyOf(objectAt(stored, 'delivery') ?? {}) === body) return false;
      const other = await deadLetterKey(letter.provider, `${letter.eventId}_${await sha256Hex(utf8(body))}`);
      return put(bucket, other, letter);
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

async function put(bucket: R2Bucket, key: string, letter: DeadLetter): Promise<boolean> {
  const metadata = { code: letter.failure.code };
  return (await putJson(bucket, key, letter, { absent: true }, metadata)) !== undefined;
}

function bodyOf(delivery: Readonly<Partial<Record<'rawBody' | 'rawBodyBase64', unknown>>>): string {
  return String(delivery.rawBody ?? delivery.rawBodyBase64);
}

export type DeadLetters = ReturnType<typeof createDeadLetters>;
