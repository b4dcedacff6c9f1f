import { newLocalSettings, type Settings } from '../tools/local-settings.ts';
import { serveLarge } from '../tools/origin.ts';
import { announce, type Copier, startBare, startBareWithChecksum, startNaive } from './copiers.ts';
import { startOnPlatform } from './platform.ts';
import { peakGrowthMb } from './processes.ts';
import type { Sample } from './statistics.ts';

const FILES = 20;
const FILE_BYTES = 100_000_000;

/** How far the resident memory of a new runtime rises with many copies at once; each contestant has its own. */
export async function measureMemory(): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const start of [startBare, startBareWithChecksum, startParallelVault, startNaive])
    samples.push(await copyMany(start));
  return samples;
}

async function copyMany(start: (settings: Settings) => Promise<Copier>): Promise<Sample> {
  const origin = await serveLarge();
  const { name, residentBytes, copy, stop } = await start(await newLocalSettings(origin.url));
  const links = Array.from({ length: FILES }, () => origin.link(String(FILE_BYTES)));
  const growthMb = await peakGrowthMb(residentBytes, () => copy(links));
  await stop();
  origin.close();
  return { task: '20 × 100 MB at once, in a new runtime', contestant: name, round: 0, values: { growthMb } };
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
