import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CommandError } from './command.ts';
import { type Settings, writeSettings } from './local-settings.ts';
import { quiet, root, wrangler } from './wrangler.ts';

export interface VaultOptions {
  /** A free port unless given. */
  readonly port?: number;
  /** Where KV and R2 live between runs; wrangler's own folder unless given. */
  readonly stateFolder?: string | undefined;
  /** Another worker than the vault, under the same bindings. */
  readonly main?: string;
  /** The file that already has the settings: no copy is made. */
  readonly envFile?: string;
  /** Is called with each line that the vault prints. */
  readonly onLine?: (line: string) => void;
}

const PARENT_CHECK_MS = 500;

/**
 * Ends the vault with this process, however that ends: by a signal, by itself, or because its own parent is
 * gone (npm does not hand on a signal to what runs in its shell).
 */
function endTogether(child: ChildProcess, cleanUp: () => void): void {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid !== parent) process.exit(130);
  }, PARENT_CHECK_MS);
  watch.unref();
  const exit = () => process.exit(130);
  const end = () => {
    child.kill('SIGTERM');
    cleanUp();
  };
  process.once('exit', end).once('SIGINT', exit).once('SIGTERM', exit);
  child.once('exit', () => {
    clearInterval(watch);
    process.off('exit', end).off('SIGINT', exit).off('SIGTERM', exit);
    cleanUp();
  });
}

/** A vault that runs until it is stopped. */
export interface VaultProcess {
  readonly url: string;
  readonly pid: number;
  readonly stop: () => Promise<void>;
  /** Resolves when the vault has ended, for whatever reason. */
  readonly exited: Promise<void>;
  /** Ends the vault and its whole runtime as a crash would. */
  readonly kill: () => Promise<void>;
}

/** Starts the worker in local workerd by `wrangler dev`, on loopback only, and waits until it answers. */
export async function startVault(
  settings: Settings,
  { port: wanted = 0, stateFolder, main, envFile, onLine }: VaultOptions = {},
): Promise<VaultProcess> {
  checkWritable(stateFolder ?? root);
  const port = await freePort(wanted);
  const folder = mkdtempSync(join(tmpdir(), 'callvault-settings-'));
  const ownFile = join(folder, 'settings.env');
  if (envFile === undefined) writeSettings(ownFile, settings);
  const args = ['dev', ...(main === undefined ? [] : [main]), '--ip', '127.0.0.1', '--port', String(port)];
  args.push('--inspector-port', '0', '--env-file', envFile ?? ownFile);
  if (stateFolder !== undefined) args.push('--persist-to', stateFolder);
  const child = spawn(process.execPath, [wrangler, ...args], {
    cwd: root,
    env: { ...process.env, ...quiet },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  endTogether(child, () => rmSync(folder, { recursive: true, force: true })); // It holds keys.
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface(stream).on('line', (line) => {
      output.push(line);
      onLine?.(line);
    });
  }
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = () => {
    child.kill('SIGTERM');
    return exited;
  };
  const kill = () => {
    for (const pid of familyOf(child.pid ?? 0)) process.kill(pid, 'SIGKILL');
    return exited;
  };
  const url = `http://127.0.0.1:${port}`;
  const isUp = await waitUntil(
    60_000,
    async () => child.exitCode === null && (await isOurs(url, settings.VAULT_TOKEN)),
  );
  if (isUp) return { url, pid: child.pid ?? 0, exited, stop, kill };
  await stop();
  throw new CommandError(`Cannot start the vault; wrangler dev printed:\n${output.join('\n')}`);
}

/** Only the vault that we started knows the token: another process may have taken the port. */
export async function isOurs(url: string, token = ''): Promise<boolean> {
  const headers = { authorization: `Bearer ${token}` };
  return fetch(`${url}/healthz`, { headers }).then(
    ({ status }) => status === 200 || status === 503, // 503 while no provider's secret is set.
    () => false, // Not listening yet.
  );
}

/** A process and all that it started, the youngest first. */
export function familyOf(pid: number): number[] {
  const lines = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).stdout.trim().split('\n');
  const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number));
  const children = pairs.filter(([, parent]) => parent === pid).map(([child]) => child ?? 0);
  return [...children.flatMap(familyOf), pid];
}

/** True as soon as the check is; false when it was not within the time. */
export async function waitUntil(ms: number, check: () => boolean | Promise<boolean>): Promise<boolean> {
  for (const deadline = Date.now() + ms; Date.now() < deadline; ) {
    if (await check()) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

/** wrangler keeps its local state below the project's folder, and hangs when it cannot write there. */
export function checkWritable(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
  } catch {
    throw new CommandError(
      `The folder ${folder} cannot be written to: the local vault keeps its state there`,
    );
  }
}

/** A port that is free; the wanted one, unless it is 0. */
async function freePort(wanted: number): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(wanted, '127.0.0.1', resolve),
  ).catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(
      error.code === 'EADDRINUSE'
        ? `Port ${wanted} is in use: choose another with --port`
        : `Cannot listen on port ${wanted}: ${error.message}`,
    );
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('Cannot find a free port');
  return address.port;
}

/** Runs a local vault's cron, which `wrangler dev` does not; `timeMs` is the time that the run is meant for. */
export async function runCron(vaultUrl: string, timeMs = Date.now()): Promise<void> {
  const response = await fetch(`${vaultUrl}/cdn-cgi/local/scheduled?cron=*+*+*+*+*&time=${timeMs}`);
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`Cannot run the cron: status ${response.status}`);
}
