import { Hono } from 'hono/tiny';
import { describeError } from '../shared/log.ts';
import { health } from './health.ts';
import { operations } from './operations.ts';
import type { AppEnv } from './services.ts';
import { webhooks } from './webhooks.ts';

/** All routes. No middleware runs before the webhooks: most requests end at the signature. */
export const app = new Hono<AppEnv>();

app.route('/webhooks', webhooks);
app.route('/healthz', health);
app.route('/api', operations);
app.notFound((c) => c.json({ error: 'not_found' }, 404));
app.onError((error, c) => {
  c.env.log({ event: 'fault', outcome: 'internal_error', detail: describeError(error) });
  return c.json({ error: 'internal_error' }, 500);
});
