import { toHex, utf8 } from '../shared/bytes.ts';
import { memoize } from '../shared/memoize.ts';

const algorithm = { name: 'HMAC', hash: 'SHA-256' };

export function importHmacKey(secret: Uint8Array): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', secret, algorithm, false, ['verify']);
}

const keyOf = memoize((secret: string) => importHmacKey(utf8(secret)));

/** Signatures of one header that are tried. */
export const MAX_SIGNATURES = 8;

/**
 * Finds the secret, used as UTF-8, whose HMAC-SHA256 of the content is one of `macs`; `undefined` when none is.
 * @see https://www.rfc-editor.org/rfc/rfc2104
 */
export async function matchingSecret(
  secrets: readonly string[],
  macs: readonly Uint8Array[],
  content: Uint8Array,
): Promise<string | undefined> {
  for (const secret of secrets) {
    const key = await keyOf(secret);
    for (const mac of macs) if (await verifyHmacWithKey(key, mac, content)) return secret;
  }
  return undefined;
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
  const key = await crypto.subtle.importKey('raw', utf8(secret), algorithm, false, ['sign']);
  return toHex(await crypto.subtle.sign('HMAC', key, utf8(FINGERPRINT_LABEL)));
});
