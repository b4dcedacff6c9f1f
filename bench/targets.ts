import { medianRatio } from './ratios.ts';
import type { Results } from './report.ts';
import type { Summary } from './statistics.ts';

type Parts = Results['parts'];

interface Target {
  readonly what: string;
  readonly limit: number;
  readonly unit: string;
  /** What was measured, or nothing if that part was not. */
  readonly measured: (parts: Parts) => number | undefined;
  /** What stands in the way, for when it is not met. */
  readonly obstacle: string;
}

const FRAMEWORK = `beyond *floor in Hono* stand the line in the log, the event that is read from the body, the conditional put, and
the kept delivery as JSON`;

export const targets: readonly Target[] = [
  delivery('accepted', 1.25, FRAMEWORK),
  delivery('duplicate', 1.15, FRAMEWORK),
  delivery('forged', 1.15, 'see *floor in Hono*'),
  delivery('malformed', 1.05, 'see *floor in Hono*: what is left is checks'),
  {
    what: 'Telnyx delivery against the SDK in the same worker, CPU (forged: nothing but verification)',
    limit: 0.65,
    unit: '×',
    measured: ({ deliveries = [] }) =>
      medianRatio(deliveries, /^telnyx forged/, 'callvault', 'telnyx SDK', 'cpuMicroseconds'),
    obstacle:
      'the floor itself does not reach it either, see *floor* and *telnyx SDK* below; the client is made once',
  },
  copy('CPU', 'cpuSeconds'),
  copy('wall', 'seconds'),
  {
    what: 'memory while copying 1 GB, beyond that of a bare put',
    limit: 8,
    unit: 'MB',
    measured: ({ memory = [] }) =>
      minus(
        medianOf(memory, /^1 GB/, 'callvault', 'growthMb'),
        medianOf(memory, /^1 GB/, 'bare put', 'growthMb'),
      ),
    obstacle:
      'the allocator keeps what it was given once; from one GB to the next the same worker differs by as much',
  },
  ...Object.entries({
    'KV read': 1,
    'KV write': 1,
    'R2 class A': 3,
    'R2 class B': 1,
    'queue operation': 0,
  }).map(
    ([what, limit]): Target => ({
      what: `one recording of one file: ${what}`,
      limit,
      unit: '',
      measured: ({ operations = [] }) => medianOf(operations, /^one file of 2.4 MB/, 'callvault', what),
      obstacle: '',
    }),
  ),
  {
    what: 'bundle, gzip',
    limit: 40_000,
    unit: 'bytes',
    measured: ({ sizes = [] }) => medianOf(sizes, /./, 'callvault', 'gzipBytes'),
    obstacle: '',
  },
  {
    what: 'start-up, beyond that of the floor',
    limit: 20,
    unit: 'ms',
    measured: ({ sizes = [] }) =>
      minus(medianOf(sizes, /./, 'callvault', 'startMs'), medianOf(sizes, /./, 'floor', 'startMs')),
    obstacle: '',
  },
];

function medianOf(
  summaries: readonly Summary[],
  task: RegExp,
  contestant: string,
  measure: string,
): number | undefined {
  const found = summaries.find((summary) => task.test(summary.task) && summary.contestant === contestant);
  return found?.values[measure]?.median;
}

function minus(own: number | undefined, other: number | undefined): number | undefined {
  return own === undefined || other === undefined ? undefined : own - other;
}

function delivery(kind: string, limit: number, obstacle: string): Target {
  const measured = ({ deliveries = [] }: Parts) =>
    medianRatio(deliveries, new RegExp(`^\\w+ ${kind} `), 'callvault', 'floor', 'cpuMicroseconds');
  return { what: `${kind} delivery, CPU`, limit, unit: '× floor', measured, obstacle };
}

function copy(name: string, measure: string): Target {
  return {
    what: `copy of 1 GB with SHA-256, ${name}`,
    limit: 1.05,
    unit: '× bare put',
    measured: ({ copies = [] }) =>
      copies.find(({ task, contestant }) => task === '1000000000 known length' && contestant === 'callvault')
        ?.ratios[measure]?.median,
    obstacle: 'a bare put makes no SHA-256, and looks at no byte',
  };
}

/** Every target with what was measured; what is not met says why. */
export function targetTable(parts: Parts): string {
  const rows = targets.flatMap(({ what, limit, unit, measured, obstacle }) => {
    const value = measured(parts);
    if (value === undefined) return [];
    const isMet = value <= limit;
    return `| ${what} | ≤ ${limit} ${unit} | ${Number(value.toFixed(2))} | ${isMet ? 'met' : obstacle.replaceAll('\n', ' ')} |`;
  });
  return ['| what | target | measured | |', '|---|---:|---:|---|', ...rows].join('\n');
}
