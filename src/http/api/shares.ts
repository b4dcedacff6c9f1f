import { Hono } from 'hono/tiny';
import { makeShare } from '../../catalog/share.ts';
import { sha256Hex, utf8 } from '../../shared/bytes.ts';
import type { Share } from '../../storage/shares.ts';
import { allow } from '../identity.ts';
import type { AppEnv } from '../services.ts';
import { problem } from './problem.ts';
import { readBody } from './read-body.ts';
import { recordingQuerySchema, shareBodySchema } from './schemas.ts';
import { findVisible } from './visible.ts';
import { writeTrail } from './write-trail.ts';

/** Links to one recording for outsiders: `/api/recordings/:source/:recordingId/shares`. */
export const shares = new Hono<AppEnv>();

const DEFAULT_SECONDS = 7 * 86_400;

/** `POST …/shares`: makes a link. The answer alone has it; the bucket holds a hash. */
shares.post('/:source/:recordingId/shares', allow('manage'), async (c) => {
  const found = await findVisible(c, recordingQuerySchema);
  if (found instanceof Response) return found;
  const body = await readBody(c, shareBodySchema);
  if (!body.ok) return problem('invalid_body', body.error);
  const { expiresInSeconds = DEFAULT_SECONDS, numbers = false, download = false } = body.value;
  const { newToken, now, config } = c.env;
  const hex = () => newToken().replaceAll('-', '');
  const [id, secret] = [hex().slice(0, 12), hex() + hex()];
  const createdMs = now();
  const share: Share = {
    version: 1,
    id,
    manifestKey: found.manifestKey,
    numbers,
    download,
    by: c.var.identity.name ?? c.var.identity.id,
    createdAt: new Date(createdMs).toISOString(),
    expiresAt: new Date(createdMs + expiresInSeconds * 1000).toISOString(),
    secretSha256: await sha256Hex(utf8(secret)),
  };
  if (!(await writeTrail(c, found.manifestKey, { action: 'shared', detail: id })))
    return problem('trail_unavailable');
  const outcome = await makeShare(share, c.env);
  if (outcome !== 'made') return problem(outcome);
  const origin = config.publicUrl ?? new URL(c.req.url).origin;
  return c.json({ ...told(share), url: `${origin}/s?t=${id}.${secret}` }, 201);
});

/** `GET …/shares`: all of a recording, without their secrets, and in how many half hours each was heard. */
shares.get('/:source/:recordingId/shares', allow('manage'), async (c) => {
  const found = await findVisible(c, recordingQuerySchema);
  if (found instanceof Response) return found;
  const all = await c.env.shares.listOf(found.manifestKey);
  const opened = await c.env.trail.countBy(found.manifestKey);
  return c.json({
    shares: all.map((share) => ({ ...told(share), opened: opened.get(`share:${share.id}`) ?? 0 })),
  });
});

/** `DELETE …/shares/:id`: revokes a link, everywhere within 30 seconds. */
shares.delete('/:source/:recordingId/shares/:id', allow('manage'), async (c) => {
  const found = await findVisible(c, recordingQuerySchema);
  if (found instanceof Response) return found;
  const id = c.req.param('id');
  const all = await c.env.shares.listOf(found.manifestKey);
  if (!all.some((share) => share.id === id)) return problem('not_found');
  if (!(await writeTrail(c, found.manifestKey, { action: 'unshared', detail: id })))
    return problem('trail_unavailable');
  await c.env.shares.remove(id);
  return c.json({ id, revoked: true });
});

function told({ id, numbers, download, by, createdAt, expiresAt }: Share) {
  return { id, numbers, download, by, createdAt, expiresAt };
}
