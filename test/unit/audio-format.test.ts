import { test } from 'vitest';
import { detectAudioFormat } from '../../src/pipeline/audio-format.ts';
import { utf8 } from '../../src/shared/bytes.ts';

test.for([
  ['RIFF\u0001\u0002\u0003\u0004WAVEfmt ', 'wav', 'audio/wav'],
  ['RF64\u0001\u0002\u0003\u0004WAVEds64', 'wav', 'audio/wav'],
  ['RIFF\n\n\n\nWAVE', 'wav', 'audio/wav'],
  ['ID3\u0004\u0000\u0000', 'mp3', 'audio/mpeg'],
  ['OggS\u0000\u0002', 'ogg', 'audio/ogg'],
] as const)('detectAudioFormat() of %j is %s', ([text, format, contentType], { expect }) => {
  expect(detectAudioFormat(utf8(text))).toEqual({ format, contentType });
});

test.for([
  ['PCM', 0x0001],
  ['A-law', 0x0006],
  ['mu-law', 0x0007],
  ['GSM 6.10', 0x0031],
  ['MPEG Layer III inside', 0x0055],
] as const)('detectAudioFormat() of WAVE with %s is wav', ([, formatTag], { expect }) => {
  const header = new Uint8Array([...utf8('RIFF\u0000\u0010\u0000\u0000WAVEfmt '), 18, 0, 0, 0, formatTag, 0]);

  expect(detectAudioFormat(header)?.format).toBe('wav');
});

test.for([
  ['MPEG 1 Layer III', [0xff, 0xfb, 0x90, 0x64]],
  ['MPEG 2 Layer III, 8 kHz telephony', [0xff, 0xf3, 0x18, 0xc4]],
  ['MPEG 2.5 Layer III with CRC', [0xff, 0xe2, 0x18, 0xc4]],
] as const)('detectAudioFormat() of a frame of %s is mp3', ([, bytes], { expect }) => {
  expect(detectAudioFormat(Uint8Array.from(bytes))?.format).toBe('mp3');
});

test.for([
  ['nothing', []],
  ['an HTML page', Array.from(utf8('<!DOCTYPE html><html>'))],
  ['an S3 error', Array.from(utf8('<?xml version="1.0"?><Error><Code>AccessDenied'))],
  ['JSON', Array.from(utf8('{"error":"expired"}'))],
  ['an XML page with a byte order mark', [0xef, 0xbb, 0xbf, 0x3c]],
  ['UTF-16 text', [0xff, 0xfe, 0x3c, 0x00]],
  ['AAC', [0xff, 0xf1, 0x50, 0x80]],
  ['MPEG audio of Layer II', [0xff, 0xfd, 0x90, 0x00]],
  ['a frame of a reserved MPEG version', [0xff, 0xea, 0x90, 0x00]],
  ['a frame of a bad bit rate', [0xff, 0xfb, 0xf0, 0x00]],
  ['a frame of a reserved sampling rate', [0xff, 0xfb, 0x9c, 0x00]],
  ['half a frame header', [0xff]],
  ['RIFF that is not WAVE', Array.from(utf8('RIFF\u0001\u0002\u0003\u0004AVI LIST'))],
  ['WAVE cut short', Array.from(utf8('RIFF\u0001\u0002\u0003\u0004WAV'))],
  ['gzip', [0x1f, 0x8b, 0x08, 0x00]],
  ['zeros', new Array(64).fill(0)],
] as const)('detectAudioFormat() finds no audio in %s', ([, bytes], { expect }) => {
  expect(detectAudioFormat(Uint8Array.from(bytes))).toBeUndefined();
});
