import { Hono } from 'hono';
import { ownerOnly } from './auth.ts';
import type { AppEnv, Services } from './services.ts';

/** `GET /healthz`: public and bare; behind the token also the settings and what is pending and dead. */
export const health = new Hono<AppEnv>();

health.get('/', async (c, next) =>
  c.req.header('Authorization') === undefined ? c.json({ status: 'ok' }) : next(),
);

health.get('/', ownerOnly, async (c) => c.json(await report(c.env)));

async function report({ config, inbox, deadLetters }: Services) {
  const settings = Array.from(config.providers, ([id, { state }]) => [id, state]);
  const [pending, dead] = await Promise.all([inbox.count(), deadLetters.count()]);
  return { status: 'ok', providers: Object.fromEntries(settings), problems: config.problems, pending, dead };
}
