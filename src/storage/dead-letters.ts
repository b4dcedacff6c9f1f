import type { DeadLetter } from '../recording.ts';
import { parseJsonObject } from '../shared/json.ts';
import { isDeadLetter } from './entry-guard.ts';
import { deadLetterKey } from './keys.ts';
import { announcedKeys, countObjects, createAnnounced, putJson } from './objects.ts';

/** What names a dead letter. */
export interface LetterName {
  readonly provider: string;
  readonly eventId: string;
}

/** Some of the dead letters, and where the next page begins; absent on the last. */
export interface DeadLetterPage {
  readonly deadLetters: readonly { key: string; code: string | undefined; deadAt: string | undefined }[];
  readonly cursor?: string;
}

/** What was given up, kept whole with the reason. */
export function createDeadLetters(bucket: R2Bucket) {
  const keyFor = (provider: string) => (id: string) => deadLetterKey(provider, id);

  async function create(letter: DeadLetter): Promise<boolean> {
    const { provider, eventId } = letter;
    const created = await createAnnounced(bucket, keyFor(provider), eventId, letter, metadataOf(letter));
    return created !== undefined;
  }

  /** The letter of just this announcement, if there is one. */
  async function find({ provider, eventId }: LetterName, announcement: string) {
    for await (const key of announcedKeys(keyFor(provider), eventId, announcement)) {
      const object = await bucket.get(key);
      const letter = parseJsonObject((await object?.text()) ?? '');
      if (object !== null && letter?.announcement === announcement) return { key, etag: object.etag };
    }
    return undefined;
  }

  return {
    /** False when just this is here already: the first account of it stays. */
    create,

    /** Creates the letter, or puts it in the place of what was said of an earlier life of the same. */
    async write(letter: DeadLetter): Promise<void> {
      if (await create(letter)) return;
      const known = await find(letter, letter.announcement);
      if (known !== undefined)
        await putJson(bucket, known.key, letter, { etag: known.etag }, metadataOf(letter));
    },

    async read(key: string): Promise<DeadLetter | undefined> {
      const object = key.startsWith('dead/') ? await bucket.get(key) : null;
      const letter: unknown = object === null ? undefined : parseJsonObject(await object.text());
      return isDeadLetter(letter) ? letter : undefined;
    },

    async removeAt(key: string): Promise<void> {
      await bucket.delete(key);
    },

    /** One page, told from the metadata alone. */
    list: (cursor: string | undefined) => listLetters(bucket, cursor),

    async remove(name: LetterName, announcement: string): Promise<void> {
      const known = await find(name, announcement);
      if (known !== undefined) await bucket.delete(known.key);
    },

    /** Keeps a message of the queue that nobody understands. */
    async keepMessage(
      id: string,
      message: unknown,
      failure: DeadLetter['failure'],
      deadAt: string,
    ): Promise<void> {
      const key = await deadLetterKey('queue', id);
      const kept = { version: 1, failure, deadAt, message };
      await putJson(bucket, key, kept, { absent: true }, { code: failure.code, deadAt });
    },

    count(): Promise<number> {
      return countObjects(bucket, 'dead/');
    },
  };
}

export type DeadLetters = ReturnType<typeof createDeadLetters>;

async function listLetters(bucket: R2Bucket, cursor: string | undefined): Promise<DeadLetterPage> {
  const options: R2ListOptions = { prefix: 'dead/', include: ['customMetadata'] };
  const page = await bucket.list(cursor === undefined ? options : { ...options, cursor });
  const deadLetters = page.objects.map(({ key, customMetadata = {} }) => ({
    key,
    code: customMetadata.code,
    deadAt: customMetadata.deadAt,
  }));
  return page.truncated ? { deadLetters, cursor: page.cursor } : { deadLetters };
}

function metadataOf({ failure, deadAt }: DeadLetter): Record<string, string> {
  return { code: failure.code, deadAt };
}
