import type { Summary } from './statistics.ts';

/** One table: a measure of a part, the tasks down and the contestants across. */
export interface Table {
  readonly title: string;
  readonly measure: string;
  readonly format: (value: number) => string;
  /** Where a ratio would say nothing. */
  readonly isWithoutRatios?: true;
}

/** A chapter of docs/performance.md: what was measured, and how. */
export interface Section {
  readonly title: string;
  readonly text: string;
  readonly tables: readonly Table[];
  /** One table with the measures across, instead of one table for each. */
  readonly isAcross?: true;
}

const milliseconds = (seconds: number) =>
  seconds < 0.1 ? `${(seconds * 1000).toFixed(1)} ms` : `${seconds.toFixed(2)} s`;

const whole = (value: number) => value.toFixed(0);
const fraction = (value: number) => value.toFixed(1);

export const sections: Readonly<Record<string, Section>> = {
  deliveries: {
    title: 'Deliveries',
    text: `Plain \`workerd serve\`, the bundles that \`wrangler deploy\` would upload, KV, R2 and the queue as objects in
the memory of the isolate, standard output thrown away. *duplicate* is an event that KV knows to be finished, *forged* a body with one bit changed,
*malformed* a body without any signature. Each cell is one delivery of 600 to 850 bytes over 1, 16 or 128 connections: up to the answer, and what begins behind it until it first waits for the bucket. *floor* does only what no
receiver can do without: body, one bare \`verify\`, \`JSON.parse\`, KV get, R2 put. *floor in Hono* is the same behind one
route of Hono. *floor that keeps* is that with what callvault promises by its 200, as short as it can be written and without
a check: an entry with what was announced and how it was signed, a lease, a condition, a hand-over, a line in the log.
*telnyx SDK* and *standardwebhooks* do the same as that on the packages. *naive* verifies nothing and stores nothing before
it answers. *Node* is Sautikit's sample on Node's http server, which keeps nothing before it
answers. The ratio to the floor of the same round, with its quartiles, is in brackets. In the inspector's CPU profile of accepted
deliveries, looked at by hand, reading the body takes 14 % of the time, and no function of callvault's own more than 3 % but
the line in the log, which the inspector itself makes dear.`,
    tables: [
      {
        title: 'CPU time of one delivery, µs',
        measure: 'cpuMicroseconds',
        format: (value) => value.toFixed(0),
      },
      { title: 'Deliveries a second', measure: 'perSecond', format: (value) => value.toFixed(0) },
    ],
  },
  copies: {
    title: 'Copies',
    text: `\`wrangler dev\`: workerd with the simulators of R2, KV and the queue in it, whose CPU time is counted for all
workers alike. A delivery comes in, the file is served from memory on loopback, and the time ends when it is stored. *bare
put* is \`R2.put(key, response.body)\`, without checksum, manifest or anything else, asked for by a plain request. 30 files
of 100 kB and 10 of 2.4 MB are copied at once, the others one at a time. *bare put and SHA-256* is the shortest
loop that makes a checksum on the way. A bare put takes no body of unknown length, and no other contestant resumes; those rows are
compared with the bare put of a known length. Node's CPU time includes its S3 server's. At 1 GB *naive* would need its
memory, and *Node* a quarter of the bench's time: they are left out. Where a bare put is one operation, callvault makes as
many as [stand below](#what-the-owner-pays-for), each by a simulator: that is what the rows of 100 kB and 2.4 MB show. Memory
is the resident memory of a runtime that has copied before, its simulators included.`,
    tables: [
      { title: 'CPU time of one copy', measure: 'cpuSeconds', format: milliseconds },
      { title: 'Wall time of one copy', measure: 'seconds', format: milliseconds },
      { title: 'Growth of memory, MB', measure: 'growthMb', format: whole, isWithoutRatios: true },
    ],
  },
  memory: {
    title: 'Memory',
    text: `The largest growth of the resident memory of the runtime, the simulator of R2 in it included. *callvault*
copies the 20 files as 20 consumers do when deployed; the local queue would work on one at a time. *naive* was not asked to
hold 1 GB: a worker has 128 MB. What a copy of 1 GB grows by is above.`,
    tables: [{ title: 'Growth of memory, MB', measure: 'growthMb', format: whole, isWithoutRatios: true }],
  },
  storm: {
    title: 'A storm of duplicates',
    isAcross: true,
    text: `One event of a recording of 100 kB, sent again and again over 16 connections, from before it is archived. The naive
way stores it anew each time, over the object that is there.`,
    tables: [
      { title: 'Deliveries', measure: 'deliveries', format: whole },
      { title: 'Requests to the origin', measure: 'requests', format: whole },
      { title: 'Objects of audio', measure: 'objects', format: whole },
      {
        title: 'CPU time of one, ms, the platform’s own included',
        measure: 'cpuMsEach',
        format: fraction,
      },
    ],
  },
  operations: {
    title: 'What the owner pays for',
    isAcross: true,
    text: `Counted at the bindings, in workerd. CPU time, where it was measured, is that of plain workerd from the delivery to
the end of what it sets going, with its stores in memory and the audio sent on over HTTP: the whole process, sockets
included, so at most as much. The price is for a million of each, beyond what the plan includes, by the [price
list](prices.md), without CPU time and storage. Of deliveries without a valid signature one line a second is logged, however many
come.`,
    tables: [
      { title: 'Requests', measure: 'request', format: whole },
      { title: 'KV reads', measure: 'KV read', format: whole },
      { title: 'KV writes', measure: 'KV write', format: whole },
      { title: 'R2 class A', measure: 'R2 class A', format: whole },
      { title: 'R2 class B', measure: 'R2 class B', format: whole },
      { title: 'Queue operations', measure: 'queue operation', format: whole },
      { title: 'Log lines', measure: 'log line', format: whole },
      { title: 'CPU ms', measure: 'CPU ms', format: (value) => value.toFixed(2) },
      { title: 'Dollars a million', measure: 'dollarsPerMillion', format: (value) => value.toFixed(2) },
    ],
  },
  growth: {
    title: 'Growth',
    isAcross: true,
    text: `The rows that the local simulators keep were multiplied in their databases. The cron ran, as if once a minute, until
it had put every overdue entry back to work; its messages were counted and dropped. A run looks at 100 pages and sends 5,000
messages at most, and an entry waits for its turn (1, 2, 4 … minutes after it was due); a page of the local simulator holds 100 entries, of R2 up to 1,000. The last column is a new delivery
beside that number of entries or finished events, with what the platform itself takes (*nothing but an answer*, above).`,
    tables: [
      { title: 'Runs', measure: 'runs', format: whole },
      { title: 'Messages', measure: 'messages', format: whole },
      { title: 'Lists', measure: 'lists', format: whole },
      { title: 'Seconds', measure: 'seconds', format: fraction },
      { title: 'CPU seconds', measure: 'cpuSeconds', format: fraction },
      { title: 'CPU time of a delivery, ms', measure: 'deliveryMs', format: fraction },
    ],
  },
  sizes: {
    title: 'Bundle and start',
    isAcross: true,
    text: 'The bundle that `wrangler deploy` would upload, and plain workerd from nothing to its first answer with it.',
    tables: [
      { title: 'Bytes', measure: 'bytes', format: whole },
      { title: 'Bytes, gzip', measure: 'gzipBytes', format: whole },
      { title: 'Start, ms', measure: 'startMs', format: fraction },
      { title: 'Start, CPU ms', measure: 'startCpuMs', format: fraction },
    ],
  },
};

/** The tasks of a part in their order, and who took part. */
export function shapeOf(summaries: readonly Summary[]) {
  const tasks = [...new Set(summaries.map(({ task }) => task))];
  const contestants = [...new Set(summaries.map(({ contestant }) => contestant))];
  return { tasks, contestants };
}
