import type { FoundRow } from '../storage/catalog.ts';
import type { CatalogRow } from '../storage/catalog-row.ts';

/** A file of an exported recording; without a name it is missing in the bucket, or was erased meanwhile. */
export interface IndexLine {
  readonly found: FoundRow;
  readonly file: CatalogRow['files'][number];
  readonly name: string | undefined;
}

const COLUMNS = [
  'file',
  'state',
  'bytes',
  'sha256',
  'source',
  'recordingId',
  'callId',
  'at',
  'durationSeconds',
  'channels',
  'from',
  'to',
  'numbersFrom',
  'hold',
  'warning',
  'archivedAt',
  'key',
];

/** A table of the files for a spreadsheet: UTF-8 with its mark, which Excel needs. @see https://www.rfc-editor.org/rfc/rfc4180 */
export function exportIndex(lines: readonly IndexLine[]): string {
  const table = [COLUMNS, ...lines.map(cellsOf)];
  return `\uFEFF${table.map((cells) => `${cells.map(csvCell).join(',')}\r\n`).join('')}`;
}

function cellsOf({ found: { row, hold }, file, name }: IndexLine): (string | number | undefined)[] {
  return [
    name,
    name === undefined ? 'missing' : 'exported',
    file.bytes,
    file.sha256,
    row.source,
    row.recordingId,
    row.callId,
    new Date(row.atMs).toISOString(),
    row.durationSeconds,
    row.channels,
    row.from,
    row.to,
    row.numbersFromApi ? 'api' : (row.from ?? row.to) === undefined ? undefined : 'event',
    hold?.reason,
    row.warning,
    row.archivedAt,
    file.key,
  ];
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
