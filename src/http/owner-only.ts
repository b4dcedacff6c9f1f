import { createMiddleware } from 'hono/factory';
import { matchingSharedSecret } from '../signatures/shared-secret.ts';
import { unauthorized } from './answers.ts';
import type { AppEnv } from './services.ts';

/** Allows requests with `VAULT_TOKEN` as Bearer token; refuses all while it is unset. */
export const ownerOnly = createMiddleware<AppEnv>(async (c, next) => {
  const { vaultToken } = c.env.config;
  if (vaultToken === undefined)
    return c.json({ error: 'unavailable', hint: 'Set it with: npx wrangler secret put VAULT_TOKEN' }, 503);
  const [, token] = /^Bearer +(.+)$/i.exec(c.req.header('Authorization') ?? '') ?? [];
  const isOwner = token !== undefined && (await matchingSharedSecret([vaultToken], token)) !== undefined;
  if (!isOwner) return c.json(unauthorized, 401);
  return next();
});
