import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A server under measurement. */
export interface Running {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  readonly stop: () => void;
}

/** The CPU time of a process so far, in µs, as Linux accounts for it, of all its threads. */
export function cpuMicroseconds(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = tasks.map((task) =>
    Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]),
  );
  return nanoseconds.reduce((sum, time) => sum + time, 0) / 1000;
}

/** The memory of a process that is in RAM. */
export function residentBytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

const LOOK_MS = 100;

/** How far the resident memory of a runtime rises, in MB, while something is done. */
export async function peakGrowthMb(residentBytes: () => number, work: () => Promise<void>): Promise<number> {
  const before = residentBytes();
  let peak = before;
  const look = () => {
    peak = Math.max(peak, residentBytes());
  };
  const timer = setInterval(look, LOOK_MS);
  await work().finally(() => clearInterval(timer));
  look();
  return (peak - before) / 1e6;
}

/** Starts a script of `contestants/` in Node, which prints its address first; hands on each further line. */
export async function startNode(
  name: string,
  script: string,
  settings: Readonly<Record<string, string>>,
  onLine?: (line: string) => void,
): Promise<Running> {
  const path = join(import.meta.dirname, 'contestants', script);
  const env = { ...process.env, ...settings };
  const child = spawn(process.execPath, [path], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  process.once('exit', () => child.kill('SIGKILL'));
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`Cannot start ${name}: it ended with ${code}`)));
    createInterface(child.stdout).on('line', (line) => {
      const { port: listening } = JSON.parse(line);
      if (typeof listening === 'number') resolve(listening);
      else onLine?.(line);
    });
  });
  const stop = () => void child.kill('SIGKILL');
  return { name, url: `http://127.0.0.1:${port}`, pid: child.pid ?? 0, stop };
}

/** An S3 server on loopback with one bucket, `recordings`, in a folder that goes with it. */
export async function startS3(): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'callvault-s3-'));
  const server = await startNode('S3 server', 's3-server.ts', { FOLDER: folder });
  const stop = () => {
    server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...server, stop };
}
