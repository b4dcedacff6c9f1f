/** What the bytes are: the extension of the key, `:format` of the API, and the content type. */
export interface AudioFormat {
  readonly format: string;
  readonly contentType: string;
}

const wav = { format: 'wav', contentType: 'audio/wav' };
const mp3 = { format: 'mp3', contentType: 'audio/mpeg' };
const ogg = { format: 'ogg', contentType: 'audio/ogg' };

/**
 * The format of a file by its first bytes, whatever was claimed, or nothing when it is not audio.
 * @see https://www.rfc-editor.org/rfc/rfc2361 (WAVE), https://www.rfc-editor.org/rfc/rfc3533 (Ogg)
 */
export function detectAudioFormat(first: Uint8Array): AudioFormat | undefined {
  const text = String.fromCharCode(...first.subarray(0, 12));
  if (/^(RIFF|RF64).{4}WAVE$/s.test(text)) return wav;
  if (text.startsWith('ID3') || isMp3Frame(first)) return mp3;
  return text.startsWith('OggS') ? ogg : undefined;
}

/**
 * Eleven set bits, then an MPEG version, Layer III, a bit rate and a sampling rate that exist.
 * Looser, and UTF-16 text (`FF FE`) or AAC (`FF F1`) would pass.
 * @see https://www.iso.org/standard/22412.html (ISO/IEC 11172-3, 2.4.2.3)
 */
function isMp3Frame([sync = 0, version = 0, rates = 0]: Uint8Array): boolean {
  const isLayer3 = sync === 0xff && (version & 0xe0) === 0xe0 && (version & 0x06) === 0x02;
  const versionExists = (version & 0x18) !== 0x08;
  const ratesExist = (rates & 0xf0) !== 0xf0 && (rates & 0x0c) !== 0x0c;
  return isLayer3 && versionExists && ratesExist;
}
