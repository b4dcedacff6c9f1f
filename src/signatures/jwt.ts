import { decodeUtf8, utf8 } from '../shared/bytes.ts';
import { type JsonObject, parseJsonObject } from '../shared/json.ts';
import { memoize } from '../shared/memoize.ts';
import { decodeBase64, decodeBase64Url, encodeBase64Url } from './base64.ts';

/** A JSON Web Token that is not verified yet: `signature` must be that of `content`. */
export interface Jwt {
  /** The id of the key. */
  readonly keyId: string | undefined;
  readonly claims: JsonObject;
  readonly content: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Decodes a compact JWT of one algorithm; `undefined` for any other. The token never chooses the algorithm: a public key
 * would else pass as a shared secret, or `none` as a signature.
 * @see https://www.rfc-editor.org/rfc/rfc8725#section-3.1
 */
export function decodeJwt(text: string, algorithm: 'HS256' | 'RS256'): Jwt | undefined {
  const [header, payload, mac, ...more] = text.split('.');
  if (header === undefined || payload === undefined || mac === undefined || more.length > 0) return undefined;
  const stated = decodeJson(header);
  const claims = decodeJson(payload);
  const signature = decodeBase64Url(mac);
  // `crit` names extensions that must be understood: there are none.
  if (stated?.alg !== algorithm || stated.crit !== undefined) return undefined;
  if (claims === undefined || signature === undefined) return undefined;
  const keyId = typeof stated.kid === 'string' ? stated.kid : undefined;
  return { keyId, claims, content: utf8(`${header}.${payload}`), signature };
}

function decodeJson(part: string): JsonObject | undefined {
  const bytes = decodeBase64Url(part);
  const text = bytes && decodeUtf8(bytes);
  return text === undefined ? undefined : parseJsonObject(text);
}

const RS256 = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };

/** Imports a public key of a JSON Web Key Set; `undefined` for one that is no RSA key. */
export async function importRsaKey(jwk: JsonObject): Promise<CryptoKey | undefined> {
  const { kty, n, e } = jwk;
  if (kty !== 'RSA' || typeof n !== 'string' || typeof e !== 'string') return undefined;
  try {
    return await crypto.subtle.importKey('jwk', { kty, n, e, alg: 'RS256', ext: true }, RS256, false, [
      'verify',
    ]);
  } catch {
    return undefined; // `importKey` throws for numbers that are no key.
  }
}

export function verifyRs256(key: CryptoKey, { content, signature }: Jwt): Promise<boolean> {
  return crypto.subtle.verify(RS256, key, signature, content);
}

/** The bytes of a private key in PEM (PKCS #8), whose line breaks may be lost; `undefined` for anything else. */
function privateKeyBytes(pem: string): Uint8Array | undefined {
  const [, base64 = ''] =
    /^-----BEGIN PRIVATE KEY-----([\sA-Za-z0-9+/=]+)-----END PRIVATE KEY-----$/.exec(pem) ?? [];
  const bytes = decodeBase64(base64.replace(/\s/g, ''));
  return bytes === undefined || bytes.byteLength === 0 ? undefined : bytes;
}

/** Whether a string is a private key in PEM; its bytes are not looked at. */
export function isPrivateKey(pem: string): boolean {
  return privateKeyBytes(pem) !== undefined;
}

const signingKeyOf = memoize(async (pem: string): Promise<CryptoKey | undefined> => {
  try {
    const bytes = privateKeyBytes(pem) ?? new Uint8Array();
    return await crypto.subtle.importKey('pkcs8', bytes, RS256, false, ['sign']);
  } catch {
    return undefined; // `importKey` throws for bytes that are no RSA key.
  }
});

/**
 * Makes a JWT signed by RS256; `undefined` for a key that is not RSA.
 * @see https://www.rfc-editor.org/rfc/rfc7515#section-3.1
 */
export async function signJwt(claims: JsonObject, pem: string): Promise<string | undefined> {
  const key = await signingKeyOf(pem);
  if (key === undefined) return undefined;
  const partOf = (value: JsonObject) => encodeBase64Url(utf8(JSON.stringify(value)));
  const content = `${partOf({ typ: 'JWT', alg: 'RS256' })}.${partOf(claims)}`;
  const signature = await crypto.subtle.sign(RS256, key, utf8(content));
  return `${content}.${encodeBase64Url(new Uint8Array(signature))}`;
}
