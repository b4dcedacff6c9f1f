import type * as v from 'valibot';
import { deadLetterSchema, inboxEntrySchema, manifestSchema, type RecordingEvent } from '../src/recording.ts';
import { printable, runCommand, UsageError, webAddress } from '../tools/command.ts';
import { readJsonAt, type VaultBucket, withVaultBucket } from '../tools/vault-bucket.ts';

const states = ['archived', 'pending', 'dead', 'all'] as const;

const usage = `npm run list -- [options]
Lists recordings, the newest first.
  --to <url>        a deployed vault; without it the local one
  --since <time>    recorded at this time or later: 2026-11-24, or 2026-11-24T09:30Z
  --call <id>       of this call
  --number <digits> from or to a number that has these digits
  --state <state>   ${states.join(' | ')}; archived without it
  --json            one JSON object a line`;

const CONCURRENT_READS = 8;

/** A recording, whatever its state. */
interface Row {
  readonly state: 'archived' | 'pending' | 'dead';
  readonly at: string;
  readonly provider: string;
  readonly recordingId: string;
  readonly callId: string;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly durationSeconds?: number | undefined;
  /** The reason it is not archived. */
  readonly code?: string | undefined;
  readonly key: string;
}

interface Filter {
  readonly sinceMs: number;
  readonly call: string | undefined;
  readonly number: string | undefined;
  readonly state: string;
}

await runCommand({
  usage,
  options: {
    to: { type: 'string' },
    since: { type: 'string' },
    call: { type: 'string' },
    number: { type: 'string' },
    state: { type: 'string', default: 'archived' },
    json: { type: 'boolean', default: false },
  },
  async run({ values, positionals }) {
    if (positionals.length > 0) throw new UsageError(`Unknown argument: ${positionals[0]}`);
    if (!states.some((state) => state === values.state))
      throw new UsageError(`--state must be one of ${states.join(', ')}: ${values.state}`);
    const sinceMs = values.since === undefined ? 0 : Date.parse(values.since);
    if (Number.isNaN(sinceMs)) throw new UsageError(`--since is no time: ${values.since}`);
    const filter = { sinceMs, call: values.call, number: values.number, state: values.state };
    const rows = await withVaultBucket(webAddress('--to', values.to), (bucket) => findRows(bucket, filter));
    for (const row of rows) console.log(values.json ? JSON.stringify(row) : printable(lineOf(row)));
    if (!values.json) console.log(`${rows.length} recordings`);
    return 0;
  },
});

async function findRows(bucket: VaultBucket, filter: Filter): Promise<Row[]> {
  const isWanted = (state: string) => filter.state === 'all' || filter.state === state;
  const rows = [
    ...(isWanted('archived') ? await archivedRows(bucket, filter) : []),
    ...(isWanted('pending') ? await pendingRows(bucket) : []),
    ...(isWanted('dead') ? await deadRows(bucket) : []),
  ];
  return rows.filter((row) => matches(row, filter)).sort((one, other) => (one.at < other.at ? 1 : -1));
}

function matches({ at, callId, from = '', to = '' }: Row, { sinceMs, call, number = '' }: Filter): boolean {
  const digits = (text: string) => text.replace(/\D/g, '');
  const isNumber = [from, to].some((text) => digits(text).includes(digits(number)));
  // A provider may write a time that is none.
  return !(Date.parse(at) < sinceMs) && (call === undefined || call === callId) && isNumber;
}

async function archivedRows(bucket: VaultBucket, { sinceMs }: Filter): Promise<Row[]> {
  const keys = (await bucket.listKeys('recordings/')).filter((key) => key.endsWith('.json'));
  // The day in the key is the recording's start, or the event's: a day earlier is surely before `since`.
  const firstDay = new Date(Math.max(0, sinceMs - 24 * 60 * 60_000)).toISOString().slice(0, 10);
  const isLate = (key: string) => key.split('/').slice(2, 5).join('-') >= firstDay || isTimeless(key);
  const manifests = await readAll(bucket, keys.filter(isLate), manifestSchema);
  return manifests.map(({ key, json }) => ({
    ...fieldsOf({ ...json.fromApi, ...json }, json.files[0]?.archivedAt),
    state: 'archived',
    key,
  }));
}

/** An event without a time is filed under 1970/01/01. */
function isTimeless(key: string): boolean {
  return key.split('/').slice(2, 5).join('/') === '1970/01/01';
}

async function pendingRows(bucket: VaultBucket): Promise<Row[]> {
  const entries = await readAll(bucket, await bucket.listKeys('inbox/'), inboxEntrySchema);
  return entries.map(({ key, json: { event, delivery, attempts, waitsFor } }) => ({
    ...fieldsOf(event, delivery.receivedAt),
    state: 'pending',
    code: waitsFor?.code ?? attempts.at(-1)?.failures[0]?.code,
    key,
  }));
}

async function deadRows(bucket: VaultBucket): Promise<Row[]> {
  const letters = await readAll(bucket, await bucket.listKeys('dead/'), deadLetterSchema);
  return letters.map(({ key, json }) => {
    const { event, provider = '', failure, deadAt, delivery } = json;
    const fields = event && fieldsOf(event, delivery.receivedAt);
    return {
      at: deadAt,
      provider,
      recordingId: '',
      callId: '',
      ...fields,
      state: 'dead',
      code: failure.code,
      key,
    };
  });
}

function fieldsOf(event: Omit<RecordingEvent, 'files'>, fallback = ''): Omit<Row, 'state' | 'key'> {
  const { provider, recordingId, callId, from, to, durationSeconds, startedAt, occurredAt } = event;
  const at = startedAt ?? occurredAt ?? fallback;
  return { at, provider, recordingId, callId, from, to, durationSeconds };
}

/** Reads JSON objects; what callvault did not write is reported and left out. */
async function readAll<T>(
  bucket: VaultBucket,
  keys: readonly string[],
  schema: v.GenericSchema<unknown, T>,
): Promise<{ readonly key: string; readonly json: T }[]> {
  const found: { key: string; json: T }[] = [];
  const waiting = keys.values();
  const work = async () => {
    for (const key of waiting) {
      const json = await readJsonAt(bucket, key, schema);
      if (json === undefined) console.error(`${key} is left out: callvault did not write it`);
      else found.push({ key, json });
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT_READS }, work));
  return found;
}

function lineOf({
  state,
  at,
  provider,
  from = '',
  to = '',
  durationSeconds,
  recordingId,
  callId,
  code,
}: Row) {
  const numbers = (from === '' && to === '' ? '' : `${from} → ${to}`).padEnd(29);
  const seconds = durationSeconds === undefined ? '' : `${durationSeconds.toFixed(1)} s`;
  return [
    at.slice(0, 19).padEnd(19),
    state.padEnd(8),
    provider.padEnd(17),
    numbers,
    seconds.padStart(8),
    recordingId,
    `call ${callId}`,
    code ?? '',
  ]
    .join('  ')
    .trimEnd();
}
