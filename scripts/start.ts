import { join } from 'node:path';
import { runCron } from '../tools/cron.ts';
import { localSettings } from '../tools/local-settings.ts';
import { spawnVault } from '../tools/local-vault.ts';
import { root } from '../tools/wrangler.ts';

const PORT = 8787;
const CRON_EVERY_MS = 60_000;

/** `npm start`: the vault on this machine, over the same local state that the demo fills. */
const envFile = join(root, '.vault.env');
const settings = await localSettings(envFile);
console.log(`Starting callvault on http://127.0.0.1:${PORT} with the settings in .vault.env; Ctrl-C ends it`);
if (settings.VAULT_TOKEN !== undefined) {
  console.log(
    `Its state: . ./.vault.env && curl -H "Authorization: Bearer $VAULT_TOKEN" http://127.0.0.1:${PORT}/healthz`,
  );
}
console.log(`A delivery: npm run send -- sautikit --to http://127.0.0.1:${PORT}\n`);

// `wrangler dev` runs no cron by itself.
const ticking = setInterval(() => {
  runCron(`http://127.0.0.1:${PORT}`).catch((error: Error) => console.error(error.message));
}, CRON_EVERY_MS);
spawnVault({ port: PORT, envFile }, 'inherit').once('exit', (code) => {
  clearInterval(ticking);
  process.exitCode = code ?? 0;
});
