import * as v from 'valibot';
import { keysOf } from '../../catalog/find-recording.ts';
import type { ListQuery } from '../../catalog/list-recordings.ts';
import { err, ok, type Result } from '../../shared/result.ts';
import { parseTimeMs } from '../../shared/time.ts';
import { dayAfter, startOfDayMs } from '../../shared/zoned-day.ts';
import type { RowFilter } from '../../storage/catalog-query.ts';
import { digitsOf } from '../../storage/catalog-row.ts';
import type { ProblemDetails } from './problem.ts';
import { DAY, exportQuerySchema, listQuerySchema } from './schemas.ts';

const DEFAULT_LIMIT = 50;

export type QuerySchema = v.StrictObjectSchema<v.ObjectEntries, undefined>;

/** Reads the parameters of a URL; a parameter that is unknown, repeated or invalid is an error that names it. */
export function readParameters<S extends QuerySchema>(
  schema: S,
  parameters: URLSearchParams,
): Result<v.InferOutput<S>, ProblemDetails> {
  const given: Record<string, string> = {};
  for (const [parameter, value] of parameters) {
    if (!Object.hasOwn(schema.entries, parameter))
      return err({ detail: 'A parameter is unknown', allowed: Object.keys(schema.entries).join(', ') });
    if (Object.hasOwn(given, parameter)) return err({ parameter, allowed: 'once' });
    given[parameter] = value;
  }
  const read = v.safeParse(schema, given);
  if (read.success) return ok(read.output);
  const [{ path, message }] = read.issues;
  return err({ parameter: String(path?.[0]?.key), allowed: message });
}

export async function readListQuery(parameters: URLSearchParams): Promise<Result<ListQuery, ProblemDetails>> {
  const read = readParameters(listQuerySchema, parameters);
  if (!read.ok) return read;
  const { state = 'archived', order = 'newest', limit, cursor, ...given } = read.value;
  return ok({
    filter: await filterOf(given),
    state,
    order,
    limit: Number(limit ?? DEFAULT_LIMIT),
    cursor,
  });
}

/** What an export is asked for; `cursor` is that of the part before. */
export interface ExportQuery extends Pick<ListQuery, 'filter' | 'order' | 'cursor'> {
  readonly dryRun: boolean;
}

export async function readExportQuery(
  parameters: URLSearchParams,
): Promise<Result<ExportQuery, ProblemDetails>> {
  const read = readParameters(exportQuerySchema, parameters);
  if (!read.ok) return read;
  const { order = 'newest', cursor, dryRun, ...given } = read.value;
  return ok({ filter: await filterOf(given), order, cursor, dryRun: dryRun === 'true' });
}

type Filters = Omit<v.InferOutput<typeof exportQuerySchema>, 'order' | 'cursor' | 'dryRun'>;

async function filterOf({ provider, source, format, tz = 'UTC', ...given }: Filters): Promise<RowFilter> {
  return {
    provider,
    source,
    format,
    hold: given.hold === undefined ? undefined : given.hold === 'true',
    recordingKeys: given.recording === undefined ? undefined : await keysOf(given.recording),
    callKeys: given.call === undefined ? undefined : await keysOf(given.call),
    digits: digitsOf(given.number),
    areAllDigits: given.wholeNumber === 'true',
    fromMs: given.from === undefined ? undefined : instantMs(given.from, tz),
    // A day is meant whole; after the last day that a string can say there is no end.
    beforeMs: given.to === undefined || given.to === LAST_DAY ? undefined : endMs(given.to, tz),
    minSeconds: given.minSeconds === undefined ? undefined : Number(given.minSeconds),
    maxSeconds: given.maxSeconds === undefined ? undefined : Number(given.maxSeconds),
  };
}

const LAST_DAY = '9999-12-31';

function endMs(time: string, timeZone: string): number {
  return instantMs(DAY.test(time) ? dayAfter(time) : time, timeZone);
}

function instantMs(time: string, timeZone: string): number {
  return DAY.test(time) ? startOfDayMs(time, timeZone) : (parseTimeMs(time) ?? 0);
}
