const canonical = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const values = new Uint8Array(128);
for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i;

/**
 * Decodes base64: standard alphabet, padded, no white space, no stray bits at the end; else `undefined`. Each
 * value has one string, where `atob` takes several, so that a signature cannot be written in two ways.
 * @see https://www.rfc-editor.org/rfc/rfc4648#section-3.5
 */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (!canonical.test(text)) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  for (let read = 0, write = 0; read < text.length; read += 4) {
    const group =
      (sextet(text, read) << 18) |
      (sextet(text, read + 1) << 12) |
      (sextet(text, read + 2) << 6) |
      sextet(text, read + 3);
    bytes[write++] = group >> 16;
    bytes[write++] = group >> 8;
    bytes[write++] = group;
  }
  return hasStrayBits(text, padding) ? undefined : bytes;
}

function sextet(text: string, index: number): number {
  return values[text.charCodeAt(index)] ?? 0; // '=' counts as 0; the pattern allows no other.
}

/** Whether the bits of the last letter that no byte uses are zero. */
function hasStrayBits(text: string, padding: number): boolean {
  const unused = padding === 2 ? 0b1111 : padding === 1 ? 0b11 : 0;
  return (sextet(text, text.length - padding - 1) & unused) !== 0;
}

export function encodeBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

/**
 * Decodes base64url without padding, as strictly; else `undefined`.
 * @see https://www.rfc-editor.org/rfc/rfc4648#section-5
 */
export function decodeBase64Url(text: string): Uint8Array | undefined {
  if (!/^[\w-]*$/.test(text)) return undefined;
  const padded = text.padEnd(Math.ceil(text.length / 4) * 4, '=');
  return decodeBase64(padded.replaceAll('-', '+').replaceAll('_', '/'));
}

export function encodeBase64Url(bytes: Uint8Array): string {
  return encodeBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
