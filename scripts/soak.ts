import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand, UsageError } from '../tools/command.ts';
import { postSigned } from '../tools/fake-providers/index.ts';
import { newLocalSettings, signingKey, writeSettings } from '../tools/local-settings.ts';
import { runCron, startVault, type VaultProcess, waitUntil } from '../tools/local-vault.ts';
import { keepMeasured } from '../tools/measured.ts';
import { makeSoakCall, type SoakCall, startSoakOrigin } from '../tools/soak-calls.ts';
import { checkBucket } from '../tools/soak-check.ts';

const LONGEST_LIFE_MS = 3_000;
const BETWEEN_DELIVERIES_MS = 100;
const CRON_EVERY_MS = 30_000;
const CLEAN_UP_MS = 10 * 60_000;

interface Soak {
  readonly settings: Record<string, string>;
  readonly isKept: boolean;
  readonly originUrl: string;
  readonly accepted: SoakCall[];
  /** What got no 200: the provider sends it again. */
  readonly unanswered: SoakCall[];
  readonly start: () => Promise<VaultProcess>;
  kills: number;
  calls: number;
}

/** `npm run soak`: deliveries stream in, and the whole runtime is killed again and again. */
async function soak(minutes: number, isKept: boolean): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'callvault-soak-'));
  const origin = await startSoakOrigin();
  try {
    const settings = await newLocalSettings(origin.url);
    const envFile = join(folder, 'settings.env');
    writeSettings(envFile, settings);
    const stateFolder = join(folder, 'state');
    const start = () => startVault({ envFile, stateFolder }, settings.VAULT_TOKEN ?? '', () => undefined);
    const state = {
      settings,
      isKept,
      start,
      originUrl: origin.url,
      accepted: [],
      unanswered: [],
      kills: 0,
      calls: 0,
    };
    for (const endMs = Date.now() + minutes * 60_000; Date.now() < endMs; ) await liveAndDie(state);
    await cleanUp(state);
    return await conclude(state, stateFolder, origin.requests());
  } finally {
    origin.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One life of the runtime: what it left undone before is found, new deliveries come, and it is killed. */
async function liveAndDie(soak: Soak): Promise<void> {
  const vault = await soak.start();
  const killMs = Date.now() + Math.random() * LONGEST_LIFE_MS;
  const sending: Promise<void>[] = [runCronEarly(vault)];
  while (Date.now() < killMs) {
    sending.push(deliver(soak.unanswered.shift() ?? makeSoakCall(soak.originUrl, soak.calls++), vault, soak));
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_DELIVERIES_MS * 2 * Math.random()));
  }
  await vault.kill();
  soak.kills++;
  await Promise.all(sending);
  if (soak.kills % 10 === 0) console.log(`${soak.kills} kills, ${soak.accepted.length} deliveries accepted`);
}

async function deliver(call: SoakCall, { url }: VaultProcess, soak: Soak): Promise<void> {
  const signing = signingKey(call.fakeProvider.id, soak.settings) ?? '';
  const delivery = { vaultUrl: url, body: call.fakeProvider.announce(call), signing };
  const response = await postSigned(call.fakeProvider, delivery).catch(() => undefined);
  (response?.status === 200 ? soak.accepted : soak.unanswered).push(call);
}

/** As if 1, 2, 4 and 8 minutes had passed, since an entry is sent then; killed in between, it says nothing. */
async function runCronEarly({ url }: VaultProcess): Promise<void> {
  for (const minutes of [0, 1, 2, 4, 8])
    await runCron(url, Date.now() + minutes * 60_000).catch(() => undefined);
}

/** A last life, for as long as anything is pending. */
async function cleanUp(soak: Soak): Promise<void> {
  const vault = await soak.start();
  for (const call of soak.unanswered.splice(0)) await deliver(call, vault, soak);
  console.log('No more kills; waiting until nothing is pending …');
  // More often, and the messages of entries that wait for a lease to expire would flood the local queue.
  await waitUntil(CLEAN_UP_MS, async () => {
    await runCronEarly(vault);
    return waitUntil(CRON_EVERY_MS, async () => {
      await new Promise((resolve) => setTimeout(resolve, 2000));
      return (await pendingOf(vault, soak)) === 0;
    });
  });
  await vault.stop();
}

async function pendingOf({ url }: VaultProcess, { settings }: Soak): Promise<number> {
  const headers = { authorization: `Bearer ${settings.VAULT_TOKEN}` };
  const report: unknown = await (await fetch(`${url}/healthz`, { headers })).json();
  return Number(Object(report).pending);
}

async function conclude(soak: Soak, stateFolder: string, requests: number): Promise<boolean> {
  const found = await checkBucket(soak.accepted, stateFolder);
  const { archived, lost, doubled, partial, pending, dead } = found;
  const result =
    `soak: ${soak.kills} kills, ${soak.accepted.length} deliveries accepted, ${archived} archived, ` +
    `${lost} lost, ${doubled} doubled, ${partial} partial, ${pending} pending, ${dead} dead, ` +
    `${requests} requests to the origin`;
  console.log(result);
  if (soak.isKept) keepMeasured('soak', result);
  return soak.unanswered.length + lost + doubled + partial + pending + dead === 0;
}

await runCommand({
  usage: `npm run soak -- [options]
Streams deliveries into a vault, and kills the whole runtime again and again.
  --minutes <n>  12 without it
  --keep         write the result to docs/measured/soak.txt, which docs/reliability.md shows`,
  options: { minutes: { type: 'string', default: '12' }, keep: { type: 'boolean', default: false } },
  async run({ values }) {
    const minutes = Number(values.minutes);
    if (!(minutes > 0)) throw new UsageError(`--minutes must be a number: ${values.minutes}`);
    return (await soak(minutes, values.keep)) ? 0 : 1;
  },
});
