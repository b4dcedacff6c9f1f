import { peerTable } from './peers.ts';
import { type Section, sections, shapeOf, type Table } from './sections.ts';
import type { Summary } from './statistics.ts';
import { targetTable } from './targets.ts';

/** What a run measured, part by part, and on what. */
export interface Results {
  /** By part: the day and the machine. */
  readonly measuredOn: Readonly<Record<string, string>>;
  readonly parts: Readonly<Record<string, readonly Summary[]>>;
}

/** docs/performance.md, from the results alone. */
export function report(results: Results): string {
  const chapters = Object.entries(sections).flatMap(([part, section]) => {
    const summaries = results.parts[part];
    return summaries === undefined ? [] : chapter(section, summaries, results.measuredOn[part]);
  });
  const targets = ['## Targets', '', TARGETS, '', targetTable(results.parts)];
  const peers = ['', '## Against the peers', '', peerTable(results.parts)];
  return `${[head, ...targets, ...peers, ...chapters].join('\n').trim()}\n`;
}

const head = `# Performance

Written by \`npm run bench\`; do not edit. Where there is more than one round, contestants take turns
within each, so that noise comes to all alike, and what is compared is compared within a round: cells are medians over the
rounds, brackets hold the ratio to the first column and its quartiles. CPU time is the kernel's account of the process
(\`/proc/<pid>/task/*/schedstat\`), memory its resident size. The numbers are in
[measured/performance.json](measured/performance.json).
`;

const TARGETS = `Of a delivery the median over both providers and all numbers of connections, from the tables below, where the quartiles
stand as well; of memory the difference between two medians, to be read with their quartiles.`;

function roundsOf(summaries: readonly Summary[]): string {
  const rounds = summaries.map((summary) => summary.rounds);
  const [fewest, most] = [Math.min(...rounds), Math.max(...rounds)];
  if (most === 1) return 'one round';
  return fewest === most ? `${most} rounds` : `${fewest} to ${most} rounds`;
}

function chapter(
  { title, text, tables, isAcross }: Section,
  summaries: readonly Summary[],
  measuredOn: string | undefined,
): string[] {
  const tablesText = isAcross
    ? across(tables, summaries)
    : tables.flatMap((table) => matrix(table, summaries));
  const measured = `Measured on ${measuredOn}: ${roundsOf(summaries)}.`;
  return ['', `## ${title}`, '', text, '', measured, ...tablesText];
}

/** One measure: tasks down, contestants across. */
function matrix(table: Table, all: readonly Summary[]): string[] {
  const { title, measure } = table;
  const summaries = all.filter(({ values }) => values[measure] !== undefined);
  const { tasks, contestants } = shapeOf(summaries);
  const rows = tasks.map((task) => [
    task,
    ...contestants.map((contestant) => {
      const own = summaries.find((summary) => summary.task === task && summary.contestant === contestant);
      return cell(own, table);
    }),
  ]);
  return markdown([title, ...contestants], rows);
}

/** All measures of a part: tasks or contestants down, measures across. */
function across(tables: readonly Table[], summaries: readonly Summary[]): string[] {
  const isOneTask = shapeOf(summaries).tasks.length === 1;
  const rows = summaries.map((own) => [
    isOneTask ? own.contestant : own.task,
    ...tables.map((table) => cell({ ...own, ratios: {} }, table)),
  ]);
  return markdown(['', ...tables.map(({ title }) => title)], rows);
}

function markdown(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return ['', line(header), `|---|${'---:|'.repeat(header.length - 1)}`, ...rows.map(line)];
}

function cell(own: Summary | undefined, { measure, format, isWithoutRatios }: Table): string {
  const [value, ratio] = [own?.values[measure], own?.ratios[measure]];
  if (value === undefined) return '–';
  if (isWithoutRatios) {
    const range = value.low === value.high ? '' : ` (${format(value.low)}–${format(value.high)})`;
    return format(value.median) + range;
  }
  if (ratio === undefined || (ratio.low === 1 && ratio.high === 1)) return format(value.median);
  return `${format(value.median)} (${ratio.median.toFixed(2)}, ${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})`;
}
