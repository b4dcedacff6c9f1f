import type { Context, Next } from 'hono';
import { createMiddleware } from 'hono/factory';
import { sha256Hex, utf8 } from '../shared/bytes.ts';
import { parseTimeMs } from '../shared/time.ts';
import { matchingSharedSecret } from '../signatures/shared-secret.ts';
import { ACCESS_HEADER, accessIdentity, isForeign } from './access.ts';
import { problem } from './api/problem.ts';
import type { AppEnv, Services } from './services.ts';
import { sessionId } from './session.ts';

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
export async function identify(c: Context<AppEnv>): Promise<Response | undefined> {
  const client = c.req.header('CF-Connecting-IP');
  const refused = await refuseEarly(c, client);
  if (refused !== undefined) return refused;
  const authorization = c.req.header('Authorization');
  const identity =
    authorization === undefined ? await identityOfBrowser(c) : await identityOf(authorization, c.env);
  if (identity instanceof Response) return identity;
  if (identity === undefined) {
    const brings = authorization ?? c.req.header(ACCESS_HEADER);
    if (client !== undefined && brings !== undefined) await c.env.wrongTokens.count(client);
    return problem('unauthorized', {}, { 'WWW-Authenticate': 'Bearer' });
  }
  c.set('identity', identity);
  return undefined;
}

/** Refuses all clients of a vault without a token, and one that has guessed tokens. */
export async function refuseEarly(
  { env: { config, wrongTokens } }: Context<AppEnv>,
  client: string | undefined,
): Promise<Response | undefined> {
  if (config.vaultToken === undefined && config.access === undefined)
    return problem('api_closed', { detail: 'Set it with: npx wrangler secret put VAULT_TOKEN' });
  const isBlocked = client !== undefined && (await wrongTokens.isBlocked(client));
  return isBlocked ? problem('too_many_attempts') : undefined;
}

/** What a browser brings by itself, also with a request that another site has caused: that is refused. */
async function identityOfBrowser(c: Context<AppEnv>): Promise<Identity | Response | undefined> {
  const byAccess = await accessIdentity(c);
  const id = byAccess === undefined ? await sessionId(c) : undefined;
  const identity = id === undefined ? byAccess : await tokenIdentity(id, c.env);
  if (identity === undefined) return undefined;
  const isRefused = isForeign(c.req.raw) || (byAccess === undefined && isUntold(c.req.raw));
  return isRefused ? problem('forbidden') : identity;
}

/** Whether a request that changes something does not say where it comes from, as every browser does. */
export function isUntold({ method, headers }: Request): boolean {
  const isSafe = method === 'GET' || method === 'HEAD';
  return !isSafe && headers.get('Sec-Fetch-Site') === null && headers.get('Origin') === null;
}

async function identityOf(authorization: string, services: Services): Promise<Identity | undefined> {
  const [, given] = /^Bearer +(.+)$/i.exec(authorization) ?? [];
  return given === undefined ? undefined : identityOfSecret(given, services);
}

/** Whose token it is; `undefined` for one that is wrong, expired or revoked. */
export async function identityOfSecret(given: string, services: Services): Promise<Identity | undefined> {
  const { config, tokens } = services;
  const owners = config.vaultToken === undefined ? [] : [config.vaultToken];
  if ((await matchingSharedSecret(owners, given)) !== undefined) return OWNER;
  const [, id, secret] = /^cvt_([0-9a-f]{12})_([0-9a-f]{64})$/.exec(given) ?? [];
  if (id === undefined || secret === undefined) return undefined;
  const token = await tokens.find(id);
  // A digest of a random secret: comparing it may take as long as it takes.
  if (token === undefined || (await sha256Hex(utf8(secret))) !== token.secretSha256) return undefined;
  return tokenIdentity(`token:${id}`, services);
}

const OWNER: Identity = { id: 'owner', right: 'manage' };

/** The identity of a token that is known to be genuine; `undefined` once it has expired or was revoked. */
async function tokenIdentity(id: string, { tokens, now }: Services): Promise<Identity | undefined> {
  if (id === OWNER.id) return OWNER;
  const token = await tokens.find(id.replace('token:', ''));
  if (token === undefined) return undefined;
  const { name, expiresAt, right, sources } = token;
  if (expiresAt !== undefined && !((parseTimeMs(expiresAt) ?? 0) > now())) return undefined;
  return { id, name, right, sources };
}
