import { Hono } from 'hono/tiny';
import { exported } from './api/export.ts';
import { recordings } from './api/recordings.ts';
import { shares } from './api/shares.ts';
import { stats } from './api/stats.ts';
import { tokens } from './api/tokens.ts';
import { health } from './health.ts';
import { allow } from './identity.ts';
import { internalError } from './internal-error.ts';
import { operations } from './operations.ts';
import { outside } from './outside.ts';
import { pages } from './pages/index.tsx';
import { noSuchPage } from './pages/people.tsx';
import { loadWords, stringsModule } from './pages/words.ts';
import type { AppEnv } from './services.ts';
import { signIn } from './sign-in.tsx';
import { webhooks } from './webhooks.ts';

/** All routes. No middleware runs before the webhooks: most requests end at the signature. */
export const app = new Hono<AppEnv>();

app.route('/webhooks', webhooks);
app.route('/healthz', health);
app.route('/s', outside);
app.route('/', signIn);
app.route('/', pages);
app.get('/assets/strings.js', async (c) => {
  await loadWords(c.env);
  return c.body(stringsModule(), 200, { 'Content-Type': 'text/javascript; charset=utf-8' });
});
app.get('/assets/*', (c) => c.env.readAsset(new URL(c.req.url).pathname, c.req.header('If-None-Match')));
app.route('/api/recordings', shares);
app.route('/api/recordings', recordings);
app.route('/api/export', exported);
app.route('/api/stats', stats);
app.route('/api/tokens', tokens);
app.get('/api/openapi.json', allow('read'), (c) => c.env.readAsset('/openapi.json'));
app.route('/api', operations);
app.notFound((c) =>
  c.req.header('Accept')?.includes('text/html') ? noSuchPage(c) : c.json({ error: 'not_found' }, 404),
);
app.onError(internalError);
