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

const FRAMEWORK = `Hono and the log line that each genuine delivery gets cost 0.1 to 0.2 of the floor; the rest is parsing into
one event, the second store's conditions, and the kept delivery as JSON`;

export const targets: readonly Target[] = [
  delivery('accepted', 1.25, FRAMEWORK),
  delivery('duplicate', 1.15, FRAMEWORK),
  delivery('forged', 1.15, 'Hono costs 0.03 to 0.1 of the floor'),
  delivery('malformed', 1.05, 'Hono alone is at 1.03 to 1.1, see *floor in Hono*'),
  {
    what: 'Telnyx delivery against the SDK in the same worker, CPU (forged: nothing but verification)',
    limit: 0.65,
    unit: '×',
    measured: ({ deliveries = [] }) => worst(deliveries, /^telnyx forged/, 'callvault', 'telnyx SDK'),
    obstacle: 'the floor itself is at 0.75 to 0.85 of the SDK here, with the client made once',
  },
  copy('CPU', 'cpuSeconds'),
  copy('wall', 'seconds'),
];

function delivery(kind: string, limit: number, obstacle: string): Target {
  const measured = ({ deliveries = [] }: Parts) =>
    worst(deliveries, new RegExp(`^\\w+ ${kind} `), 'callvault', 'floor');
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
    obstacle: 'the SHA-256 alone is 0.04 of a bare put, which makes none',
  };
}

/** The middle over schemes and connections of the ratio between two contestants. */
function worst(summaries: readonly Summary[], tasks: RegExp, own: string, other: string): number | undefined {
  const ratios = summaries
    .filter(({ task, contestant }) => contestant === own && tasks.test(task))
    .map(({ task, values }) => {
      const reference = summaries.find((summary) => summary.task === task && summary.contestant === other);
      return (
        (values.cpuMicroseconds?.median ?? Number.NaN) /
        (reference?.values.cpuMicroseconds?.median ?? Number.NaN)
      );
    })
    .toSorted((a, b) => a - b);
  return ratios[Math.floor(ratios.length / 2)];
}

/** Every target with what was measured; what is not met says why. */
export function targetTable(parts: Parts): string {
  const rows = targets.flatMap(({ what, limit, unit, measured, obstacle }) => {
    const value = measured(parts);
    if (value === undefined) return [];
    const isMet = value <= limit;
    return `| ${what} | ≤ ${limit} ${unit} | ${value.toFixed(2)} | ${isMet ? 'met' : obstacle.replaceAll('\n', ' ')} |`;
  });
  return ['| what | target | measured | |', '|---|---:|---:|---|', ...rows].join('\n');
}
