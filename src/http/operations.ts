import { Hono } from 'hono/tiny';
import { type Audit, planAudits, startAudits } from '../recover/audit.ts';
import { startReindex } from '../recover/reindex.ts';
import { replay } from '../recover/replay.ts';
import { isObjectKey } from '../storage/keys.ts';
import { problem } from './api/problem.ts';
import { readBody, readQuery } from './api/read-request.ts';
import { objectQuerySchema, objectsQuerySchema, pageQuerySchema, replayBodySchema } from './api/schemas.ts';
import { operatorOnly } from './identity.ts';
import type { AppEnv } from './services.ts';

/** The operator's routes, behind the token. */
export const operations = new Hono<AppEnv>();

operations.use(operatorOnly);

/** `GET /api/dead-letters?cursor=`: the key, code and time of each. */
operations.get('/dead-letters', async (c) => {
  const query = readQuery(c, pageQuerySchema);
  if (query instanceof Response) return query;
  const { deadLetters, ...page } = await c.env.deadLetters.list(query.cursor);
  return c.json({ deadLetters: deadLetters.map(({ facts: _, ...letter }) => letter), ...page });
});

/** `POST /api/dead-letters/replay` with `{"key":"dead/…"}`: moves the letter back into the inbox. */
operations.post('/dead-letters/replay', async (c) => {
  const body = await readBody(c, replayBodySchema);
  if (body instanceof Response) return body;
  const { key } = body;
  const outcome = isObjectKey(key) ? await replay(key, c.env) : 'not_found';
  return outcome === 'replayed' ? c.json({ outcome }, 202) : problem(outcome);
});

/** `GET /api/objects?prefix=&cursor=`: the objects of the bucket, page by page. */
operations.get('/objects', async (c) => {
  const query = readQuery(c, objectsQuerySchema);
  if (query instanceof Response) return query;
  const { prefix = '', cursor } = query;
  return c.json(await c.env.recordings.list(prefix, cursor));
});

/** `GET /api/object?key=`: one object as it is. */
operations.get('/object', async (c) => {
  const query = readQuery(c, objectQuerySchema);
  if (query instanceof Response) return query;
  const { key } = query;
  const object = isObjectKey(key) ? await c.env.recordings.readObject(key) : null;
  if (object === null) return problem('not_found');
  const headers = new Headers({ ETag: object.httpEtag, 'Content-Length': String(object.size) });
  object.writeHttpMetadata(headers);
  return new Response(object.body, { headers });
});

/** `GET /api/audit`: the recordings that providers hold and the bucket lacks; changes nothing. */
operations.get('/audit', async (c) => c.json({ audits: (await planAudits(c.env)).map(summaryOf) }));

/** `POST /api/audit`: the same, and starts fetching what is missing, page by page through the queue. */
operations.post('/audit', async (c) => {
  await startAudits(c.env); // First, since the plan may be too much for one invocation.
  const audits = await planAudits(c.env);
  return c.json({ audits: audits.map(summaryOf) }, 202);
});

/** `POST /api/reindex`: starts a rebuild of the catalog from the bucket, or resumes the one under way. */
operations.post('/reindex', async (c) => {
  if (!c.env.catalog.isBound)
    return problem('catalog_unavailable', { detail: 'Bind a D1 database as CATALOG' });
  return c.json(await startReindex(c.env), 202);
});

/** `GET /api/reindex`: how far the last rebuild is, and what it found. */
operations.get('/reindex', async (c) => c.json((await c.env.reindexStore.read()).run ?? {}));

operations.all('*', () => problem('not_found'));

/** Ids and times alone: a provider's description of a recording has phone numbers and links. */
function summaryOf({ missing, ...audit }: Audit) {
  const told = missing.map(({ event: { recordingId, callId, startedAt } }) => ({
    recordingId,
    callId,
    startedAt,
  }));
  return { ...audit, missing: told };
}
