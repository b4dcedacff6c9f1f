import type { DeadLetter } from '../recording.ts';
import { MAX_CONFLICTS } from '../shared/limits.ts';
import { type Within, within } from '../shared/with-timeout.ts';
import { deadLetterKey } from './keys.ts';
import {
  announcedKeys,
  countObjects,
  deleteObject,
  listObjects,
  putJson,
  readJson,
  type Store,
} from './objects.ts';
import { isDeadLetter } from './schemas.ts';

/** What names a dead letter. */
export interface LetterName {
  readonly provider: string;
  readonly eventId: string;
}

/** A dead letter as it is in the bucket; `letter` is absent when the object is none that callvault can read. */
export interface StoredLetter {
  readonly key: string;
  readonly etag: string;
  readonly letter: DeadLetter | undefined;
}

/** Some of the dead letters, and where the next page begins; absent on the last. */
export interface DeadLetterPage {
  readonly deadLetters: readonly { key: string; code: string | undefined; deadAt: string | undefined }[];
  readonly cursor?: string;
}

/** What was given up, kept whole with the reason. */
export function createDeadLetters(bucket: R2Bucket, limit: Within = within) {
  const store: Store = { bucket, within: limit };

  const find = (name: LetterName, announcement: string) => findLetter(name, announcement, store);

  return {
    /** `false` when just this is here already: the first account of it stays. */
    create: async (letter: DeadLetter): Promise<boolean> =>
      // Another announcement may have had the event's key, and freed it.
      (await find(letter, letter.announcement)) === undefined && createLetter(letter, store),
    find,

    /**
     * Creates the letter, or puts it in the place of the one of an earlier life of the same announcement, whose
     * attempts stay in its history.
     */
    async write(letter: DeadLetter): Promise<void> {
      for (let conflicts = 0; conflicts <= MAX_CONFLICTS; conflicts++) {
        const known = await find(letter, letter.announcement);
        if (known === undefined && (await createLetter(letter, store))) return;
        if (known !== undefined && (await replaceLetter(letter, known, store))) return;
      }
      throw new Error('Cannot write a dead letter: it keeps changing');
    },

    /** A letter that callvault can read, as it is in the bucket. */
    async read(key: string): Promise<(StoredLetter & { readonly letter: DeadLetter }) | undefined> {
      const found = key.startsWith('dead/') ? await readJson(store, key) : undefined;
      const letter: unknown = found?.json;
      return found && isDeadLetter(letter) ? { key, etag: found.etag, letter } : undefined;
    },

    /** Removes just this version of a letter; `false` when it has changed, or is gone. */
    removeIf: (known: StoredLetter): Promise<boolean> => removeLetter(known, store),

    /** Removes the letter of just this announcement, if there is one. */
    async remove(name: LetterName, announcement: string): Promise<void> {
      for (let conflicts = 0; conflicts <= MAX_CONFLICTS; conflicts++) {
        const known = await find(name, announcement);
        if (known === undefined || (await removeLetter(known, store))) return;
      }
    },

    /** Removes what a worker that crashed in the middle of a removal has left. */
    async removeRest(key: string): Promise<void> {
      if ((await readJson(store, key))?.json?.removed === true) await deleteObject(store, key);
    },

    /** One page, told from the metadata alone. */
    list: (cursor: string | undefined, limit?: number) => listLetters(store, cursor, limit),

    /** Keeps a message of the queue that no version of callvault could read. */
    async keepMessage(
      id: string,
      message: unknown,
      failure: DeadLetter['failure'],
      deadAt: string,
    ): Promise<void> {
      const key = await deadLetterKey('queue', id);
      const kept = { version: 1, failure, deadAt, message };
      await putJson(store, key, kept, { absent: true }, { code: failure.code, deadAt });
    },

    count: (): Promise<number> => countObjects(store, 'dead/'),
  };
}

export type DeadLetters = ReturnType<typeof createDeadLetters>;

/** `false` when the letter has come to be in the meantime. */
async function createLetter(letter: DeadLetter, store: Store): Promise<boolean> {
  const { eventId, announcement, provider } = letter;
  for await (const key of announcedKeys((id) => deadLetterKey(provider, id), eventId, announcement)) {
    if ((await putJson(store, key, letter, { absent: true }, metadataOf(letter))) !== undefined) return true;
    if ((await readJson(store, key))?.json?.announcement === announcement) return false;
  }
  throw new Error('Cannot create a dead letter: all keys of the event are taken');
}

async function replaceLetter(letter: DeadLetter, known: StoredLetter, store: Store): Promise<boolean> {
  const merged = { ...letter, attempts: withHistory(letter.attempts, known.letter?.attempts ?? []) };
  return (await putJson(store, known.key, merged, { etag: known.etag }, metadataOf(letter))) !== undefined;
}

/**
 * R2 deletes without a condition, and the key may hold another letter by then. So a mark takes the letter's place
 * by compare-and-set, under which no other letter is written, and the mark is deleted.
 */
async function removeLetter({ key, etag }: StoredLetter, store: Store): Promise<boolean> {
  if ((await putJson(store, key, { removed: true, etag }, { etag })) === undefined) return false;
  await deleteObject(store, key);
  return true;
}

/** The letter of just this announcement, if there is one. */
async function findLetter(
  { provider, eventId }: LetterName,
  announcement: string,
  store: Store,
): Promise<StoredLetter | undefined> {
  for await (const key of announcedKeys((id) => deadLetterKey(provider, id), eventId, announcement)) {
    const found = await readJson(store, key);
    if (found?.json?.announcement !== announcement) continue;
    const letter: unknown = found.json;
    return { key, etag: found.etag, letter: isDeadLetter(letter) ? letter : undefined };
  }
  return undefined;
}

/** An entry that was created while KV was late lacks the attempts of the life before. */
export function withHistory(
  attempts: DeadLetter['attempts'],
  earlier: DeadLetter['attempts'],
): DeadLetter['attempts'] {
  const times = new Set(attempts.map(({ at }) => at));
  const missing = earlier.filter(({ at }) => !times.has(at));
  return [...missing, ...attempts].map((attempt, index) => ({ ...attempt, number: index + 1 }));
}

async function listLetters(store: Store, cursor: string | undefined, limit = 1_000): Promise<DeadLetterPage> {
  const options: R2ListOptions = { prefix: 'dead/', include: ['customMetadata'], limit };
  const page = await listObjects(store, cursor === undefined ? options : { ...options, cursor });
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
