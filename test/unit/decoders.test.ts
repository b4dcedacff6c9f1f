import { test } from 'vitest';
import { decodeBase64, encodeBase64 } from '../../src/signatures/base64.ts';
import { decodeHex } from '../../src/signatures/hex.ts';

test.for([
  ['', []],
  ['00ff', [0, 255]],
  ['DeadBEEF', [0xde, 0xad, 0xbe, 0xef]],
] as const)('decodeHex() reads "%s"', ([text, bytes], { expect }) => {
  expect(decodeHex(text)).toEqual(Uint8Array.from(bytes));
});

test.for(['0', '0g', '0x00', ' 00', '00 ', '0 0', '00\n', '0-0-', '\u0660\u0660'])(
  'decodeHex() refuses "%s"',
  (text, { expect }) => {
    expect(decodeHex(text)).toBeUndefined();
  },
);

// The vectors of RFC 4648, section 10.
test.for([
  ['', ''],
  ['f', 'Zg=='],
  ['fo', 'Zm8='],
  ['foo', 'Zm9v'],
  ['foob', 'Zm9vYg=='],
  ['fooba', 'Zm9vYmE='],
  ['foobar', 'Zm9vYmFy'],
] as const)('decodeBase64() and encodeBase64() follow RFC 4648 for "%s"', ([text, encoded], { expect }) => {
  const bytes = new TextEncoder().encode(text);

  expect(decodeBase64(encoded)).toEqual(bytes);
  expect(encodeBase64(bytes)).toBe(encoded);
});

test('decodeBase64() reads every byte value', ({ expect }) => {
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);

  expect(decodeBase64(encodeBase64(bytes))).toEqual(bytes);
});

test.for([
  ['no padding', 'Zg'],
  ['half of the padding', 'Zg='],
  ['too much padding', 'Zm9v===='],
  ['padding alone', '===='],
  ['padding inside', 'Zg==Zg=='],
  ['stray bits before two paddings', 'Zh=='],
  ['stray bits before one padding', 'Zm9='],
  ['the URL alphabet', 'Zm-_'],
  ['white space inside', 'Zm 9v'],
  ['a line break', 'Zm9v\n'],
  ['letters of another script', 'Zm9\u0475'],
] as const)('decodeBase64() refuses %s', ([, text], { expect }) => {
  expect(decodeBase64(text)).toBeUndefined();
});
