import { newLocalSettings, type Settings } from '../tools/local-settings.ts';
import { serveLarge } from '../tools/origin.ts';
import {
  announce,
  type Copier,
  startBare,
  startBareWithChecksum,
  startNaive,
  startVaultCopier,
} from './copiers.ts';
import { startOnPlatform } from './platform.ts';
import { peakGrowthMb } from './processes.ts';
import type { Sample } from './statistics.ts';

const FILES = 20;
const FILE_BYTES = 100_000_000;
const LARGE_BYTES = 1_000_000_000;
const LARGE_FILES = 4;

/** How far the resident memory of a runtime rises; each contestant has its own. */
export async function measureMemory(): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const start of [startBare, startBareWithChecksum, startParallelVault, startNaive])
    samples.push(await copyMany(start));
  for (const start of [startBare, startVaultCopier]) samples.push(...(await copyOneByOne(start)));
  return samples;
}

/** What grew with the bytes would grow with each further file as with the first, which is not counted. */
async function copyOneByOne(start: (settings: Settings) => Promise<Copier>): Promise<Sample[]> {
  const origin = await serveLarge();
  const { name, residentBytes, copy, stop } = await start(await newLocalSettings(origin.url));
  const samples: Sample[] = [];
  for (let round = -1; round < LARGE_FILES; round++) {
    const growthMb = await peakGrowthMb(residentBytes, () => copy([origin.link(String(LARGE_BYTES))]));
    if (round >= 0)
      samples.push({
        task: 'another 1 GB, one after the other',
        contestant: name,
        round,
        values: { growthMb },
      });
  }
  await stop();
  origin.close();
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
