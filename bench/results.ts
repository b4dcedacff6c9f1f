import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../tools/wrangler.ts';
import { type Results, report } from './report.ts';

const folder = join(root, 'docs', 'measured');
const file = join(folder, 'performance.json');
const page = join(root, 'docs', 'performance.md');

/** What was measured before; nothing in a tree without it. */
export function readResults(): Results | undefined {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

/** Keeps the results, and the page that is made of them. */
export function keepResults(results: Results): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, rounded, 1)}\n`);
  writePage(readResults() ?? results);
}

function rounded(_name: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(4)) : value;
}

export function writePage(results: Results): void {
  writeFileSync(page, report(results));
}

/** Whether the page is what the results say. */
export function isPageCurrent(results: Results): boolean {
  return existsSync(page) && readFileSync(page, 'utf8') === report(results);
}
