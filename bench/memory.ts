import { serveLarge } from '../scripts/large-origin.ts';
import { newLocalSettings } from '../scripts/local-keys.ts';
import { announce, type Copier, startBare, startNaive, startVaultCopier } from './copiers.ts';
import { startOnPlatform } from './platform.ts';
import type { Sample } from './statistics.ts';

type Settings = Readonly<Record<string, string>>;

const LOOK_MS = 100;
const many = { bytes: 100_000_000, files: 20 };
/** The first is for what a runtime takes once and keeps. */
const gigabytes = [999_000_000, 1_000_000_000, 1_001_000_000].map((bytes) => ({ bytes, files: 1 }));

/** How far the runtime's resident memory grows: each contestant in a runtime of its own. */
export async function measureMemory(): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const start of [startBare, startVaultCopier])
    samples.push(...(await grow('1 GB more, after 1 GB', start, gigabytes)).slice(1));
  for (const start of [startBare, startParallelVault, startNaive])
    samples.push(...(await grow('20 × 100 MB at once, in a new runtime', start, [many])));
  return samples;
}

/** The growth while each of the tasks is done, one after the other. */
async function grow(
  task: string,
  start: (settings: Settings) => Promise<Copier>,
  tasks: readonly (typeof many)[],
): Promise<Sample[]> {
  const origin = await serveLarge('known length');
  const copier = await start(await newLocalSettings(origin.url));
  const samples: Sample[] = [];
  for (const [round, { bytes, files }] of tasks.entries()) {
    const links = Array.from({ length: files }, () => `${origin.url}/${bytes}`);
    const growth = await peakGrowth(copier, () => copier.copy(links));
    samples.push({ task, contestant: copier.name, round, values: { growthMb: growth / 1e6 } });
  }
  await copier.stop();
  origin.close();
  return samples;
}

async function peakGrowth({ residentBytes }: Copier, work: () => Promise<void>): Promise<number> {
  const before = residentBytes();
  let peak = before;
  const timer = setInterval(() => {
    peak = Math.max(peak, residentBytes());
  }, LOOK_MS);
  await work();
  clearInterval(timer);
  return Math.max(peak, residentBytes()) - before;
}

/** With the consumers of a deployed vault, which work side by side. */
async function startParallelVault(settings: Settings): Promise<Copier> {
  const platform = await startOnPlatform('callvault', 'bench/contestants/parallel-vault.ts', settings);
  return {
    ...platform,
    async copy(links) {
      for (const link of links) await announce(platform.url, link, settings);
      await new Promise((resolve) => setTimeout(resolve, 1000)); // Each is handed over behind its answer.
      const response = await fetch(`${platform.url}/bench/consume`, { method: 'POST' });
      const { consumed } = await response.json<{ consumed: number }>();
      if (consumed !== links.length) throw new Error(`Only ${consumed} of ${links.length} were handed over`);
    },
  };
}
