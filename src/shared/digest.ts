import { toHex } from './bytes.ts';

/** Starts a digest of bytes that are added; its end is lower-case hex. */
export function startDigest(algorithm: 'SHA-256' | 'MD5' | 'CRC32C') {
  const digest = new crypto.DigestStream(algorithm);
  const writer = digest.getWriter();
  return {
    add: (bytes: Uint8Array) => writer.write(bytes),
    async finish(): Promise<string> {
      await writer.close();
      return toHex(await digest.digest);
    },
  };
}
