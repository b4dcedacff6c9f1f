/** An audio format: the extension of the key and `:format` of the API, and the content type. */
export interface AudioFormat {
  readonly format: string;
  readonly contentType: string;
}

/** The format of binary data that is not recognised, such as an encrypted recording. */
export const unknownBinary: AudioFormat = { format: 'bin', contentType: 'application/octet-stream' };

const wav: AudioFormat = { format: 'wav', contentType: 'audio/wav' };
const amr: AudioFormat = { format: 'amr', contentType: 'audio/amr' };

/** The first bytes of containers that hold binary data, as Latin-1: text may begin with the same letters. */
const containers: readonly (readonly [RegExp, AudioFormat])[] = [
  [/^ID3/, { format: 'mp3', contentType: 'audio/mpeg' }],
  [/^OggS/, { format: 'ogg', contentType: 'audio/ogg' }],
  [/^.{4}ftyp/s, { format: 'm4a', contentType: 'audio/mp4' }],
  [/^fLaC/, { format: 'flac', contentType: 'audio/flac' }],
  [/^FORM.{4}AIF[FC]/s, { format: 'aiff', contentType: 'audio/aiff' }],
  [/^caff/, { format: 'caf', contentType: 'audio/x-caf' }],
];

/** The first bytes of WebM and Matroska. @see https://www.rfc-editor.org/rfc/rfc8794#section-11.2.1 */
const EBML = String.fromCharCode(0x1a, 0x45, 0xdf, 0xa3);

const webm: AudioFormat = { format: 'webm', contentType: 'audio/webm' };
const mp3: AudioFormat = { format: 'mp3', contentType: 'audio/mpeg' };

/**
 * Detects the format of a file by its first bytes, without regard to claims; `undefined` for text, which is an
 * error page.
 * @see https://www.rfc-editor.org/rfc/rfc2361 (WAVE)
 * @see https://www.rfc-editor.org/rfc/rfc3533 (Ogg)
 * @see https://www.rfc-editor.org/rfc/rfc4867#section-5 (AMR)
 * @see https://mimesniff.spec.whatwg.org/#matching-an-audio-or-video-type-pattern
 */
export function detectAudioFormat(first: Uint8Array): AudioFormat | undefined {
  const head = String.fromCharCode(...first.subarray(0, 64));
  if (/^(RIFF|RF64|BW64).{4}WAVE/s.test(head)) return wav;
  if (/^#!AMR(-WB)?(_MC1\.0)?\n/.test(head)) return amr;
  if (head.startsWith(EBML)) return webm;
  if (isMp3Frame(first)) return mp3;
  if (isMarkup(head) || isText(first)) return undefined;
  return containers.find(([pattern]) => pattern.test(head))?.[1] ?? unknownBinary;
}

/**
 * Markup and JSON by their first characters, in UTF-16 as well: a control code may follow that looks binary.
 */
function isMarkup(head: string): boolean {
  const text = head.replaceAll('\0', '').replace(/^(\xef\xbb\xbf|\xfe\xff|\xff\xfe)?\s*/, '');
  return /^(<(!doctype|!--|\?xml|html|head|body|error)|\{\s*["}]|\[\s*[[{"\]])/i.test(text);
}

/**
 * Whether the file begins with an MP3 frame: eleven set bits, then an MPEG version, Layer III, a bit rate and a
 * sampling rate that exist. With fewer checks UTF-16 text (`FF FE`) or AAC (`FF F1`) would pass.
 * @see https://www.iso.org/standard/22412.html (ISO/IEC 11172-3, 2.4.2.3)
 */
function isMp3Frame([sync = 0, version = 0, rates = 0]: Uint8Array): boolean {
  const isLayer3 = sync === 0xff && (version & 0xe0) === 0xe0 && (version & 0x06) === 0x02;
  const versionExists = (version & 0x18) !== 0x08;
  const ratesExist = (rates & 0xf0) !== 0xf0 && (rates & 0x0c) !== 0x0c;
  return isLayer3 && versionExists && ratesExist;
}

/** The bytes that a browser looks at. @see https://mimesniff.spec.whatwg.org/#reading-the-resource-header */
const SNIFFED_BYTES = 1445;

/** Whether the first bytes are text: none of them occurs in binary data only. */
function isText(first: Uint8Array): boolean {
  const [one, two] = first;
  // After a byte order mark it is UTF-16, whose zeros do not mean binary data.
  if ((one === 0xfe && two === 0xff) || (one === 0xff && two === 0xfe)) return true;
  return !first.subarray(0, SNIFFED_BYTES).some(isBinaryByte);
}

/** @see https://mimesniff.spec.whatwg.org/#binary-data-byte */
function isBinaryByte(byte: number): boolean {
  return byte <= 0x08 || byte === 0x0b || (byte >= 0x0e && byte <= 0x1a) || (byte >= 0x1c && byte <= 0x1f);
}

/**
 * The size of a WAV file by its own header; `undefined` for another format, and when the header has a
 * placeholder because its writer could not seek.
 * @see https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html
 */
export function wavBytes(first: Uint8Array): number | undefined {
  if (String.fromCharCode(...first.subarray(0, 4)) !== 'RIFF' || first.byteLength < 8) return undefined;
  const size = new DataView(first.buffer, first.byteOffset).getUint32(4, true);
  const isOpen = size === 0 || size >= 0x7fff_0000;
  return isOpen ? undefined : size + 8;
}
