import { sha256Hex, utf8 } from '../../shared/bytes.ts';

/** A random id of 12 hex digits, and a secret of 64 with its SHA-256, which is all that is kept of it. */
export async function newSecret(newToken: () => string) {
  const hex = () => newToken().replaceAll('-', '');
  const secret = hex() + hex();
  return { id: hex().slice(0, 12), secret, secretSha256: await sha256Hex(utf8(secret)) };
}
