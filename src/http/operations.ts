import { Hono } from 'hono/tiny';
import { type Audit, planAudits, startAudits } from '../recover/audit.ts';
import { startReindex } from '../recover/reindex.ts';
import { replay } from '../recover/replay.ts';
import { isJsonObject } from '../shared/json.ts';
import { isObjectKey } from '../storage/keys.ts';
import { ownerOnly } from './owner-only.ts';
import type { AppEnv } from './services.ts';

/** The operator's routes, behind the token. */
export const operations = new Hono<AppEnv>();

operations.use(ownerOnly);

/** `GET /api/dead-letters?cursor=`: the key, code and time of each. */
operations.get('/dead-letters', async (c) => c.json(await c.env.deadLetters.list(c.req.query('cursor'))));

/** `POST /api/dead-letters/replay` with `{"key":"dead/…"}`: moves the letter back into the inbox. */
operations.post('/dead-letters/replay', async (c) => {
  const body: unknown = await c.req.json().catch(() => undefined); // A body that is not JSON names no key.
  const key = isJsonObject(body) && typeof body.key === 'string' ? body.key : undefined;
  if (key === undefined) return c.json({ error: 'bad_request', hint: 'Send {"key":"dead/…"}' }, 400);
  const outcome = isObjectKey(key) ? await replay(key, c.env) : 'not_found';
  const statuses = { replayed: 202, not_found: 404, still_pending: 409, nothing_to_archive: 409 } as const;
  return c.json(outcome === 'replayed' ? { outcome } : { error: outcome }, statuses[outcome]);
});

/** `GET /api/objects?prefix=&cursor=`: the objects of the bucket, page by page. */
operations.get('/objects', async (c) => {
  const { prefix = '', cursor } = c.req.query();
  return c.json(await c.env.recordings.list(prefix, cursor));
});

/** `GET /api/object?key=`: one object as it is. */
operations.get('/object', async (c) => {
  const key = c.req.query('key') ?? '';
  const object = isObjectKey(key) ? await c.env.recordings.readObject(key) : null;
  if (object === null) return c.json({ error: 'not_found' }, 404);
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
    return c.json({ error: 'unavailable', hint: 'Bind a D1 database as CATALOG' }, 503);
  return c.json(await startReindex(c.env), 202);
});

/** `GET /api/reindex`: how far the last rebuild is, and what it found. */
operations.get('/reindex', async (c) => c.json((await c.env.reindexStore.read()).run ?? {}));

/** Ids and times alone: a provider's description of a recording has phone numbers and links. */
function summaryOf({ missing, ...audit }: Audit) {
  const told = missing.map(({ event: { recordingId, callId, startedAt } }) => ({
    recordingId,
    callId,
    startedAt,
  }));
  return { ...audit, missing: told };
}
