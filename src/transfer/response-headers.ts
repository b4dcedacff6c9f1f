import { toHex } from '../shared/bytes.ts';
import { decodeBase64 } from '../signatures/base64.ts';

/** A checksum that the origin states for the whole body: lower-case hex, and the header's name. */
export interface Checksum {
  readonly algorithm: 'md5' | 'crc32c';
  readonly hex: string;
  readonly from: string;
}

/** Whether the body is decoded on the way, so that its bytes are not those stored at the origin. */
export function hasContentEncoding(headers: Headers): boolean {
  return (headers.get('content-encoding') ?? 'identity') !== 'identity';
}

/** The best checksum that a response states of its body; `undefined` if none. */
export function statedChecksum(headers: Headers): Checksum | undefined {
  if (hasContentEncoding(headers)) return undefined;
  return contentMd5(headers) ?? s3Md5(headers) ?? googleHash(headers, 'md5') ?? googleHash(headers, 'crc32c');
}

/** @see https://www.rfc-editor.org/rfc/rfc1864 */
function contentMd5(headers: Headers): Checksum | undefined {
  return fromBase64(headers.get('content-md5'), 'md5', 'content-md5');
}

/**
 * S3's etag is the MD5 of the object, unless it came in parts or is encrypted with a key of KMS or the
 * customer.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
 */
function s3Md5(headers: Headers): Checksum | undefined {
  const isS3 = headers.has('x-amz-request-id');
  const encryption = headers.get('x-amz-server-side-encryption') ?? 'AES256';
  const isPlain = encryption === 'AES256' && !headers.has('x-amz-server-side-encryption-customer-algorithm');
  const [, hex] = /^"([0-9a-f]{32})"$/.exec(headers.get('etag') ?? '') ?? [];
  return isS3 && isPlain && hex !== undefined ? { algorithm: 'md5', hex, from: 'etag' } : undefined;
}

/** @see https://cloud.google.com/storage/docs/xml-api/reference-headers#xgooghash */
function googleHash(headers: Headers, algorithm: Checksum['algorithm']): Checksum | undefined {
  if ((headers.get('x-goog-stored-content-encoding') ?? 'identity') !== 'identity') return undefined;
  const pairs = (headers.get('x-goog-hash') ?? '').split(',').map((pair) => pair.trim());
  const pair = pairs.find((text) => text.startsWith(`${algorithm}=`));
  return fromBase64(pair?.slice(algorithm.length + 1), algorithm, 'x-goog-hash');
}

const checksumBytes = { md5: 16, crc32c: 4 };

function fromBase64(
  text: string | null | undefined,
  algorithm: Checksum['algorithm'],
  from: string,
): Checksum | undefined {
  const decoded = decodeBase64(text ?? '');
  return decoded?.byteLength === checksumBytes[algorithm]
    ? { algorithm, hex: toHex(decoded), from }
    : undefined;
}

/** The media type that a response states, for a failure's detail: only if it is well-formed. */
export function contentTypeOf(headers: Headers): string {
  const [type] = /^[a-z]{1,30}\/[a-z0-9.+-]{1,60}(?=[;\s]|$)/i.exec(headers.get('content-type') ?? '') ?? [];
  return type === undefined ? 'No content type' : `Content type ${type.toLowerCase()}`;
}

/** The length of the body that a response states, an integer; `undefined` if it states none. */
export function lengthOf(headers: Headers): number | undefined {
  const text = headers.get('content-length') ?? '';
  return /^\d{1,15}$/.test(text) && !hasContentEncoding(headers) ? Number(text) : undefined;
}
