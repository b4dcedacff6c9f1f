import { describe, test } from 'vitest';
import type { Manifest, RecordingEvent } from '../../src/recording.ts';
import { doubtOf } from '../../src/recover/deletion-doubts.ts';

const key = 'recordings/plivo/2026/06/27/call/rec.json';
const file = {
  format: 'mp3',
  claimedFormat: 'mp3',
  key: 'recordings/plivo/2026/06/27/call/rec.mp3',
  bytes: 9,
  sha256: 'a',
  contentType: 'audio/mpeg',
  etag: 'e',
  attempts: 1,
  archivedAt: '2026-06-27T10:00:00.000Z',
  checks: { content_length: 'ok' },
};
const manifest: Manifest = {
  schema: 1,
  provider: 'plivo',
  eventId: 'rec',
  eventType: 'plivo.recording',
  recordingId: 'rec',
  callId: 'call',
  durationSeconds: 8.5,
  files: [file],
  delivery: { receivedAt: '2026-06-27T10:00:00.000Z', headers: {}, rawBody: '' },
};
const event: RecordingEvent = {
  provider: 'plivo',
  eventId: 'audit-rec',
  eventType: 'callvault.audit',
  recordingId: 'rec',
  callId: 'call',
  durationSeconds: 8.5,
  files: [{ claimedFormat: 'mp3' }],
};
const beforeMs = Date.UTC(2026, 6, 27);
const doubt = (more: Partial<Manifest> = {}, listed: Partial<RecordingEvent> = {}) =>
  doubtOf(
    { key, manifest: { ...manifest, ...more } },
    { event: { ...event, ...listed }, encryption: undefined, beforeMs },
  );

describe('a recording whose provider states no channels', () => {
  test('is beyond doubt when all else is', ({ expect }) => {
    expect(doubt()).toBeUndefined();
  });

  test.for([
    ['neither states a length', {}, { durationSeconds: undefined }, 'differs_from_list'],
    ['the lengths differ', {}, { durationSeconds: 8 }, 'differs_from_list'],
    ['one states channels', { channels: 1 }, {}, 'differs_from_list'],
    ['the link names no format', {}, { files: [{}] }, 'incomplete'],
    [
      'its key is that of a longer name',
      { files: [{ ...file, key: key.replace('rec.json', 'rec2.mp3') }] },
      {},
      'foreign_object',
    ],
    ['its key is the manifest', { files: [{ ...file, key }] }, {}, 'foreign_object'],
    [
      'a further file is the recording’s',
      { files: [{ ...file, key: key.replace('.json', '~_9.mp3') }] },
      {},
      undefined,
    ],
    [
      'a check is unknown',
      { files: [{ ...file, checks: { content_length: 'ok', fresh_link: 'names_call_only' } }] },
      {},
      'check_missing',
    ],
    [
      'the WAV header alone was compared',
      { files: [{ ...file, checks: { wav_header: 'ok' } }] },
      {},
      undefined,
    ],
  ] as const)('%s', ([, more, listed, expected], { expect }) => {
    expect(doubt(more, listed)).toBe(expected);
  });
});
