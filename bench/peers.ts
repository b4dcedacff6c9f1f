import { medianRatio } from './ratios.ts';
import type { Results } from './report.ts';

interface Comparison {
  readonly peer: string;
  readonly part: 'deliveries' | 'copies' | 'memory' | 'sizes';
  readonly what: string;
  readonly tasks: RegExp;
  readonly measure: string;
  /** Why we are behind, where we are. */
  readonly reason: (parts: Results['parts']) => string;
}

const KEEPS_LESS = `the package's worker keeps the same entry, and checks nothing of it: what was announced is neither read from
the event nor compared with an earlier delivery's, and an id goes into a key as it came`;
const KEEPS_NOTHING = `the sample keeps nothing before it answers, so that a crash loses what it said 200 to, and does not know a
duplicate when it sees one`;
const NAIVE = `it verifies nothing: any client makes it download any link, once for each delivery; and it
keeps nothing before it answers`;
const SMALL = `each of the operations that [are counted below](#what-the-owner-pays-for) goes through a simulator, where this
one makes a single put: entry, manifest, marks and their removal are what makes a 200 survive a crash`;

const UNKNOWN = `a file over 64 MB of unknown length is begun in the background and again in the queue, and is stored in parts`;

const comparisons: readonly Comparison[] = [
  ...['accepted', 'duplicate', 'forged', 'malformed'].flatMap((kind) => [
    deliveries('telnyx SDK', kind, () => KEEPS_LESS),
    deliveries('standardwebhooks', kind, () => KEEPS_LESS),
    deliveries('naive', kind, () => NAIVE),
    deliveries('Node', kind, (parts) => nodes(kind, parts)),
  ]),
  ...['naive', 'Node'].flatMap((peer) => [
    ...copies(peer, '100 kB', /^100000 known/, SMALL),
    ...copies(peer, '2.4 MB', /^2400000 known/, SMALL),
    ...copies(peer, '100 MB', /^100000000 known/, reasonFor(peer)),
    ...copies(peer, '100 MB of unknown length', /^100000000 unknown/, UNKNOWN),
  ]),
  {
    peer: 'naive',
    part: 'memory',
    what: 'memory with 20 × 100 MB at once',
    tasks: /^20 /,
    measure: 'growthMb',
    reason: () => 'a simulator of R2 is in it',
  },
  ...['naive', 'telnyx SDK', 'standardwebhooks'].map(bundled),
];

function reasonFor(peer: string): string {
  return peer === 'naive'
    ? 'it makes no checksum, and holds the whole file in memory: over 128 MB a deployed worker crashes'
    : 'it uses both cores, its S3 server being a process of its own; its SDK makes a checksum of each part, and none of the whole';
}

/** What workerd costs against Node's own server, whatever runs in it. */
function nodes(kind: string, { deliveries = [] }: Results['parts']): string {
  const ratio = medianRatio(deliveries, tasksOf(kind), 'floor', 'Node', 'cpuMicroseconds');
  return `the floor in workerd is at ${ratio?.toFixed(2)} of it, and ${KEEPS_NOTHING}`;
}

function tasksOf(kind: string): RegExp {
  return new RegExp(`^\\w+ ${kind} `);
}

function deliveries(peer: string, kind: string, reason: Comparison['reason']): Comparison {
  return {
    peer,
    part: 'deliveries',
    what: `${kind} delivery, CPU`,
    tasks: tasksOf(kind),
    measure: 'cpuMicroseconds',
    reason,
  };
}

function copies(peer: string, what: string, tasks: RegExp, reason: string): Comparison[] {
  const measures = { CPU: 'cpuSeconds', wall: 'seconds' };
  return Object.entries(measures).map(([name, measure]) => {
    return { peer, part: 'copies', what: `copy of ${what}, ${name}`, tasks, measure, reason: () => reason };
  });
}

function bundled(peer: string): Comparison {
  const reason = () => 'it has no consumer of its queue, no cron, no retries, no second provider';
  return { peer, part: 'sizes', what: 'bundle, gzip', tasks: /./, measure: 'gzipBytes', reason };
}

/** What is closer than the rounds are to each other is level. */
function verdict(ratio: number, reason: string): string {
  if (ratio < 0.95) return 'ahead';
  if (ratio <= 1) return 'level';
  return ratio <= 1.05 ? `level; ${reason}` : reason;
}

/** callvault over each peer, and why where that is more than 1. */
export function peerTable(parts: Results['parts']): string {
  const rows = comparisons.flatMap(({ peer, part, what, tasks, measure, reason }) => {
    const ratio = medianRatio(parts[part] ?? [], tasks, 'callvault', peer, measure);
    if (ratio === undefined) return [];
    return `| ${what} | ${peer} | ${ratio.toFixed(2)} | ${verdict(ratio, reason(parts).replaceAll('\n', ' '))} |`;
  });
  return ['| what | peer | callvault over the peer | |', '|---|---|---:|---|', ...rows].join('\n');
}
