import { FIRST_WAIT_MS, LONGEST_WAIT_MS, MAX_ATTEMPTS, WAIT_GROWTH } from '../src/archive/retry-policy.ts';

/** How long the simulation's clock stands still. */
export const STEP_SECONDS = 10;
const MAX_STEPS = (60 * 24 * 3600) / STEP_SECONDS;

/** Recordings that come in while no origin answers, and the consumers that retry them. */
export interface Outage {
  readonly recordingsPerMinute: number;
  readonly outageSeconds: number;
  readonly consumers: number;
  /** The part of what comes in after the outage that goes through the queue as well. */
  readonly queuedShare: number;
  /** What an attempt takes that fails at once. */
  readonly failSeconds: number;
  readonly copySeconds: number;
}

export interface Drained {
  readonly backlog: number;
  readonly attemptsEach: number;
  readonly exhausted: number;
  /** From the end of the outage until so much of the backlog is archived; nothing after two months. */
  readonly halfSeconds: number | undefined;
  readonly allSeconds: number | undefined;
}

/** Recordings with the same number of failures, due together. */
interface Group {
  readonly tried: number;
  readonly count: number;
}

/** The middle of the waits that the retry policy gives out, in steps. */
function waitSteps(tried: number): number {
  const waitMs = Math.min(FIRST_WAIT_MS * WAIT_GROWTH ** (tried - 1), LONGEST_WAIT_MS) * 0.75;
  return Math.max(1, Math.round(waitMs / 1000 / STEP_SECONDS));
}

/** Plays an outage and what comes after it; most of what arrives afterwards is archived behind its answer, as ever. */
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

/** What the consumers do in one step: in the order in which it became due. */
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
