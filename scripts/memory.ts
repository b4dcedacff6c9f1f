import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../tools/command.ts';
import { fakeProviders, postSigned } from '../tools/fake-providers/index.ts';
import { serveLarge, type Way, ways } from '../tools/large-origin.ts';
import { newLocalSettings, signingKey, writeSettings } from '../tools/local-settings.ts';
import { familyOf, startVault, type VaultProcess } from '../tools/local-vault.ts';
import { keepMeasured } from '../tools/measured.ts';

/** One after the other, told apart by a megabyte: what grew with the bytes would grow with each as with the first. */
const SIZES_BYTES = [1_000_000_000, 1_001_000_000, 1_002_000_000, 1_003_000_000];
/** Local R2 and the garbage collector take what they like at first, for a bare `R2.put` as well, and keep it. */
const WARM_UP_BYTES = 999_000_000;

/** A vault of its own for each measurement, and what it says of its attempts. */
interface Bench {
  readonly vault: VaultProcess;
  readonly settings: Record<string, string>;
  readonly originUrl: string;
  /** The bytes of each recording that was archived. */
  readonly archived: number[];
}

async function measure(way: Way): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'callvault-memory-'));
  const origin = await serveLarge(way);
  try {
    const settings = await newLocalSettings(origin.url);
    const envFile = join(folder, 'settings.env');
    writeSettings(envFile, settings);
    const archived: number[] = [];
    const vault = await startVault(
      { envFile, stateFolder: join(folder, 'state') },
      settings.VAULT_TOKEN ?? '',
      (line) => {
        const [, stored] = /"outcome":"archived".*"bytes":(\d+)/.exec(line) ?? [];
        if (stored !== undefined) archived.push(Number(stored));
      },
    );
    const bench = { vault, settings, originUrl: origin.url, archived };
    await copy(WARM_UP_BYTES, bench);
    for (const bytes of SIZES_BYTES) print(way, bytes, await watch(vault.pid, () => copy(bytes, bench)));
    await vault.stop();
  } finally {
    origin.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Announces a recording of this size, and waits until it is archived. */
async function copy(bytes: number, { vault, settings, originUrl, archived }: Bench): Promise<void> {
  const fakeProvider = fakeProviders.telnyx;
  if (fakeProvider === undefined) throw new Error('Cannot measure: there is no fake provider');
  const ids = { eventId: randomUUID(), callId: randomUUID(), recordingId: randomUUID() };
  const body = fakeProvider.announce({
    ...ids,
    links: { wav: `${originUrl}/${bytes}` },
    endedMs: Date.now(),
  });
  const signing = signingKey(fakeProvider.id, settings) ?? '';
  const response = await postSigned(fakeProvider, { vaultUrl: vault.url, body, signing });
  if (response.status !== 200) throw new Error(`Cannot measure: status ${response.status}`);
  for (const endMs = Date.now() + 300_000; !archived.includes(bytes); ) {
    if (Date.now() > endMs) throw new Error(`Cannot measure: ${bytes} bytes were not archived in time`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The largest growth of the runtime's resident memory while something goes on. */
async function watch(pid: number, work: () => Promise<void>) {
  const beforeMb = residentMb(pid);
  let peakMb = beforeMb;
  const timer = setInterval(() => {
    peakMb = Math.max(peakMb, residentMb(pid));
  }, 250);
  const startedMs = Date.now();
  await work();
  clearInterval(timer);
  return { growthMb: Math.round(peakMb - beforeMb), seconds: Math.round((Date.now() - startedMs) / 1000) };
}

/** Of all workerd processes that a vault consists of. */
function residentMb(pid: number): number {
  const pids = familyOf(pid).join(',');
  const lines = spawnSync('ps', ['-o', 'rss=,comm=', '-p', pids], { encoding: 'utf8' }).stdout.split('\n');
  const workerd = lines.filter((line) => line.includes('workerd'));
  return workerd.reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[0]), 0) / 1024;
}

function print(way: Way, bytes: number, { growthMb, seconds }: { growthMb: number; seconds: number }): void {
  const size = `${String(bytes / 1e6).padStart(4)} MB`;
  const row = `${way.padEnd(16)} ${size}  ${String(growthMb).padStart(4)} MB  ${seconds} s`;
  rows.push(row);
  console.log(row);
}

const rows = ['way              size     growth   time'];

await runCommand({
  usage: `npm run memory -- [--keep]
Measures how much the runtime grows while it archives recordings of a gigabyte.
  --keep  write the result to docs/measured/memory.txt, which docs/reliability.md shows`,
  options: { keep: { type: 'boolean', default: false } },
  async run({ values }) {
    for (const way of ways) await measure(way);
    if (values.keep) keepMeasured('memory', rows.join('\n'));
    return 0;
  },
});
