import { concat } from '../shared/bytes.ts';
import { err, ok, type Result } from '../shared/result.ts';

/** The samples of a WAV file, and where they begin. */
export interface WavAudio {
  readonly encoding: 'pcm8' | 'pcm16' | 'alaw' | 'mulaw';
  readonly channels: number;
  readonly sampleRate: number;
  readonly offset: number;
  /** Of the samples; `undefined` where the header says nothing that can be true. */
  readonly bytes: number | undefined;
}

const MAX_CHANNELS = 8;

/** No recording of a call has fewer samples a second. */
const MIN_SAMPLE_RATE = 1_000;

/** Codes of `fmt `, with the bits of a sample. @see https://www.rfc-editor.org/rfc/rfc2361 */
const encodings: Readonly<Record<string, WavAudio['encoding']>> = {
  '1/8': 'pcm8',
  '1/16': 'pcm16',
  '6/8': 'alaw',
  '7/8': 'mulaw',
};

/** `fmt ` says in its own extension what the samples are. */
const EXTENSIBLE = 0xfffe;

/** Reads the header of a WAV file from its first bytes; an error where there is none, or no known samples. */
export function readWavHeader(head: Uint8Array): Result<WavAudio, 'unknown_format'> {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const nameAt = (at: number) => String.fromCharCode(...head.subarray(at, at + 4));
  if (head.byteLength < 44 || !/^(RIFF|RF64)$/.test(nameAt(0)) || nameAt(8) !== 'WAVE')
    return err('unknown_format');
  let format: Omit<WavAudio, 'offset' | 'bytes'> | undefined;
  for (let at = 12; at + 8 <= head.byteLength; ) {
    const [name, bytes] = [nameAt(at), view.getUint32(at + 4, true)];
    if (name === 'data')
      return format === undefined ? err('unknown_format') : ok({ ...format, ...dataAt(at, bytes) });
    if (name === 'fmt ' && at + 24 <= head.byteLength) format = readFormat(view, at + 8, bytes);
    at += 8 + bytes + (bytes % 2);
  }
  return err('unknown_format');
}

/** A header that was written before the audio may have no length, or the largest. */
function dataAt(at: number, bytes: number): Pick<WavAudio, 'offset' | 'bytes'> {
  return { offset: at + 8, bytes: bytes === 0 || bytes >= 0x7fff_ffff ? undefined : bytes };
}

function readFormat(
  view: DataView,
  at: number,
  bytes: number,
): Omit<WavAudio, 'offset' | 'bytes'> | undefined {
  const code = view.getUint16(at, true);
  const isExtended = code === EXTENSIBLE && bytes >= 26 && at + 26 <= view.byteLength;
  const [channels, sampleRate] = [view.getUint16(at + 2, true), view.getUint32(at + 4, true)];
  const encoding =
    encodings[`${isExtended ? view.getUint16(at + 24, true) : code}/${view.getUint16(at + 14, true)}`];
  if (encoding === undefined || channels < 1 || channels > MAX_CHANNELS || sampleRate < MIN_SAMPLE_RATE)
    return undefined;
  return { encoding, channels, sampleRate };
}

/** The decoder of each byte of A-law and mu-law. @see https://www.itu.int/rec/T-REC-G.711 */
const companded = { alaw: table(decodeAlaw), mulaw: table(decodeMulaw) };

function table(decode: (byte: number) => number): Int16Array {
  return Int16Array.from({ length: 256 }, (_, byte) => decode(byte));
}

function decodeAlaw(byte: number): number {
  const code = byte ^ 0x55;
  const exponent = (code >> 4) & 7;
  const mantissa = ((code & 15) << 4) + 8;
  const value = exponent === 0 ? mantissa : (mantissa + 0x100) << (exponent - 1);
  return code & 0x80 ? value : -value;
}

function decodeMulaw(byte: number): number {
  const code = ~byte & 0xff;
  const value = ((((code & 15) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84;
  return code & 0x80 ? -value : value;
}

/** Turns bytes into samples of 16 bits. */
function decode(encoding: WavAudio['encoding'], bytes: Uint8Array): Int16Array {
  if (encoding === 'pcm16') return new Int16Array(bytes.slice().buffer);
  if (encoding === 'pcm8') return Int16Array.from(bytes, (byte) => (byte - 128) << 8);
  const values = companded[encoding];
  return Int16Array.from(bytes, (byte) => values[byte] ?? 0);
}

/** Pixels a second of a waveform. */
export const PIXELS_PER_SECOND = 10;

/** The length of the waveform of samples, at most. */
export function waveformBytes({ encoding, channels, sampleRate }: WavAudio, audioBytes: number): number {
  const frames = audioBytes / (channels * (encoding === 'pcm16' ? 2 : 1));
  return ((frames * PIXELS_PER_SECOND) / sampleRate) * 2 * channels;
}

/**
 * Draws a waveform: the lowest and the highest sample of each channel in each pixel, in 8 bits, as BBC audiowaveform's
 * `.dat` of version 2. Bytes are added as they come.
 *
 * @see https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md
 */
export function createWaveform(
  { encoding, channels, sampleRate }: WavAudio,
  samplesPerPixel = Math.max(1, Math.round(sampleRate / PIXELS_PER_SECOND)),
) {
  const frameBytes = channels * (encoding === 'pcm16' ? 2 : 1);
  const pixels: number[] = [];
  const lowest = new Int16Array(channels).fill(0x7fff);
  const highest = new Int16Array(channels).fill(-0x8000);
  let frames = 0;
  let rest: Uint8Array = new Uint8Array();

  function endPixel(): void {
    for (let channel = 0; channel < channels; channel++)
      pixels.push(Math.trunc((lowest[channel] ?? 0) / 256), Math.trunc((highest[channel] ?? 0) / 256));
    frames = 0;
    lowest.fill(0x7fff);
    highest.fill(-0x8000);
  }

  function addFrame(samples: Int16Array, at: number): void {
    for (let channel = 0; channel < channels; channel++) {
      const sample = samples[at + channel] ?? 0;
      lowest[channel] = Math.min(sample, lowest[channel] ?? 0);
      highest[channel] = Math.max(sample, highest[channel] ?? 0);
    }
    if (++frames === samplesPerPixel) endPixel();
  }

  return {
    add(bytes: Uint8Array): void {
      const all = rest.byteLength === 0 ? bytes : concat(rest, bytes);
      const whole = all.byteLength - (all.byteLength % frameBytes);
      const samples = decode(encoding, all.subarray(0, whole));
      for (let at = 0; at < samples.length; at += channels) addFrame(samples, at);
      rest = all.slice(whole);
    },

    /** The file, with what is left as its last pixel. */
    end(): Uint8Array {
      if (frames > 0) endPixel();
      const header = new DataView(new ArrayBuffer(24));
      const length = pixels.length / (2 * channels);
      for (const [at, value] of [2, 1, sampleRate, samplesPerPixel, length, channels].entries())
        header.setUint32(at * 4, value, true);
      return concat(new Uint8Array(header.buffer), new Uint8Array(Int8Array.from(pixels).buffer));
    },
  };
}
