import { describe, test } from 'vitest';
import { wavBytes } from '../../src/transfer/audio-format.ts';
import { lengthOf, statedChecksum } from '../../src/transfer/response-headers.ts';

const md5 = '900150983cd24fb0d6963f7d28e17f72'; // Of "abc", RFC 1321.
const base64 = 'kAFQmDzST7DWlj99KOF/cg==';

describe('statedChecksum()', () => {
  test.for([
    ['Content-MD5', { 'content-md5': base64 }, { algorithm: 'md5', hex: md5, from: 'content-md5' }],
    [
      'S3’s etag',
      { etag: `"${md5}"`, 'x-amz-request-id': 'R' },
      { algorithm: 'md5', hex: md5, from: 'etag' },
    ],
    [
      'S3’s etag with SSE-S3',
      { etag: `"${md5}"`, 'x-amz-request-id': 'R', 'x-amz-server-side-encryption': 'AES256' },
      { algorithm: 'md5', hex: md5, from: 'etag' },
    ],
    [
      'a GCS MD5 before its CRC',
      { 'x-goog-hash': `crc32c=4waSgw==, md5=${base64}` },
      { algorithm: 'md5', hex: md5, from: 'x-goog-hash' },
    ],
    [
      'a GCS CRC alone',
      { 'x-goog-hash': 'crc32c=4waSgw==' },
      { algorithm: 'crc32c', hex: 'e3069283', from: 'x-goog-hash' },
    ],
  ] as const)('reads %s', ([, headers, checksum], { expect }) => {
    expect(statedChecksum(new Headers(headers))).toEqual(checksum);
  });

  test.for([
    ['no headers', {}],
    ['an etag of a store other than S3', { etag: `"${md5}"` }],
    ['a weak etag', { etag: `W/"${md5}"`, 'x-amz-request-id': 'R' }],
    ['an etag of a multipart upload', { etag: `"${md5}-3"`, 'x-amz-request-id': 'R' }],
    [
      'an etag of an object encrypted with a KMS key',
      { etag: `"${md5}"`, 'x-amz-request-id': 'R', 'x-amz-server-side-encryption': 'aws:kms' },
    ],
    [
      "an etag of an object encrypted with a customer's key",
      {
        etag: `"${md5}"`,
        'x-amz-request-id': 'R',
        'x-amz-server-side-encryption-customer-algorithm': 'AES256',
      },
    ],
    ['a checksum of compressed bytes', { 'content-md5': base64, 'content-encoding': 'gzip' }],
    [
      'a GCS hash of an object that is stored compressed',
      { 'x-goog-hash': `md5=${base64}`, 'x-goog-stored-content-encoding': 'gzip' },
    ],
    ['a Content-MD5 that is not base64', { 'content-md5': md5 }],
    ['a Content-MD5 that is too short', { 'content-md5': 'AAAA' }],
  ] as const)('returns undefined for %s', ([, headers], { expect }) => {
    expect(statedChecksum(new Headers(headers))).toBeUndefined();
  });
});

describe('wavBytes()', () => {
  function header(id: string, size: number): Uint8Array {
    const bytes = new Uint8Array(12);
    bytes.set(new TextEncoder().encode(id));
    new DataView(bytes.buffer).setUint32(4, size, true);
    return bytes;
  }

  test.for([
    ['RIFF', 36, 44],
    ['RIFF', 0x7ffe_ffff, 0x7fff_0007],
    ['RIFF', 0, undefined],
    ['RIFF', 0x7fff_ffff, undefined],
    ['RIFF', 0xffff_ffff, undefined],
    ['RF64', 36, undefined],
    ['OggS', 36, undefined],
  ] as const)('of a %s header with the size %i is %s', ([id, size, bytes], { expect }) => {
    expect(wavBytes(header(id, size))).toBe(bytes);
  });

  test('returns undefined for a header of 7 bytes', ({ expect }) => {
    expect(wavBytes(header('RIFF', 36).subarray(0, 7))).toBeUndefined();
  });
});

describe('lengthOf()', () => {
  test.for([
    ['135988', 135_988],
    ['0', 0],
    ['', undefined],
    ['abc', undefined],
    ['1e3', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['10, 10', undefined],
    ['0x10', undefined],
    ['9'.repeat(16), undefined],
  ] as const)('of a Content-Length %j is %s', ([text, bytes], { expect }) => {
    expect(lengthOf(new Headers({ 'content-length': text }))).toBe(bytes);
  });

  test('returns undefined without the header, and for a compressed body', ({ expect }) => {
    expect(lengthOf(new Headers())).toBeUndefined();
    expect(lengthOf(new Headers({ 'content-length': '10', 'content-encoding': 'gzip' }))).toBeUndefined();
  });
});
