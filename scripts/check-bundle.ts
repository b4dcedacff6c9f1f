import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** Fails when the worker that `wrangler deploy` would upload is larger than we promise. */
const MAX_GZIP_BYTES = 40_000;

const folder = mkdtempSync(join(tmpdir(), 'callvault-bundle-'));
try {
  const env = { ...process.env, WRANGLER_SEND_METRICS: 'false' };
  execFileSync('npx', ['--no-install', 'wrangler', 'deploy', '--dry-run', '--outdir', folder], {
    env,
    stdio: 'pipe',
  });
  const files = readdirSync(folder).filter((name) => name.endsWith('.js'));
  const bytes = files.reduce((sum, name) => sum + gzipSync(readFileSync(join(folder, name))).byteLength, 0);
  console.log(`bundle: ${bytes} bytes gzip, at most ${MAX_GZIP_BYTES}`);
  if (bytes === 0 || bytes > MAX_GZIP_BYTES) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}
