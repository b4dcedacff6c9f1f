import { type Summary, spreadOf } from './statistics.ts';

/** The middle over some tasks of what one contestant's median is to another's; nothing where the two never met. */
export function medianRatio(
  summaries: readonly Summary[],
  tasks: RegExp,
  own: string,
  other: string,
  measure: string,
): number | undefined {
  // Both as ratios to the reference of their own round: the machine changes from round to round.
  const medianOf = (task: string, contestant: string) =>
    summaries.find((summary) => summary.task === task && summary.contestant === contestant)?.ratios[measure]
      ?.median;
  const names = new Set(summaries.map(({ task }) => task).filter((task) => tasks.test(task)));
  const ratios = Array.from(
    names,
    (task) => (medianOf(task, own) ?? Number.NaN) / (medianOf(task, other) ?? Number.NaN),
  ).filter((ratio) => !Number.isNaN(ratio));
  return ratios.length === 0 ? undefined : spreadOf(ratios).median;
}
