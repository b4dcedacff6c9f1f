import type { TestProject } from 'vitest/node';
import { startOrigin } from './origin.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    readonly originUrl: string;
  }
}

/** One origin for all tests in workerd, which cannot listen themselves. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const origin = await startOrigin();
  project.provide('originUrl', origin.url);
  return origin.close;
}
