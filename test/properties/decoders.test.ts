import fc from 'fast-check';
import { test } from 'vitest';
import { decodeUtf8, toHex, utf8 } from '../../src/shared/bytes.ts';
import { decodeBase64, decodeBase64Url, encodeBase64, encodeBase64Url } from '../../src/signatures/base64.ts';
import { decodeHex } from '../../src/signatures/hex.ts';

const bytes = () => fc.uint8Array({ maxLength: 200 });
const base64Letters = 'ABCDab01+/=-_ \n';
const hexLetters = '0189abcdefABCDEFg \n-';

/** Strings that a lenient decoder might accept: a valid encoding, or one with a letter replaced or inserted. */
function nearEncoding(encode: (value: Uint8Array) => string, letters: string) {
  return fc
    .tuple(bytes(), fc.nat(400), fc.nat(1), fc.constantFrom('', ...letters))
    .map(([value, place, removed, letter]) => {
      const text = encode(value);
      const at = place % (text.length + 1);
      return text.slice(0, at) + letter + text.slice(at + removed);
    });
}

test('decodeBase64() is the inverse of encodeBase64()', ({ expect }) => {
  fc.assert(
    fc.property(bytes(), (value) => {
      expect(decodeBase64(encodeBase64(value))).toEqual(Uint8Array.from(value));
    }),
  );
});

test('decodeBase64Url() is the inverse of encodeBase64Url(), and accepts nothing else', ({ expect }) => {
  fc.assert(
    fc.property(bytes(), (value) => {
      expect(decodeBase64Url(encodeBase64Url(value))).toEqual(Uint8Array.from(value));
    }),
  );
  fc.assert(
    fc.property(fc.oneof(fc.string(), nearEncoding(encodeBase64Url, base64Letters)), (value) => {
      const decoded = decodeBase64Url(value);
      if (decoded !== undefined) expect(encodeBase64Url(decoded)).toBe(value);
    }),
    { numRuns: 1000 },
  );
});

test('decodeBase64() accepts only what encodeBase64() returns', ({ expect }) => {
  const text = () => fc.oneof(fc.string(), nearEncoding(encodeBase64, base64Letters));
  fc.assert(
    fc.property(text(), (value) => {
      const decoded = decodeBase64(value);
      if (decoded !== undefined) expect(encodeBase64(decoded)).toBe(value);
    }),
    { numRuns: 1000 },
  );
});

test('decodeHex() is the inverse of toHex()', ({ expect }) => {
  fc.assert(
    fc.property(bytes(), (value) => {
      expect(decodeHex(toHex(value))).toEqual(Uint8Array.from(value));
    }),
  );
});

test('decodeHex() accepts only what toHex() returns, in either letter case', ({ expect }) => {
  const text = () => fc.oneof(fc.string(), nearEncoding(toHex, hexLetters));
  fc.assert(
    fc.property(text(), (value) => {
      const decoded = decodeHex(value);
      if (decoded !== undefined) expect(toHex(decoded)).toBe(value.toLowerCase());
    }),
    { numRuns: 1000 },
  );
});

test('decodeUtf8() is the inverse of utf8()', ({ expect }) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(decodeUtf8(utf8(text))).toBe(text.toWellFormed());
    }),
  );
});

test('decodeUtf8() accepts only the bytes that utf8() returns', ({ expect }) => {
  fc.assert(
    fc.property(fc.oneof(bytes(), fc.string({ unit: 'binary' }).map(utf8)), (value) => {
      const text = decodeUtf8(value);
      if (text !== undefined) expect(utf8(text)).toEqual(Uint8Array.from(value));
    }),
  );
});
