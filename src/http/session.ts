import type { Context } from 'hono';
import { utf8 } from '../shared/bytes.ts';
import { decodeBase64Url, encodeBase64Url } from '../signatures/base64.ts';
import type { Identity } from './identity.ts';
import type { AppEnv, Services } from './services.ts';

/** A session lasts this long: a working day. */
const SESSION_SECONDS = 12 * 3600;

/** A browser takes the prefix over https alone, and binds such a cookie to this host. */
const nameOf = (url: URL) => (url.protocol === 'https:' ? '__Host-callvault' : 'callvault');

/**
 * Makes the cookie of a browser that has signed in with a token: who it is and until when. A new `VAULT_TOKEN`, or the
 * token revoked, ends the session.
 */
export async function sessionCookie(identity: Identity, c: Context<AppEnv>): Promise<string | undefined> {
  const key = await keyOf(identity.id, c.env);
  if (key === undefined) return undefined;
  const endSeconds = Math.floor(c.env.now() / 1000) + SESSION_SECONDS;
  const content = `${identity.id}.${endSeconds}`;
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, utf8(content)));
  return cookie(c, `${content}.${encodeBase64Url(mac)}`, SESSION_SECONDS);
}

/** The cookie that ends a session in this browser. */
export function endedCookie(c: Context<AppEnv>): string {
  return cookie(c, '', 0);
}

function cookie(c: Context<AppEnv>, value: string, seconds: number): string {
  const url = new URL(c.req.url);
  const secure = url.protocol === 'https:' ? '; Secure' : '';
  return `${nameOf(url)}=${value}; Max-Age=${seconds}; Path=/; HttpOnly; SameSite=Strict${secure}`;
}

/** The id of the identity whose session a request's cookie names; `undefined` where it has ended, or is none of ours. */
export async function sessionId(c: Context<AppEnv>): Promise<string | undefined> {
  const name = nameOf(new URL(c.req.url));
  const cookies = c.req.header('Cookie')?.split(/; */) ?? [];
  const given = cookies.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
  const [, content = '', id = '', end, text = ''] =
    /^((owner|token:[0-9a-f]{12})\.(\d{10}))\.([\w-]{43})$/.exec(given) ?? [];
  const mac = decodeBase64Url(text);
  if (mac === undefined || !(Number(end) * 1000 > c.env.now())) return undefined;
  const key = await keyOf(id, c.env);
  if (key === undefined || !(await crypto.subtle.verify('HMAC', key, mac, utf8(content)))) return undefined;
  return id;
}

/**
 * The key of the sessions of a token, from `VAULT_TOKEN`, which no store has: of a further token the vault has a hash alone,
 * which a reader of the bucket sees. Without `VAULT_TOKEN` there are no sessions: people sign in with Access then.
 */
async function keyOf(id: string, { config, tokens }: Services): Promise<CryptoKey | undefined> {
  const salt = id === 'owner' ? '' : (await tokens.find(id.replace('token:', '')))?.secretSha256;
  if (config.vaultToken === undefined || salt === undefined) return undefined;
  const base = await crypto.subtle.importKey('raw', utf8(config.vaultToken), 'HKDF', false, ['deriveKey']);
  const info = utf8('callvault session');
  const derivation = { name: 'HKDF', hash: 'SHA-256', salt: utf8(salt), info };
  const hmac = { name: 'HMAC', hash: 'SHA-256', length: 256 };
  return crypto.subtle.deriveKey(derivation, base, hmac, false, ['sign', 'verify']);
}
