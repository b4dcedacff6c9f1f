import { gzipSync } from 'node:zlib';
import { workers } from './deliveries.ts';
import { cpuMicroseconds } from './processes.ts';
import type { Sample } from './statistics.ts';
import { bundle, startWorkerd } from './workerd.ts';

const ROUNDS = 15;

/** How large each worker's bundle is, and what its start adds to that of workerd. */
export async function measureSizes(): Promise<Sample[]> {
  const bundles = Object.entries(workers).map(([name, main]) => ({ name, text: bundle(main) }));
  const samples: Sample[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, text } of bundles) {
      const values = {
        bytes: text.length,
        gzipBytes: gzipSync(text).byteLength,
        ...(await start(name, text)),
      };
      samples.push({ task: 'bundle', contestant: name, round, values });
    }
  }
  return samples;
}

/** From nothing to the first answer. */
async function start(name: string, text: string) {
  const startedMs = performance.now();
  const { url, pid, stop } = await startWorkerd(name, text, {});
  await (await fetch(`${url}/healthz`)).arrayBuffer();
  const values = { startMs: performance.now() - startedMs, startCpuMs: cpuMicroseconds(pid) / 1000 };
  stop();
  return values;
}
