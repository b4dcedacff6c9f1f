import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Running } from './workerd.ts';

/** Starts a script of `contestants/` in Node, which prints its address first; hands on each further line. */
export async function startNode(
  name: string,
  script: string,
  settings: Readonly<Record<string, string>>,
  onLine: (line: string) => void = () => undefined,
): Promise<Running> {
  const path = join(import.meta.dirname, 'contestants', script);
  const child = spawn(process.execPath, [path], {
    env: { ...process.env, ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.once('exit', () => child.kill('SIGKILL'));
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`Cannot start ${name}: it ended with ${code}`)));
    createInterface(child.stdout).on('line', (line) => {
      const { port: listening } = JSON.parse(line);
      if (typeof listening === 'number') resolve(listening);
      else onLine(line);
    });
  });
  return {
    name,
    url: `http://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    stop: () => void child.kill('SIGKILL'),
  };
}
