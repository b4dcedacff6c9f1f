import { join } from 'node:path';
import { getPlatformProxy } from 'wrangler';
import { quiet, root } from './wrangler.ts';

/** Does something with the local bucket itself, beside a vault or after it; wrangler's own folder unless given. */
export function withBucket<T>(
  stateFolder: string | undefined,
  work: (bucket: R2Bucket) => Promise<T>,
): Promise<T> {
  return withBindings(stateFolder, ({ RECORDINGS }) => work(RECORDINGS));
}

/** The same with all that a local vault is bound to. */
export async function withBindings<T>(
  stateFolder: string | undefined,
  work: (bindings: Env) => Promise<T>,
): Promise<T> {
  Object.assign(process.env, quiet); // The proxy is wrangler inside this process.
  const persist = stateFolder === undefined ? true : { path: join(stateFolder, 'v3') };
  const configPath = join(root, 'wrangler.toml');
  const proxy = await getPlatformProxy<Env>({ configPath, envFiles: [], persist });
  try {
    return await work(proxy.env);
  } finally {
    await proxy.dispose();
  }
}

/** All keys with this prefix, over all pages. */
export async function listKeys(bucket: R2Bucket, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  let cursor: string | undefined;
  do {
    const page: R2Objects = await bucket.list(cursor === undefined ? { prefix } : { prefix, cursor });
    keys.push(...page.objects.map(({ key }) => key));
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor !== undefined);
  return keys;
}
