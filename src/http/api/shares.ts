import { Hono } from 'hono/tiny';
import { listShares, makeShare } from '../../catalog/share.ts';
import type { Share } from '../../storage/shares.ts';
import { allow } from '../identity.ts';
import type { AppEnv } from '../services.ts';
import { newSecret } from './new-secret.ts';
import { problem } from './problem.ts';
import { readBody } from './read-request.ts';
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
  if (body instanceof Response) return body;
  const { expiresInSeconds = DEFAULT_SECONDS, numbers = false, download = false } = body;
  const { newToken, now, config } = c.env;
  const { id, secret, secretSha256 } = await newSecret(newToken);
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
    secretSha256,
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
  const all = await listShares(found.manifestKey, c.env);
  return c.json({ shares: all.map(({ opened, ...share }) => ({ ...told(share), opened })) });
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
