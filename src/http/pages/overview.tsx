import type { DayStats, Stats, Totals } from '../../storage/catalog.ts';
import { type Bucket, type Column, Figure, percent, sum, together } from './chart.tsx';
import { count, size } from './format.ts';
import { Fragment, jsx } from './jsx.ts';
import { Layout, type View } from './layout.tsx';
import { Fact, TableHead } from './recording-parts.tsx';
import { inWords } from './row.tsx';
import { fill, words } from './words.ts';

const DAY_MS = 86_400_000;

/** Periods that are offered, in days. */
export const PERIODS = [30, 90, 364] as const;

/** A longer period is drawn by weeks. */
const MAX_DAYS_DRAWN = 90;

export interface OverviewProps {
  readonly view: View;
  readonly period: number;
  readonly stats: Stats;
  readonly totals: Totals;
  /** Of the first 1,000 pending entries; in ms since 1970. */
  readonly oldestPendingMs: number | undefined;
  /** The codes of the first 1,000 pending entries and dead letters. */
  readonly codes: Readonly<Record<'pending' | 'dead', readonly (string | undefined)[]>>;
}

export function OverviewPage({ view, period, stats, totals, oldestPendingMs, codes }: OverviewProps) {
  const { clock } = view;
  const buckets = bucketsOf(stats.days, period, clock.nowMs);
  const recordings = sum(stats.days, (day) => day.recordings);
  return (
    <Layout title={words.nav.overview} view={view} tab="overview" kind="overview-page">
      <div class="page-head">
        <h1>{words.nav.overview}</h1>
        <form class="inline" action="/overview">
          <label for="days">{words.overview.period}</label>{' '}
          <select id="days" name="days">
            {PERIODS.map((days) => (
              <option value={days} selected={days === period}>
                {periodOf(days)}
              </option>
            ))}
          </select>{' '}
          <button class="btn" type="submit">
            {words.list.show}
          </button>
        </form>
      </div>
      <dl class="totals">
        <Fact name={words.overview.allTime}>{count(totals.recordings)}</Fact>
        <Fact name={words.overview.stored}>{size(totals.bytes)}</Fact>
        <Fact name={periodOf(period)}>{count(recordings)}</Fact>
        <Fact name={words.overview.oldestPending}>
          {oldestPendingMs === undefined ? (
            words.overview.none
          ) : (
            <a href="/attention#pending">{clock.span(oldestPendingMs)}</a>
          )}
        </Fact>
        <Fact name={words.overview.deadLetters}>
          {view.dead === 0 ? '0' : <a href="/attention#dead">{count(view.dead)}</a>}
        </Fact>
      </dl>
      {recordings === 0 ? (
        <p class="says">{words.overview.nothing}</p>
      ) : (
        <div class="figures">
          <Figures buckets={buckets} days={stats.days} unit={words.overview.units[bucketDays(period)]} />
        </div>
      )}
      <Failures stats={stats} codes={codes} />
    </Layout>
  );
}

function bucketDays(period: number): 1 | 7 {
  return period > MAX_DAYS_DRAWN ? 7 : 1;
}

/** The days of the period, the oldest first, also those on which nothing was archived. */
function bucketsOf(days: readonly DayStats[], period: number, nowMs: number): Bucket[] {
  const length = bucketDays(period);
  const write = dayWriter();
  return Array.from({ length: period / length }, (_, at) => {
    const ends = [0, length - 1].map((shift) =>
      new Date(nowMs - (period - 1 - at * length - shift) * DAY_MS).toISOString().slice(0, 10),
    );
    const [first = '', last = ''] = ends;
    return { label: write(first), days: days.filter(({ day }) => day >= first && day <= last) };
  });
}

/** Made where it is used: the first format of a worker takes 30 ms, which each start would wait for. */
function dayWriter(): (day: string) => string {
  const format = new Intl.DateTimeFormat(words.language, { timeZone: 'UTC', day: 'numeric', month: 'short' });
  return (day) => format.format(Date.parse(day));
}

function periodOf(days: number): string {
  return days === 364 ? words.overview.lastYear : fill(words.overview.last, { days });
}

/** `30 min`, `1.5 h`, `120 h` */
function hours(value: number): string {
  if (value < 1) return `${Number((value * 60).toFixed(value < 0.2 ? 1 : 0))} min`;
  return `${value < 10 ? value.toFixed(1) : count(Math.round(value))} h`;
}

interface FiguresProps {
  readonly buckets: readonly Bucket[];
  readonly days: readonly DayStats[];
  readonly unit: string;
}

function Figures({ buckets, days, unit }: FiguresProps) {
  const all = sum(days, (day) => day.recordings);
  return (
    <>
      <Figure
        id="recordings"
        title={fill(words.overview.recordings, { unit })}
        says={fill(words.overview.recordingsSay, { count: all })}
        buckets={buckets}
        columns={byProvider(days, (day) => day.recordings)}
        write={count}
      />
      <Figure
        id="hours"
        title={fill(words.overview.hours, { unit })}
        says={fill(words.overview.hoursSay, { all: hours(sum(days, (day) => day.duration_ms) / 3_600_000) })}
        buckets={buckets}
        columns={byProvider(days, (day) => day.duration_ms / 3_600_000)}
        write={hours}
      />
      <Delay buckets={buckets} days={days} />
      <Figure
        id="stored"
        title={fill(words.overview.storedPer, { unit })}
        says={fill(words.overview.storedSay, { all: size(sum(days, (day) => day.bytes)) })}
        buckets={buckets}
        columns={[{ name: words.overview.stored, of: (day) => day.bytes }]}
        write={size}
      />
    </>
  );
}

/** How long it took from the event to the archive, in two bars and five columns. */
function Delay({ buckets, days }: Omit<FiguresProps, 'unit'>) {
  const { within, later } = words.overview;
  const delays: readonly Column[] = [
    { name: fill(within, { span: '5 s' }), of: (day) => day.within_5s },
    { name: fill(within, { span: '15 s' }), of: (day) => day.within_15s },
    { name: fill(within, { span: '1 min' }), of: (day) => day.within_1min },
    { name: fill(within, { span: '10 min' }), of: (day) => day.within_10min },
    { name: later, of: (day) => day.later },
  ];
  const soon = together(fill(within, { span: '15 s' }), delays.slice(0, 2));
  const all = sum(days, (day) => day.recordings);
  const share = (of: Column['of']) => `${((100 * sum(days, of)) / all).toFixed(1)} %`;
  return (
    <Figure
      id="delay"
      title={words.overview.delay}
      says={fill(words.overview.delaySay, {
        quick: share(soon.of),
        slow: share(together(later, delays.slice(3)).of),
      })}
      buckets={buckets}
      drawn={[soon, together(later, delays.slice(2))]}
      columns={delays}
      write={count}
    />
  );
}

/** A column for each provider, that with the most first. */
function byProvider(days: readonly DayStats[], of: Column['of']): Column[] {
  const providers = [...new Set(days.map(providerOf))].map((name) => ({
    name,
    of: (day: DayStats) => (providerOf(day) === name ? of(day) : 0),
  }));
  return providers.sort((one, other) => sum(days, other.of) - sum(days, one.of));
}

function providerOf({ source }: DayStats): string {
  return source.replace(/\..*/, '');
}

/** The attempts of archived recordings that failed, and the dead letters, by code. */
function Failures({ stats: { failures }, codes }: Pick<OverviewProps, 'stats' | 'codes'>) {
  const all = [...failures.map(({ code }) => code), ...codes.pending, ...codes.dead];
  const rows = [...new Set(all)]
    .filter((code) => code !== undefined)
    .map((code) => ({
      code,
      attempts: failures
        .filter((one) => one.code === code)
        .reduce((total, { attempts }) => total + attempts, 0),
      pending: codes.pending.filter((one) => one === code).length,
      dead: codes.dead.filter((one) => one === code).length,
    }))
    .sort((one, other) => other.attempts - one.attempts);
  const most = Math.max(1, ...rows.map(({ attempts }) => attempts));
  const { failed, reason, code, attempts, asBar, pending, dead } = words.overview.failures;
  return (
    <section class="figure wide-figure" aria-labelledby="failures">
      <h2 id="failures">{failed}</h2>
      <p class="says">{rows.length === 0 ? words.overview.failures.none : words.overview.failures.says}</p>
      {rows.length > 0 && (
        <table class="plain failures">
          <TableHead
            columns={[reason, code, [attempts, 'num'], [pending, 'num'], [dead, 'num'], [asBar, 'wide vh']]}
          />
          <tbody>
            {rows.map((row) => (
              <tr>
                <th scope="row">{inWords(row.code)}</th>
                <td>
                  <code>{row.code}</code>
                </td>
                <td class="num">{count(row.attempts)}</td>
                <td class="num">{count(row.pending)}</td>
                <td class="num">{count(row.dead)}</td>
                <td class="wide">
                  <svg class="share-bar" aria-hidden="true">
                    <rect class="fill" width={percent((100 * row.attempts) / most)} height="100%" />
                  </svg>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
