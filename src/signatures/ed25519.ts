import { memoize } from '../shared/memoize.ts';
import { decodeBase64 } from './base64.ts';

const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** The field's prime, 2^255 - 19. */
const prime = 2n ** 255n - 19n;

/** One of the two y of the points of order 8, from the curve's equation; a test multiplies them out. */
const orderEightY = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;

const smallOrderY = new Set([0n, 1n, prime - 1n, orderEightY, prime - orderEightY]);

/**
 * Checks a public key in base64; `undefined` when it is valid. `importKey` takes any 32 bytes; with a key of
 * small order one fixed signature fits every message.
 * @see https://www.rfc-editor.org/rfc/rfc8032#section-5.1.7
 */
export function ed25519KeyProblem(text: string): string | undefined {
  const bytes = decodeBase64(text);
  if (bytes === undefined) return 'is not base64';
  if (bytes.byteLength !== PUBLIC_KEY_BYTES) return `is ${bytes.byteLength} bytes, not ${PUBLIC_KEY_BYTES}`;
  const y = yCoordinate(bytes);
  if (y >= prime) return 'is not a canonical Ed25519 point';
  if (smallOrderY.has(y)) return 'is a weak Ed25519 point (small order)';
  return undefined;
}

/** Little-endian, without the top bit, which is the sign of x. */
function yCoordinate(bytes: Uint8Array): bigint {
  const value = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return value & (2n ** 255n - 1n);
}

const keyOf = memoize((publicKey: string) => {
  const bytes = decodeBase64(publicKey) ?? new Uint8Array();
  return crypto.subtle.importKey('raw', bytes, { name: 'Ed25519' }, false, ['verify']);
});

/**
 * Finds the public key (base64, valid) that verifies the signature of the content; `undefined` when none does.
 * Refuses a signature of another length, on which workerd's `verify` throws.
 * @see https://www.rfc-editor.org/rfc/rfc8032
 */
export async function matchingPublicKey(
  publicKeys: readonly string[],
  signature: Uint8Array,
  content: Uint8Array,
): Promise<string | undefined> {
  if (signature.byteLength !== SIGNATURE_BYTES) return undefined;
  for (const publicKey of publicKeys) {
    if (await crypto.subtle.verify('Ed25519', await keyOf(publicKey), signature, content)) return publicKey;
  }
  return undefined;
}
