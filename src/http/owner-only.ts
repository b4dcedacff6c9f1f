import { createMiddleware } from 'hono/factory';
import { utf8 } from '../shared/bytes.ts';
import { unauthorized } from './answers.ts';
import type { AppEnv } from './services.ts';

/** Allows requests with `VAULT_TOKEN` as Bearer token; refuses all while it is unset. */
export const ownerOnly = createMiddleware<AppEnv>(async (c, next) => {
  const { vaultToken } = c.env.config;
  if (vaultToken === undefined)
    return c.json({ error: 'unavailable', hint: 'Set it with: npx wrangler secret put VAULT_TOKEN' }, 503);
  const [, token] = /^Bearer +(.+)$/i.exec(c.req.header('Authorization') ?? '') ?? [];
  const isOwner = token !== undefined && (await isSame(token, vaultToken));
  if (!isOwner) return c.json(unauthorized, 401);
  return next();
});

/** Compares the hashes, which have one length: the time that it takes tells nothing about the token. */
async function isSame(token: string, vaultToken: string): Promise<boolean> {
  const hashOf = (text: string) => crypto.subtle.digest('SHA-256', utf8(text));
  return crypto.subtle.timingSafeEqual(await hashOf(token), await hashOf(vaultToken));
}
