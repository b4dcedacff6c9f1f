import { utf8 } from '../shared/bytes.ts';
import { memo } from '../shared/memo.ts';

const algorithm = { name: 'HMAC', hash: 'SHA-256' };

export function importHmacKey(secret: Uint8Array): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', secret, algorithm, false, ['verify']);
}

const keyOf = memo((secret: string) => importHmacKey(utf8(secret)));

/**
 * Whether one of the secrets, each used as UTF-8, made this HMAC-SHA256 of the content.
 * @see https://www.rfc-editor.org/rfc/rfc2104
 */
export async function verifyHmacSha256(
  secrets: readonly string[],
  mac: Uint8Array,
  content: Uint8Array,
): Promise<boolean> {
  for (const secret of secrets) {
    if (await verifyHmacWithKey(await keyOf(secret), mac, content)) return true;
  }
  return false;
}

/** `crypto.subtle.verify` compares in constant time, and answers false to a MAC of any other length. */
export function verifyHmacWithKey(key: CryptoKey, mac: Uint8Array, content: Uint8Array): Promise<boolean> {
  return crypto.subtle.verify('HMAC', key, mac, content);
}
