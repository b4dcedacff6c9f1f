import { type Section, sections, shapeOf, type Table } from './sections.ts';
import type { Summary } from './statistics.ts';
import { type Parts, peerTable, targetTable } from './targets.ts';

/** What a run measured, part by part, and on what. */
export interface Results {
  /** By part: the day and the machine. */
  readonly measuredOn: Readonly<Record<string, string>>;
  readonly parts: Parts;
}

/** docs/performance.md, from the results alone. */
export function report(results: Results): string {
  const chapters = Object.entries(sections).flatMap(([part, section]) => {
    const summaries = results.parts[part];
    return summaries === undefined ? [] : chapter(section, summaries, results.measuredOn[part]);
  });
  const targets = ['## Targets', '', targetTable(results.parts), '', TARGETS];
  const peers = ['', '## Against the peers', '', peerTable(results.parts), '', PEERS];
  return `${[head, ...targets, ...peers, ...chapters].join('\n').trim()}\n`;
}

const head = `# Performance

How much callvault adds to the least that a worker can do, and how it compares with the usual ways and packages. Written by \`npm run bench\`; do not
edit. First the targets, then the peers, then a chapter for each part with all numbers, which are also in
[measured/performance.json](measured/performance.json).

Contestants take turns within a round, so that noise comes to all alike, and ratios are taken within a round. Cells are medians over the rounds,
brackets hold the ratio to the first column and its quartiles. CPU time is the kernel's account of the process (\`/proc/<pid>/task/*/schedstat\`), memory
its resident size.
`;

const TARGETS = `Of a delivery the median over both providers and all numbers of connections, from the tables below; of memory the difference between two
medians. An accepted or repeated delivery costs more than the floor because callvault parses and compares it, makes a lease and writes a line in the
log; *floor that keeps* does the same work without a check. Of a forged Telnyx delivery most is workerd's HTTP and Ed25519, which the SDK pays as well.
A copy's SHA-256 is what a bare put lacks: *bare put and SHA-256* is the shortest loop that makes one.`;

const PEERS = `Below 1 callvault spends less. The workers on the packages (*telnyx SDK*, *standardwebhooks*) keep the same entry, and check nothing of it. *naive*
verifies nothing, and keeps nothing before it answers; it makes no checksum, and holds a whole file in memory. *Node* keeps nothing before it answers, so
that a crash loses what it said 200 to, and does not know a duplicate; its http server costs about half of workerd's, and its S3 server is a process of
its own on the second core. Small copies are dear because entry, manifest, mark and their removal go through simulators, where a peer makes one put:
they are what makes a 200 survive a crash. A file of unknown length over 64 MB is begun in the background and again in the queue, in parts.`;

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
