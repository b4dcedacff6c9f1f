import * as v from 'valibot';
import { toHex, utf8 } from '../shared/bytes.ts';
import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';
import { recordingName } from './keys.ts';
import { deleteObject, listPage, putJson, readJson, type Store } from './objects.ts';

const tombstone = v.object({
  version: v.literal(1),
  state: v.picklist(['erasing', 'erased']),
  at: v.string(),
});

/** What remains of an erased recording: nothing of it can be read from it. */
type Tombstone = Readonly<v.InferOutput<typeof tombstone>>;

const erasureSchema = v.object({
  version: v.literal(1),
  source: v.string(),
  /** Of the copies: without a start, deliveries of one recording may have several days. */
  manifestKeys: v.pipe(v.array(v.string()), v.minLength(1)),
  /** Under an id that names only a call, the events tell its recordings apart. */
  eventIds: v.array(v.string()),
  /** The keys of the only audio that may be erased. */
  onlyFiles: v.optional(v.pipe(v.array(v.string()), v.readonly())),
  by: v.string(),
  byName: v.optional(v.string()),
  startedAt: v.string(),
  /** There was no hold, and none can be set since. */
  isChecked: v.optional(v.literal(true)),
  /** How often it has failed, and when it is tried again. */
  failures: v.optional(v.number()),
  retryAt: v.optional(v.string()),
});

/** An erasure under way. */
export type Erasure = Readonly<v.InferOutput<typeof erasureSchema>>;

const KEY = 'erased/key';

/** Erasures that one run of the cron looks at. */
const MAX_LISTED = 50;

/**
 * Tombstones: `erased/<HMAC of a name>.json`, where a name is a recording's, or an event's; the HMAC has a random key that
 * is made once. Erasures under way: `erasing/<HMAC of the recording's name>.json`.
 */
export function createTombstones(bucket: R2Bucket, newToken: () => string, limit: WithTimeout = withTimeout) {
  const store: Store = { bucket, withTimeout: limit };
  const hash = createNameHash(store, newToken);
  const keysOf = (erasure: Erasure) =>
    Promise.all(namesOf(erasure).map(async (name) => `erased/${await hash.make(name)}.json`));
  const erasureKey = async ({ manifestKeys: [first = ''] }: Erasure) =>
    `erasing/${await hash.make(recordingName(first))}.json`;

  async function writeAll(erasure: Erasure, state: Tombstone['state']): Promise<void> {
    const value: Tombstone = { version: 1, state, at: erasure.startedAt };
    for (const key of await keysOf(erasure))
      await putJson(store, { key, value, expected: { anything: true } });
  }

  return {
    /** How far the erasure of one of the names is; `undefined` where none has a tombstone. */
    async find(...names: readonly string[]): Promise<Tombstone['state'] | undefined> {
      for (const name of names) {
        const digest = await hash.find(name);
        if (digest === undefined) return undefined; // Nothing was ever erased.
        const found: unknown = (await readJson(store, `erased/${digest}.json`))?.json;
        if (v.is(tombstone, found)) return found.state;
      }
      return undefined;
    },

    /** Writes down what is to be erased, then the tombstones: a crash in between is found by the cron. */
    async begin(erasure: Erasure): Promise<void> {
      await putJson(store, { key: await erasureKey(erasure), value: erasure, expected: { anything: true } });
      await writeAll(erasure, 'erasing');
    },

    /** Writes down how far it is. */
    async update(erasure: Erasure): Promise<void> {
      await putJson(store, { key: await erasureKey(erasure), value: erasure, expected: { anything: true } });
    },

    /** Makes the tombstones final, and forgets what was erased. */
    async end(erasure: Erasure): Promise<void> {
      await writeAll(erasure, 'erased');
      await deleteObject(store, await erasureKey(erasure));
    },

    /** Nothing is to be erased after all. */
    async cancel(erasure: Erasure): Promise<void> {
      for (const key of await keysOf(erasure)) await deleteObject(store, key);
      await deleteObject(store, await erasureKey(erasure));
    },

    /** The keys of the first erasures under way. */
    async listErasures(): Promise<readonly string[]> {
      const page = await listPage(store, { prefix: 'erasing/', afterKey: '' }, ({ key }) => key);
      return page.items.slice(0, MAX_LISTED);
    },

    /** `undefined` where it has ended, or callvault did not write it. */
    async readErasure(key: string): Promise<Erasure | undefined> {
      const erasure: unknown = (await readJson(store, key))?.json;
      return v.is(erasureSchema, erasure) ? erasure : undefined;
    },
  };
}

export type Tombstones = ReturnType<typeof createTombstones>;

/** The HMAC of names. Its key is random and made once, so that no one can look for a known recording. */
function createNameHash(store: Store, newToken: () => string) {
  let secret: CryptoKey | undefined;

  async function read(): Promise<CryptoKey | undefined> {
    if (secret !== undefined) return secret;
    const hex = (await readJson(store, KEY))?.json?.key;
    if (typeof hex !== 'string') return undefined;
    const hmac = { name: 'HMAC', hash: 'SHA-256' };
    secret = await crypto.subtle.importKey('raw', utf8(hex), hmac, false, ['sign']);
    return secret;
  }

  const sign = async (name: string, key: CryptoKey) =>
    toHex(await crypto.subtle.sign('HMAC', key, utf8(name)));

  return {
    /** `undefined` while there is no key. */
    async find(name: string): Promise<string | undefined> {
      const key = await read();
      return key && sign(name, key);
    },

    async make(name: string): Promise<string> {
      if ((await read()) === undefined) {
        const key = (newToken() + newToken()).replaceAll('-', '');
        await putJson(store, { key: KEY, value: { version: 1, key }, expected: { absent: true } });
      }
      const key = await read();
      if (key === undefined) throw new Error(`Cannot read ${KEY}`);
      return sign(name, key);
    },
  };
}

function namesOf({ manifestKeys, source, eventIds }: Erasure): string[] {
  const events = eventIds.map((eventId) => eventName(source, eventId));
  return [...new Set(manifestKeys.map(recordingName)), ...events];
}

/** The name of an event's recording where its id names only a call. */
export function eventName(source: string, eventId: string): string {
  return `event/${source}/${JSON.stringify(eventId)}`;
}
