import { table } from '../tools/page.ts';
import { medianRatio, type Summary } from './statistics.ts';

/** What a run measured, part by part, and on what. */
export interface Results {
  /** By part: the day and the machine. */
  readonly measuredOn: Readonly<Record<string, string>>;
  readonly parts: Parts;
}

type Parts = Readonly<Record<string, readonly Summary[]>>;
type Format = (value: number) => string;

const digits = (count: number) => (value: number) => value.toFixed(count);
const time: Format = (seconds) =>
  seconds < 0.1 ? `${(seconds * 1000).toFixed(1)} ms` : `${seconds.toFixed(2)} s`;

/** By part and measure: a table, the tasks down and the contestants across. */
const matrices: Readonly<Record<string, Readonly<Record<string, readonly [title: string, Format]>>>> = {
  deliveries: { cpuMicroseconds: ['CPU time of one delivery, µs', digits(0)] },
  verification: { cpuMicroseconds: ['CPU time of one verification, µs', digits(1)] },
  copies: {
    cpuSeconds: ['CPU time of one copy', time],
    seconds: ['Wall time of one copy', time],
  },
  readSide: {
    searchMs: ['Time of a search inside the worker, ms', digits(2)],
    cpuSeconds: ['CPU time', time],
    seconds: ['Wall time', time],
    rowMicroseconds: ['Time of a row, µs', digits(1)],
  },
  memory: { growthMb: ['Growth of memory, MB', digits(0)] },
};

/** By part: a table, the measures across. */
const lists: Readonly<Record<string, Readonly<Record<string, readonly [title: string, Format]>>>> = {
  storm: {
    deliveries: ['Deliveries', digits(0)],
    requests: ['Requests to the origin', digits(0)],
    objects: ['Objects of audio', digits(0)],
    cpuMsEach: ['CPU time of one, ms, the platform’s own included', digits(1)],
  },
  operations: {
    request: ['Requests', digits(0)],
    'KV read': ['KV reads', digits(0)],
    'KV write': ['KV writes', digits(0)],
    'R2 class A': ['R2 class A', digits(0)],
    'R2 class B': ['R2 class B', digits(0)],
    'D1 row written': ['D1 rows written', digits(0)],
    'queue operation': ['Queue operations', digits(0)],
    'log line': ['Log lines', digits(0)],
    'CPU ms': ['CPU ms', digits(2)],
    dollarsPerMillion: ['Dollars a million', digits(2)],
  },
  growth: {
    runs: ['Runs', digits(0)],
    messages: ['Messages', digits(0)],
    lists: ['Lists', digits(0)],
    seconds: ['Seconds', digits(1)],
    cpuSeconds: ['CPU seconds', digits(1)],
    deliveryMs: ['CPU time of a delivery, ms', digits(1)],
  },
  sizes: {
    bytes: ['Bytes', digits(0)],
    gzipBytes: ['Bytes, gzip', digits(0)],
    startMs: ['Start, ms', digits(1)],
    startCpuMs: ['Start, CPU ms', digits(1)],
  },
};

/** The parts of docs/performance.md, from the results alone. */
export function report({ parts, measuredOn }: Results): Record<string, string> {
  const chapter = (part: string, tables: (summaries: readonly Summary[]) => string[]) => {
    const summaries = parts[part] ?? [];
    if (summaries.length === 0) return [part, 'Not measured.'];
    const measured = `Measured on ${measuredOn[part]}: ${roundsOf(summaries)}.`;
    return [part, [measured, ...tables(summaries)].join('\n\n')];
  };
  return {
    targets: targetTable(parts),
    peers: peerTable(parts),
    ...Object.fromEntries(
      Object.entries(matrices).map(([part, measures]) =>
        chapter(part, (summaries) =>
          Object.entries(measures).map(([measure, [title, format]]) =>
            matrix(title, measure, format, summaries),
          ),
        ),
      ),
    ),
    ...Object.fromEntries(
      Object.entries(lists).map(([part, measures]) =>
        chapter(part, (summaries) => {
          const isOneTask = new Set(summaries.map(({ task }) => task)).size === 1;
          const rows = summaries.map(({ task, contestant, values }) => [
            isOneTask ? contestant : task,
            ...Object.entries(measures).map(([measure, [, format]]) => {
              const value = values[measure];
              return value === undefined ? '–' : format(value.median);
            }),
          ]);
          return [table(['', ...Object.values(measures).map(([title]) => title)], rows)];
        }),
      ),
    ),
  };
}

function roundsOf(summaries: readonly Summary[]): string {
  const rounds = summaries.map((summary) => summary.rounds);
  const [fewest, most] = [Math.min(...rounds), Math.max(...rounds)];
  if (most === 1) return 'one round';
  return fewest === most ? `${most} rounds` : `${fewest} to ${most} rounds`;
}

function matrix(title: string, measure: string, format: Format, all: readonly Summary[]): string {
  const summaries = all.filter(({ values }) => values[measure] !== undefined);
  const contestants = [...new Set(summaries.map(({ contestant }) => contestant))];
  const rows = [...new Set(summaries.map(({ task }) => task))].map((task) => {
    const own = summaries.filter((summary) => summary.task === task);
    const cellOf = (name: string) => own.find(({ contestant }) => contestant === name);
    return [task, ...contestants.map((name) => cell(cellOf(name), measure, format))];
  });
  return table([title, ...contestants], rows);
}

/** The median; in brackets the ratio to the reference and its quartiles, of memory the quartiles alone. */
function cell(own: Summary | undefined, measure: string, format: Format): string {
  const [value, ratio] = [own?.values[measure], own?.ratios[measure]];
  if (value === undefined) return '–';
  const isOneValue = value.low === value.high;
  if (measure === 'growthMb')
    return format(value.median) + (isOneValue ? '' : ` (${format(value.low)}–${format(value.high)})`);
  if (ratio === undefined || (ratio.low === 1 && ratio.high === 1)) return format(value.median);
  return `${format(value.median)} (${ratio.median.toFixed(2)}, ${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})`;
}

const vaultOverFloor = ['callvault', 'floor'] as const;
const vaultOverPut = ['callvault', 'bare put'] as const;
const kinds = ['accepted', 'duplicate', 'forged', 'malformed'];
const tasksOf = (kind: string) => new RegExp(`^\\w+ ${kind} `);
const gigabyte = /^1000000000 known/;
const oneFile = /^one file of 2.4 MB/;

/** What, the limit, its unit, and what was measured. */
const targets: readonly (readonly [string, number, string, (parts: Parts) => number | undefined])[] = [
  ...[1.25, 1.15, 1.15, 1.05].map((limit, at) => {
    const kind = kinds[at] ?? '';
    const measured = ({ deliveries = [] }: Parts) =>
      medianRatio(deliveries, tasksOf(kind), vaultOverFloor, 'cpuMicroseconds');
    return [`${kind} delivery, CPU`, limit, '× floor', measured] as const;
  }),
  [
    'forged Telnyx delivery (verification alone), CPU',
    0.65,
    '× telnyx SDK',
    ({ deliveries = [] }) =>
      medianRatio(deliveries, /^telnyx forged/, ['callvault', 'telnyx SDK'], 'cpuMicroseconds'),
  ],
  ...Object.entries({ CPU: 'cpuSeconds', wall: 'seconds' }).map(([name, measure]) => {
    const measured = ({ copies = [] }: Parts) => medianRatio(copies, gigabyte, vaultOverPut, measure);
    return [`copy of 1 GB with SHA-256, ${name}`, 1.05, '× bare put', measured] as const;
  }),
  [
    'memory for another 1 GB, beyond that of a bare put',
    8,
    'MB',
    ({ memory = [] }) => beyond(memory, /^another 1 GB/, vaultOverPut, 'growthMb'),
  ],
  ...Object.entries({
    'KV read': 1,
    'KV write': 1,
    'R2 class A': 3,
    'R2 class B': 5,
    'D1 row written': 10,
    'queue operation': 0,
  }).map(([what, limit]) => {
    const measured = ({ operations = [] }: Parts) => medianOf(operations, oneFile, 'callvault', what);
    return [`one recording in one file of 2.4 MB: ${what}`, limit, '', measured] as const;
  }),
  [
    'a search over 1,000,000 rows, inside the worker',
    2,
    '× the same SQL alone',
    ({ readSide = [] }) => medianRatio(readSide, /page|days|call$/, ['callvault', 'platform'], 'searchMs'),
  ],
  [
    'the list of 50 over 1,000,000 rows as a page, wall',
    2.5,
    '× the page without a row',
    ({ readSide = [] }) => medianRatio(readSide, /^the list/, ['callvault', 'platform'], 'seconds'),
  ],
  [
    'one range of 50 MB, CPU',
    1.15,
    '× a bare get',
    ({ readSide = [] }) => medianRatio(readSide, /^one range/, ['callvault', 'platform'], 'cpuSeconds'),
  ],
  [
    'a row of a rebuild, written',
    50,
    'µs',
    ({ readSide = [] }) => medianOf(readSide, /^rows/, 'callvault', 'rowMicroseconds'),
  ],
  ...Object.entries({ CPU: 'cpuSeconds', wall: 'seconds' }).map(([name, measure]) => {
    const measured = ({ readSide = [] }: Parts) =>
      medianRatio(readSide, /archived$/, ['callvault', 'platform'], measure);
    return [`archiving with the catalog, ${name}`, 1.1, '× without', measured] as const;
  }),
  ['bundle, gzip', 100_000, 'bytes', ({ sizes = [] }) => medianOf(sizes, /./, 'callvault', 'gzipBytes')],
  [
    'start-up, wall, beyond that of the floor',
    15,
    'ms',
    ({ sizes = [] }) => beyond(sizes, /./, vaultOverFloor, 'startMs'),
  ],
];

function medianOf(summaries: readonly Summary[], task: RegExp, contestant: string, measure: string) {
  const found = summaries.find((summary) => task.test(summary.task) && summary.contestant === contestant);
  return found?.values[measure]?.median;
}

function beyond(
  summaries: readonly Summary[],
  task: RegExp,
  names: readonly [string, string],
  measure: string,
) {
  const [first, second] = names.map((name) => medianOf(summaries, task, name, measure));
  return first === undefined || second === undefined ? undefined : first - second;
}

function targetTable(parts: Parts): string {
  const rows = targets.map(([what, limit, unit, measured]) => {
    const value = measured(parts);
    const verdict = value === undefined ? 'not measured' : value <= limit ? 'met' : 'missed';
    return [what, `≤ ${limit} ${unit}`, value === undefined ? '–' : `${Number(value.toFixed(2))}`, verdict];
  });
  return table(['what', 'target', 'measured', ''], rows);
}

/** What callvault is compared in with each peer: part, tasks and measure. */
const comparisons: readonly (readonly [string, string, RegExp, string])[] = [
  ...kinds.map((kind) => [`${kind} delivery, CPU`, 'deliveries', tasksOf(kind), 'cpuMicroseconds'] as const),
  ...Object.entries({
    '100 kB': /^100000 known/,
    '2.4 MB': /^2400000 known/,
    '100 MB': /^100000000 known/,
    '100 MB of unknown length': /^100000000 unknown/,
  }).flatMap(([size, tasks]) => [
    [`copy of ${size}, CPU`, 'copies', tasks, 'cpuSeconds'] as const,
    [`copy of ${size}, wall`, 'copies', tasks, 'seconds'] as const,
  ]),
  ['memory with 20 × 100 MB at once', 'memory', /^20 /, 'growthMb'],
  ['bundle, gzip', 'sizes', /./, 'gzipBytes'],
];

const peers = ['telnyx SDK', 'standardwebhooks', 'naive', 'Node'];

/** callvault over each peer: below 1 callvault spends less. */
function peerTable(parts: Parts): string {
  const rows = comparisons.map(([what, part, tasks, measure]) => {
    const ratioTo = (peer: string) =>
      medianRatio(parts[part] ?? [], tasks, ['callvault', peer], measure)?.toFixed(2);
    return [what, ...peers.map((peer) => ratioTo(peer) ?? '–')];
  });
  return table(['callvault over', ...peers], rows);
}
