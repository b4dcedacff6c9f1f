import type { Context, Next } from 'hono';
import { createMiddleware } from 'hono/factory';
import { isTimeZone } from '../../shared/zoned-day.ts';
import { isForeign } from '../access.ts';
import { type Identity, identify, type Right } from '../identity.ts';
import type { AppEnv } from '../services.ts';
import { type Clock, createClock } from './format.ts';
import { htmlOf, pageHeaders } from './html.ts';
import { jsx } from './jsx.ts';
import { FailedPage, type View } from './layout.tsx';
import { loadWords } from './words.ts';

/** Lets people in that have a right; sends others to sign in. */
export function forPeople(right: Right) {
  return createMiddleware<AppEnv>(async (c: Context<AppEnv>, next: Next) => {
    if (c.req.method === 'GET' && isForeign(c.req.raw)) return comeBack();
    await loadWords(c.env);
    const refused = await identify(c);
    if (refused?.status === 401) return toSignIn(c);
    if (refused !== undefined) return failed(c, codeOf(refused.status), refused.status);
    if (right === 'manage' && c.var.identity.right !== 'manage') return failed(c, 'forbidden', 403);
    return next();
  });
}

function codeOf(status: number): string {
  return status === 403 ? 'forbidden' : 'other';
}

/**
 * A link that was opened from another site comes without the session's cookie. The page asks for itself once more, from
 * here: then the browser sends it.
 */
function comeBack(): Response {
  return htmlOf(
    <html lang="en">
      <meta http-equiv="refresh" content="0" />
      <title>callvault</title>
    </html>,
  );
}

function toSignIn(c: Context<AppEnv>): Response {
  const { pathname, search } = new URL(c.req.url);
  const to = c.req.method === 'GET' ? `${pathname}${search}` : '/';
  const headers = { ...pageHeaders, Location: `/sign-in?${new URLSearchParams({ to })}` };
  return new Response(null, { status: 303, headers });
}

/** A page that says what failed. */
export async function failed(c: Context<AppEnv>, code: string, status: number): Promise<Response> {
  const identity: Identity | undefined = c.var.identity;
  return htmlOf(<FailedPage view={identity && (await viewOf(c))} code={code} />, status);
}

/** For a browser that asks for what is nowhere. */
export async function noSuchPage(c: Context<AppEnv>): Promise<Response> {
  await loadWords(c.env);
  return htmlOf(<FailedPage code="no_page" />, 404);
}

const MAX_COUNTED = 1_000;

/** Who looks, in which zone, and what needs a person. */
export async function viewOf(c: Context<AppEnv>): Promise<View> {
  const { identity } = c.var;
  const sources = identity.sources ?? [undefined];
  let dead = 0;
  for (const source of sources)
    if (dead < MAX_COUNTED) dead += await c.env.deadLetters.count(source, MAX_COUNTED - dead);
  return { identity, clock: clockOf(c), dead };
}

export function clockOf(c: Context<AppEnv>): Clock {
  return createClock(zoneOf(c), c.env.now());
}

/** The zone that the reader has chosen, else that of the place which Cloudflare sees. */
function zoneOf(c: Context<AppEnv>): string {
  const [, chosen = ''] = /(?:^|; *)tz=([^;]+)/.exec(c.req.header('Cookie') ?? '') ?? [];
  const wanted = new URLSearchParams(`tz=${chosen}`).get('tz') ?? ''; // It takes a broken escape as it is.
  const seen: unknown = c.req.raw.cf?.timezone;
  const zone = wanted !== '' && isTimeZone(wanted) ? wanted : seen;
  return typeof zone === 'string' && isTimeZone(zone) ? zone : 'UTC';
}
