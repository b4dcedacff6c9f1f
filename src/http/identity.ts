import type { Context, Next } from 'hono';
import { createMiddleware } from 'hono/factory';
import { sha256Hex, utf8 } from '../shared/bytes.ts';
import { parseTimeMs } from '../shared/time.ts';
import { matchingSharedSecret } from '../signatures/shared-secret.ts';
import { ACCESS_HEADER, accessIdentity, isForeign } from './access.ts';
import { problem } from './api/problem.ts';
import type { AppEnv, Services } from './services.ts';

/** What a client may: read, or also change. */
export type Right = 'read' | 'manage';

/** Who asks, and what for. */
export interface Identity {
  /** `owner`, `token:<id>`, `access:<address>`, or `share:<id>`. */
  readonly id: string;
  /** Of a token. */
  readonly name?: string | undefined;
  readonly right: Right;
  /** The only sources that it sees; all, without. */
  readonly sources?: readonly string[] | undefined;
}

/** Allows clients that have a right. One that may see some sources alone is for the route to restrict. */
export function allow(right: Right) {
  return createMiddleware<AppEnv>(async (c, next) => {
    const refused = await identify(c);
    if (refused !== undefined) return refused;
    if (right === 'manage' && c.var.identity.right !== 'manage') return problem('forbidden');
    return keepPrivate(c, next);
  });
}

/** Allows clients that may change everything: what they ask for concerns all sources. */
export const operatorOnly = createMiddleware<AppEnv>(async (c, next) => {
  const refused = await identify(c);
  if (refused !== undefined) return refused;
  const { right, sources } = c.var.identity;
  return right === 'manage' && sources === undefined ? keepPrivate(c, next) : problem('forbidden');
});

/** No cache keeps what the API tells, and no browser takes it for a page. */
async function keepPrivate(c: Context<AppEnv>, next: Next): Promise<void> {
  await next();
  c.res.headers.set('Cache-Control', 'private, no-store');
  c.res.headers.set('X-Content-Type-Options', 'nosniff');
}

/** Whether a client may know of a source. */
export function maySee({ sources }: Identity, source: string): boolean {
  return sources?.includes(source) ?? true;
}

/** Sets the identity of a request, or gives the answer that refuses it. */
async function identify(c: Context<AppEnv>): Promise<Response | undefined> {
  const { vaultToken, access } = c.env.config;
  if (vaultToken === undefined && access === undefined)
    return problem('api_closed', { detail: 'Set it with: npx wrangler secret put VAULT_TOKEN' });
  const client = c.req.header('CF-Connecting-IP');
  if (client !== undefined && (await c.env.wrongTokens.isBlocked(client)))
    return problem('too_many_attempts');
  const authorization = c.req.header('Authorization');
  const identity =
    authorization === undefined ? await accessIdentity(c) : await identityOf(authorization, c.env);
  if (identity === undefined) {
    const brings = authorization ?? c.req.header(ACCESS_HEADER);
    if (client !== undefined && brings !== undefined) await c.env.wrongTokens.count(client);
    return problem('unauthorized', {}, { 'WWW-Authenticate': 'Bearer' });
  }
  // Only a browser brings Access's cookie by itself.
  if (authorization === undefined && isForeign(c.req.raw)) return problem('forbidden');
  c.set('identity', identity);
  return undefined;
}

async function identityOf(
  authorization: string,
  { config, tokens, now }: Services,
): Promise<Identity | undefined> {
  const [, given] = /^Bearer +(.+)$/i.exec(authorization) ?? [];
  if (given === undefined) return undefined;
  const owners = config.vaultToken === undefined ? [] : [config.vaultToken];
  if ((await matchingSharedSecret(owners, given)) !== undefined) return { id: 'owner', right: 'manage' };
  const [, id, secret] = /^cvt_([0-9a-f]{12})_([0-9a-f]{64})$/.exec(given) ?? [];
  if (id === undefined || secret === undefined) return undefined;
  const token = await tokens.find(id);
  if (token === undefined) return undefined;
  const { name, secretSha256, expiresAt, right, sources } = token;
  // A digest of a random secret: comparing it may take as long as it takes.
  if ((await sha256Hex(utf8(secret))) !== secretSha256) return undefined;
  if (expiresAt !== undefined && !((parseTimeMs(expiresAt) ?? 0) > now())) return undefined;
  return { id: `token:${id}`, name, right, sources };
}
