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
  readonly obstacle: (parts: Parts) => string;
}

const nothing = () => '';

export const targets: readonly Target[] = [
  delivery('accepted', 1.25),
  delivery('duplicate', 1.15),
  delivery('forged', 1.15),
  delivery('malformed', 1.05),
  {
    what: 'forged Telnyx delivery (nothing but verification) against the SDK in the same worker, CPU',
    limit: 0.65,
    unit: '×',
    measured: ({ deliveries = [] }) =>
      medianRatio(deliveries, /^telnyx forged/, 'callvault', 'telnyx SDK', 'cpuMicroseconds'),
    obstacle: ({ deliveries = [] }) => {
      const floor = medianRatio(deliveries, /^telnyx forged/, 'floor', 'telnyx SDK', 'cpuMicroseconds');
      return `the floor itself is at ${times(floor)}: most of what all of them pay is workerd's HTTP and Ed25519`;
    },
  },
  copy('CPU', 'cpuSeconds'),
  copy('wall', 'seconds'),
  {
    what: 'memory while copying 1 GB, beyond that of a bare put',
    limit: 8,
    unit: 'MB',
    measured: ({ copies = [] }) => minus(growth('callvault', copies), growth('bare put', copies)),
    obstacle: ({ copies = [] }) =>
      `the shortest loop that makes a SHA-256 on the way is at ${minus(growth('bare put and SHA-256', copies), growth('bare put', copies))?.toFixed(1)}`,
  },
  ...Object.entries({
    'KV read': 1,
    'KV write': 1,
    'R2 class A': 3,
    'R2 class B': 1,
    'queue operation': 0,
  }).map(
    ([what, limit]): Target => ({
      what: `one recording in one file of 2.4 MB: ${what}`,
      limit,
      unit: '',
      measured: ({ operations = [] }) => medianOf(operations, /^one file of 2.4 MB/, 'callvault', what),
      obstacle: nothing,
    }),
  ),
  {
    what: 'bundle, gzip',
    limit: 44_000,
    unit: 'bytes',
    measured: ({ sizes = [] }) => medianOf(sizes, /./, 'callvault', 'gzipBytes'),
    obstacle: nothing,
  },
  {
    what: 'start-up, wall, beyond that of the floor',
    limit: 20,
    unit: 'ms',
    measured: ({ sizes = [] }) =>
      minus(medianOf(sizes, /./, 'callvault', 'startMs'), medianOf(sizes, /./, 'floor', 'startMs')),
    obstacle: nothing,
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

function growth(contestant: string, copies: readonly Summary[]): number | undefined {
  return medianOf(copies, /^1000000000 known/, contestant, 'growthMb');
}

function minus(own: number | undefined, other: number | undefined): number | undefined {
  return own === undefined || other === undefined ? undefined : own - other;
}

function delivery(kind: string, limit: number): Target {
  const over = (name: string, { deliveries = [] }: Parts) =>
    medianRatio(deliveries, new RegExp(`^\\w+ ${kind} `), name, 'floor', 'cpuMicroseconds');
  const measured = (parts: Parts) => over('callvault', parts);
  const left: Record<string, string> = {
    accepted: 'what is left are checks, none of which stands out in a profile',
    duplicate: 'what is left are checks',
    forged: 'the last has an answer in JSON and a line in the log, as callvault has',
    malformed: 'the last has an answer in JSON and a line in the log, as callvault has',
  };
  const obstacle = (parts: Parts) =>
    `*floor in Hono* is at ${times(over('floor in Hono', parts))}, *floor that keeps*, which does the same work without a check, at ${times(over('floor that keeps', parts))}; ${left[kind]}`;
  return { what: `${kind} delivery, CPU`, limit, unit: '× floor', measured, obstacle };
}

function times(ratio: number | undefined): string {
  return ratio === undefined ? 'an unknown ratio' : ratio.toFixed(2);
}

function copy(name: string, measure: string): Target {
  const over = (who: string, { copies = [] }: Parts) =>
    copies.find(({ task, contestant }) => task === '1000000000 known length' && contestant === who)?.ratios[
      measure
    ]?.median;
  return {
    what: `copy of 1 GB with SHA-256, ${name}`,
    limit: 1.05,
    unit: '× bare put',
    measured: (parts) => over('callvault', parts),
    obstacle: (parts) =>
      `the shortest loop that makes a SHA-256 on the way is at ${times(over('bare put and SHA-256', parts))}`,
  };
}

/** Every target with what was measured; what is not met says why. */
export function targetTable(parts: Parts): string {
  const rows = targets.map(({ what, limit, unit, measured, obstacle }) => {
    const value = measured(parts);
    if (value === undefined) return `| ${what} | ≤ ${limit} ${unit} | not measured | |`;
    const isMet = value <= limit;
    return `| ${what} | ≤ ${limit} ${unit} | ${Number(value.toFixed(2))} | ${isMet ? 'met' : obstacle(parts)} |`;
  });
  return ['| what | target | measured | |', '|---|---:|---:|---|', ...rows].join('\n');
}
