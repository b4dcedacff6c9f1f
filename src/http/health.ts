import { Hono } from 'hono/tiny';
import type { Config } from '../config.ts';
import { unauthorized } from './answers.ts';
import { operatorOnly } from './identity.ts';
import type { AppEnv, Services } from './services.ts';

/** `GET /healthz`: public and bare; behind the token also the settings and the counts of pending and dead. */
export const health = new Hono<AppEnv>();

health.get('/', async (c, next) => {
  if (c.req.header('Authorization') !== undefined) return next();
  const status = statusOf(c.env.config);
  return c.json({ status }, codes[status]);
});

/** The body of a 401 is that of the webhooks: a health check is no part of the API. */
health.use(async (c, next) => {
  await next();
  if (c.res.status === 401) c.res = c.json(unauthorized, 401);
});

health.get('/', operatorOnly, async (c) => c.json(await report(c.env), codes[statusOf(c.env.config)]));

const codes = { ok: 200, degraded: 200, unavailable: 503 } as const;

/** Unavailable while no provider can verify a delivery, degraded while a setting is invalid. */
function statusOf({ sources, problems }: Config): keyof typeof codes {
  const canVerify = sources.some(({ state }) => state === 'ready');
  if (!canVerify) return 'unavailable';
  return problems.length > 0 ? 'degraded' : 'ok';
}

async function report({ config, inbox, deadLetters, retentionStore }: Services) {
  const { problems, warnings } = config;
  const [pending, dead, retention] = await Promise.all([
    inbox.count(),
    deadLetters.count(),
    retentionStore.read(),
  ]);
  const providers = Object.fromEntries(config.sources.map(({ id, state }) => [id, state]));
  return { status: statusOf(config), providers, problems, warnings, pending, dead, retention };
}
