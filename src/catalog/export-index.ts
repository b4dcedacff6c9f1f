import type { FoundRow } from '../storage/catalog.ts';
import type { CatalogRow } from '../storage/catalog-row.ts';

/** A file of an exported recording; without a name it is missing in the bucket, or was erased meanwhile. */
export interface IndexLine {
  readonly found: FoundRow;
  readonly file: CatalogRow['files'][number];
  readonly name: string | undefined;
}

/** The columns by their names. */
const COLUMNS: Readonly<Record<string, (line: IndexLine) => string | number | undefined>> = {
  file: ({ name }) => name,
  state: ({ name }) => (name === undefined ? 'missing' : 'exported'),
  bytes: ({ file }) => file.bytes,
  sha256: ({ file }) => file.sha256,
  source: ({ found }) => found.row.source,
  recordingId: ({ found }) => found.row.recordingId,
  callId: ({ found }) => found.row.callId,
  at: ({ found }) => new Date(found.row.atMs).toISOString(),
  durationSeconds: ({ found }) => found.row.durationSeconds,
  channels: ({ found }) => found.row.channels,
  from: ({ found }) => found.row.from,
  to: ({ found }) => found.row.to,
  numbersFrom: ({ found: { row } }) =>
    row.numbersFromApi ? 'api' : (row.from ?? row.to) === undefined ? undefined : 'event',
  hold: ({ found }) => found.hold?.reason,
  warning: ({ found }) => found.row.warning,
  archivedAt: ({ found }) => found.row.archivedAt,
  key: ({ file }) => file.key,
};

/** A table of the files for a spreadsheet: UTF-8 with its mark, which Excel needs. @see https://www.rfc-editor.org/rfc/rfc4180 */
export function exportIndex(lines: readonly IndexLine[]): string {
  const cellsOf = (line: IndexLine) => Object.values(COLUMNS).map((of) => of(line));
  const table = [Object.keys(COLUMNS), ...lines.map(cellsOf)];
  return `\uFEFF${table.map((cells) => `${cells.map(csvCell).join(',')}\r\n`).join('')}`;
}

/**
 * A cell, always in quotes: some sheets also split at semicolons. An apostrophe stands before what a sheet would run as a
 * formula. @see https://owasp.org/www-community/attacks/CSV_Injection
 */
export function csvCell(value: string | number | undefined = ''): string {
  const text = String(value);
  const safe = /^[\s\p{Cc}\p{Cf}]*[=+\-@\t\r\n＝＋－＠]/u.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}
