import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** `npm run bench [-- <part> …]`: installs what only the bench needs, then measures. Linux alone tells CPU time so. */
if (!existsSync('/proc/self/schedstat')) {
  console.error('The bench reads CPU time from /proc, which only Linux has');
  process.exit(1);
}
const install = spawnSync('npm', ['ci', '--prefix', import.meta.dirname, '--no-audit', '--no-fund'], {
  stdio: 'inherit',
});
const types = spawnSync('npx', ['tsc', '-p', join(import.meta.dirname, 'tsconfig.json')], {
  stdio: 'inherit',
});
if (install.status !== 0 || types.status !== 0) process.exit(1);
const { bench } = await import('./bench.ts');
await bench(process.argv.slice(2));
process.exit(); // What the contestants left open is not waited for.
