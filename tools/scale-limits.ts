import { MAX_RECONCILE_SENDS } from '../src/recover/reconcile.ts';
import {
  assumed,
  idleHourCounts,
  MINUTES_PER_DAY,
  MINUTES_PER_MONTH,
  maxConcurrency,
  perRecording,
} from './scale-assumed.ts';

/** A limit of the platform or of our own, and what comes near it. */
export interface Limit {
  readonly what: string;
  readonly most: number;
  /** The use at a number of recordings a minute. */
  readonly used: (perMinute: number) => number;
  /** What has to change when it binds. */
  readonly change: string;
}

const { queuedShare, crashedShare, copySeconds } = assumed;
const PAID = 'the paid plan';

/** Recordings that are copied by consumers at any moment. */
const consuming = (perMinute: number) => ((perMinute * queuedShare) / 60) * copySeconds;
/** With what the cron takes, which runs each minute whether there is anything to do or not. */
const inMinutes = (minutes: number, what: string) => (perMinute: number) =>
  (perMinute * perRecording(what) + (idleHourCounts.get(what) ?? 0) / 60) * minutes;
const aDay = (what: string) => inMinutes(MINUTES_PER_DAY, what);

export const limits: readonly Limit[] = [
  {
    what: 'free plan: CPU ms of one request, an upper bound',
    most: 10,
    used: () => perRecording('CPU ms'),
    change: 'near 100 % only trying tells; the paid plan',
  },
  { what: 'free plan: KV writes a day', most: 1_000, used: aDay('KV write'), change: PAID },
  { what: 'free plan: KV reads a day', most: 100_000, used: aDay('KV read'), change: PAID },
  { what: 'free plan: requests a day', most: 100_000, used: aDay('request'), change: PAID },
  {
    what: 'free plan: queue operations a day',
    most: 10_000,
    used: aDay('queue operation'),
    change: PAID,
  },
  {
    what: 'free R2: class A operations a month',
    most: 1_000_000,
    used: inMinutes(MINUTES_PER_MONTH, 'R2 class A'),
    change: 'they are paid for',
  },
  {
    what: `consumers at work (\`max_concurrency\` ${maxConcurrency})`,
    most: maxConcurrency,
    used: consuming,
    change: 'raise `max_concurrency` in wrangler.toml, up to 250',
  },
  {
    what: 'consumers at work (platform)',
    most: 250,
    used: consuming,
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
    used: (rate) => rate * crashedShare,
    change: 'a prefix of the inbox for each of several crons',
  },
];
