import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './wrangler.ts';

/** Dollars for one of each, as docs/prices.md says. */
export function priceList(): ReadonlyMap<string, number> {
  const text = readFileSync(join(root, 'docs', 'prices.md'), 'utf8');
  const rows = text.matchAll(/^\| ([\w -]+?) \| ([\d.]+) \| (\d+) \|/gm);
  return new Map(Array.from(rows, ([, what = '', price, per]) => [what, Number(price) / Number(per)]));
}
