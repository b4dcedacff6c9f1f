import { describe, test } from 'vitest';
import { utf8 } from '../../src/shared/bytes.ts';
import { detectAudioFormat } from '../../src/transfer/audio-format.ts';

const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const size = '\u0001\u0002\u0003\u0004';

describe('detectAudioFormat()', () => {
  test.for([
    [`RIFF${size}WAVEfmt `, 'wav', 'audio/wav'],
    [`RF64${size}WAVEds64`, 'wav', 'audio/wav'],
    [`BW64${size}WAVEds64`, 'wav', 'audio/wav'],
    ['RIFF\n\n\n\nWAVE', 'wav', 'audio/wav'],
    ['ID3\u0004\u0000\u0000', 'mp3', 'audio/mpeg'],
    ['OggS\u0000\u0002', 'ogg', 'audio/ogg'],
    ['\u0000\u0000\u0000 ftypM4A ', 'm4a', 'audio/mp4'],
    ['\u0000\u0000\u0000\u0018ftypmp42', 'm4a', 'audio/mp4'],
    ['fLaC\u0000', 'flac', 'audio/flac'],
    ['\u001aE\u00df\u00a3\u009f', 'webm', 'audio/webm'],
    ['#!AMR\n', 'amr', 'audio/amr'],
    ['#!AMR-WB\n', 'amr', 'audio/amr'],
    [`FORM${size}AIFFCOMM`, 'aiff', 'audio/aiff'],
    [`FORM${size}AIFCFVER`, 'aiff', 'audio/aiff'],
    ['caff\u0000\u0001', 'caf', 'audio/x-caf'],
  ] as const)('of %j is %s', ([text, format, contentType], { expect }) => {
    expect(detectAudioFormat(latin1(text))).toEqual({ format, contentType });
  });

  test.for([
    ['PCM', 0x0001],
    ['A-law', 0x0006],
    ['mu-law', 0x0007],
    ['GSM 6.10', 0x0031],
    ['MPEG Layer III inside', 0x0055],
  ] as const)('returns wav for WAVE with %s', ([, formatTag], { expect }) => {
    const header = latin1(`RIFF\u0000\u0010\u0000\u0000WAVEfmt \u0012\u0000\u0000\u0000`);

    expect(detectAudioFormat(Uint8Array.from([...header, formatTag, 0]))?.format).toBe('wav');
  });

  test.for([
    ['MPEG 1 Layer III', [0xff, 0xfb, 0x90, 0x64]],
    ['MPEG 2 Layer III, 8 kHz telephony', [0xff, 0xf3, 0x18, 0xc4]],
    ['MPEG 2.5 Layer III with CRC', [0xff, 0xe2, 0x18, 0xc4]],
  ] as const)('returns mp3 for a frame of %s', ([, bytes], { expect }) => {
    expect(detectAudioFormat(Uint8Array.from(bytes))?.format).toBe('mp3');
  });

  test.for([
    ['gzip', [0x1f, 0x8b, 0x08, 0x00]],
    ['zeros', new Array(64).fill(0)],
    ['the EBML magic that is not at the beginning', [0x00, 0x1a, 0x45, 0xdf, 0xa3]],
    ['RIFF that is not WAVE', Array.from(latin1(`RIFF${size}AVI LIST`))],
    ['an encrypted file', Array.from({ length: 256 }, (_, at) => (at * 167 + 13) % 256)],
    ['raw samples without a header', Array.from({ length: 64 }, (_, at) => (at % 7) * 3)],
  ] as const)('returns bin for %s', ([, bytes], { expect }) => {
    expect(detectAudioFormat(Uint8Array.from(bytes))).toEqual({
      format: 'bin',
      contentType: 'application/octet-stream',
    });
  });

  test.for([
    ['an empty file', utf8('')],
    ['an HTML page', utf8('<!DOCTYPE html><html>')],
    ['an HTML page of another script', utf8('<p>Ссылка истекла, 链接已过期')],
    ['an S3 error', utf8('<?xml version="1.0"?><Error><Code>AccessDenied')],
    ['JSON', utf8('{"error":"expired"}')],
    ['plain text', utf8('\tNot found\r\n\f')],
    ['text with a terminal colour code', utf8('\u001b[31mError')],
    ['an XML page with a byte order mark', Uint8Array.of(0xef, 0xbb, 0xbf, 0x3c)],
    ['UTF-16 text', Uint8Array.of(0xff, 0xfe, 0x3c, 0x00)],
    ['UTF-16 text, high bytes first', Uint8Array.of(0xfe, 0xff, 0x00, 0x3c)],
    ['HTML with a control code', latin1('\n <!DOCTYPE html>\n<html>Error\u0008</html>')],
    ['JSON with a control code', latin1('{"error":"\u000b"}')],
    ['HTML as UTF-16 without a byte order mark', latin1('<\0h\0t\0m\0l\0>\0')],
    ['text that begins like CAF', latin1('caffeine exhausted')],
    ['text that begins like an ID3 tag', latin1('ID3NTITY service is away')],
    ['text that begins like Ogg', latin1('OggS is not served here')],
    ['text that begins like AMR', latin1('#!AMRITA/bin/sh\n')],
    ['text that begins like AIFF', latin1('FORM0000AIFF is not served')],
    ['text that begins like MP4', latin1('abcdftyp: unknown')],
    ['a Latin-1 page', latin1('<p>Le lien a expir\u00e9')],
  ] as const)('returns undefined for %s', ([, bytes], { expect }) => {
    expect(detectAudioFormat(bytes)).toBeUndefined();
  });

  test('of text with one more byte is bin only for the binary bytes of the MIME Sniffing Standard', ({
    expect,
  }) => {
    const ranges = [
      [0x00, 0x08],
      [0x0b, 0x0b],
      [0x0e, 0x1a],
      [0x1c, 0x1f],
    ] as const;
    for (let byte = 0; byte < 256; byte++) {
      const isBinary = ranges.some(([from, to]) => byte >= from && byte <= to);
      const detected = detectAudioFormat(Uint8Array.of(0x61, byte))?.format;
      expect(detected, `byte ${byte}`).toBe(isBinary ? 'bin' : undefined);
    }
  });

  test.for([
    ['AAC', [0xff, 0xf1, 0x50, 0x80]],
    ['MPEG audio of Layer II', [0xff, 0xfd, 0x90, 0x00]],
    ['a frame of a reserved MPEG version', [0xff, 0xea, 0x90, 0x00]],
    ['a frame of a bad bit rate', [0xff, 0xfb, 0xf0, 0x00]],
    ['a frame of a reserved sampling rate', [0xff, 0xfb, 0x9c, 0x00]],
    ['half a frame header', [0xff, 0x00]],
  ] as const)('does not return mp3 for %s', ([, bytes], { expect }) => {
    expect(detectAudioFormat(Uint8Array.from(bytes))?.format).not.toBe('mp3');
  });
});
