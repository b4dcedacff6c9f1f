import * as v from 'valibot';
import { parseJsonObject } from '../src/shared/json.ts';
import { CommandError } from './command.ts';
import { listKeys, withBucket } from './local-bucket.ts';
import { answerOf, openOwnerApi } from './owner-api.ts';

/** The bucket of a vault, read by its owner. */
export interface VaultBucket {
  readonly listKeys: (prefix: string) => Promise<string[]>;
  /** The bytes of an object; `undefined` when there is none. */
  readonly open: (key: string) => Promise<ReadableStream<Uint8Array> | undefined>;
}

/** Opens the bucket of a vault by its API, or without a URL the local bucket. */
export function withVaultBucket<T>(
  vaultUrl: string | undefined,
  work: (bucket: VaultBucket) => Promise<T>,
): Promise<T> {
  if (vaultUrl !== undefined) return work(remoteBucket(vaultUrl));
  return withBucket(undefined, (bucket) =>
    work({
      listKeys: (prefix) => listKeys(bucket, prefix),
      open: async (key) => (await bucket.get(key))?.body,
    }),
  );
}

function remoteBucket(vaultUrl: string): VaultBucket {
  const ask = openOwnerApi(vaultUrl);
  return {
    async listKeys(prefix) {
      const keys: string[] = [];
      for (let cursor: string | undefined = ''; cursor !== undefined; ) {
        const query: URLSearchParams = new URLSearchParams(cursor === '' ? { prefix } : { prefix, cursor });
        const page: { objects: { key: string }[]; cursor?: string } = await answerOf(
          await ask(`/api/objects?${query}`),
        );
        keys.push(...page.objects.map(({ key }) => key));
        cursor = page.cursor;
      }
      return keys;
    },
    async open(key) {
      const response = await ask(`/api/object?${new URLSearchParams({ key })}`);
      if (response.status === 404) return undefined;
      if (!response.ok) throw new CommandError(`The vault answered with status ${response.status}`);
      return response.body ?? undefined;
    },
  };
}

/** Reads JSON of the bucket by its schema; `undefined` when there is none, or when callvault did not write it. */
export async function readJsonAt<T>(
  bucket: VaultBucket,
  key: string,
  schema: v.GenericSchema<unknown, T>,
): Promise<T | undefined> {
  const body = await bucket.open(key);
  if (body === undefined) return undefined;
  const text = await new Response(body).text();
  const read = v.safeParse(schema, parseJsonObject(text));
  return read.success ? read.output : undefined;
}
