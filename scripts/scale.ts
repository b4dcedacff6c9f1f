import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MAX_RECONCILE_SENDS } from '../src/shared/limits.ts';
import { priceList } from './prices.ts';
import { playOutage, STEP_SECONDS } from './scale-model.ts';
import { root } from './wrangler.ts';

const RATES = [10, 1_000, 100_000];
const MINUTES_PER_MONTH = 30 * 24 * 60;

/** What is not counted but assumed; docs/scale.md says so. */
const assumed = {
  recordingBytes: 2_400_000,
  copySeconds: 2,
  failSeconds: 1,
  outageSeconds: 6 * 3600,
  /** The part of all recordings that the fast path leaves to the queue, and whose worker dies. */
  queuedShare: 0.02,
  diedShare: 0.001,
  cpuMsEach: 10,
};

const consumers = Number(
  /^max_concurrency = (\d+)$/m.exec(readFileSync(join(root, 'wrangler.toml'), 'utf8'))?.[1],
);

interface Limit {
  readonly what: string;
  readonly most: number;
  /** Used at so many recordings a minute. */
  readonly used: (perMinute: number) => number;
  readonly change: string;
}

const { queuedShare, diedShare, copySeconds } = assumed;

const limits: readonly Limit[] = [
  { what: 'free plan: KV writes a day', most: 1_000, used: (rate) => rate * 1440, change: 'the paid plan' },
  { what: 'free plan: requests a day', most: 100_000, used: (rate) => rate * 1440, change: 'the paid plan' },
  {
    what: `consumers at work (\`max_concurrency\` ${consumers})`,
    most: consumers,
    used: (rate) => ((rate * queuedShare) / 60) * copySeconds,
    change: 'raise `max_concurrency` in wrangler.toml, up to 250',
  },
  {
    what: 'consumers at work (platform)',
    most: 250,
    used: (rate) => ((rate * queuedShare) / 60) * copySeconds,
    change: 'a queue for each provider, or for each hash of the key',
  },
  {
    what: 'messages of one queue a second',
    most: 5_000,
    used: (rate) => (rate * queuedShare) / 60,
    change: 'more queues',
  },
  {
    what: 'messages that one run of the cron sends',
    most: MAX_RECONCILE_SENDS,
    used: (rate) => rate * diedShare,
    change: 'a prefix of the inbox for each of several crons',
  },
];

/** `npm run scale [-- --check]`: docs/scale.md from the counted operations, the limits and the retry policy. */
const file = join(root, 'docs', 'scale.md');
const text = report();
if (!process.argv.includes('--check')) writeFileSync(file, text);
else if (readFileSync(file, 'utf8') !== text) {
  console.error('docs/scale.md is not what `npm run scale` writes');
  process.exitCode = 1;
}

function report(): string {
  return `# Scale, on paper

Written by \`npm run scale\` from the [counted operations](performance.md#what-the-owner-pays-for), the [prices](prices.md),
Cloudflare's published limits and the waits of the retry policy; do not edit. Nothing here was seen on Cloudflare. Assumed: a
recording of ${assumed.recordingBytes / 1e6} MB in one file that takes ${copySeconds} s to copy and ${assumed.cpuMsEach} ms of CPU, ${queuedShare * 100} % of them left to the queue by the fast path,
${diedShare * 100} % whose worker dies, and fresh links from the providers' APIs: without an API key what is older than its link is a
dead letter, whatever the queue can do.

## Which limit binds

The share of each limit that is used; over 100 % it binds. What no rate comes near is not in the table: one write a second
and key in KV and R2 (every key here is one event's or one recording's), 10,000 subrequests and 1,000 KV operations in one
invocation (a delivery makes nine), 6 connections that wait for headers (a copy has one). How many deliveries and copies
share the 128 MB of an isolate is Cloudflare's to spread; a copy holds 1 MiB, one of
unknown length up to 6 MiB.

${table(['limit', 'most', ...RATES.map((rate) => `${number(rate)} a minute`), 'when it binds'], limits.map(limitRow))}

## A backlog of six hours

Nothing can be fetched for six hours (an attempt fails after ${assumed.failSeconds} s), then everything can. Each step of ${STEP_SECONDS} s is played:
arrivals, the waits of the retry policy in their middle, and so many consumers. What arrives after the six hours is archived
behind its answer and waits for nobody.

${table(['recordings a minute', 'consumers', 'backlog', 'attempts each, meanwhile and after', 'half archived after', 'all archived after'], backlogRows())}

Where consumers are free, the waits decide: who has failed for six hours waits for hours more, which is what keeps the
attempts for four days. Where they are not, \`max_concurrency\` decides, and the entries wait in the queue without using up
attempts. A queue keeps a message for 14 days on the paid plan and 24 hours on the free one; an entry whose message is gone is
sent again by the cron, at most ${number(MAX_RECONCILE_SENDS)} of them a minute.

## What the owner pays

A month by the price list, what the plan includes not subtracted, and every recording on the fast path; storage is what a
month's recordings cost in each month that they are kept. Log lines, two for a recording, are not in it.

${table(['recordings a minute', 'recordings', 'operations', 'CPU', 'storage'], RATES.map(costRow))}
`;
}

function limitRow({ what, most, used, change }: Limit): string[] {
  return [what, number(most), ...RATES.map((rate) => share(used(rate) / most)), change];
}

function backlogRows(): string[][] {
  const cases = RATES.flatMap((rate) => [consumers, 250].map((working) => ({ rate, working })));
  return cases.map(({ rate, working }) => {
    const played = playOutage({ ...assumed, recordingsPerMinute: rate, consumers: working });
    const times = [played.halfSeconds, played.allSeconds].map(duration);
    const { backlog, attemptsEach } = played;
    return [number(rate), number(working), number(backlog), attemptsEach.toFixed(1), ...times];
  });
}

function costRow(rate: number): string[] {
  const recordings = rate * MINUTES_PER_MONTH;
  const prices = priceList();
  const cpu = recordings * assumed.cpuMsEach * (prices.get('CPU ms') ?? 0);
  const storage = ((recordings * assumed.recordingBytes) / 1e9) * (prices.get('R2 GB-month') ?? 0);
  return [number(rate), number(recordings), ...[recordings * operationsDollars(), cpu, storage].map(dollars)];
}

/** Of one recording of one file on the fast path, as it was counted. */
function operationsDollars(): number {
  const { parts } = JSON.parse(readFileSync(join(root, 'docs', 'measured', 'performance.json'), 'utf8'));
  const counted = parts.operations.find(({ task }: { task: string }) => task === 'one file of 2.4 MB');
  return counted.values.dollarsPerMillion.median / 1e6;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), `|---|${'---:|'.repeat(header.length - 1)}`, ...rows.map(line)].join('\n');
}

function number(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function share(value: number): string {
  return `${value < 0.01 ? '< 1' : number(value * 100)} %`;
}

function dollars(value: number): string {
  return `$${value < 100 ? value.toFixed(2) : number(value)}`;
}

function duration(seconds: number | undefined): string {
  if (seconds === undefined) return 'more than 60 days';
  const hours = seconds / 3600;
  return hours < 48 ? `${hours.toFixed(1)} h` : `${(hours / 24).toFixed(1)} days`;
}
