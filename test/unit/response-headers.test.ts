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
  ] as const)('finds %s', ([, headers, checksum], { expect }) => {
    expect(statedChecksum(new Headers(headers))).toEqual(checksum);
  });

  test.for([
    ['nothing', {}],
    ['an etag of anybody else', { etag: `"${md5}"` }],
    ['a weak etag', { etag: `W/"${md5}"`, 'x-amz-request-id': 'R' }],
    ['an etag of a multipart upload', { etag: `"${md5}-3"`, 'x-amz-request-id': 'R' }],
    [
      'an etag under KMS',
      { etag: `"${md5}"`, 'x-amz-request-id': 'R', 'x-amz-server-side-encryption': 'aws:kms' },
    ],
    [
      'an etag under a key of the customer',
      {
        etag: `"${md5}"`,
        'x-amz-request-id': 'R',
        'x-amz-server-side-encryption-customer-algorithm': 'AES256',
      },
    ],
    ['a checksum of coded bytes', { 'content-md5': base64, 'content-encoding': 'gzip' }],
    [
      'a GCS hash of what is stored coded',
      { 'x-goog-hash': `md5=${base64}`, 'x-goog-stored-content-encoding': 'gzip' },
    ],
    ['what is not base64', { 'content-md5': md5 }],
    ['what is too short', { 'content-md5': 'AAAA' }],
  ] as const)('takes no word from %s', ([, headers], { expect }) => {
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
  ] as const)('of a %s header that says %i is %s', ([id, size, bytes], { expect }) => {
    expect(wavBytes(header(id, size))).toBe(bytes);
  });

  test('knows nothing of a header that is cut', ({ expect }) => {
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

  test('knows none without the header, and none of what is coded', ({ expect }) => {
    expect(lengthOf(new Headers())).toBeUndefined();
    expect(lengthOf(new Headers({ 'content-length': '10', 'content-encoding': 'gzip' }))).toBeUndefined();
  });
});
