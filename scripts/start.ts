import { join } from 'node:path';
import { localSettings } from './local-keys.ts';
import { root, spawnVault } from './vault-process.ts';

const PORT = 8787;

/** `npm start`: the vault on this machine, over the same local state that the demo fills. */
const envFile = join(root, '.vault.env');
const settings = await localSettings(envFile);
console.log(
  `callvault on http://127.0.0.1:${PORT}, with the settings in .vault.env (its VAULT_TOKEN opens /healthz)`,
);
console.log(`Try: npm run send -- sautikit --to http://127.0.0.1:${PORT}`);
if (settings.VAULT_TOKEN === undefined) console.log('VAULT_TOKEN is not set: /healthz shows no details');

const vault = spawnVault({ port: PORT, envFile }, 'inherit');
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => vault.kill(signal));
vault.once('exit', (code) => {
  process.exitCode = code ?? 0;
});
