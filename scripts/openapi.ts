import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openApi } from '../tools/openapi.ts';
import { root } from '../tools/wrangler.ts';

/** Writes the description of the API; with `--check` fails when it is older than the schemas. */
const path = join(root, 'src', 'public', 'openapi.json');
const text = `${JSON.stringify(openApi())}\n`;
if (!process.argv.includes('--check')) writeFileSync(path, text);
else if (readFileSync(path, 'utf8') !== text) {
  console.error('src/public/openapi.json is older than the schemas: npm run openapi');
  process.exitCode = 1;
}
