import { isPageCurrent, readResults, writePage } from './results.ts';

/** `npm run performance [-- --check]`: docs/performance.md from what the bench measured last. */
const results = readResults();
if (results === undefined) throw new Error('Nothing was measured: run npm run bench');
if (!process.argv.includes('--check')) writePage(results);
else if (!isPageCurrent(results)) {
  console.error('docs/performance.md is not what `npm run performance` writes');
  process.exitCode = 1;
}
