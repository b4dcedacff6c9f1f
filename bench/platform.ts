import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Settings } from '../tools/local-settings.ts';
import { familyOf, startVault } from '../tools/local-vault.ts';
import { cpuMicroseconds, residentBytes } from './processes.ts';

/** A worker on the whole local platform: workerd, and in it the simulators of KV, R2 and the queue. */
export interface OnPlatform {
  readonly name: string;
  readonly url: string;
  /** CPU time of its runtime so far. */
  readonly cpuSeconds: () => number;
  readonly residentBytes: () => number;
  readonly stop: () => Promise<void>;
}

/** Starts a worker, with a state of its own unless one is given; hands on each line that it logs. */
export async function startOnPlatform(
  name: string,
  main: string,
  settings: Settings,
  { onLine, stateFolder }: { onLine?: (line: string) => void; stateFolder?: string } = {},
): Promise<OnPlatform> {
  const folder = mkdtempSync(join(tmpdir(), 'callvault-bench-'));
  const options = { stateFolder: stateFolder ?? folder, main, ...(onLine && { onLine }) };
  const { url, pid, stop } = await startVault(settings, options);
  const pids = workerdsOf(pid);
  return {
    name,
    url,
    cpuSeconds: () => sum(pids.map(cpuMicroseconds)) / 1e6,
    residentBytes: () => sum(pids.map(residentBytes)),
    async stop() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** wrangler runs one workerd for the worker, and one that stands before it. */
function workerdsOf(pid: number): number[] {
  const args = ['-o', 'pid=,comm=', '-p', familyOf(pid).join(',')];
  const lines = spawnSync('ps', args, { encoding: 'utf8' }).stdout.split('\n');
  return lines.filter((line) => line.includes('workerd')).map((line) => Number.parseInt(line, 10));
}
