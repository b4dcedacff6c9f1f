import { toHex } from '../shared/bytes.ts';
import { decodeBase64 } from '../signatures/base64.ts';

/** A checksum that the origin states for the whole body: lower-case hex, and where it was said. */
export interface Checksum {
  readonly algorithm: 'md5' | 'crc32c';
  readonly hex: string;
  readonly from: string;
}

/** Whether the bytes that we read are not the ones that are stored at the origin, but decoded on the way. */
export function isCoded(headers: Headers): boolean {
  return (headers.get('content-encoding') ?? 'identity') !== 'identity';
}

/** The best checksum that an answer states of the body as we read it, or nothing. */
export function statedChecksum(headers: Headers): Checksum | undefined {
  if (isCoded(headers)) return undefined;
  return contentMd5(headers) ?? s3Md5(headers) ?? googleHash(headers, 'md5') ?? googleHash(headers, 'crc32c');
}

/** @see https://www.rfc-editor.org/rfc/rfc1864 */
function contentMd5(headers: Headers): Checksum | undefined {
  return fromBase64(headers.get('content-md5'), 'md5', 16, 'content-md5');
}

/**
 * S3's etag is the MD5 of the object, unless it came in parts or is encrypted with a key of KMS or the customer.
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
  const bytes = algorithm === 'md5' ? 16 : 4;
  return fromBase64(pair?.slice(algorithm.length + 1), algorithm, bytes, 'x-goog-hash');
}

function fromBase64(
  text: string | null | undefined,
  algorithm: Checksum['algorithm'],
  bytes: number,
  from: string,
): Checksum | undefined {
  const decoded = decodeBase64(text ?? '');
  return decoded?.byteLength === bytes ? { algorithm, hex: toHex(decoded), from } : undefined;
}

/**
 * How many bytes a WAV file should have by its own header; nothing when the header leaves that open, as a
 * writer does that cannot go back, or when it is no RIFF.
 * @see https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html
 */
export function wavBytes(first: Uint8Array): number | undefined {
  if (String.fromCharCode(...first.subarray(0, 4)) !== 'RIFF' || first.byteLength < 8) return undefined;
  const size = new DataView(first.buffer, first.byteOffset).getUint32(4, true);
  const isOpen = size === 0 || size >= 0x7fff_0000;
  return isOpen ? undefined : size + 8;
}
