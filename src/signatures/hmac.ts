import { toHex, utf8 } from '../shared/bytes.ts';
import { memoize } from '../shared/memoize.ts';

/** What a provider's MAC is: the hash, and the bytes that its secret stands for. */
interface HmacScheme {
  /** SHA-1 is broken for collisions, not for an HMAC; no provider has the choice. */
  readonly hash: 'SHA-256' | 'SHA-1';
  readonly bytesOf: (secret: string) => Uint8Array;
}

type Matcher = (
  secrets: readonly string[],
  macs: readonly Uint8Array[],
  content: Uint8Array,
) => Promise<string | undefined>;

export function importHmacKey(secret: Uint8Array, hash: HmacScheme['hash'] = 'SHA-256'): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash }, false, ['verify']);
}

/** Signatures of one header that are tried. */
export const MAX_SIGNATURES = 8;

/**
 * Makes the search for the secret whose HMAC of the content is one of `macs`; `undefined` when none is. Keys are
 * imported once.
 * @see https://www.rfc-editor.org/rfc/rfc2104
 */
export function hmacMatcher({ hash, bytesOf }: HmacScheme): Matcher {
  const keyOf = memoize((secret: string) => importHmacKey(bytesOf(secret), hash));
  return async (secrets, macs, content) => {
    if (macs.length === 0) return undefined;
    for (const secret of secrets) {
      const key = await keyOf(secret);
      for (const mac of macs) if (await verifyHmacWithKey(key, mac, content)) return secret;
    }
    return undefined;
  };
}

/** `crypto.subtle.verify` compares in constant time, and answers `false` to a MAC of any other length. */
export function verifyHmacWithKey(key: CryptoKey, mac: Uint8Array, content: Uint8Array): Promise<boolean> {
  return crypto.subtle.verify('HMAC', key, mac, content);
}

/** Changing it would change the fingerprint of every secret. */
const FINGERPRINT_LABEL = 'callvault: fingerprint of a webhook secret';

/**
 * Identifies a secret without helping to guess it: the HMAC-SHA256 of a fixed label under the secret, in
 * lower-case hex. An owner who has the secret can make the same value.
 */
export const secretFingerprint = memoize(async (secret: string): Promise<string> => {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', utf8(secret), algorithm, false, ['sign']);
  return toHex(await crypto.subtle.sign('HMAC', key, utf8(FINGERPRINT_LABEL)));
});
