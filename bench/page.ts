import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runPageCommand } from '../tools/page.ts';
import { root } from '../tools/wrangler.ts';
import { type Results, report } from './report.ts';

export const resultsFile = join(root, 'docs', 'measured', 'performance.json');

/** What was measured last; nothing in a tree without it. */
export function readResults(): Results {
  if (!existsSync(resultsFile)) return { measuredOn: {}, parts: {} };
  return JSON.parse(readFileSync(resultsFile, 'utf8'));
}

if (import.meta.main)
  await runPageCommand('performance', () => {
    if (!existsSync(resultsFile)) throw new Error('Nothing was measured: run npm run bench');
    return report(readResults());
  });
