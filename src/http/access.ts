import type { Context } from 'hono';
import type { AccessSettings } from '../config.ts';
import { decodeUtf8 } from '../shared/bytes.ts';
import { isJsonObject, type JsonObject, parseJsonObject, textAt } from '../shared/json.ts';
import { orLogFault } from '../shared/log.ts';
import { readBytesWithin } from '../shared/read-bytes.ts';
import { discard, request } from '../shared/request.ts';
import { decodeJwt, importRsaKey, type Jwt, verifyRs256 } from '../signatures/jwt.ts';
import type { Identity } from './identity.ts';
import type { AppEnv, Services } from './services.ts';

/** Cloudflare's keys are read again after this; they change every six weeks. */
const KEYS_MS = 60 * 60_000;

/** The keys are asked for within this. */
const ASK_MS = 10_000;

/** Keys of one team are below 10 kB. */
const MAX_KEYS_BYTES = 100_000;

/** A clock may be this late. */
const LEEWAY_SECONDS = 60;

export const ACCESS_HEADER = 'Cf-Access-Jwt-Assertion';

/**
 * The identity that Cloudflare Access has checked: by the runtime where it says so, else by the token in the header, which
 * is verified here with the keys of the team. Without the application's own `aud` there is none.
 *
 * @see https://developers.cloudflare.com/cloudflare-one/access-controls/applications/http-apps/authorization-cookie/validating-json/
 */
export async function accessIdentity(c: Context<AppEnv>): Promise<Identity | undefined> {
  const { access } = c.env.config;
  if (access === undefined) return undefined;
  const told =
    (await identityOfRuntime(c, access)) ??
    (await verifiedClaims(c.req.header(ACCESS_HEADER), access, c.env));
  const name = told && (textAt(told, 'email') ?? textAt(told, 'common_name'));
  if (name === undefined) return undefined;
  const { managers } = access;
  const isManager = managers.includes('*') || managers.includes(name.toLowerCase());
  return { id: `access:${name}`, right: isManager ? 'manage' : 'read' };
}

/** Whether a page of another site may have caused the request: Access's cookie comes along with those as well. */
export function isForeign({ method, headers, url }: Request): boolean {
  const site = headers.get('Sec-Fetch-Site');
  if (site !== null) return site !== 'same-origin' && site !== 'none';
  const origin = headers.get('Origin');
  const isSafe = method === 'GET' || method === 'HEAD';
  return !isSafe && origin !== null && origin !== new URL(url).origin;
}

/** `ctx.access` is there where Access stands before this very worker. */
async function identityOfRuntime(
  c: Context<AppEnv>,
  { aud }: AccessSettings,
): Promise<JsonObject | undefined> {
  const context: unknown = Reflect.get(c.executionCtx, 'access');
  if (typeof context !== 'object' || context === null || Reflect.get(context, 'aud') !== aud)
    return undefined;
  const getIdentity: unknown = Reflect.get(context, 'getIdentity');
  if (typeof getIdentity !== 'function') return undefined;
  const asking: Promise<unknown> = Promise.resolve(Reflect.apply(getIdentity, context, []));
  // The token in the header is left to verify.
  const identity = await orLogFault(
    c.env.withTimeout(ASK_MS, asking),
    { outcome: 'access_unavailable' },
    c.env,
  );
  return isJsonObject(identity) ? identity : undefined;
}

async function verifiedClaims(
  text: string | undefined,
  { aud, teamDomain }: AccessSettings,
  services: Services,
): Promise<JsonObject | undefined> {
  const jwt = text === undefined ? undefined : decodeJwt(text, 'RS256');
  if (jwt?.keyId === undefined || teamDomain === undefined) return undefined;
  const nowSeconds = services.now() / 1000;
  if (!isMeant(jwt, { aud, issuer: `https://${teamDomain}`, nowSeconds })) return undefined;
  const key = await keyOf(jwt.keyId, teamDomain, services);
  return key !== undefined && (await verifyRs256(key, jwt)) ? jwt.claims : undefined;
}

function isMeant(
  { claims }: Jwt,
  { aud, issuer, nowSeconds }: { readonly aud: string; readonly issuer: string; readonly nowSeconds: number },
): boolean {
  const audiences = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
  const { exp, nbf = 0 } = claims;
  const isNow = typeof exp === 'number' && exp > nowSeconds && typeof nbf === 'number';
  return isNow && nbf <= nowSeconds + LEEWAY_SECONDS && claims.iss === issuer && audiences.includes(aud);
}

/** The keys of a team, when they were asked for, and until when they are believed. */
interface KnownKeys {
  readonly keys: readonly JsonObject[];
  readonly askedMs: number;
}

/** Any client can send a token of an unknown key: the team is asked once in this time for it. */
const ASK_AGAIN_MS = 60_000;

const known = new WeakMap<Services, KnownKeys>();

async function keyOf(keyId: string, teamDomain: string, services: Services): Promise<CryptoKey | undefined> {
  const nowMs = services.now();
  const present = known.get(services);
  const ageMs = present === undefined ? Infinity : nowMs - present.askedMs;
  const found = ageMs < KEYS_MS ? present?.keys.find(({ kid }) => kid === keyId) : undefined;
  if (found !== undefined) return importRsaKey(found);
  if (ageMs < ASK_AGAIN_MS) return undefined;
  // While one request asks, others go on with the old keys. In a new isolate there are none: each request asks.
  if (present !== undefined) known.set(services, { keys: present.keys, askedMs: nowMs });
  const keys = await askKeys(`https://${teamDomain}/cdn-cgi/access/certs`, services);
  known.set(services, { keys: keys.length > 0 ? keys : (present?.keys ?? []), askedMs: nowMs });
  const jwk = keys.find(({ kid }) => kid === keyId);
  return jwk && importRsaKey(jwk);
}

async function askKeys(url: string, services: Services): Promise<JsonObject[]> {
  const signal = services.timeout(ASK_MS);
  const answer = await request(url, { headers: {}, signal }, services);
  if (!answer.ok) return [];
  if (answer.value.status !== 200) {
    await discard(answer.value);
    return [];
  }
  const limits = { maxBytes: MAX_KEYS_BYTES, timeoutMs: ASK_MS };
  const bytes = await readBytesWithin(answer.value.body, limits, services.withTimeout);
  const keys = bytes && parseJsonObject(decodeUtf8(bytes) ?? '')?.keys;
  return Array.isArray(keys) ? keys.filter(isJsonObject) : [];
}
