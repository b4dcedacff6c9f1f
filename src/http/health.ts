import { Hono } from 'hono/tiny';
import { ownerOnly } from './auth.ts';
import type { AppEnv, Services } from './services.ts';

/** `GET /healthz`: public and bare; behind the token also the settings and what is pending and dead. */
export const health = new Hono<AppEnv>();

health.get('/', async (c, next) =>
  c.req.header('Authorization') === undefined ? c.json({ status: statusOf(c.env) }) : next(),
);

health.get('/', ownerOnly, async (c) => c.json(await report(c.env)));

function statusOf({ config }: Services): 'ok' | 'degraded' {
  return config.problems.length > 0 ? 'degraded' : 'ok';
}

async function report(services: Services) {
  const { config, inbox, deadLetters } = services;
  const { problems, warnings } = config;
  const settings = Array.from(config.providers, ([id, { state }]) => [id, state]);
  const [pending, dead] = await Promise.all([inbox.count(), deadLetters.count()]);
  const providers = Object.fromEntries(settings);
  return { status: statusOf(services), providers, problems, warnings, pending, dead };
}
