import { cpus, totalmem } from 'node:os';
import { measureCopies } from './copies.ts';
import { measureDeliveries } from './deliveries.ts';
import { measureGrowth } from './growth.ts';
import { measureMemory } from './memory.ts';
import { measureOperations } from './operations.ts';
import { keepResults, readResults } from './results.ts';
import { measureSizes } from './sizes.ts';
import { type Summary, summarize } from './statistics.ts';
import { measureStorm } from './storm.ts';

const measures: Readonly<Record<string, () => Promise<Summary[]>>> = {
  deliveries: async () => summarize(await measureDeliveries(), 'floor'),
  copies: async () => summarize(await measureCopies(), 'bare put'),
  memory: async () => summarize(await measureMemory(), 'bare put'),
  storm: async () => summarize(await measureStorm(), 'none'),
  operations: async () => summarize(await measureOperations(), 'none'),
  growth: async () => summarize(await measureGrowth(), 'none'),
  sizes: async () => summarize(await measureSizes(), 'floor'),
};

/** Measures the parts that are named, or all; what is not measured now stays as it was. */
export async function bench(names: readonly string[]): Promise<void> {
  const wanted = names.length > 0 ? names : Object.keys(measures);
  const before = readResults();
  const parts = { ...before?.parts };
  const measuredOn = { ...before?.measuredOn };
  for (const name of wanted) {
    const measure = measures[name];
    if (measure === undefined)
      throw new Error(`There is no part ${name}: ${Object.keys(measures).join(', ')}`);
    console.log(`Measuring ${name} …`);
    parts[name] = await measure();
    measuredOn[name] = `${new Date().toISOString().slice(0, 10)}, ${machine()}`;
    keepResults({ measuredOn, parts });
  }
  console.log('docs/performance.md is written; `npm run scale` writes docs/scale.md from it');
}

function machine(): string {
  const [cpu] = cpus();
  return `${cpus().length} cores of ${cpu?.model.trim()}, ${Math.round(totalmem() / 1e9)} GB, Node ${process.version}`;
}
