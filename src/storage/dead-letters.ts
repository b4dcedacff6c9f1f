import * as v from 'valibot';
import { type DeadLetter, deadLetterSchema } from '../recording.ts';
import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';
import { type EntryFacts, factsMetadata, readFacts } from './entry-facts.ts';
import { deadLetterKey } from './keys.ts';
import {
  countObjects,
  deleteObject,
  describeObject,
  eventKeys,
  hasObjects,
  listObjects,
  listPage,
  MAX_CONFLICTS,
  type Page,
  prefixOf,
  putJson,
  readJson,
  type Store,
} from './objects.ts';

/** The name of a dead letter. */
export interface LetterName {
  readonly provider: string;
  readonly eventId: string;
}

/** A dead letter as it is in the bucket; `letter` is absent when callvault cannot read it. */
export interface StoredLetter {
  readonly key: string;
  readonly etag: string;
  readonly letter: DeadLetter | undefined;
}

/** A message of the queue, and why it is a dead letter. */
export interface UnreadableMessage {
  readonly id: string;
  readonly body: unknown;
  readonly failure: DeadLetter['failure'];
  readonly deadAt: string;
}

/** A dead letter in a list: what its metadata has. */
export interface ListedLetter {
  readonly key: string;
  readonly code: string | undefined;
  readonly detail: string | undefined;
  readonly deadAt: string | undefined;
  readonly facts: EntryFacts | undefined;
}

/** One page of the dead letters; `cursor` is absent on the last. */
export interface DeadLetterPage {
  readonly deadLetters: readonly ListedLetter[];
  readonly cursor?: string;
}

/** The deliveries and entries that were given up: `dead/`. */
export function createDeadLetters(bucket: R2Bucket, limit: WithTimeout = withTimeout) {
  const store: Store = { bucket, withTimeout: limit };

  const find = (name: LetterName, fingerprint: string) => findLetter(name, fingerprint, store);

  return {
    /** `false` when the bucket has a letter of this event fingerprint: the first one stays. */
    create: async (letter: DeadLetter): Promise<boolean> =>
      // A letter of another fingerprint may have had the event's first key, and freed it.
      (await find(letter, letter.fingerprint)) === undefined && createLetter(letter, store),
    find,

    /**
     * Creates the letter, or replaces an earlier one of the same event fingerprint, whose attempts stay in its
     * history.
     */
    async write(letter: DeadLetter): Promise<void> {
      for (let conflicts = 0; conflicts <= MAX_CONFLICTS; conflicts++) {
        const known = await find(letter, letter.fingerprint);
        if (known === undefined && (await createLetter(letter, store))) return;
        if (known !== undefined && (await replaceLetter(letter, known, store))) return;
      }
      throw new Error('Cannot write a dead letter: it keeps changing');
    },

    /** Reads a letter; `undefined` also when callvault cannot read it. */
    async read(key: string): Promise<(StoredLetter & { readonly letter: DeadLetter }) | undefined> {
      const found = key.startsWith('dead/') ? await readJson(store, key) : undefined;
      const letter: unknown = found?.json;
      return found && v.is(deadLetterSchema, letter) ? { key, etag: found.etag, letter } : undefined;
    },

    /** Removes this version of a letter; `false` when it was changed or removed. */
    removeIf: (known: StoredLetter): Promise<boolean> => removeLetter(known, store),

    /** Removes the letter of this event fingerprint, if there is one. */
    async remove(name: LetterName, fingerprint: string): Promise<void> {
      for (let conflicts = 0; conflicts <= MAX_CONFLICTS; conflicts++) {
        const known = await find(name, fingerprint);
        if (known === undefined || (await removeLetter(known, store))) return;
      }
    },

    /** Removes the mark that a worker has left that crashed in the middle of a removal. */
    async removeRest(key: string): Promise<void> {
      if ((await readJson(store, key))?.json?.removed === true) await deleteObject(store, key);
    },

    /** Lists one page, from the metadata alone. */
    list: (cursor: string | undefined, limit?: number) => listLetters(store, cursor, limit),

    /** Lists a page of the letters after a key, of all sources or of one, for a person. */
    async listAfter(key: string, source: string | undefined): Promise<Page<ListedLetter>> {
      return listPage(store, { prefix: prefixOf('dead', source), afterKey: key }, describe);
    },

    /** What a letter's metadata has; `undefined` when there is none. */
    describeAt: (key: string): Promise<ListedLetter | undefined> => describeObject(store, key, describe),

    /** Stores a message of the queue that callvault could not read. */
    async quarantineMessage({ id, body, failure, deadAt }: UnreadableMessage): Promise<void> {
      const key = await deadLetterKey('queue', id);
      const kept = { version: 1, failure, deadAt, message: body };
      await putJson(store, {
        key,
        value: kept,
        expected: { absent: true },
        metadata: { code: failure.code, deadAt },
      });
    },

    /** Whether there is a letter, readable or not, of an event whose id begins so. */
    hasEventsOf: async (provider: string, idStart: string): Promise<boolean> =>
      hasObjects(store, (await deadLetterKey(provider, idStart)).replace(/\.json$/, '')),

    count: (source?: string, most?: number): Promise<number> =>
      countObjects(store, prefixOf('dead', source), most),
  };
}

export type DeadLetters = ReturnType<typeof createDeadLetters>;

/** `false` when another worker has created the letter in the meantime. */
async function createLetter(letter: DeadLetter, store: Store): Promise<boolean> {
  const { eventId, fingerprint, provider } = letter;
  for await (const key of eventKeys((id) => deadLetterKey(provider, id), eventId, fingerprint)) {
    const write = { key, value: letter, expected: { absent: true }, metadata: metadataOf(letter) } as const;
    if ((await putJson(store, write)) !== undefined) return true;
    if ((await readJson(store, key))?.json?.fingerprint === fingerprint) return false;
  }
  throw new Error('Cannot create a dead letter: all keys of the event are taken');
}

async function replaceLetter(letter: DeadLetter, known: StoredLetter, store: Store): Promise<boolean> {
  const merged = { ...letter, attempts: withHistory(letter.attempts, known.letter?.attempts ?? []) };
  const { key, etag } = known;
  const write = { key, value: merged, expected: { etag }, metadata: metadataOf(letter) };
  return (await putJson(store, write)) !== undefined;
}

/**
 * R2 deletes without a condition, and the key may hold another letter by then. So the letter is replaced by a
 * mark, by compare-and-set; no letter is written while the mark is there; and the mark is deleted.
 */
async function removeLetter({ key, etag }: StoredLetter, store: Store): Promise<boolean> {
  const mark = { key, value: { removed: true, etag }, expected: { etag } };
  if ((await putJson(store, mark)) === undefined) return false;
  await deleteObject(store, key);
  return true;
}

/** The letter of this event fingerprint, if there is one. */
async function findLetter(
  { provider, eventId }: LetterName,
  fingerprint: string,
  store: Store,
): Promise<StoredLetter | undefined> {
  for await (const key of eventKeys((id) => deadLetterKey(provider, id), eventId, fingerprint)) {
    const found = await readJson(store, key);
    if (found?.json?.fingerprint !== fingerprint) continue;
    const letter: unknown = found.json;
    return { key, etag: found.etag, letter: v.is(deadLetterSchema, letter) ? letter : undefined };
  }
  return undefined;
}

/** Merges the attempts of an earlier letter: an entry that was created while KV was late lacks them. */
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
  const { objects, ...rest } = await listObjects(store, options, cursor);
  return { deadLetters: objects.map(describe), ...rest };
}

function describe({ key, customMetadata = {} }: R2Object): ListedLetter {
  const { code, detail, deadAt } = customMetadata;
  return { key, code, detail: decodeDetail(detail), deadAt, facts: readFacts(customMetadata) };
}

/** A longer detail is cut: R2 takes 8 KB of metadata an object. */
const MAX_DETAIL_LENGTH = 300;

/** The detail in metadata; `undefined` when callvault did not write it. */
function decodeDetail(encoded = ''): string | undefined {
  try {
    return decodeURIComponent(encoded) || undefined;
  } catch {
    return undefined; // `decodeURIComponent` throws for another encoding.
  }
}

/** Custom metadata takes ASCII only. */
function metadataOf(letter: DeadLetter): Record<string, string> {
  const { failure, deadAt } = letter;
  const { code, detail = '' } = failure;
  const metadata = { code, deadAt, ...factsMetadata(letter) };
  const encoded = encodeURIComponent(detail.slice(0, MAX_DETAIL_LENGTH).toWellFormed());
  return encoded === '' ? metadata : { ...metadata, detail: encoded };
}
