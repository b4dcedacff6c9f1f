/** The middle of what was measured, and the quartiles on both sides of it. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** Median and quartiles: single rounds on a noisy machine say little. */
export function spreadOf(values: readonly number[]): Spread {
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
export function summarize(samples: readonly Sample[], reference: string): Summary[] {
  const groups = Map.groupBy(samples, ({ task, contestant }) => `${task}\n${contestant}`);
  return Array.from(groups.values(), (own) => {
    const [{ task, contestant, values } = { task: '', contestant: '', values: {} }] = own;
    const references = samples.filter((other) => other.task === task && other.contestant === reference);
    const names = Object.keys(values);
    const spread = (name: string) => spreadOf(own.map((sample) => sample.values[name] ?? Number.NaN));
    const ratio = (name: string) => spreadOf(own.flatMap((sample) => ratiosOf(sample, references, name)));
    return {
      task,
      contestant,
      rounds: own.length,
      values: Object.fromEntries(names.map((name) => [name, spread(name)])),
      ratios: references.length === 0 ? {} : Object.fromEntries(names.map((name) => [name, ratio(name)])),
    };
  });
}

function ratiosOf({ round, values }: Sample, references: readonly Sample[], name: string): number[] {
  const reference = references.find((other) => other.round === round)?.values[name];
  return reference === undefined ? [] : [(values[name] ?? Number.NaN) / reference];
}
