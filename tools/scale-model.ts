import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FIRST_WAIT_MS, LONGEST_WAIT_MS, MAX_ATTEMPTS, WAIT_GROWTH } from '../src/archive/retry-policy.ts';
import { MAX_RECONCILE_SENDS } from '../src/recover/reconcile.ts';
import { priceList } from './prices.ts';
import { root } from './wrangler.ts';

/** Recordings a minute. */
export const rates: readonly number[] = [10, 1_000, 100_000];
const MINUTES_PER_DAY = 1440;
export const MINUTES_PER_MONTH = 30 * MINUTES_PER_DAY;

/** The assumptions, which docs/scale.md states. */
export const assumed = {
  recordingBytes: 2_400_000,
  copySeconds: 2,
  failSeconds: 1,
  outageSeconds: 6 * 3600,
  /** The shares of all recordings that the fast path leaves to the queue, and whose worker crashes. */
  queuedShare: 0.02,
  crashedShare: 0.001,
};

/** From wrangler.toml. */
export const maxConcurrency = Number(
  /^max_concurrency = (\d+)$/m.exec(readFileSync(join(root, 'wrangler.toml'), 'utf8'))?.[1],
);

/** The operations that the bench counted for a task, by the names of the price list. */
function countedFor(task: string): ReadonlyMap<string, number> {
  const { parts } = JSON.parse(readFileSync(join(root, 'docs', 'measured', 'performance.json'), 'utf8'));
  const counted = parts.operations.find((summary: { task: string }) => summary.task === task);
  const spreads: Record<string, { median: number }> = counted.values;
  return new Map(Object.entries(spreads).map(([what, { median }]) => [what, median]));
}

/** Of a recording on the fast path, and of one that goes through the queue. */
export const fastCounts = countedFor('one file of 2.4 MB');
const queuedCounts = countedFor('one file of 100 MB, by the queue');
const idleHourCounts = countedFor('an idle hour of the cron');

/** The operations of an average recording. */
export function perRecording(what: string): number {
  const [fast = 0, queued = 0] = [fastCounts.get(what), queuedCounts.get(what) ?? fastCounts.get(what)];
  return fast * (1 - assumed.queuedShare) + queued * assumed.queuedShare;
}

const HOURS_PER_MONTH = MINUTES_PER_MONTH / 60;

/** The columns of the bill, and the prices in each. */
const columns: Readonly<Record<string, readonly string[]>> = {
  plan: ['plan'],
  'requests and CPU': ['request', 'CPU ms'],
  KV: ['KV read', 'KV write'],
  'R2 operations': ['R2 class A', 'R2 class B'],
  'D1 rows': ['D1 row written', 'D1 row read'],
  queue: ['queue operation'],
  'log lines': ['log line'],
  storage: ['R2 GB-month'],
};

export const billed = Object.keys(columns);

/** Dollars of a first month, by column: the use beyond what is included. */
export function bill(perMinute: number): number[] {
  const prices = priceList();
  return Object.values(columns).map((names) =>
    names.reduce((sum, name) => {
      const { dollars, included } = prices.get(name) ?? { dollars: Number.NaN, included: 0 };
      return sum + Math.max(0, usedInMonth(name, perMinute) - included) * dollars;
    }, 0),
  );
}

function usedInMonth(what: string, perMinute: number): number {
  const recordings = perMinute * MINUTES_PER_MONTH;
  if (what === 'plan') return 1;
  if (what === 'R2 GB-month') return (recordings * assumed.recordingBytes) / 1e9;
  return recordings * perRecording(what) + (idleHourCounts.get(what) ?? 0) * HOURS_PER_MONTH;
}

const { queuedShare, crashedShare, copySeconds } = assumed;
const PAID = 'the paid plan';

/** Recordings that consumers transfer at any moment. */
const consuming = (perMinute: number) => ((perMinute * queuedShare) / 60) * copySeconds;
/** The use of the recordings and of the cron, which runs each minute. */
const inMinutes = (minutes: number, what: string) => (perMinute: number) =>
  (perMinute * perRecording(what) + (idleHourCounts.get(what) ?? 0) / 60) * minutes;
const aDay = (what: string) => inMinutes(MINUTES_PER_DAY, what);

/** A limit of the platform or of callvault: the most, the use at recordings a minute, and what to change when it binds. */
type Limit = readonly [what: string, most: number, used: (perMinute: number) => number, change: string];

export const limits: readonly Limit[] = [
  [
    'free plan: CPU ms of one request, an upper bound',
    10,
    () => perRecording('CPU ms'),
    'near 100 % only trying tells; the paid plan',
  ],
  ['free plan: KV writes a day', 1_000, aDay('KV write'), PAID],
  ['free plan: KV reads a day', 100_000, aDay('KV read'), PAID],
  ['free plan: requests a day', 100_000, aDay('request'), PAID],
  ['free plan: queue operations a day', 10_000, aDay('queue operation'), PAID],
  [
    'free R2: class A operations a month',
    1_000_000,
    inMinutes(MINUTES_PER_MONTH, 'R2 class A'),
    'they are paid for',
  ],
  [
    `consumers at work (\`max_concurrency\` ${maxConcurrency})`,
    maxConcurrency,
    consuming,
    'raise `max_concurrency` in wrangler.toml, up to 250',
  ],
  ['consumers at work (platform)', 250, consuming, 'a queue for each provider, or for each hash of the key'],
  ['messages of one queue a second', 5_000, (rate) => (rate * queuedShare) / 60, 'more queues'],
  [
    'messages that one run of the cron sends',
    MAX_RECONCILE_SENDS,
    (rate) => rate * crashedShare,
    'a prefix of the inbox for each of several crons',
  ],
];

/** One step of the simulation. */
export const STEP_SECONDS = 10;
const MAX_STEPS = (60 * 24 * 3600) / STEP_SECONDS;

/** Recordings that come in while no origin answers, and the consumers that retry them. */
export interface Outage {
  readonly recordingsPerMinute: number;
  readonly outageSeconds: number;
  readonly consumers: number;
  /** The share of new recordings after the outage that goes through the queue. */
  readonly queuedShare: number;
  /** The time of an attempt that fails. */
  readonly failSeconds: number;
  readonly copySeconds: number;
}

export interface Drained {
  readonly backlog: number;
  readonly attemptsEach: number;
  readonly exhausted: number;
  /** From the end of the outage until half or all of the backlog is archived; `undefined` after 60 days. */
  readonly halfSeconds: number | undefined;
  readonly allSeconds: number | undefined;
}

/** Recordings with the same number of failures, due together. */
interface Group {
  readonly tried: number;
  readonly count: number;
}

/** The middle wait of the retry policy, in steps. */
function waitSteps(tried: number): number {
  const waitMs = Math.min(FIRST_WAIT_MS * WAIT_GROWTH ** (tried - 1), LONGEST_WAIT_MS) * 0.75;
  return Math.max(1, Math.round(waitMs / 1000 / STEP_SECONDS));
}

/** Plays an outage and the time after it, in which most new recordings are archived in the background. */
export function playOutage(outage: Outage): Drained {
  const due = new Map<number, Group[]>();
  const ready: Group[] = [];
  const outageSteps = outage.outageSeconds / STEP_SECONDS;
  const arriving = (outage.recordingsPerMinute * STEP_SECONDS) / 60;
  const backlog = arriving * outageSteps;
  const done = { archived: 0, attempts: 0, exhausted: 0 };
  let half: number | undefined;
  for (let step = 0; step < MAX_STEPS; step++) {
    const isOut = step < outageSteps;
    if (isOut) later(due, step, { tried: 1, count: arriving });
    ready.push(...(due.get(step) ?? []));
    due.delete(step);
    work(ready, isOut, outage, done, (group) => later(due, step, group));
    const left = backlog - done.archived - done.exhausted;
    if (!isOut && left <= backlog / 2) half ??= step - outageSteps;
    if (!isOut && left < 0.5) return summary(backlog, done, half, step - outageSteps);
  }
  return summary(backlog, done, half, undefined);
}

function later(due: Map<number, Group[]>, step: number, group: Group): void {
  const at = step + waitSteps(group.tried);
  due.set(at, [...(due.get(at) ?? []), group]);
}

/** One step of the consumers, in the order in which recordings became due. */
function work(
  ready: Group[],
  isOut: boolean,
  { consumers, failSeconds, copySeconds, recordingsPerMinute, queuedShare }: Outage,
  done: { archived: number; attempts: number; exhausted: number },
  retry: (group: Group) => void,
): void {
  const each = isOut ? failSeconds : copySeconds;
  const busy = isOut ? 0 : ((recordingsPerMinute * queuedShare) / 60) * copySeconds;
  for (let free = ((consumers - busy) * STEP_SECONDS) / each; free > 0 && ready.length > 0; ) {
    const [{ tried, count } = { tried: 0, count: 0 }] = ready;
    const taken = Math.min(count, free);
    free -= taken;
    done.attempts += taken;
    if (taken < count) ready[0] = { tried, count: count - taken };
    else ready.shift();
    if (!isOut) done.archived += taken;
    else if (tried + 1 >= MAX_ATTEMPTS) done.exhausted += taken;
    else retry({ tried: tried + 1, count: taken });
  }
}

function summary(
  backlog: number,
  { attempts, exhausted }: { attempts: number; exhausted: number },
  half: number | undefined,
  all: number | undefined,
): Drained {
  const seconds = (steps: number | undefined) => (steps === undefined ? undefined : steps * STEP_SECONDS);
  return {
    backlog,
    attemptsEach: attempts / backlog,
    exhausted,
    halfSeconds: seconds(half),
    allSeconds: seconds(all),
  };
}
