import { utf8 } from '../shared/bytes.ts';

/**
 * Finds the secret that a delivery carries; `undefined` when it carries none of them. Digests are compared, all of them
 * and to their ends: the time tells nothing of a secret, its length included.
 */
export async function matchingSharedSecret(
  secrets: readonly string[],
  given: string,
): Promise<string | undefined> {
  const digestOf = async (text: string) => new Uint8Array(await crypto.subtle.digest('SHA-256', utf8(text)));
  const wanted = await digestOf(given);
  let found: string | undefined;
  for (const secret of secrets) {
    const digest = await digestOf(secret);
    const differing = digest.reduce((bits, byte, at) => bits | (byte ^ (wanted[at] ?? 0)), 0);
    if (differing === 0) found ??= secret;
  }
  return found;
}
