import * as v from 'valibot';
import { parseTimeMs } from '../../shared/time.ts';
import { isTimeZone } from '../../shared/zoned-day.ts';
import { digitsOf } from '../../storage/catalog-row.ts';

/** What requests to the API may be. A message says what a parameter may be: it goes into the answer. */

export const MAX_LIMIT = 200;

const text = (pattern: RegExp, allowed: string) => v.optional(v.pipe(v.string(), v.regex(pattern, allowed)));
const number = (allowed: string) => v.optional(v.pipe(v.string(), v.regex(/^\d{1,9}(\.\d{1,3})?$/, allowed)));
export const idParameter = v.optional(
  v.pipe(v.string(), v.minLength(1, '1 to 2,000 characters'), v.maxLength(2_000, '1 to 2,000 characters')),
);

const trueParameter = v.optional(v.literal('true', 'true'));

/** The description of the API has the limits from the message. */
const wholeNumber = (least: number, most: number, allowed: string) => {
  const isWithin = (value: number) => Number.isInteger(value) && value >= least && value <= most;
  return v.optional(v.pipe(v.number(allowed), v.check(isWithin, allowed)));
};

export const DAY = /^\d{4}-\d\d-\d\d$/;
const TIME = 'a day, 2026-06-27, or an instant, 2026-06-27T10:06:00Z';
const time = v.optional(v.pipe(v.string(), v.check(isTime, TIME)));

export const dayParameter = v.optional(
  v.pipe(
    v.string(),
    v.check((value) => DAY.test(value) && isTime(value), 'a day, 2026-06-27'),
  ),
);

/** V8 takes the 30th of February for a day in March. */
function isTime(value: string): boolean {
  const day = value.slice(0, 10);
  const ms = parseTimeMs(`${day}T00:00Z`);
  if (ms === undefined || new Date(ms).toISOString().slice(0, 10) !== day) return false;
  return value === day || parseTimeMs(value) !== undefined;
}

const cursor = v.optional(v.pipe(v.string(), v.maxLength(2_000, 'the cursor of the page before')));

/** What a list and an export find recordings by. */
const filters = {
  provider: text(/^[a-z][a-z0-9-]{0,40}$/, 'the id of a provider'),
  source: text(/^[a-z][a-z0-9-]{0,40}(\.[a-z0-9]{1,32})?$/, 'a provider, or <provider>.<account>'),
  call: idParameter,
  recording: idParameter,
  number: v.optional(
    v.pipe(
      v.string(),
      v.check(
        (value) => value.length <= 100 && digitsOf(value) !== undefined,
        'a number, or its last digits',
      ),
    ),
  ),
  wholeNumber: trueParameter,
  from: time,
  to: time,
  tz: v.optional(v.pipe(v.string(), v.check(isTimeZone, 'a time zone, such as Europe/Berlin'))),
  hold: v.optional(v.picklist(['true', 'false'], 'true or false')),
  format: text(/^[a-z0-9]{1,8}$/, 'a format, such as wav'),
  minSeconds: number('seconds, 0 or more'),
  maxSeconds: number('seconds, 0 or more'),
  order: v.optional(v.picklist(['newest', 'oldest'], 'newest or oldest')),
  cursor,
};

/** The parameters of `GET /api/recordings`, as they stand in the URL. */
export const listQuerySchema = v.strictObject({
  ...filters,
  state: v.optional(v.picklist(['archived', 'pending', 'dead', 'all'], 'archived, pending, dead or all')),
  limit: v.optional(
    v.pipe(
      v.string(),
      v.check((value) => /^[1-9]\d{0,2}$/.test(value) && Number(value) <= MAX_LIMIT, `1 to ${MAX_LIMIT}`),
    ),
  ),
});

export const exportQuerySchema = v.strictObject({
  ...filters,
  /** Counts alone. */
  dryRun: trueParameter,
});

export const statsQuerySchema = v.strictObject({ from: dayParameter, to: dayParameter });

/** Of a recording's route: `call` tells those apart that have the same id. */
export const recordingQuerySchema = v.strictObject({ call: idParameter });

/** Of a route that also takes what is not archived: `entry` is its key, as its `path` has it. */
export const entryQuerySchema = v.strictObject({ call: idParameter, entry: idParameter });

/** Of an erasure: the keys of all audio that the client knows; with any other, or a pending entry, nothing is erased. */
export const eraseBodySchema = v.strictObject({
  files: v.optional(v.array(v.string('keys of audio'), 'keys of audio')),
});

const sha256 = text(/^[0-9a-f]{64}$/, 'a SHA-256 in lower-case hex');

export const waveformQuerySchema = v.strictObject({ call: idParameter, sha256 });

export const audioQuerySchema = v.strictObject({
  call: idParameter,
  sha256,
  /** As a file to be saved; without it, to be played. */
  download: trueParameter,
});

export const trailQuerySchema = v.strictObject({ call: idParameter, cursor });

export const pageQuerySchema = v.strictObject({ cursor });

export const objectsQuerySchema = v.strictObject({ prefix: v.optional(v.string()), cursor });

export const objectQuerySchema = v.strictObject({ key: v.string('the key of an object') });

export const holdBodySchema = v.strictObject({
  reason: v.pipe(
    v.string('1 to 500 characters'),
    v.regex(/^[^\p{Cc}\p{Cf}]{1,500}$/u, '1 to 500 characters'),
  ),
});

export const shareBodySchema = v.strictObject({
  expiresInSeconds: wholeNumber(60, 365 * 86_400, 'seconds, 60 to 31,536,000'),
  numbers: v.optional(v.boolean('true or false')),
  download: v.optional(v.boolean('true or false')),
});

/** Of what a share opens: `t` is the link's secret part. */
export const outsideQuerySchema = v.strictObject({
  t: v.string('the link as it was made'),
  download: trueParameter,
});

export const replayBodySchema = v.strictObject({ key: v.string('the key of a dead letter') });

export const newTokenBodySchema = v.strictObject({
  name: v.pipe(v.string(), v.regex(/^[^\p{Cc}\p{Cf}]{1,100}$/u, '1 to 100 characters')),
  right: v.optional(v.picklist(['read', 'manage'], 'read or manage')),
  sources: v.optional(
    v.pipe(
      v.array(v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,40}(\.[a-z0-9]{1,32})?$/, 'sources'))),
      v.minLength(1, 'one source or more'),
      v.maxLength(100, 'at most 100 sources'),
    ),
  ),
  expiresInDays: wholeNumber(1, 3_660, '1 to 3,660'),
});
