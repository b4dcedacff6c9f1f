import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './wrangler.ts';

interface Price {
  /** For one. */
  readonly dollars: number;
  /** Free of charge each month. */
  readonly included: number;
}

/** By what it is called in docs/prices.md. */
export function priceList(): ReadonlyMap<string, Price> {
  const text = readFileSync(join(root, 'docs', 'prices.md'), 'utf8');
  const rows = text.matchAll(/^\| ([\w -]+?) \| ([\d.]+) \| (\d+) \| (\d+) \|/gm);
  return new Map(
    Array.from(rows, ([, what = '', price, per, included]) => [
      what,
      { dollars: Number(price) / Number(per), included: Number(included) },
    ]),
  );
}
