/** The middle of what was measured, and the quartiles on both sides of it. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** Median and quartiles: single rounds on a noisy machine say little. */
function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) };
}

/** Between two values where it falls between two. */
function quantile(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share;
  const [below = Number.NaN, above = below] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  return below + (above - below) * (place - Math.floor(place));
}

/** What one contestant spent on one task in one round. */
export interface Sample {
  readonly task: string;
  readonly contestant: string;
  readonly round: number;
  /** By the name of a measure, with its unit in it. */
  readonly values: Readonly<Record<string, number>>;
}

/** All rounds of one contestant on one task; `ratios` are to the reference in the same round. */
export interface Summary {
  readonly task: string;
  readonly contestant: string;
  readonly rounds: number;
  readonly values: Readonly<Record<string, Spread>>;
  readonly ratios: Readonly<Record<string, Spread>>;
}

/** Ratios are taken within a round, since the machine changes between rounds more than within one. */
export function summarize(samples: readonly Sample[], reference = ''): Summary[] {
  const groups = Map.groupBy(samples, ({ task, contestant }) => `${task}\n${contestant}`);
  return Array.from(groups.values(), (own) => {
    const [{ task, contestant, values } = { task: '', contestant: '', values: {} }] = own;
    const references = samples.filter((other) => other.task === task && other.contestant === reference);
    const ratiosOf = (name: string) =>
      own.flatMap(({ round, values }) => {
        const base = references.find((other) => other.round === round)?.values[name];
        return base === undefined ? [] : [(values[name] ?? Number.NaN) / base];
      });
    const spreads = (of: (name: string) => number[]) =>
      Object.fromEntries(Object.keys(values).map((name) => [name, spreadOf(of(name))]));
    return {
      task,
      contestant,
      rounds: own.length,
      values: spreads((name) => own.map((sample) => sample.values[name] ?? Number.NaN)),
      ratios: references.length === 0 ? {} : spreads(ratiosOf),
    };
  });
}

/** The median over tasks of one contestant's median to another's; `undefined` if they share no task. */
export function medianRatio(
  summaries: readonly Summary[],
  tasks: RegExp,
  [own, other]: readonly [string, string],
  measure: string,
): number | undefined {
  // Both as ratios to the reference of their own round: the machine changes from round to round.
  const medianOf = (task: string, contestant: string) =>
    summaries.find((summary) => summary.task === task && summary.contestant === contestant)?.ratios[measure]
      ?.median ?? Number.NaN;
  const names = new Set(summaries.map(({ task }) => task).filter((task) => tasks.test(task)));
  const ratios = Array.from(names, (task) => medianOf(task, own) / medianOf(task, other)).filter(
    (ratio) => !Number.isNaN(ratio),
  );
  return ratios.length === 0 ? undefined : spreadOf(ratios).median;
}

/** The list with another beginning in each round, and backwards in every second: none is always first, or after the same one. */
export function rotated<T>(list: readonly T[], round: number): T[] {
  const start = Math.max(0, round) % list.length;
  const turned = [...list.slice(start), ...list.slice(0, start)];
  return round % 2 === 1 ? turned.toReversed() : turned;
}
