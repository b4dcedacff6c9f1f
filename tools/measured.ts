import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { root } from './wrangler.ts';

/** Keeps what was measured for docs/reliability.md, with the day and the machine. */
export function keepMeasured(name: string, said: string): void {
  const day = new Date().toISOString().slice(0, 10);
  const folder = join(root, 'docs', 'measured');
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, `${name}.txt`),
    `${day}, ${cpus().length} cores, Node ${process.version}\n${said}\n`,
  );
}
