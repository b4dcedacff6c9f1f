import * as v from 'valibot';
import { parseJsonObject } from '../shared/json.ts';
import { createMemory } from '../shared/memory.ts';
import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';
import { asciiJson } from './entry-facts.ts';
import { deleteObject, listPage, type Page, putJson, readJson, type Store } from './objects.ts';

const shareSchema = v.object({
  version: v.literal(1),
  id: v.string(),
  manifestKey: v.string(),
  /** The outsider sees the numbers of the call. */
  numbers: v.boolean(),
  /** The outsider may save the audio. */
  download: v.boolean(),
  by: v.string(),
  createdAt: v.string(),
  expiresAt: v.string(),
  /** SHA-256 of its secret, lower-case hex: that has 244 random bits, which no one guesses from it. */
  secretSha256: v.string(),
});

/** A link to one recording for an outsider, without its secret. */
export type Share = Readonly<v.InferOutput<typeof shareSchema>>;

/** A share is read again after this: one that was revoked elsewhere opens until then. */
export const SHARE_MEMORY_MS = 30_000;

const keyOf = (id: string) => `shares/${id}.json`;

/** The shares: `shares/<id>.json`. */
export function createShares(bucket: R2Bucket, now: () => number, limit: WithTimeout = withTimeout) {
  const store: Store = { bucket, withTimeout: limit };
  const memory = createMemory<Share>(SHARE_MEMORY_MS, now);

  async function remove(id: string): Promise<void> {
    memory.forget(id);
    await deleteObject(store, keyOf(id));
  }

  return {
    /** Finds a share, also one that was revoked in the last 30 s elsewhere. */
    find: (id: string): Promise<Share | undefined> =>
      memory.find(id, async () => {
        const share: unknown = (await readJson(store, keyOf(id)))?.json;
        return v.is(shareSchema, share) ? share : undefined;
      }),

    async create(share: Share): Promise<void> {
      const metadata = { share: asciiJson(share) };
      const stored = await putJson(store, {
        key: keyOf(share.id),
        value: share,
        expected: { absent: true },
        metadata,
      });
      if (stored === undefined) throw new Error('Two shares have the same id');
    },

    remove,

    /** The shares of a recording, from the metadata of all. */
    listOf: (manifestKey: string): Promise<Share[]> => listOf(store, manifestKey),

    async removeOf(manifestKey: string): Promise<void> {
      for (const { id } of await listOf(store, manifestKey)) await remove(id);
    },
  };
}

export type Shares = ReturnType<typeof createShares>;

async function listOf(store: Store, manifestKey: string): Promise<Share[]> {
  const found: Share[] = [];
  for (let key: string | undefined = ''; key !== undefined; ) {
    const page: Page<string | undefined> = await listPage(
      store,
      { prefix: 'shares/', afterKey: key },
      ({ customMetadata }) => customMetadata?.share,
    );
    for (const text of page.items) {
      const share: unknown = parseJsonObject(text ?? '');
      if (v.is(shareSchema, share) && share.manifestKey === manifestKey) found.push(share);
    }
    key = page.lastKey;
  }
  return found;
}
