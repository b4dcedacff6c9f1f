import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './wrangler.ts';

/** Recordings a minute. */
export const rates: readonly number[] = [10, 1_000, 100_000];
export const MINUTES_PER_DAY = 1440;
export const MINUTES_PER_MONTH = 30 * MINUTES_PER_DAY;

/** What is not counted but assumed; docs/scale.md says so. */
export const assumed = {
  recordingBytes: 2_400_000,
  copySeconds: 2,
  failSeconds: 1,
  outageSeconds: 6 * 3600,
  /** The shares of all recordings that the fast path leaves to the queue, and whose worker crashes. */
  queuedShare: 0.02,
  crashedShare: 0.001,
};

/** As wrangler.toml says. */
export const maxConcurrency = Number(
  /^max_concurrency = (\d+)$/m.exec(readFileSync(join(root, 'wrangler.toml'), 'utf8'))?.[1],
);

/** What was counted for one of the tasks of docs/performance.md, by the names of the price list. */
function countedFor(task: string): ReadonlyMap<string, number> {
  const { parts } = JSON.parse(readFileSync(join(root, 'docs', 'measured', 'performance.json'), 'utf8'));
  const counted = parts.operations.find((summary: { task: string }) => summary.task === task);
  const spreads: Record<string, { median: number }> = counted.values;
  return new Map(Object.entries(spreads).map(([what, { median }]) => [what, median]));
}

/** Of a recording on the fast path, and of one that goes through the queue. */
export const fastCounts = countedFor('one file of 2.4 MB');
const queuedCounts = countedFor('one file of 100 MB, by the queue');
export const idleHourCounts = countedFor('an idle hour of the cron');

/** How many of what the price list names a recording takes on average. */
export function perRecording(what: string): number {
  const [fast = 0, queued = 0] = [fastCounts.get(what), queuedCounts.get(what) ?? fastCounts.get(what)];
  return fast * (1 - assumed.queuedShare) + queued * assumed.queuedShare;
}
