import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSettings } from '../tools/local-settings.ts';
import { familyOf, startVault } from '../tools/local-vault.ts';
import { cpuMicroseconds, residentBytes } from './cpu.ts';

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
  settings: Record<string, string>,
  onLine: (line: string) => void = () => undefined,
  stateFolder?: string,
): Promise<OnPlatform> {
  const folder = mkdtempSync(join(tmpdir(), 'callvault-bench-'));
  const envFile = join(folder, 'settings.env');
  writeSettings(envFile, settings);
  const options = { envFile, stateFolder: stateFolder ?? join(folder, 'state'), main };
  const { url, pid, stop } = await startVault(options, settings.VAULT_TOKEN ?? '', onLine);
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
  const lines = spawnSync('ps', ['-o', 'pid=,comm=', '-p', familyOf(pid).join(',')], {
    encoding: 'utf8',
  }).stdout;
  return lines
    .split('\n')
    .filter((line) => line.includes('workerd'))
    .map((line) => Number.parseInt(line, 10));
}
