import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { fillPage } from '../tools/page.ts';
import { measureCopies } from './copies.ts';
import { measureDeliveries } from './deliveries.ts';
import { measureGrowth } from './growth.ts';
import { measureMemory } from './memory.ts';
import { measureOperations } from './operations.ts';
import { readResults, resultsFile } from './page.ts';
import { measureReadSide } from './read-side.ts';
import { report } from './report.ts';
import { measureSizes } from './sizes.ts';
import { type Summary, summarize } from './statistics.ts';
import { measureStorm } from './storm.ts';
import { measureVerification } from './verification.ts';

const measures: Readonly<Record<string, () => Promise<Summary[]>>> = {
  deliveries: async () => summarize(await measureDeliveries(), 'floor'),
  verification: async () => summarize(await measureVerification(), 'package'),
  copies: async () => summarize(await measureCopies(), 'bare put'),
  memory: async () => summarize(await measureMemory(), 'bare put'),
  storm: async () => summarize(await measureStorm()),
  operations: async () => summarize(await measureOperations()),
  growth: async () => summarize(await measureGrowth()),
  readSide: async () => summarize(await measureReadSide(), 'platform'),
  sizes: async () => summarize(await measureSizes(), 'floor'),
};

/** Measures the parts that are named, or all; what is not measured now stays as it was. */
export async function bench(names: readonly string[]): Promise<void> {
  for (const name of names.length > 0 ? names : Object.keys(measures)) {
    const measure = measures[name];
    if (measure === undefined)
      throw new Error(`There is no part ${name}: ${Object.keys(measures).join(', ')}`);
    console.log(`Measuring ${name} …`);
    const { parts, measuredOn } = readResults();
    const measured = {
      measuredOn: { ...measuredOn, [name]: `${new Date().toISOString().slice(0, 10)}, ${machine()}` },
      parts: { ...parts, [name]: await measure() },
    };
    writeFileSync(resultsFile, `${JSON.stringify(measured, rounded, 1)}\n`);
    fillPage('performance', report(readResults()));
  }
  console.log('docs/performance.md is written; `npm run scale` writes docs/scale.md from it');
}

function rounded(_name: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(4)) : value;
}

function machine(): string {
  const [cpu] = cpus();
  return `${cpus().length} cores of ${cpu?.model.trim()}, ${Math.round(totalmem() / 1e9)} GB, Node ${process.version}`;
}
