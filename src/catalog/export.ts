import { err, ok, type Result } from '../shared/result.ts';
import { parseTimeMs } from '../shared/time.ts';
import type { Catalog, FoundRow } from '../storage/catalog.ts';
import type { RowSearch } from '../storage/catalog-query.ts';
import { type CatalogRow, placeOf } from '../storage/catalog-row.ts';
import type { Recordings } from '../storage/recordings.ts';
import type { Trail } from '../storage/trail.ts';
import { exportIndex, type IndexLine } from './export-index.ts';
import type { ListFailure } from './list-recordings.ts';
import type { ZipEntry } from './zip.ts';

/** The recordings and the audio of one ZIP: its checksums take CPU time, of which a request has 30 seconds. */
export const MAX_EXPORTED = 1_000;
export const MAX_EXPORTED_BYTES = 1024 ** 3;

const PAGE_ROWS = 200;

/** Each looks through 50,000 rows at most where a filter has no index. */
const MAX_PAGES = 20;

/** The recordings of one ZIP; `cursor` is where the next one begins. A part may be empty and yet have one. */
export interface ExportPart {
  readonly rows: readonly FoundRow[];
  readonly files: number;
  /** Of the audio. */
  readonly bytes: number;
  readonly cursor?: string | undefined;
}

export interface ExportServices {
  readonly catalog: Catalog;
  readonly recordings: Recordings;
  readonly trail: Trail;
}

/** Finds the recordings of the next ZIP: one that is larger than a ZIP may be has one of its own. */
export async function planExport(
  { filter, order, cursor }: Pick<RowSearch, 'filter' | 'order'> & { readonly cursor?: string | undefined },
  { catalog }: Pick<ExportServices, 'catalog'>,
): Promise<Result<ExportPart, ListFailure>> {
  if (cursor !== undefined && !/^-?\d{1,16}$/.test(cursor)) return err('invalid_cursor');
  const part = { rows: [], files: 0, bytes: 0 };
  let after = cursor === undefined ? undefined : Number(cursor);
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const page = await catalog.search({ filter, order, cursor: after, limit: PAGE_ROWS });
    if (!page.ok) return err('catalog_unavailable');
    const last = addRows(part, page.value.rows);
    if (last !== undefined) return ok({ ...part, cursor: String(last.id) });
    after = page.value.cursor;
    if (after === undefined) return ok(part);
  }
  return ok({ ...part, cursor: String(after) });
}

/** Adds rows while there is room; the last one of the part, where there is no more. */
function addRows(
  part: { rows: FoundRow[]; files: number; bytes: number },
  rows: readonly FoundRow[],
): FoundRow | undefined {
  for (const found of rows) {
    const bytes = bytesOf(found.row);
    const isFull = part.rows.length === MAX_EXPORTED || part.bytes + bytes > MAX_EXPORTED_BYTES;
    if (isFull && part.rows.length > 0) return part.rows.at(-1);
    part.rows.push(found);
    part.files += found.row.files.length;
    part.bytes += bytes;
  }
  return undefined;
}

function bytesOf({ files }: CatalogRow): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/**
 * The files of the ZIP, made as they are read: of each recording its manifest, its audio and its trail, and at the end
 * `index.csv`, which also names what was missing. `writeTrail` is called before a recording's bytes go out; where it
 * rejects, the ZIP breaks off.
 */
export async function* zipEntries(
  rows: readonly FoundRow[],
  services: ExportServices,
  writeTrail: (manifestKey: string) => Promise<void>,
): AsyncGenerator<ZipEntry> {
  const nameOf = uniqueNames();
  const index: IndexLine[] = [];
  for (const found of rows) {
    const manifest = await services.recordings.readObject(found.manifestKey);
    if (manifest === null) {
      index.push(...found.row.files.map((file) => ({ found, file, name: undefined })));
      continue;
    }
    await writeTrail(found.manifestKey);
    const lastModified = zipTime(parseTimeMs(found.row.archivedAt));
    const name = nameOf(found);
    yield { name: `${name}.json`, lastModified, input: manifest.body };
    index.push(...(yield* audioEntries(found, { name, lastModified }, services)));
    const trail = JSON.stringify(await wholeTrail(found.manifestKey, services), null, 2);
    yield { name: `${name}.trail.json`, lastModified, input: `${trail}\n` };
  }
  const [newest] = rows.map(({ row }) => parseTimeMs(row.archivedAt) ?? 0).sort((one, other) => other - one);
  yield { name: 'index.csv', lastModified: zipTime(newest), input: exportIndex(index) };
}

/** The audio of a recording; its lines for the index. */
async function* audioEntries(
  found: FoundRow,
  { name, lastModified }: Pick<ZipEntry, 'name' | 'lastModified'>,
  { recordings }: ExportServices,
): AsyncGenerator<ZipEntry, IndexLine[]> {
  const lines: IndexLine[] = [];
  for (const [at, file] of found.row.files.entries()) {
    const audioName = `${name}${numberOf(found.row, at)}.${file.format}`;
    const input = await recordings.readRange(file, undefined);
    lines.push({ found, file, name: input && audioName });
    if (input !== undefined) yield { name: audioName, lastModified, input, bytes: file.bytes };
  }
  return lines;
}

async function wholeTrail(manifestKey: string, { trail }: ExportServices) {
  const lines = [];
  for (let key: string | undefined = ''; key !== undefined; ) {
    const { items, lastKey }: Awaited<ReturnType<Trail['list']>> = await trail.list(manifestKey, key);
    lines.push(...items);
    key = lastKey;
  }
  return { trail: lines };
}

/** Of several files of one format, all but the first have a number. */
function numberOf({ files }: CatalogRow, at: number): string {
  const before = files.slice(0, at).filter(({ format }) => format === files[at]?.format).length;
  return before === 0 ? '' : ` ${before + 1}`;
}

const MAX_KEY_LENGTH = 100;

/**
 * Names that sort by time, such as `2026-06-27 10-06 telnyx rec-1`, from parts of keys alone: no text from outside is in
 * one. No two are the same on a disk that ignores case.
 */
function uniqueNames(): (found: FoundRow) => string {
  const used = new Set<string>();
  return ({ manifestKey, row }) => {
    const { source, recordingKey } = placeOf(manifestKey);
    const time = new Date(row.atMs).toISOString().slice(0, -8).replace('T', ' ').replace(':', '-');
    const name = `${time} ${source} ${recordingKey.slice(0, MAX_KEY_LENGTH)}`;
    for (let count = 1; ; count++) {
      const unique = count === 1 ? name : `${name} (${count})`;
      if (used.has(unique.toLowerCase())) continue;
      used.add(unique.toLowerCase());
      return unique;
    }
  };
}

/** What a ZIP can say. */
const FIRST_ZIP_MS = Date.UTC(1980, 0, 2);
const LAST_ZIP_MS = Date.UTC(2107, 11, 30);

function zipTime(ms = 0): Date {
  return new Date(Math.min(Math.max(ms, FIRST_ZIP_MS), LAST_ZIP_MS));
}
