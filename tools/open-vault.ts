import { join } from 'node:path';
import { localSettings } from './local-settings.ts';
import { isOurs, startVault } from './local-vault.ts';
import { type AskOwner, openOwnerApi } from './owner-api.ts';
import { root } from './wrangler.ts';

/** Where `npm start` listens unless another port is given. */
export const LOCAL_VAULT_PORT = 8787;

/** Does something with the API of the vault at a URL; without one of the local vault, which is started for it unless it runs. */
export async function withVault<T>(
  vaultUrl: string | undefined,
  work: (ask: AskOwner) => Promise<T>,
): Promise<T> {
  if (vaultUrl !== undefined) return work(openOwnerApi(vaultUrl));
  const envFile = join(root, '.vault.env');
  const settings = await localSettings(envFile);
  const token = settings.VAULT_TOKEN;
  const localUrl = `http://127.0.0.1:${LOCAL_VAULT_PORT}`;
  if (await isOurs(localUrl, token)) return work(openOwnerApi(localUrl, token));
  const vault = await startVault(settings, { envFile });
  return work(openOwnerApi(vault.url, token)).finally(vault.stop);
}
