import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as v from 'valibot';
import { outcome as outcomeSchema, problemDocument } from '../src/http/api/answers.ts';
import { parseJsonObject } from '../src/shared/json.ts';
import { CommandError, printable, runCommand, UsageError, webAddress } from '../tools/command.ts';
import { withVault } from '../tools/open-vault.ts';
import type { AskOwner } from '../tools/owner-api.ts';
import {
  type ApiRecording,
  type FilterValues,
  filterOptions,
  filterUsage,
  lineOf,
  listAll,
  queriesOf,
  wholeNumbers,
} from '../tools/recordings.ts';
import { type SavedExport, saveExport } from '../tools/save-export.ts';

const usage = `npm run erase -- [<recording id>] [options]
Shows what would be erased, also what is pending or dead; with --yes erases it for good, one by one. A number is a whole one.
${filterUsage}
  --yes                 erases
  --out <path>          first saves all of it as ZIP archives in this folder, and erases only what was saved and checked
  --receipt <file>      without it callvault-erased-<time>.json
  --json                the list or the receipt as JSON`;

/** Erasures between two writes of the receipt: a receipt of thousands is large. */
const WRITE_EVERY = 50;

/** `gone`: it went with its recording, or with a copy of it. */
const GONE: readonly string[] = ['erased', 'erasing', 'gone'];

await runCommand({
  usage,
  options: {
    ...filterOptions,
    yes: { type: 'boolean', default: false },
    out: { type: 'string' },
    receipt: { type: 'string' },
  },
  async run({ values, positionals: [id, ...others] }) {
    if (others.length > 0) throw new UsageError(`Unknown argument: ${others[0]}`);
    const queries = wholeNumbers(queriesOf(values));
    for (const query of queries) if (id !== undefined) query.set('recording', id);
    if (queries.some((query) => [...query.keys()].every((name) => name === 'tz')))
      throw new UsageError('Give an id or a filter: everything is never erased');
    return withVault(webAddress('--to', values.to), async (ask) => {
      const found = await findAll(queries, ask);
      if (id !== undefined) refuseMany(id, found);
      if (!values.yes) return show(found, values.json);
      return eraseAll(found, { queries, values, filter: filterOf(id, values) }, ask);
    });
  },
});

async function findAll(queries: readonly URLSearchParams[], ask: AskOwner): Promise<ApiRecording[]> {
  const found: ApiRecording[] = [];
  for (const state of ['archived', 'pending', 'dead']) {
    const ofState = queries.map(
      (query) => new URLSearchParams([...query, ['state', state], ['limit', '200']]),
    );
    for await (const one of listAll(ofState, ask)) found.push(one);
  }
  return found;
}

/** An id is meant for one recording. */
function refuseMany(id: string, found: readonly ApiRecording[]): void {
  if (found.length === 0) throw new CommandError(`No recording has the id ${id}`);
  const names = new Set(found.map(({ source, callId = '' }) => `--source ${source} --call ${callId}`));
  if (names.size > 1)
    throw new CommandError(
      `${names.size} recordings have the id ${id}. Name one of them by:\n${[...names].join('\n')}`,
    );
}

function show(found: readonly ApiRecording[], isJson: boolean): number {
  for (const one of found) console.log(isJson ? JSON.stringify(one) : printable(lineOf(one)));
  if (isJson) return 0;
  const held = found.filter((one) => one.state === 'archived' && one.hold !== undefined).length;
  console.log(
    `${found.length} found, ${held} on hold. Nothing was erased; --yes erases for good what is not on hold.`,
  );
  return 0;
}

/** What was asked for, as it stands in the receipt. */
function filterOf(id: string | undefined, values: FilterValues): object {
  const { source, provider, call, number, since, until, tz, format } = values;
  const seconds = { minSeconds: values['min-seconds'], maxSeconds: values['max-seconds'] };
  return { recording: id, source, provider, call, number, since, until, tz, format, ...seconds };
}

interface Erasing {
  readonly queries: readonly URLSearchParams[];
  readonly values: {
    readonly out?: string | undefined;
    readonly receipt?: string | undefined;
    readonly json: boolean;
  };
  readonly filter: object;
}

interface Erased {
  readonly outcome: string;
  readonly at: string;
}

/** Erases one by one. The receipt is written however that ends, unless the process is killed. */
async function eraseAll(
  found: readonly ApiRecording[],
  { queries, values, filter }: Erasing,
  ask: AskOwner,
): Promise<number> {
  const folder = process.env.INIT_CWD ?? '.';
  const startedAt = now();
  const saved = await saveFirst(values.out && resolve(folder, values.out), queries, ask);
  const path = resolve(folder, values.receipt ?? `callvault-erased-${startedAt.replace(/[:.]/g, '-')}.json`);
  const recordings: (object & Erased)[] = [];
  const receipt = { version: 1, startedAt, filter, zips: saved?.zips, recordings };
  const write = (flag?: string) =>
    writeFileSync(path, `${JSON.stringify({ ...receipt, endedAt: now() }, null, 2)}\n`, {
      flag: flag ?? 'w',
    });
  makeReceipt(() => write('wx')); // Before anything is gone.
  const end = () => process.exit(130);
  process
    .once('SIGINT', end)
    .once('SIGTERM', end)
    .once('exit', () => write());
  for (const [at, one] of found.entries()) {
    const erased = await erase(one, saved && filesOf(one, found, saved), ask);
    recordings.push({ ...receiptOf(one), ...erased });
    if (at % WRITE_EVERY === 0) write();
    if (!values.json) console.log(printable(`${erased.outcome}: ${lineOf(one)}`));
  }
  write();
  const gone = recordings.filter(({ outcome }) => GONE.includes(outcome)).length;
  if (values.json) console.log(JSON.stringify(receipt));
  else console.log(`${gone} of ${found.length} recordings were erased. The receipt is ${path}`);
  return gone === found.length ? 0 : 1;
}

/**
 * The keys of the saved audio that an erasure may take: that of all copies, which have one path. The vault refuses where it has
 * more. What is not archived has none: an erasure must take no audio with it.
 */
function filesOf(one: ApiRecording, found: readonly ApiRecording[], { verifiedKeys }: SavedExport): string[] {
  if (one.state !== 'archived') return [];
  const copies = found.flatMap((other) =>
    other.state === 'archived' && other.path === one.path ? other.files : [],
  );
  return copies.map(({ key }) => key).filter((key) => verifiedKeys.has(key));
}

async function saveFirst(
  folder: string | undefined,
  queries: readonly URLSearchParams[],
  ask: AskOwner,
): Promise<SavedExport | undefined> {
  if (folder === undefined) return undefined;
  const saved = await saveExport(queries, folder, ask);
  for (const problem of saved.problems) console.error(printable(problem));
  return saved;
}

/** Ends the command where the receipt cannot be written, or is that of another erasure. */
function makeReceipt(write: () => void): void {
  try {
    write();
  } catch (error) {
    throw new CommandError(`Cannot write the receipt: ${error instanceof Error ? error.message : error}`);
  }
}

function now(): string {
  return new Date().toISOString();
}

/** A receipt is kept: it has no number but those that were asked for. */
function receiptOf(one: ApiRecording): object {
  const { state, source, recordingId, callId, at } = one;
  const files =
    'files' in one ? one.files.map(({ key, bytes, sha256 }) => ({ key, bytes, sha256 })) : undefined;
  return { state, source, recordingId, callId, recordedAt: at, files };
}

/** The outcome, or the code of the refusal: the others are still erased. With `files` only if the vault has no more. */
async function erase(
  { path, state }: ApiRecording,
  files: readonly string[] | undefined,
  ask: AskOwner,
): Promise<Erased> {
  if (path === undefined) return { outcome: 'no_path', at: now() };
  // It may be archived at any time.
  if (files !== undefined && state === 'pending') return { outcome: 'not_saved', at: now() };
  const response = await ask(path, { method: 'DELETE', body: JSON.stringify({ files }) });
  const answer = parseJsonObject(await response.text());
  const read = v.safeParse(v.union([outcomeSchema, problemDocument]), answer);
  if (!read.success) throw new CommandError(`The vault answered with status ${response.status}`);
  const outcome = 'outcome' in read.output ? read.output.outcome : read.output.code;
  return { outcome: outcome === 'not_found' ? 'gone' : outcome, at: now() };
}
