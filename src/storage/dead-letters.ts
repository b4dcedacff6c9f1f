import type { DeadLetter } from '../recording.ts';
import { type Within, within } from '../shared/within.ts';
import { isDeadLetter } from './entry-guard.ts';
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

  const create = (letter: DeadLetter) => createLetter(letter, store);
  const find = (name: LetterName, announcement: string) => findLetter(name, announcement, store);

  return {
    /** `false` when just this is here already: the first account of it stays. */
    create,
    find,

    /**
     * Creates the letter, or puts it in the place of the one of an earlier life of the same announcement, whose
     * attempts stay in its history.
     */
    async write(letter: DeadLetter): Promise<void> {
      const known = await find(letter, letter.announcement);
      if (known === undefined && (await create(letter))) return;
      const present = known ?? (await find(letter, letter.announcement));
      if (present === undefined) throw new Error('Cannot write a dead letter: it keeps changing');
      const merged = { ...letter, attempts: withHistory(letter, present.letter) };
      const etag = await putJson(store, present.key, merged, { etag: present.etag }, metadataOf(letter));
      if (etag === undefined && (await readJson(store, present.key)) === undefined) await create(merged);
    },

    async read(key: string): Promise<DeadLetter | undefined> {
      const letter: unknown = key.startsWith('dead/') ? (await readJson(store, key))?.json : undefined;
      return isDeadLetter(letter) ? letter : undefined;
    },

    removeAt: (key: string): Promise<void> => deleteObject(store, key),

    /** One page, told from the metadata alone. */
    list: (cursor: string | undefined, limit?: number) => listLetters(store, cursor, limit),

    async remove(name: LetterName, announcement: string): Promise<void> {
      const known = await find(name, announcement);
      if (known !== undefined) await deleteObject(store, known.key);
    },

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

async function createLetter(letter: DeadLetter, store: Store): Promise<boolean> {
  const { eventId, announcement, provider } = letter;
  for await (const key of announcedKeys((id) => deadLetterKey(provider, id), eventId, announcement)) {
    if ((await putJson(store, key, letter, { absent: true }, metadataOf(letter))) !== undefined) return true;
    if ((await readJson(store, key))?.json?.announcement === announcement) return false;
  }
  throw new Error('Cannot create a dead letter: all keys of the event are taken');
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
function withHistory({ attempts }: DeadLetter, earlier: DeadLetter | undefined): DeadLetter['attempts'] {
  const times = new Set(attempts.map(({ at }) => at));
  const missing = earlier?.attempts.filter(({ at }) => !times.has(at)) ?? [];
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
