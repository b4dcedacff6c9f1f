import { join } from 'node:path';
import { CommandError, runCommand, UsageError } from '../tools/command.ts';
import { localSettings } from '../tools/local-settings.ts';
import { runCron, startVault } from '../tools/local-vault.ts';
import { root } from '../tools/wrangler.ts';

const usage = `npm start -- [options]
Runs the vault on this machine, over the local bucket that the demo fills, until Ctrl-C.
Its settings are in .vault.env, which is made with new keys at first.
  --port <n>  8787 without it`;

const CRON_EVERY_MS = 60_000;
const HEALTH_EVERY_MS = 5_000;

await runCommand({
  usage,
  options: { port: { type: 'string', default: '8787' } },
  async run({ values, positionals }) {
    if (positionals.length > 0) throw new UsageError(`Unknown argument: ${positionals[0]}`);
    if (!/^\d{1,5}$/.test(values.port)) throw new UsageError(`--port must be a number: ${values.port}`);
    const envFile = join(root, '.vault.env');
    const settings = await localSettings(envFile);
    if (settings.VAULT_TOKEN === undefined) throw new CommandError('VAULT_TOKEN is missing in .vault.env');
    console.log('Starting callvault with the settings in .vault.env …');
    const vault = await startVault(settings, { port: Number(values.port), envFile, onLine: printLog });
    console.log(`callvault listens on ${vault.url}; Ctrl-C ends it
  its page:    ${vault.url}/sign-in#token=${settings.VAULT_TOKEN}
  its state:   . ./.vault.env && curl -H "Authorization: Bearer $VAULT_TOKEN" ${vault.url}/healthz
  a delivery:  npm run send -- sautikit --to ${vault.url}
  what it has: npm run list -- --to ${vault.url} --state all
`);
    const ticking = setInterval(() => {
      runCron(vault.url).catch((error: Error) => console.error(error.message));
    }, CRON_EVERY_MS);
    await Promise.race([vault.exited, untilSilent(vault.url)]);
    clearInterval(ticking);
    await vault.stop();
    console.error('The vault has ended: workerd was killed, or crashed');
    return 1;
  },
});

/** Resolves when the vault does not answer any more: `wrangler dev` outlives a workerd that was killed. */
async function untilSilent(url: string): Promise<void> {
  for (let misses = 0; misses < 3; ) {
    await new Promise((resolve) => setTimeout(resolve, HEALTH_EVERY_MS));
    const signal = AbortSignal.timeout(HEALTH_EVERY_MS);
    const isUp = await fetch(`${url}/healthz`, { signal }).then(
      (response) => response.arrayBuffer().then(() => true),
      () => false,
    );
    misses = isUp ? 0 : misses + 1;
  }
}

/** The vault's own lines and errors; wrangler's tables and notes are left out. */
function printLog(line: string): void {
  if (line.startsWith('{') || /error|✘/i.test(line)) console.log(line);
}
