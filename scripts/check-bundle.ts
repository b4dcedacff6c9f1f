import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { runWrangler } from '../tools/wrangler.ts';

/** Fails when the worker that `wrangler deploy` would upload is larger than we promise. */
const MAX_GZIP_BYTES = 100_000;

const folder = mkdtempSync(join(tmpdir(), 'callvault-bundle-'));
try {
  const { status, output } = runWrangler(['deploy', '--dry-run', '--outdir', folder]);
  if (status !== 0) console.error(output);
  const files = readdirSync(folder).filter((name) => !/\.(md|map)$/.test(name));
  const bytes = files.reduce((sum, name) => sum + gzipSync(readFileSync(join(folder, name))).byteLength, 0);
  console.log(`bundle: ${bytes} bytes gzip, at most ${MAX_GZIP_BYTES}`);
  if (bytes === 0 || bytes > MAX_GZIP_BYTES) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}
