import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { createWaveform, readWavHeader, type WavAudio } from '../../src/catalog/waveform.ts';
import { root } from '../../tools/wrangler.ts';

const fixture = (name: string) =>
  new Uint8Array(readFileSync(join(root, 'test', 'fixtures', 'waveforms', name)));

function headerOf(file: Uint8Array): WavAudio {
  const header = readWavHeader(file);
  if (!header.ok) throw new Error(`Cannot test: ${header.error}`);
  return header.value;
}

function draw(file: Uint8Array, samplesPerPixel?: number, blockBytes = 4096): Uint8Array {
  const header = headerOf(file);
  const waveform = createWaveform(header, samplesPerPixel);
  const samples = file.subarray(header.offset, header.offset + (header.bytes ?? file.byteLength));
  for (let at = 0; at < samples.byteLength; at += blockBytes)
    waveform.add(samples.subarray(at, at + blockBytes));
  return waveform.end();
}

/** A WAV file of these samples. */
function wav(
  { code = 1, bits = 16, channels = 1, rate = 8000 },
  samples: Uint8Array,
  chunks: Uint8Array[] = [],
) {
  const fmt = new DataView(new ArrayBuffer(24));
  for (const [at, character] of [...'fmt '].entries()) fmt.setUint8(at, character.charCodeAt(0));
  fmt.setUint32(4, 16, true);
  fmt.setUint16(8, code, true);
  fmt.setUint16(10, channels, true);
  fmt.setUint32(12, rate, true);
  fmt.setUint32(16, (rate * channels * bits) / 8, true);
  fmt.setUint16(20, (channels * bits) / 8, true);
  fmt.setUint16(22, bits, true);
  const data = new DataView(new ArrayBuffer(8));
  for (const [at, character] of [...'data'].entries()) data.setUint8(at, character.charCodeAt(0));
  data.setUint32(4, samples.byteLength, true);
  const riff = Buffer.from('RIFF\0\0\0\0WAVE', 'latin1');
  const parts = [riff, new Uint8Array(fmt.buffer), ...chunks, new Uint8Array(data.buffer), samples];
  return new Uint8Array(Buffer.concat(parts));
}

const bytesOf = (samples: Int16Array) =>
  new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);

/** One channel of two, as audiowaveform mixes them. */
function mixed(file: Uint8Array): Uint8Array {
  const { sampleRate, offset } = headerOf(file);
  const samples = new Int16Array(file.slice(offset).buffer);
  const frames = Array.from({ length: samples.length / 2 }, (_, at) => [
    samples[2 * at] ?? 0,
    samples[2 * at + 1] ?? 0,
  ]);
  const means = frames.map(([left = 0, right = 0]) => Math.trunc((left + right) / 2));
  return wav({ rate: sampleRate }, bytesOf(Int16Array.from(means)));
}

describe('createWaveform()', () => {
  test('draws what audiowaveform draws of its own files, in two channels and in one', ({ expect }) => {
    expect(draw(fixture('test_file_stereo.wav'), 64)).toEqual(
      fixture('test_file_2channel_8bit_64spp_wav.dat'),
    );
    expect(draw(mixed(fixture('test_file_stereo.wav')), 64)).toEqual(
      fixture('test_file_stereo_8bit_64spp_wav_v2.dat'),
    );
  });

  test('draws the same in blocks of any length', ({ expect }) => {
    const file = fixture('test_file_stereo.wav').slice(0, 40_000);
    const whole = draw(file, 64, file.byteLength);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), (blockBytes) => {
        expect(draw(file, 64, blockBytes)).toEqual(whole);
      }),
      { numRuns: 50 },
    );
  });

  test('draws 8 bits, A-law and mu-law as the same samples in 16 bits', ({ expect }) => {
    // The values of G.711: each code and the sample that it means.
    const alaw = [0x55, 0xd5, 0x2a, 0xaa, 0x00, 0x80];
    const alawSamples = [-8, 8, -32_256, 32_256, -5504, 5504];
    const mulaw = [0x00, 0x80, 0xff, 0x7f, 0x0f, 0x8f];
    const mulawSamples = [-32_124, 32_124, 0, 0, -16_764, 16_764];
    const pcm8 = [0, 128, 255, 127, 129, 64];
    const pcm8Samples = pcm8.map((byte) => (byte - 128) << 8);
    for (const [code, bytes, samples] of [
      [6, alaw, alawSamples],
      [7, mulaw, mulawSamples],
      [1, pcm8, pcm8Samples],
    ] as const) {
      const small = wav({ code, bits: 8 }, Uint8Array.from(bytes));
      const large = wav({}, bytesOf(Int16Array.from(samples)));
      expect(draw(small, 1), `code ${code}`).toEqual(draw(large, 1));
    }
  });

  test('has 10 pixels a second, and what is left as the last', ({ expect }) => {
    const file = wav({ channels: 2, rate: 8000 }, new Uint8Array(2 * 2 * 8000 + 4));
    const view = new DataView(draw(file).buffer);

    expect(Array.from({ length: 6 }, (_, at) => view.getUint32(at * 4, true))).toEqual([
      2, 1, 8000, 800, 11, 2,
    ]);
    expect(view.byteLength).toBe(24 + 11 * 4);
  });

  test('finds the lowest and the highest sample of each channel', ({ expect }) => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.integer({ min: -32_768, max: 32_767 }), fc.integer({ min: -32_768, max: 32_767 })),
          {
            minLength: 1,
            maxLength: 50,
          },
        ),
        (frames) => {
          const file = wav({ channels: 2 }, bytesOf(Int16Array.from(frames.flat())));
          const drawn = new Int8Array(draw(file, 1000).slice(24).buffer);
          const [left, right] = [frames.map(([sample]) => sample), frames.map(([, sample]) => sample)];
          const wanted = [Math.min(...left), Math.max(...left), Math.min(...right), Math.max(...right)];
          expect([...drawn]).toEqual(wanted.map((sample) => Math.trunc(sample / 256) + 0));
        },
      ),
    );
  });
});

describe('readWavHeader()', () => {
  test('finds the samples behind other chunks, of odd length as well', ({ expect }) => {
    const list = new Uint8Array([...Buffer.from('LIST'), 3, 0, 0, 0, 1, 2, 3, 0]);
    const header = headerOf(wav({ channels: 2, rate: 16_000 }, new Uint8Array(8), [list]));

    expect(header).toEqual({ encoding: 'pcm16', channels: 2, sampleRate: 16_000, offset: 56, bytes: 8 });
  });

  test.for([[0], [0xffff_ffff], [0x7fff_ffff]])(
    'does not believe a length of %i',
    ([length = 0], { expect }) => {
      const file = wav({}, new Uint8Array(8));
      new DataView(file.buffer).setUint32(40, length, true);

      expect(headerOf(file).bytes).toBeUndefined();
    },
  );

  test.for([
    ['an empty file', new Uint8Array()],
    ['an MP3', fixture('../audio/mono.mp3')],
    ['24 bits', wav({ bits: 24 }, new Uint8Array(6))],
    ['GSM', wav({ code: 49, bits: 0 }, new Uint8Array(65))],
    ['no channels', wav({ channels: 0 }, new Uint8Array(6))],
    ['no rate', wav({ rate: 0 }, new Uint8Array(6))],
    ['a rate that no call has', wav({ rate: 999 }, new Uint8Array(6))],
    ['no samples', wav({}, new Uint8Array(0)).slice(0, 36)],
  ] as const)('refuses %s', ([, file], { expect }) => {
    expect(readWavHeader(file)).toEqual({ ok: false, error: 'unknown_format' });
  });
});
