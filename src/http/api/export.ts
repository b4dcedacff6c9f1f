import type { Context } from 'hono';
import { Hono } from 'hono/tiny';
import { planExport, zipEntries } from '../../catalog/export.ts';
import { makeZip, type ZipEntry } from '../../catalog/zip.ts';
import { describeError } from '../../shared/log.ts';
import type { FoundRow } from '../../storage/catalog.ts';
import { allow } from '../identity.ts';
import type { AppEnv } from '../services.ts';
import { disposition } from './file-name.ts';
import { readExportQuery } from './list-query.ts';
import { problem } from './problem.ts';
import { writeTrail } from './write-trail.ts';

/** What a filter finds, as ZIP archives: `/api/export`. */
export const exported = new Hono<AppEnv>();

/** `GET`: the first 1,000 recordings or 1 GiB as a ZIP; `Link` names the next one. With `dryRun=true` it counts them. */
exported.get('/', allow('read'), async (c) => {
  const url = new URL(c.req.url);
  const query = await readExportQuery(url.searchParams);
  if (!query.ok) return problem('invalid_parameter', query.error);
  const { dryRun, ...search } = query.value;
  const { sources } = c.var.identity;
  const part = await planExport({ ...search, filter: { ...search.filter, sources } }, c.env);
  if (!part.ok && part.error === 'catalog_unavailable') return problem(part.error);
  if (!part.ok)
    return problem('invalid_parameter', { parameter: 'cursor', allowed: 'the cursor of the part before' });
  const { rows, files, bytes, cursor } = part.value;
  const held = rows.filter(({ hold }) => hold !== undefined).length;
  if (dryRun) return c.json({ recordings: rows.length, files, bytes, held, cursor });
  const zip = zipOf(c, rows);
  if (cursor !== undefined) {
    url.searchParams.set('cursor', cursor);
    zip.headers.set('Link', `<${url.pathname}${url.search}>; rel="next"`);
  }
  return zip;
});

interface ZipOptions {
  readonly name?: string;
  /** Files after those of the recordings, asked for when the trail is written. */
  readonly more?: () => Promise<readonly ZipEntry[]>;
}

/** A ZIP of recordings that the client may see. */
export function zipOf(
  c: Context<AppEnv>,
  rows: readonly FoundRow[],
  { name = `callvault ${new Date(c.env.now()).toISOString().slice(0, 10)}.zip`, more }: ZipOptions = {},
): Response {
  const headers = {
    'Content-Type': 'application/zip',
    'Content-Disposition': disposition('attachment', name),
    'Cache-Control': 'private, no-store',
    'X-Content-Type-Options': 'nosniff',
  };
  // Hono answers HEAD by the route of GET; a ZIP that is begun is in the trail.
  if (c.req.method === 'HEAD') return new Response(null, { headers });
  const { withTimeout, log } = c.env;
  /** The status is sent by then: a ZIP that breaks off has no end, which every reader of ZIP archives sees. */
  const onBreak = (error?: unknown) =>
    error === undefined
      ? log({ event: 'export', outcome: 'left' })
      : log({ event: 'export', outcome: 'failed', detail: describeError(error), isAlarm: true });
  return new Response(makeZip(entriesOf(c, rows, more), { withTimeout, onBreak }), { headers });
}

/** The files of a ZIP; the trail is written before what it tells of. */
async function* entriesOf(
  c: Context<AppEnv>,
  rows: readonly FoundRow[],
  more: ZipOptions['more'],
): AsyncGenerator<ZipEntry> {
  let written = 0;
  const write = async (manifestKey: string) => {
    if (!(await writeTrail(c, manifestKey, { action: 'exported' })))
      throw new Error('Cannot write the trail');
    written++;
  };
  yield* zipEntries(rows, c.env, write);
  if (written > 0 && more !== undefined) yield* await more(); // They tell of a recording: nothing of it goes out without its line.
}
