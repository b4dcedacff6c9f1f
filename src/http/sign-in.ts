import type { Context } from 'hono';
import { Hono } from 'hono/tiny';
import { decodeUtf8 } from '../shared/bytes.ts';
import { readBytesWithin } from '../shared/read-bytes.ts';
import { isForeign } from './access.ts';
import { problem } from './api/problem.ts';
import { identityOfSecret, isUntold, refuseEarly } from './identity.ts';
import type { AppEnv } from './services.ts';
import { endedCookie, sessionCookie } from './session.ts';
import { BODY_MS } from './webhooks.ts';

/** Sessions of a browser: `/sign-in` and `/sign-out`. */
export const signIn = new Hono<AppEnv>();

const MAX_FORM_BYTES = 4_096;

/** `POST /sign-in` with the form's `token`: a cookie, and the page that `to` names. */
signIn.post('/sign-in', async (c) => {
  if (isForeign(c.req.raw) || isUntold(c.req.raw)) return problem('forbidden');
  const client = c.req.header('CF-Connecting-IP');
  const refused = await refuseEarly(c, client);
  if (refused !== undefined) return refused;
  const form = await readForm(c);
  const identity = await identityOfSecret(form.get('token')?.trim() ?? '', c.env);
  const cookie = identity && (await sessionCookie(identity, c));
  if (cookie === undefined) {
    if (client !== undefined) await c.env.wrongTokens.count(client);
    return problem('unauthorized');
  }
  return redirect(pathIn(form.get('to')), cookie);
});

/** `POST /sign-out`: the browser forgets its cookie. */
signIn.post('/sign-out', (c) =>
  isForeign(c.req.raw) || isUntold(c.req.raw) ? problem('forbidden') : redirect('/sign-in', endedCookie(c)),
);

async function readForm(c: Context<AppEnv>): Promise<URLSearchParams> {
  const limits = { maxBytes: MAX_FORM_BYTES, timeoutMs: BODY_MS };
  const bytes = await readBytesWithin(c.req.raw.body, limits, c.env.withTimeout);
  return new URLSearchParams((bytes && decodeUtf8(bytes)) ?? '');
}

/** A path of this vault: nothing else is redirected to. */
function pathIn(to: string | null): string {
  const base = 'https://vault.invalid';
  const url = to?.startsWith('/') && URL.canParse(to, base) ? new URL(to, base) : undefined;
  return url?.origin === base ? `${url.pathname}${url.search}` : '/';
}

function redirect(location: string, cookie: string): Response {
  const headers = { Location: location, 'Set-Cookie': cookie, 'Cache-Control': 'no-store' };
  return new Response(null, { status: 303, headers });
}
