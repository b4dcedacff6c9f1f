import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { runWrangler } from '../tools/wrangler.ts';
import type { Running } from './processes.ts';

/** The text of a worker as `wrangler deploy` would upload it. */
export function bundle(main: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'callvault-bench-'));
  try {
    const { status, output } = runWrangler(['deploy', main, '--dry-run', '--outdir', folder]);
    if (status !== 0) throw new Error(`Cannot bundle ${main}: ${output}`);
    return readFileSync(join(folder, main.replace(/^.*\/|\.ts$/g, '').concat('.js')), 'utf8');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const main = `import contestant from './contestant.js';
import { onStandIns } from './stand-ins.js';
export default onStandIns(contestant);`;

/** Starts plain workerd, without wrangler's own workers around it, on a free port of loopback. */
export async function startWorkerd(
  name: string,
  worker: string,
  settings: Readonly<Record<string, string>>,
): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'callvault-bench-'));
  const modules = { 'main.js': main, 'stand-ins.js': plain('stand-ins.ts'), 'contestant.js': worker };
  for (const [file, text] of Object.entries(modules)) writeFileSync(join(folder, file), text);
  writeFileSync(join(folder, 'config.capnp'), configOf(Object.keys(modules), settings));
  const args = ['serve', join(folder, 'config.capnp'), '--control-fd=3'];
  // Its log goes nowhere: a pipe would cost a switch of processes for each line, which no edge pays.
  const child = spawn(workerdPath(), args, { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] });
  const end = () => void child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
  const port = await portOf(child);
  const stop = () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  };
  return { name, url: `http://127.0.0.1:${port}`, pid: child.pid ?? 0, stop };
}

/** A module of the contestants' folder in JavaScript. */
function plain(file: string): string {
  return stripTypeScriptTypes(readFileSync(join(import.meta.dirname, 'contestants', file), 'utf8'));
}

function workerdPath(): string {
  const { default: path } = createRequire(import.meta.url)('workerd');
  return String(path);
}

function configOf(modules: readonly string[], settings: Readonly<Record<string, string>>): string {
  const embedded = modules.map((file) => `(name = "${file}", esModule = embed "${file}")`);
  const bindings = Object.entries(settings).map(([name, text]) => `(name = "${name}", text = "${text}")`);
  const [, date] = /^compatibility_date = "(.*)"$/m.exec(readFileSync('wrangler.toml', 'utf8')) ?? [];
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main), (name = "internet", network = (allow = ["local"]))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [${embedded.join(', ')}],
  bindings = [${bindings.join(', ')}],
  compatibilityDate = "${date}",
  compatibilityFlags = ["global_fetch_strictly_public"],
);
`;
}

/** workerd tells on its control channel where it listens, once it does. */
function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const control = child.stdio[3];
    child.once('exit', (code) => reject(new Error(`Cannot start workerd: it ended with ${code}`)));
    if (!(control && 'read' in control)) return reject(new Error('Cannot start workerd: no control channel'));
    createInterface(control).on('line', (line) => {
      const { socket, port } = JSON.parse(line);
      if (socket === 'http') resolve(port);
    });
  });
}
