import type { Context } from 'hono';
import { Hono } from 'hono/tiny';
import { filterOf, findEntry, findRecording } from '../../catalog/find-recording.ts';
import { releaseHold, setHold } from '../../catalog/hold.ts';
import { listRecordings } from '../../catalog/list-recordings.ts';
import { eraseEntry, eraseRecording } from '../../recover/erase.ts';
import { retryEntry, retryRecording } from '../../recover/retry-recording.ts';
import { ok } from '../../shared/result.ts';
import type { FoundRow } from '../../storage/catalog.ts';
import { isObjectKey, recordingName } from '../../storage/keys.ts';
import { allow } from '../identity.ts';
import type { AppEnv } from '../services.ts';
import { findFile, serveAudio, serveWaveform } from './audio.ts';
import { describe } from './describe.ts';
import { type QuerySchema, readListQuery } from './list-query.ts';
import { problem } from './problem.ts';
import { readBody } from './read-request.ts';
import {
  audioQuerySchema,
  entryQuerySchema,
  eraseBodySchema,
  holdBodySchema,
  recordingQuerySchema,
  trailQuerySchema,
  waveformQuerySchema,
} from './schemas.ts';
import { findVisible, nameIn } from './visible.ts';
import { writeTrail } from './write-trail.ts';

/** What the vault holds: `/api/recordings`. */
export const recordings = new Hono<AppEnv>();

recordings.use(allow('read'));

/** `GET /api/recordings`: a list, the newest first. */
recordings.get('/', async (c) => {
  const query = await readListQuery(new URL(c.req.url).searchParams);
  if (!query.ok) return problem('invalid_parameter', query.error);
  const { sources } = c.var.identity;
  const page = await listRecordings({ ...query.value, filter: { ...query.value.filter, sources } }, c.env);
  if (!page.ok && page.error === 'catalog_unavailable') return problem(page.error);
  if (!page.ok)
    return problem('invalid_parameter', { parameter: 'cursor', allowed: 'the cursor of the page before' });
  const { recordings: listed, ...rest } = page.value;
  return c.json({ recordings: await Promise.all(listed.map(describe)), ...rest });
});

/** `GET /api/recordings/:source/:recordingId`: one, with its files; or why it is not archived. */
recordings.get('/:source/:recordingId', async (c) => {
  const name = nameIn(c, entryQuerySchema);
  if (name instanceof Response) return name;
  const found = await findRecording(name, c.env);
  if (!found.ok) return problem('catalog_unavailable');
  return found.value === undefined ? problem('not_found') : c.json(await describe(found.value));
});

/** `GET …/manifest`: the manifest as it is in the bucket. */
recordings.get('/:source/:recordingId/manifest', async (c) => {
  const found = await findVisible(c, recordingQuerySchema);
  if (found instanceof Response) return found;
  const object = await c.env.recordings.readObject(found.manifestKey);
  if (object === null) return problem('not_found');
  return new Response(object.body, {
    headers: { 'Content-Type': 'application/json', ETag: object.httpEtag },
  });
});

/** `GET` or `HEAD …/audio/:format`: the bytes, whole or in part. */
recordings.get('/:source/:recordingId/audio/:format', async (c) => {
  const named = await audioIn(c, audioQuerySchema);
  return named instanceof Response ? named : serveAudio(c, named.found, named.file);
});

/** `GET …/waveform/:format`: the waveform of a file. */
recordings.get('/:source/:recordingId/waveform/:format', async (c) => {
  const named = await audioIn(c, waveformQuerySchema);
  return named instanceof Response ? named : serveWaveform(c, named.file);
});

/** The file that a request names; `?sha256=` tells files of one format apart. Else the answer. */
async function audioIn(c: Context<AppEnv>, schema: QuerySchema) {
  const { format = '' } = c.req.param();
  const sha256 = c.req.query('sha256');
  const isMeant = ({ row }: FoundRow) => findFile(row, format, sha256) !== undefined;
  const found = await findVisible(c, schema, sha256 === undefined ? undefined : isMeant);
  if (found instanceof Response) return found;
  const file = findFile(found.row, format, sha256);
  return file === undefined ? problem('not_found') : { found, file };
}

/** `GET …/trail`: who did what with it, the oldest first; also once it was erased. */
recordings.get('/:source/:recordingId/trail', async (c) => {
  const name = nameIn(c, trailQuerySchema);
  if (name instanceof Response) return name;
  const cursor = c.req.query('cursor') ?? '';
  if (cursor !== '' && !isObjectKey(cursor)) return problem('invalid_parameter', { parameter: 'cursor' });
  const { source, recordingKeys, callKeys = [undefined] } = await filterOf(name);
  for (const recordingKey of recordingKeys)
    for (const callKey of callKeys) {
      const { items, lastKey } = await c.env.trail.listAt({ source, recordingKey, callKey }, cursor);
      if (items.length > 0) return c.json({ trail: items, cursor: lastKey });
    }
  const found = await findVisible(c, trailQuerySchema);
  return found instanceof Response ? found : c.json({ trail: [] });
});

/** `POST …/retry`: replays a dead letter, or makes a pending entry due now. */
recordings.post('/:source/:recordingId/retry', allow('manage'), async (c) => {
  const name = nameIn(c, entryQuerySchema);
  if (name instanceof Response) return name;
  const entry = name.entry === undefined ? undefined : await findEntry(name, c.env);
  if (name.entry !== undefined && entry === undefined) return problem('not_found');
  const tell = (place: string) => writeTrail(c, place, { action: 'retried' });
  const outcome =
    entry === undefined
      ? await retryRecording(await filterOf(name), tell, c.env)
      : await retryEntry(entry, tell, c.env);
  if (outcome === 'untold') return problem('trail_unavailable');
  return outcome === 'nothing_to_retry' ? problem(outcome) : c.json({ outcome }, 202);
});

/** `POST …/hold` with `{"reason":"…"}`: blocks erasing, until it is released. */
recordings.post('/:source/:recordingId/hold', allow('manage'), async (c) => {
  const found = await findVisible(c, recordingQuerySchema);
  if (found instanceof Response) return found;
  const body = await readBody(c, holdBodySchema);
  if (body instanceof Response) return body;
  const { reason } = body;
  if (!(await writeTrail(c, found.manifestKey, { action: 'held', detail: reason })))
    return problem('trail_unavailable');
  const { id, name } = c.var.identity;
  const hold = { reason, by: name ?? id, at: new Date(c.env.now()).toISOString() };
  const outcome = await setHold(found.manifestKey, hold, c.env);
  return outcome === 'held' ? c.json(hold, 201) : problem('erasing');
});

/** `DELETE …/hold`: releases it. */
recordings.delete('/:source/:recordingId/hold', allow('manage'), async (c) => {
  const found = await findVisible(c, recordingQuerySchema);
  if (found instanceof Response) return found;
  if (!(await c.env.holds.isHeld(recordingName(found.manifestKey)))) return problem('not_found');
  if (!(await writeTrail(c, found.manifestKey, { action: 'released' }))) return problem('trail_unavailable');
  await releaseHold(found.manifestKey, c.env);
  return c.json({ released: true });
});

/**
 * `DELETE /api/recordings/:source/:recordingId`: erases it for good, archived or not. With `{"files":[…]}` only if the vault has
 * no other audio of it, and nothing of it is pending.
 */
recordings.delete('/:source/:recordingId', allow('manage'), async (c) => {
  const name = nameIn(c, entryQuerySchema);
  if (name instanceof Response) return name;
  const body = await readBody(c, eraseBodySchema);
  if (body instanceof Response) return body;
  const { id: by, name: byName } = c.var.identity;
  const eraser = { by, byName, onlyFiles: body.files };
  // The very entry: by its id another event's recording may be found.
  const entry = name.entry === undefined ? undefined : await findEntry(name, c.env);
  const found = name.entry === undefined ? await findRecording(name, c.env) : ok(entry);
  if (!found.ok) return problem('catalog_unavailable');
  if (found.value === undefined) return problem('not_found');
  const outcome =
    found.value.state === 'archived'
      ? await eraseRecording({ manifestKey: found.value.manifestKey, ...eraser }, c.env)
      : await eraseEntry(found.value, eraser, c.env);
  if (outcome === 'erased') return c.json({ outcome });
  return outcome === 'erasing' ? c.json({ outcome }, 202) : problem(outcome);
});

recordings.all('*', () => problem('not_found'));
