import fc from 'fast-check';
import { test } from 'vitest';
import { decodeUtf8, toHex, utf8 } from '../../src/shared/bytes.ts';
import { decodeBase64, encodeBase64 } from '../../src/signatures/base64.ts';
import { decodeHex } from '../../src/signatures/hex.ts';

const bytes = () => fc.uint8Array({ maxLength: 200 });
const nearBase64 = () => fc.string({ unit: fc.constantFrom(...'ABCDab01+/=-_ \n'), maxLength: 24 });
const nearHex = () => fc.string({ unit: fc.constantFrom(...'0189abcdefABCDEFg \n-'), maxLength: 24 });

test('decodeBase64() undoes encodeBase64()', ({ expect }) => {
  fc.assert(
    fc.property(bytes(), (value) => {
      expect(decodeBase64(encodeBase64(value))).toEqual(Uint8Array.from(value));
    }),
  );
});

test('decodeBase64() reads a text only if encodeBase64() would write it', ({ expect }) => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), nearBase64()), (text) => {
      const decoded = decodeBase64(text);
      if (decoded !== undefined) expect(encodeBase64(decoded)).toBe(text);
    }),
  );
});

test('decodeHex() undoes toHex(), and reads a text only if toHex() would write it, but for letter case', ({
  expect,
}) => {
  fc.assert(
    fc.property(bytes(), (value) => {
      expect(decodeHex(toHex(value))).toEqual(Uint8Array.from(value));
    }),
  );
  fc.assert(
    fc.property(fc.oneof(fc.string(), nearHex()), (text) => {
      const decoded = decodeHex(text);
      if (decoded !== undefined) expect(toHex(decoded)).toBe(text.toLowerCase());
    }),
  );
});

test('decodeUtf8() gives a text of exactly these bytes, or none', ({ expect }) => {
  fc.assert(
    fc.property(fc.oneof(bytes(), fc.string({ unit: 'binary' }).map(utf8)), (value) => {
      const text = decodeUtf8(value);
      if (text !== undefined) expect(utf8(text)).toEqual(Uint8Array.from(value));
    }),
  );
});
