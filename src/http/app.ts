import { Hono } from 'hono';
import { describeError } from '../shared/log.ts';
import { health } from './health.ts';
import { operations } from './operations.ts';
import type { AppEnv, Services } from './services.ts';
import { webhooks } from './webhooks.ts';

/** The whole HTTP side; `servicesOf` makes what a request needs from its bindings. */
export function createApp(servicesOf: (env: Env) => Services): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.use(async (c, next) => {
    c.set('services', servicesOf(c.env));
    await next();
  });
  app.route('/webhooks', webhooks);
  app.route('/healthz', health);
  app.route('/api', operations);
  app.notFound((c) => c.json({ error: 'not_found' }, 404));
  app.onError((error, c) => {
    c.var.services.log({ event: 'fault', outcome: 'internal_error', detail: describeError(error) });
    return c.json({ error: 'internal_error' }, 500);
  });
  return app;
}
