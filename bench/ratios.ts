import { type Summary, spreadOf } from './statistics.ts';

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
