import type * as v from 'valibot';
import * as answers from '../src/http/api/answers.ts';
import { CommandError, UsageError } from './command.ts';
import { type AskOwner, answerOf } from './owner-api.ts';

/** A recording as the API tells it. */
export type ApiRecording = v.InferOutput<typeof answers.recording>;
export type ArchivedRecording = Extract<ApiRecording, { state: 'archived' }>;

/** The options of a command that finds recordings. */
export const filterOptions = {
  to: { type: 'string' },
  source: { type: 'string' },
  provider: { type: 'string' },
  call: { type: 'string' },
  number: { type: 'string', multiple: true },
  since: { type: 'string' },
  until: { type: 'string' },
  tz: { type: 'string' },
  format: { type: 'string' },
  'min-seconds': { type: 'string' },
  'max-seconds': { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;

export const filterUsage = `  --to <url>            a deployed vault; without it the local one
  --number <number>     of a party; may be given several times
  --call <id>           of this call
  --since, --until <t>  recorded from, and to: 2026-11-24, or 2026-11-24T09:30Z
  --tz <zone>           the time zone of the days, such as Europe/Berlin; UTC without it
  --source <source>     a provider, or <provider>.<account>; --provider for all its accounts
  --format <format>     with a file of this format; also --min-seconds, --max-seconds`;

export interface FilterValues {
  readonly source?: string | undefined;
  readonly provider?: string | undefined;
  readonly call?: string | undefined;
  readonly number?: readonly string[] | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly tz?: string | undefined;
  readonly format?: string | undefined;
  readonly 'min-seconds'?: string | undefined;
  readonly 'max-seconds'?: string | undefined;
}

/** The API's parameters of the options: one query for each number. Ends the command where an option is invalid. */
export function queriesOf(values: FilterValues): URLSearchParams[] {
  for (const option of ['since', 'until'] as const)
    if (values[option] !== undefined && Number.isNaN(Date.parse(values[option])))
      throw new UsageError(`--${option} is no time: ${values[option]}`);
  const { source, provider, call, tz, format, number: numbers = [undefined] } = values;
  const seconds = { minSeconds: values['min-seconds'], maxSeconds: values['max-seconds'] };
  const given = { source, provider, call, tz, format, from: values.since, to: values.until, ...seconds };
  return (numbers.length === 0 ? [undefined] : numbers).map((number) => {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries({ ...given, number }))
      if (value !== undefined) query.set(name, value);
    return query;
  });
}

/** For commands that hand out or erase: a short number would match the end of others. */
export function wholeNumbers(queries: URLSearchParams[]): URLSearchParams[] {
  for (const query of queries) if (query.has('number')) query.set('wholeNumber', 'true');
  return queries;
}

/** All recordings that the queries find, each once. */
export async function* listAll(
  queries: readonly URLSearchParams[],
  ask: AskOwner,
): AsyncGenerator<ApiRecording> {
  const seen = new Set<string>();
  for (const query of queries)
    for await (const one of listPages(query, ask)) {
      // Copies of a recording under two days have one path.
      const name = one.state === 'archived' ? `${one.path} ${one.at}` : one.key;
      if (!seen.has(name)) yield one;
      seen.add(name);
    }
}

async function* listPages(given: URLSearchParams, ask: AskOwner): AsyncGenerator<ApiRecording> {
  const query = new URLSearchParams(given);
  for (let cursor: string | undefined = ''; cursor !== undefined; query.set('cursor', cursor ?? '')) {
    const page: v.InferOutput<typeof answers.recordingList> = await answerOf(
      await ask(`/api/recordings?${query}`),
      answers.recordingList,
    );
    yield* page.recordings;
    cursor = page.cursor;
  }
}

/** The archived recordings of an id; ends the command where there is none, or more than one. */
export async function findOne(id: string, values: FilterValues, ask: AskOwner): Promise<ArchivedRecording> {
  const [query = new URLSearchParams()] = queriesOf(values);
  query.set('recording', id);
  const found = await archivedOf(query, ask);
  const [first, ...more] = found;
  if (first === undefined) throw new CommandError(`No archived recording has the id ${id}`);
  if (more.length === 0) return first;
  const names = found.map((one) => `--source ${one.source} --call ${one.callId}`).join('\n');
  throw new CommandError(`${found.length} recordings have the id ${id}. Name one of them by:\n${names}`);
}

export async function archivedOf(query: URLSearchParams, ask: AskOwner): Promise<ArchivedRecording[]> {
  const found: ArchivedRecording[] = [];
  for await (const one of listAll([query], ask)) if (one.state === 'archived') found.push(one);
  return found;
}

/** A recording in one line, for a person. */
export function lineOf(one: ApiRecording): string {
  const { at = '', state, source, from = '', to = '', durationSeconds, recordingId = '', callId = '' } = one;
  const numbers = (from === '' && to === '' ? '' : `${from} → ${to}`).padEnd(29);
  const seconds = durationSeconds === undefined ? '' : `${durationSeconds.toFixed(1)} s`;
  const flags =
    one.state === 'archived' ? [one.hold && `on hold: ${one.hold.reason}`, one.warning] : [one.code];
  return [at.slice(0, 19).padEnd(19), state.padEnd(8), source.padEnd(17), numbers, seconds.padStart(8)]
    .concat(recordingId, `call ${callId}`, flags.filter((flag) => flag !== undefined).join(', '))
    .join('  ')
    .trimEnd();
}

/** The path of a part of a recording: its query stays at the end. */
export function partOf({ path }: ArchivedRecording, part: string): string {
  const [base = '', query] = path.split('?');
  return `${base}${part}${query === undefined ? '' : `?${query}`}`;
}
