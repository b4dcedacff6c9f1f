import { Hono } from 'hono';
import { timingSafeEqual } from 'hono/utils/buffer';
import type { AppEnv, Services } from './services.ts';

/** `GET /healthz`: public and bare; behind the token also the settings and what is pending and dead. */
export const health = new Hono<AppEnv>();

health.get('/', async (c) => {
  const authorization = c.req.header('Authorization');
  if (authorization === undefined) return c.json({ status: 'ok' });
  const { config } = c.var.services;
  if (config.vaultToken === undefined) {
    return c.json({ error: 'unavailable', hint: 'Set it with: npx wrangler secret put VAULT_TOKEN' }, 503);
  }
  const token = authorization.replace(/^Bearer +/i, '');
  const isOwner = token !== authorization && (await timingSafeEqual(token, config.vaultToken));
  return isOwner ? c.json(await report(c.var.services)) : c.json({ error: 'unauthorized' }, 401);
});

async function report({ config, inbox, deadLetters }: Services) {
  const settings = Array.from(config.providers, ([id, { state }]) => [id, state]);
  const [pending, dead] = await Promise.all([inbox.count(), deadLetters.count()]);
  return { status: 'ok', providers: Object.fromEntries(settings), problems: config.problems, pending, dead };
}
