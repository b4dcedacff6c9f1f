import { createHash } from 'node:crypto';
import { closeSync, createWriteStream, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { configure, type FileEntry, Reader, TextWriter, ZipReader } from '@zip.js/zip.js';
import * as v from 'valibot';
import { manifestSchema } from '../src/recording.ts';
import { parseJsonObject } from '../src/shared/json.ts';
import { CommandError } from './command.ts';
import type { AskOwner } from './owner-api.ts';

configure({ useWebWorkers: false });

/** What was saved: audio whose bytes have the SHA-256 of the manifest beside it, by its key, and what is wrong. */
export interface SavedExport {
  readonly zips: readonly string[];
  readonly verifiedKeys: ReadonlySet<string>;
  readonly problems: readonly string[];
}

/** Saves what the queries find as ZIP archives in a folder, and checks each of them. */
export async function saveExport(
  queries: readonly URLSearchParams[],
  folder: string,
  ask: AskOwner,
): Promise<SavedExport> {
  mkdirSync(folder, { recursive: true });
  const zips: string[] = [];
  const verifiedKeys = new Set<string>();
  const problems: string[] = [];
  for (const query of queries)
    for (let path: string | undefined = `/api/export?${query}`; path !== undefined; ) {
      const response = await ask(path);
      const zip = join(folder, `callvault-${zips.length + 1}.zip`);
      if (!response.ok || response.body === null)
        throw new CommandError(`The vault answered with status ${response.status}: ${await response.text()}`);
      await save(response.body, zip);
      zips.push(zip);
      const checked = await checkZip(zip);
      for (const key of checked.verifiedKeys) verifiedKeys.add(key);
      problems.push(...checked.problems.map((problem) => `${zip}: ${problem}`));
      [, path] = /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '') ?? [];
    }
  return { zips, verifiedKeys, problems };
}

/** Never over a file that is there: it may be the only copy of what was erased. */
async function save(body: ReadableStream<Uint8Array>, path: string): Promise<void> {
  try {
    await pipeline(body, createWriteStream(path, { flags: 'wx' }));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`Cannot save ${path}: ${reason}`);
  }
}

/** Reads a part of a file: a ZIP may be larger than memory. */
class FileReader extends Reader<string> {
  readonly #file: number;

  constructor(path: string) {
    super(path);
    this.#file = openSync(path, 'r');
    this.size = statSync(path).size;
  }

  override async readUint8Array(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, readSync(this.#file, bytes, 0, length, offset));
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Compares the audio in a ZIP with the manifests in it. */
export async function checkZip(
  path: string,
): Promise<{ readonly verifiedKeys: readonly string[]; readonly problems: readonly string[] }> {
  const file = new FileReader(path);
  try {
    const entries = (await new ZipReader(file, { checkSignature: true }).getEntries()).filter(
      (entry) => !entry.directory,
    );
    return await checkEntries(new Map(entries.map((entry) => [entry.filename, entry])));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { verifiedKeys: [], problems: [`is no whole ZIP: ${reason}`] };
  } finally {
    file.close();
  }
}

async function checkEntries(entries: ReadonlyMap<string, FileEntry>) {
  const verifiedKeys: string[] = [];
  const problems: string[] = [];
  const expected = await sumsOf(entries);
  for (const { file = '', state, key = '' } of await indexOf(entries)) {
    const entry = entries.get(file);
    const sha256 = expected.get(key);
    if (state === 'missing') problems.push(`${key} is missing in the vault`);
    else if (entry === undefined || sha256 === undefined) problems.push(`${key} has no audio or no manifest`);
    else if ((await sha256Of(entry)) === sha256) verifiedKeys.push(key);
    else problems.push(`${key} DIFFERS from its SHA-256`);
  }
  return { verifiedKeys, problems };
}

/** The SHA-256 of the audio by its key, from the manifests. */
async function sumsOf(entries: ReadonlyMap<string, FileEntry>): Promise<Map<string, string>> {
  const sums = new Map<string, string>();
  for (const [name, entry] of entries) {
    if (!name.endsWith('.json') || name.endsWith('.trail.json')) continue;
    const read = v.safeParse(manifestSchema, parseJsonObject(await entry.getData(new TextWriter())));
    if (read.success) for (const { key, sha256 } of read.output.files) sums.set(key, sha256);
  }
  return sums;
}

/** The lines of `index.csv`, by column: each cell is in quotes. */
async function indexOf(entries: ReadonlyMap<string, FileEntry>): Promise<Record<string, string>[]> {
  const text = (await entries.get('index.csv')?.getData(new TextWriter())) ?? '';
  const lines: string[][] = [[]];
  for (const [, cell = '', end] of text.matchAll(/"((?:[^"]|"")*)"(,|\r\n)/g)) {
    lines.at(-1)?.push(cell.replaceAll('""', '"'));
    if (end !== ',') lines.push([]);
  }
  const [head = [], ...rows] = lines.slice(0, -1);
  if (!head.includes('key')) throw new Error('index.csv is missing');
  return rows.map((cells) => Object.fromEntries(head.map((name, at) => [name, cells[at] ?? ''])));
}

async function sha256Of(entry: FileEntry): Promise<string> {
  const hash = createHash('sha256');
  await entry.getData(new WritableStream({ write: (block) => void hash.update(block) }));
  return hash.digest('hex');
}
