import { existsSync } from 'node:fs';
import { join } from 'node:path';

// Runs a script in TypeScript on the Node that npm ci installs beside it. This file runs on any Node.
const installed = join(import.meta.dirname ?? '.', '..', 'node_modules', 'node', 'package.json');
if (existsSync(installed)) {
  const [, , name, ...rest] = process.argv;
  process.argv.splice(1, process.argv.length, join(import.meta.dirname, `${name}.ts`), ...rest);
  await import(`./${name}.ts`);
} else {
  console.error('Run npm ci first: the packages are not installed');
  process.exitCode = 1;
}
