import { MAX_RECONCILE_PAGES, MAX_RECONCILE_SENDS } from '../src/recover/reconcile.ts';
import { runPageCommand, table } from '../tools/page.ts';
import {
  assumed,
  bill,
  billed,
  fastCounts,
  limits,
  MINUTES_PER_MONTH,
  maxConcurrency,
  playOutage,
  rates,
  STEP_SECONDS,
} from '../tools/scale-model.ts';

/** Keys of one list of R2. */
const PAGE_ENTRIES = 1_000;

await runPageCommand('scale', () => ({
  assumptions: assumptions(),
  limits: table(
    ['limit', 'most', ...rates.map((rate) => `${number(rate)} a minute`), 'when it binds'],
    limitRows(),
  ),
  backlog: table(
    [
      'recordings a minute',
      'consumers',
      'backlog',
      'attempts each, meanwhile and after',
      'half archived after',
      'all archived after',
    ],
    backlogRows(),
  ),
  cost: table(['recordings a minute', 'recordings', ...billed, 'sum'], rates.map(costRow)),
}));

function assumptions(): string {
  const { recordingBytes, copySeconds, failSeconds, queuedShare, crashedShare } = assumed;
  return `- counted: the operations of a recording of ${recordingBytes / 1e6} MB in one file, and its ${fastCounts.get('CPU ms')?.toFixed(1)} ms of CPU
- assumed: a transfer takes ${copySeconds} s, and an attempt that fails ${failSeconds} s
- assumed: the fast path leaves ${queuedShare * 100} % of the recordings to the queue, and the worker of ${crashedShare * 100} % crashes
- from the code: a run of the cron lists ${number(MAX_RECONCILE_PAGES * PAGE_ENTRIES)} entries, and sends at most ${number(MAX_RECONCILE_SENDS)}
- the outage is played in steps of ${STEP_SECONDS} s`;
}

function limitRows(): string[][] {
  return limits.map(([what, most, used, change]) => [
    what,
    number(most),
    ...rates.map((rate) => share(used(rate) / most)),
    change,
  ]);
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
