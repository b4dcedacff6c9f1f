import * as v from 'valibot';
import { type Manifest, warningOf } from '../recording.ts';
import { parseJsonObject } from '../shared/json.ts';
import { parseTimeMs } from '../shared/time.ts';
import { asciiJson, sortTimeMs } from './entry-facts.ts';

const optionalString = v.optional(v.string());
const optionalNumber = v.optional(v.number());

const catalogRowSchema = v.object({
  source: v.string(),
  recordingId: v.string(),
  callId: v.string(),
  /** The recording's start, else the event's time, else its receipt; in ms since 1970. */
  atMs: v.number(),
  startedAt: optionalString,
  durationSeconds: optionalNumber,
  channels: optionalNumber,
  from: optionalString,
  to: optionalString,
  /** The numbers are from the provider's API: no one has signed them. */
  numbersFromApi: v.optional(v.literal(true)),
  files: v.array(
    v.object({
      format: v.string(),
      key: v.string(),
      bytes: v.number(),
      sha256: v.string(),
      contentType: v.string(),
      etag: v.string(),
    }),
  ),
  /** A check that did not pass and was tolerated. */
  warning: optionalString,
  archivedAt: v.string(),
  /** From the delivery's receipt to the last file. */
  archiveMs: v.number(),
  /** By code: the attempts that failed. */
  failures: v.optional(v.record(v.string(), v.number())),
});

/** What the catalog holds of an archived recording: a pure function of its manifest. */
export type CatalogRow = Readonly<v.InferOutput<typeof catalogRowSchema>>;

export function rowOf(manifest: Manifest): CatalogRow {
  const { provider: source, recordingId, callId, startedAt, durationSeconds, channels } = manifest;
  const receivedMs = parseTimeMs(manifest.delivery.receivedAt) ?? 0;
  const archivedMs = Math.max(0, ...manifest.files.map(({ archivedAt }) => parseTimeMs(archivedAt) ?? 0));
  return {
    source,
    recordingId,
    callId,
    atMs: sortTimeMs(manifest, manifest.delivery),
    startedAt,
    durationSeconds,
    channels,
    ...numbersOf(manifest),
    files: manifest.files.map(({ format, key, bytes, sha256, contentType, etag }) => ({
      format,
      key,
      bytes,
      sha256,
      contentType,
      etag,
    })),
    warning: warningOf(manifest.files),
    archivedAt: new Date(archivedMs).toISOString(),
    archiveMs: Math.max(0, archivedMs - receivedMs),
    failures: manifest.failures,
  };
}

function numbersOf({ from, to, fromApi }: Manifest): Pick<CatalogRow, 'from' | 'to' | 'numbersFromApi'> {
  const told = fromApi?.from ?? fromApi?.to;
  if ((from ?? to) !== undefined || told === undefined) return { from, to };
  return { from: fromApi?.from, to: fromApi?.to, numbersFromApi: true };
}

/** R2 takes 8,192 bytes of metadata an object. A longer row is not written: a reindex then reads the manifest. */
const MAX_ROW_BYTES = 7_500;

/** The row as custom metadata of its manifest, so that the catalog can be rebuilt from a list of the bucket. */
export function rowMetadata(manifest: Manifest): Record<string, string> {
  const row = asciiJson(rowOf(manifest));
  return row.length > MAX_ROW_BYTES ? {} : { row };
}

/** The row in the catalog; `undefined` where callvault did not write it. */
export function parseRow(facts: string): CatalogRow | undefined {
  const row: unknown = parseJsonObject(facts);
  return v.is(catalogRowSchema, row) ? row : undefined;
}

/** The row in the metadata of a manifest; `undefined` where callvault did not write one. */
export function readRow(metadata: Readonly<Record<string, string>> = {}): CatalogRow | undefined {
  return parseRow(metadata.row ?? '');
}

/** A row, and where its manifest lies. */
export interface PlacedRow {
  readonly manifestKey: string;
  readonly row: CatalogRow;
}

/** The source, call and recording of a manifest, as they are in its key: ids from outside, encoded. */
export function placeOf(manifestKey: string) {
  const parts = manifestKey.replace(/\.json$/, '').split('/');
  return { source: parts[1] ?? '', callKey: parts.at(-2) ?? '', recordingKey: parts.at(-1) ?? '' };
}

/** What SQLite takes for a day, and a year of audio: an event may state any time and length. */
const FIRST_MS = Date.UTC(1, 0, 2);
const LAST_MS = Date.UTC(9999, 11, 30);
const MAX_DURATION_MS = 366 * 86_400_000;

/** The columns of a row that are filtered and counted; see migrations.ts. */
export function columnsOf({ manifestKey, row }: PlacedRow) {
  const { source, callKey, recordingKey } = placeOf(manifestKey);
  const { atMs, from, to, durationSeconds = 0, files, archiveMs, failures = {} } = row;
  return {
    id: wantedId(atMs, `${source}/${recordingKey}`),
    provider: source.replace(/\..*/, ''),
    source,
    recordingKey,
    callKey,
    manifestKey,
    atMs: Math.min(Math.max(atMs, FIRST_MS), LAST_MS),
    fromDigits: digitsOf(from),
    toDigits: digitsOf(to),
    durationMs: Math.min(Math.max(Math.round(durationSeconds * 1000), 0), MAX_DURATION_MS) || 0,
    formats: `,${[...new Set(files.map(({ format }) => format))].join(',')},`,
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    archiveMs,
    failures: JSON.stringify(failures),
    facts: asciiJson(row),
  };
}

/** The digits of a phone number or a SIP address; `undefined` where there are none. */
export function digitsOf(number: string | undefined): string | undefined {
  const [user = ''] = (number ?? '').replace(/^(sips?|tel):/i, '').split(/[@;]/);
  return user.replace(/\D/g, '') || undefined;
}

const EPOCH_MS = Date.UTC(2020, 0);
const HASH_VALUES = 4096;
const MAX_MS = Math.floor(Number.MAX_SAFE_INTEGER / HASH_VALUES) - 1;

/**
 * The id that a row should have: the newest recording has the largest, and a rebuild gives nearly the same. Exact as a
 * JavaScript number for recordings of 1950 to 2089. The catalog takes the next free one where it is taken.
 */
function wantedId(atMs: number, name: string): number {
  return firstIdAt(atMs) + (hash(name) % HASH_VALUES);
}

/** The lowest id of a time, in ms since 1970. */
export function firstIdAt(atMs: number): number {
  return Math.min(Math.max(atMs - EPOCH_MS, -MAX_MS), MAX_MS) * HASH_VALUES;
}

/** FNV-1a, of 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}
