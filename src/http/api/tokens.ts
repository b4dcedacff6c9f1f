import { Hono } from 'hono/tiny';
import type { Token } from '../../storage/tokens.ts';
import { operatorOnly } from '../identity.ts';
import type { AppEnv } from '../services.ts';
import { newSecret } from './new-secret.ts';
import { problem } from './problem.ts';
import { readBody } from './read-request.ts';
import { newTokenBodySchema } from './schemas.ts';

/** Further tokens: `/api/tokens`. */
export const tokens = new Hono<AppEnv>();

tokens.use(operatorOnly);

/** `POST /api/tokens`: makes a token. The answer alone has it; the bucket holds a hash. */
tokens.post('/', async (c) => {
  const body = await readBody(c, newTokenBodySchema);
  if (body instanceof Response) return body;
  const { name, right = 'read', sources, expiresInDays } = body;
  const { id, secret, secretSha256 } = await newSecret(c.env.newToken);
  const createdMs = c.env.now();
  const expiresAt = expiresInDays && new Date(createdMs + expiresInDays * 86_400_000).toISOString();
  const token: Token = {
    version: 1,
    id,
    name,
    right,
    sources,
    createdAt: new Date(createdMs).toISOString(),
    ...(expiresAt && { expiresAt }),
    secretSha256,
  };
  if (!(await c.env.tokens.create(token))) throw new Error('Two tokens have the same id');
  return c.json({ ...told(token), token: `cvt_${id}_${secret}` }, 201);
});

/** `GET /api/tokens`: all tokens, without their secrets. */
tokens.get('/', async (c) => {
  const all = await c.env.tokens.list();
  return c.json({ tokens: all.map(told).sort((one, other) => (one.createdAt < other.createdAt ? 1 : -1)) });
});

/** `DELETE /api/tokens/:id`: revokes a token, everywhere within 30 seconds. */
tokens.delete('/:id', async (c) => {
  const id = c.req.param('id');
  const isRevoked = /^[0-9a-f]{12}$/.test(id) && (await c.env.tokens.remove(id));
  return isRevoked ? c.json({ id, revoked: true }) : problem('not_found');
});

tokens.all('*', () => problem('not_found'));

function told({ version: _, secretSha256: _hash, ...token }: Token) {
  return { ...token, path: `/api/tokens/${token.id}` };
}
