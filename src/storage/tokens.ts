import * as v from 'valibot';
import { createMemory } from '../shared/memory.ts';
import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';
import { deleteObject, listPage, putJson, readJson, type Store } from './objects.ts';

const tokenSchema = v.object({
  version: v.literal(1),
  id: v.string(),
  /** Given by its maker, to tell tokens apart. */
  name: v.string(),
  right: v.picklist(['read', 'manage']),
  /** The only sources that it opens; all, without. */
  sources: v.optional(v.array(v.string())),
  createdAt: v.string(),
  expiresAt: v.optional(v.string()),
  /** SHA-256 of its secret, lower-case hex: that has 244 random bits, which no one guesses from it. */
  secretSha256: v.string(),
});

/** A further token of the API, without its secret. */
export type Token = Readonly<v.InferOutput<typeof tokenSchema>>;

/** A token is read again after this: one that was revoked elsewhere opens until then. */
export const TOKEN_MEMORY_MS = 30_000;

const keyOf = (id: string) => `tokens/${id}.json`;

/** The further tokens: `tokens/<id>.json`. */
export function createTokens(bucket: R2Bucket, now: () => number, limit: WithTimeout = withTimeout) {
  const store: Store = { bucket, withTimeout: limit };
  const memory = createMemory<Token>(TOKEN_MEMORY_MS, now);

  async function read(id: string): Promise<Token | undefined> {
    const token: unknown = (await readJson(store, keyOf(id)))?.json;
    return v.is(tokenSchema, token) ? token : undefined;
  }

  return {
    /** Finds a token, also one that was revoked in the last 30 s elsewhere. */
    find: (id: string): Promise<Token | undefined> => memory.find(id, () => read(id)),

    /** `false` when there is one of this id. */
    create: async (token: Token): Promise<boolean> =>
      (await putJson(store, { key: keyOf(token.id), value: token, expected: { absent: true } })) !==
      undefined,

    /** Lists all, in no order. */
    async list(): Promise<Token[]> {
      const ids: string[] = [];
      for (let key: string | undefined = ''; key !== undefined; ) {
        const page: Awaited<ReturnType<typeof listPage<string>>> = await listPage(
          store,
          { prefix: 'tokens/', afterKey: key },
          (object) => object.key.replace(/^tokens\/|\.json$/g, ''),
        );
        ids.push(...page.items);
        key = page.lastKey;
      }
      const tokens = await Promise.all(ids.map(read));
      return tokens.filter((token) => token !== undefined);
    },

    /** `false` when there was none. */
    async remove(id: string): Promise<boolean> {
      memory.forget(id);
      if ((await read(id)) === undefined) return false;
      await deleteObject(store, keyOf(id));
      return true;
    },
  };
}

export type Tokens = ReturnType<typeof createTokens>;
