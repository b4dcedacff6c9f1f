import { spawnSync } from 'node:child_process';
import { devNull } from 'node:os';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '..');
export const wrangler = join(root, 'node_modules', 'wrangler', 'bin', 'wrangler.js');

/** With these wrangler asks nothing outside this machine: no sample of `request.cf`, no telemetry, no newer version. */
export const quiet = {
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
};

/** Runs wrangler to its end, without the settings that a developer keeps in `.env` or `.dev.vars`. */
export function runWrangler(args: readonly string[]): { status: number; output: string } {
  const env = { ...process.env, ...quiet };
  const done = spawnSync(process.execPath, [wrangler, ...args, '--env-file', devNull], {
    cwd: root,
    env,
    encoding: 'utf8',
  });
  return { status: done.status ?? 1, output: `${done.stdout}${done.stderr}` };
}
