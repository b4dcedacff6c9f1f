import { medianRatio } from './ratios.ts';
import type { Summary } from './statistics.ts';

/** The summaries of each part of the bench. */
export type Parts = Readonly<Record<string, readonly Summary[]>>;

/** A figure with a limit; `undefined` when its part was not measured. */
interface Target {
  readonly what: string;
  readonly limit: number;
  readonly unit: string;
  readonly measured: (parts: Parts) => number | undefined;
}

const deliveryLimits = { accepted: 1.25, duplicate: 1.15, forged: 1.15, malformed: 1.05 };
const operationLimits = {
  'KV read': 1,
  'KV write': 1,
  'R2 class A': 3,
  'R2 class B': 1,
  'queue operation': 0,
};
const oneGigabyte = /^1000000000 known/;

const targets: readonly Target[] = [
  ...Object.entries(deliveryLimits).map(([kind, limit]) => ({
    what: `${kind} delivery, CPU`,
    limit,
    unit: '× floor',
    measured: ({ deliveries = [] }: Parts) =>
      medianRatio(deliveries, tasksOf(kind), ['callvault', 'floor'], 'cpuMicroseconds'),
  })),
  {
    what: 'forged Telnyx delivery (verification alone), CPU',
    limit: 0.65,
    unit: '× telnyx SDK',
    measured: ({ deliveries = [] }) =>
      medianRatio(deliveries, /^telnyx forged/, ['callvault', 'telnyx SDK'], 'cpuMicroseconds'),
  },
  ...Object.entries({ CPU: 'cpuSeconds', wall: 'seconds' }).map(([name, measure]) => ({
    what: `copy of 1 GB with SHA-256, ${name}`,
    limit: 1.05,
    unit: '× bare put',
    measured: ({ copies = [] }: Parts) =>
      medianRatio(copies, oneGigabyte, ['callvault', 'bare put'], measure),
  })),
  {
    what: 'memory while copying 1 GB, beyond that of a bare put',
    limit: 8,
    unit: 'MB',
    measured: ({ copies = [] }) => beyond(copies, oneGigabyte, ['callvault', 'bare put'], 'growthMb'),
  },
  ...Object.entries(operationLimits).map(([what, limit]) => ({
    what: `one recording in one file of 2.4 MB: ${what}`,
    limit,
    unit: '',
    measured: ({ operations = [] }: Parts) => medianOf(operations, /^one file of 2.4 MB/, 'callvault', what),
  })),
  {
    what: 'bundle, gzip',
    limit: 44_000,
    unit: 'bytes',
    measured: ({ sizes = [] }) => medianOf(sizes, /./, 'callvault', 'gzipBytes'),
  },
  {
    what: 'start-up, wall, beyond that of the floor',
    limit: 20,
    unit: 'ms',
    measured: ({ sizes = [] }) => beyond(sizes, /./, ['callvault', 'floor'], 'startMs'),
  },
];

function tasksOf(kind: string): RegExp {
  return new RegExp(`^\\w+ ${kind} `);
}

function medianOf(summaries: readonly Summary[], task: RegExp, contestant: string, measure: string) {
  const found = summaries.find((summary) => task.test(summary.task) && summary.contestant === contestant);
  return found?.values[measure]?.median;
}

function beyond(
  summaries: readonly Summary[],
  task: RegExp,
  [own, other]: [string, string],
  measure: string,
) {
  const [first, second] = [own, other].map((name) => medianOf(summaries, task, name, measure));
  return first === undefined || second === undefined ? undefined : first - second;
}

/** The targets, and what was measured. */
export function targetTable(parts: Parts): string {
  const rows = targets.map(({ what, limit, unit, measured }) => {
    const value = measured(parts);
    const verdict = value === undefined ? 'not measured' : value <= limit ? 'met' : 'missed';
    return `| ${what} | ≤ ${limit} ${unit} | ${value === undefined ? '–' : Number(value.toFixed(2))} | ${verdict} |`;
  });
  return ['| what | target | measured | |', '|---|---:|---:|---|', ...rows].join('\n');
}

/** What callvault is compared in with each peer: part, tasks and measure. */
const comparisons: readonly (readonly [string, keyof Parts & string, RegExp, string])[] = [
  ...Object.keys(deliveryLimits).map(
    (kind) => [`${kind} delivery, CPU`, 'deliveries', tasksOf(kind), 'cpuMicroseconds'] as const,
  ),
  ...Object.entries({
    '100 kB': /^100000 known/,
    '2.4 MB': /^2400000 known/,
    '100 MB': /^100000000 known/,
  }).flatMap(([size, tasks]) => [
    [`copy of ${size}, CPU`, 'copies', tasks, 'cpuSeconds'] as const,
    [`copy of ${size}, wall`, 'copies', tasks, 'seconds'] as const,
  ]),
  ['copy of 100 MB of unknown length, CPU', 'copies', /^100000000 unknown/, 'cpuSeconds'],
  ['copy of 100 MB of unknown length, wall', 'copies', /^100000000 unknown/, 'seconds'],
  ['memory with 20 × 100 MB at once', 'memory', /^20 /, 'growthMb'],
  ['bundle, gzip', 'sizes', /./, 'gzipBytes'],
];

const peers = ['telnyx SDK', 'standardwebhooks', 'naive', 'Node'];

/** callvault over each peer: below 1 callvault spends less. */
export function peerTable(parts: Parts): string {
  const rows = comparisons.map(([what, part, tasks, measure]) => {
    const cells = peers.map((peer) =>
      medianRatio(parts[part] ?? [], tasks, ['callvault', peer], measure)?.toFixed(2),
    );
    return `| ${[what, ...cells.map((cell) => cell ?? '–')].join(' | ')} |`;
  });
  return [`| callvault over | ${peers.join(' | ')} |`, '|---|---:|---:|---:|---:|', ...rows].join('\n');
}
