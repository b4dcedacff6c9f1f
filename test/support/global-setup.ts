import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startOrigin } from './origin.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    readonly originUrl: string;
  }
}

const results = join(import.meta.dirname, '..', '..', '.results');

/** Starts one origin for all tests in workerd, which cannot listen; their reports are written to .results. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const origin = await startOrigin();
  project.provide('originUrl', origin.url);
  return async () => {
    mkdirSync(results, { recursive: true });
    for (const [name, rows] of origin.reports)
      writeFileSync(join(results, `${name}.json`), JSON.stringify(rows, null, 2));
    await origin.close();
  };
}
