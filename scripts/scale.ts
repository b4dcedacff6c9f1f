import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MAX_RECONCILE_PAGES, MAX_RECONCILE_SENDS } from '../src/recover/reconcile.ts';
import { CommandError, runCommand } from '../tools/command.ts';
import {
  assumed,
  bill,
  billed,
  fastCounts,
  type Limit,
  limits,
  MINUTES_PER_MONTH,
  maxConcurrency,
  playOutage,
  rates,
  STEP_SECONDS,
} from '../tools/scale-model.ts';
import { root } from '../tools/wrangler.ts';

/** Keys of one list of R2. */
const PAGE_ENTRIES = 1_000;

await runCommand({
  usage: `npm run scale -- [--check]
Writes docs/scale.md from the counted operations, the limits and the retry policy.
  --check  only compare`,
  options: { check: { type: 'boolean', default: false } },
  async run({ values }) {
    const file = join(root, 'docs', 'scale.md');
    const text = report();
    if (!values.check) writeFileSync(file, text);
    else if (readFileSync(file, 'utf8') !== text)
      throw new CommandError('docs/scale.md is not what npm run scale writes');
    return 0;
  },
});

function report(): string {
  const { recordingBytes, copySeconds, failSeconds, queuedShare, crashedShare } = assumed;
  return `# Scale, on paper

At 10 and 1,000 recordings a minute no limit of the paid plan binds. At 100,000 the consumers in \`wrangler.toml\` do not keep up: raise
\`max_concurrency\` first. The tables say which limit comes next, how long a backlog of six hours takes, and what it costs.

Written by \`npm run scale\` from the [counted operations](performance.md#what-the-owner-pays-for), the [prices](prices.md),
Cloudflare's published limits and the waits of the retry policy; do not edit. Nothing here was seen on Cloudflare. Counted: the
operations of a recording of ${recordingBytes / 1e6} MB in one file, and its ${fastCounts.get('CPU ms')?.toFixed(1)} ms of CPU: those of a whole runtime on the bench's machine,
sockets included, so that the worker's own are no more. Assumed: that its transfer takes ${copySeconds} s,
that ${queuedShare * 100} % of them are left to the queue by the fast path (those cost the operations of one that goes by the queue), that
the worker of ${crashedShare * 100} % crashes (in the cron's row alone), and that fresh links come from the providers' APIs: without an API key a recording
whose link has expired is a dead letter.

## Which limit binds

The share of each limit that is used; over 100 % it binds. Limits that no rate comes near are left out: one write a second
and key in KV and R2 (every key here is one event's or one recording's), 10,000 subrequests and 1,000 KV operations in one
invocation, 6 connections that wait for headers (a transfer has one). Cloudflare spreads deliveries and
transfers over isolates of 128 MB; a transfer holds 0.5 MiB (1 MiB at its end), one of unknown length 5 MiB more. CPU grows
with the file: see [operations](operations.md).

${table(['limit', 'most', ...rates.map((rate) => `${number(rate)} a minute`), 'when it binds'], limits.map(limitRow))}

## A backlog of six hours

No origin answers for six hours (an attempt fails after ${failSeconds} s), then all do. Each step of ${STEP_SECONDS} s is played:
arrivals, the waits of the retry policy in their middle, and that number of consumers. What arrives after the six hours is archived
in the background, but for the ${queuedShare * 100} % that take their consumers from the backlog.

${table(['recordings a minute', 'consumers', 'backlog', 'attempts each, meanwhile and after', 'half archived after', 'all archived after'], backlogRows())}

Where consumers are free, the waits decide: an entry that has failed for six hours waits for hours more, which is what
makes its attempts last four days. Where they are not, \`max_concurrency\` decides, and the entries wait in the queue without using up
attempts. A queue keeps a message for 4 days on the paid plan unless it is set otherwise, and for 24 hours on the free one. An entry whose message is lost is
sent again by the cron, which lists ${number(MAX_RECONCILE_PAGES * PAGE_ENTRIES)} entries a minute and sends at most ${number(MAX_RECONCILE_SENDS)} of them: each when its
turn comes, which is every 64 minutes after the first: 300,000 entries whose messages were all lost were back in the
queue within an hour and a half, when the cron's code was played over an inbox in memory. At 100,000 recordings a minute the consumers that
wrangler.toml allows do not keep up even without an outage: \`max_concurrency\` is what to raise first. On the paid plan nothing
binds at 10 and at 1,000.

## What the owner pays

A month, in dollars, beyond what the plan includes; the cron's own operations are in it. Storage is that of the month's
recordings for a full month, and comes again in each that they are kept.

${table(['recordings a minute', 'recordings', ...billed, 'sum'], rates.map(costRow))}
`;
}

function limitRow({ what, most, used, change }: Limit): string[] {
  return [what, number(most), ...rates.map((rate) => share(used(rate) / most)), change];
}

function backlogRows(): string[][] {
  const cases = rates.flatMap((rate) => [maxConcurrency, 250].map((working) => ({ rate, working })));
  return cases.map(({ rate, working }) => {
    const played = playOutage({ ...assumed, recordingsPerMinute: rate, consumers: working });
    const times = [played.halfSeconds, played.allSeconds].map(duration);
    const { backlog, attemptsEach } = played;
    return [number(rate), number(working), number(backlog), attemptsEach.toFixed(1), ...times];
  });
}

function costRow(rate: number): string[] {
  const columns = bill(rate);
  const sum = columns.reduce((total, dollars) => total + dollars, 0);
  return [number(rate), number(rate * MINUTES_PER_MONTH), ...[...columns, sum].map(dollars)];
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
  return value < 100 ? value.toFixed(2) : number(value);
}

function duration(seconds: number | undefined): string {
  if (seconds === undefined) return 'not in 60 days';
  const hours = seconds / 3600;
  return hours < 48 ? `${hours.toFixed(1)} h` : `${(hours / 24).toFixed(1)} days`;
}
