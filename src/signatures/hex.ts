/**
 * Decodes hex in either letter case; `undefined` for anything else. A decoder that skips other characters would
 * let a changed signature pass.
 */
export function decodeHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (digit(text, 2 * i) << 4) | digit(text, 2 * i + 1);
  return bytes;
}

/** The letters begin at 0x41 and 0x61, so that their low bits count from 1. */
function digit(text: string, index: number): number {
  const code = text.charCodeAt(index);
  return (code & 0b1111) + (code > 0x40 ? 9 : 0);
}
