import type { Context } from 'hono';
import { drawWaveform } from '../../catalog/draw-waveform.ts';
import type { FoundRow } from '../../storage/catalog.ts';
import type { CatalogRow } from '../../storage/catalog-row.ts';
import type { AppEnv } from '../services.ts';
import { type ByteRange, checkPreconditions, mayUseRange, readRange } from './byte-range.ts';
import { disposition, fileName } from './file-name.ts';
import { problem } from './problem.ts';
import { writeTrail } from './write-trail.ts';

type AudioFile = CatalogRow['files'][number];

/** The file of a format; of several the one with the SHA-256, else the first. */
export function findFile(
  { files }: CatalogRow,
  format: string,
  sha256: string | undefined,
): AudioFile | undefined {
  return files.find((file) => file.format === format && (sha256 === undefined || file.sha256 === sha256));
}

/**
 * Answers with a file or a part of it. Size and ETag are the catalog's: the bucket is asked for the bytes alone, after the
 * trail is written.
 */
export async function serveAudio(c: Context<AppEnv>, found: FoundRow, file: AudioFile): Promise<Response> {
  const request = c.req.raw.headers;
  const etag = `"${file.etag}"`;
  const precondition = checkPreconditions(request, etag);
  if (precondition === 'failed') return problem('precondition_failed');
  const isDownload = c.req.query('download') === 'true';
  const headers = headersOf(found.row, file, isDownload ? 'attachment' : 'inline');
  if (precondition === 'not_modified') return new Response(null, { status: 304, headers });
  headers.set('Content-Type', file.contentType);
  headers.set('Content-Length', String(file.bytes));
  // Hono answers HEAD by the route of GET, and a range is for GET alone.
  if (c.req.method === 'HEAD') return new Response(null, { headers });
  const range = mayUseRange(request, etag) ? readRange(request.get('range'), file.bytes) : 'whole';
  if (range === 'unsatisfiable')
    return problem(
      'range_not_satisfiable',
      {},
      { 'Content-Range': `bytes */${file.bytes}`, 'Accept-Ranges': 'bytes' },
    );
  const line = { action: isDownload ? 'downloaded' : 'listened', detail: file.format } as const;
  if (!(await writeTrail(c, found.manifestKey, line))) return problem('trail_unavailable');
  return serveRange(c, { file, headers, range });
}

/** Answers with the waveform of a file, as BBC audiowaveform's `.dat`. */
export async function serveWaveform(c: Context<AppEnv>, file: AudioFile): Promise<Response> {
  const drawn = await drawWaveform(file, c.env);
  if (!drawn.ok) return problem(drawn.error);
  const headers = { 'Content-Type': 'application/octet-stream', 'Cache-Control': 'private, no-store' };
  return new Response(drawn.value, { headers });
}

async function serveRange(
  c: Context<AppEnv>,
  {
    file,
    headers,
    range,
  }: { readonly file: AudioFile; readonly headers: Headers; readonly range: ByteRange | 'whole' },
): Promise<Response> {
  const body = await c.env.recordings.readRange(file, range === 'whole' ? undefined : range);
  if (body === undefined) return problem('audio_missing');
  if (range === 'whole') return new Response(body, { headers });
  const { offset, length } = range;
  headers.set('Content-Length', String(length));
  headers.set('Content-Range', `bytes ${offset}-${offset + length - 1}/${file.bytes}`);
  return new Response(body, { status: 206, headers });
}

function headersOf(
  row: CatalogRow,
  { etag, sha256, format }: AudioFile,
  type: 'inline' | 'attachment',
): Headers {
  return new Headers({
    'Accept-Ranges': 'bytes',
    ETag: `"${etag}"`,
    'Repr-Digest': `sha-256=:${base64OfHex(sha256)}:`,
    'Cache-Control': 'private, no-store',
    'Content-Disposition': disposition(type, fileName(row, format)),
    'X-Content-Type-Options': 'nosniff',
  });
}

function base64OfHex(hex: string): string {
  return btoa(hex.replace(/../g, (byte) => String.fromCharCode(Number.parseInt(byte, 16))));
}
