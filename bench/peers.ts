import { medianRatio } from './ratios.ts';
import type { Results } from './report.ts';

interface Comparison {
  readonly peer: string;
  readonly part: 'deliveries' | 'copies';
  readonly what: string;
  readonly tasks: RegExp;
  readonly measure: string;
  /** Why we are behind, where we are. */
  readonly reason: string;
}

const KEEPS_LESS = `the package's worker stores the body alone: no event read from it, no lease, no condition, no log line`;
const NODE = `workerd's own HTTP costs twice what Node's does; and the sample keeps nothing before it answers, so that a crash
loses what it said 200 to, and does not know a duplicate when it sees one`;
const NAIVE = `it verifies nothing: whoever finds the address makes it download what he likes, once for each delivery; and it
keeps nothing before it answers`;
const SMALL = `nine operations against one, at 2 ms each in the local simulators: entry, manifest, marks and their removal are
what makes a 200 survive a crash`;

const comparisons: readonly Comparison[] = [
  ...['accepted', 'duplicate', 'forged'].flatMap((kind) => [
    deliveries('telnyx SDK', kind, KEEPS_LESS),
    deliveries('standardwebhooks', kind, KEEPS_LESS),
    deliveries('naive', kind, NAIVE),
    deliveries('Node', kind, NODE),
  ]),
  ...['naive', 'Node'].flatMap((peer) => [
    copies(peer, '100 kB, wall', /^100000 known/, 'seconds', SMALL),
    copies(peer, '2.4 MB, wall', /^2400000 known/, 'seconds', SMALL),
    copies(peer, '100 MB, CPU', /^100000000 known/, 'cpuSeconds', reasonFor(peer)),
    copies(peer, '100 MB, wall', /^100000000 known/, 'seconds', reasonFor(peer)),
  ]),
];

function reasonFor(peer: string): string {
  return peer === 'naive'
    ? 'it makes no checksum, and holds the whole file in memory: past 128 MB a deployed worker dies of that'
    : 'it uses both cores, its S3 server being a process of its own; and it makes no checksum';
}

function deliveries(peer: string, kind: string, reason: string): Comparison {
  const tasks = new RegExp(`^\\w+ ${kind} `);
  return {
    peer,
    part: 'deliveries',
    what: `${kind} delivery, CPU`,
    tasks,
    measure: 'cpuMicroseconds',
    reason,
  };
}

function copies(peer: string, what: string, tasks: RegExp, measure: string, reason: string): Comparison {
  return { peer, part: 'copies', what: `copy of ${what}`, tasks, measure, reason };
}

/** callvault over each peer, and why where that is more than 1. */
export function peerTable(parts: Results['parts']): string {
  const rows = comparisons.flatMap(({ peer, part, what, tasks, measure, reason }) => {
    const ratio = medianRatio(parts[part] ?? [], tasks, 'callvault', peer, measure);
    if (ratio === undefined) return [];
    return `| ${what} | ${peer} | ${ratio.toFixed(2)} | ${ratio <= 1 ? 'ahead' : reason.replaceAll('\n', ' ')} |`;
  });
  return ['| what | peer | callvault over the peer | |', '|---|---|---:|---|', ...rows].join('\n');
}
