import { describe, test } from 'vitest';
import { sautikitApi, apiPathOf as sautikitPathOf } from '../../src/providers/sautikit-api.ts';
import { telnyxApi } from '../../src/providers/telnyx-api.ts';
import { apiPathOf } from '../../src/providers/telnyx-links.ts';
import { telnyxList } from '../../src/providers/telnyx-list.ts';
import type { JsonObject } from '../../src/shared/json.ts';

const event = {
  provider: 'p',
  eventId: 'e',
  eventType: 't',
  recordingId: 'leg_2026-06-27T10:05:52.521992Z',
  callId: 'c',
  startedAt: '2026-06-27T10:05:52.521992Z',
  files: [],
};
const answer = (status: number, body?: JsonObject, location: string | null = null) => ({
  status,
  body,
  location,
});

describe('Sautikit’s API', () => {
  const readLink = (...args: Parameters<typeof answer>) => sautikitApi.readLink(answer(...args), event, {});

  test.for([
    ['a redirect', [302, {}, 'https://s.example/a'], { kind: 'link', link: 'https://s.example/a' }],
    ['one without a place', [302, {}], { kind: 'failed' }],
    [
      '202',
      [202, { status: 'pending', retry_after_seconds: 30 }],
      { kind: 'pending', retryAfterSeconds: 30 },
    ],
    ['202 without a time', [202], { kind: 'pending', retryAfterSeconds: undefined }],
    ['404', [404, { error: { code: 'calls.recording_not_found' } }], { kind: 'absent' }],
    ['410', [410, { code: 'recording_unavailable', reason: 'x' }], { kind: 'gone' }],
    ['expired', [404, { error: { code: 'calls.recording_expired' } }], { kind: 'gone' }],
    ['failed', [400, { code: 'calls.recording_failed' }], { kind: 'failed' }],
    ['a missing scope', [403, { error: { code: 'api_key.scope_denied' } }], { kind: 'refused' }],
    ['a wrong key', [401], { kind: 'refused' }],
    ['200', [200, {}], { kind: 'failed' }],
  ] as const)('understands %s', ([, [status, body, location], expected], { expect }) => {
    expect(readLink(status, body, location)).toMatchObject(expected);
  });

  test.for([
    ['a/b?c', 'calls/a%2Fb%3Fc/recording'],
    ['\ud800', 'calls/%EF%BF%BD/recording'],
    ['.', undefined],
    ['..', undefined],
  ] as const)('is asked for call %j at %s', ([callId, path], { expect }) => {
    expect(sautikitPathOf(callId)).toBe(path);
  });

  test('repeats a code, and nothing else that is said', ({ expect }) => {
    const said = readLink(404, { error: { code: 'Call +254700000000 secret', message: 'secret' } });

    expect(readLink(410, { code: 'recording_unavailable' })).toHaveProperty(
      'detail',
      'The API answered with status 410, recording_unavailable',
    );
    expect(JSON.stringify(said)).not.toMatch(/secret|254/);
  });
});

describe('Telnyx’s API', () => {
  const recording = (startedAt: string, links: object) => ({
    id: 'r',
    recording_started_at: startedAt,
    download_urls: links,
  });
  const wav = { wav: 'https://s.example/a.wav' };

  test('is asked for a recording by its id, else for those of its leg', ({ expect }) => {
    expect(apiPathOf({ recording_id: 'a/../b', call_leg_id: 'l' })).toBe('recordings/a%2F..%2Fb');
    expect(apiPathOf({ call_leg_id: 'l&x' })).toBe('recordings?filter[call_leg_id]=l%26x');
    expect(apiPathOf({})).toBeUndefined();
    expect(apiPathOf({ recording_id: '..' })).toBeUndefined();
    expect(apiPathOf({ recording_id: 'a\ud800' })).toBe('recordings/a%EF%BF%BD');
    expect(apiPathOf({ call_leg_id: '\udc00' })).toBe('recordings?filter[call_leg_id]=%EF%BF%BD');
  });

  test.for([
    [
      'the format that was announced',
      { data: recording('', { ...wav, mp3: 'https://s.example/a.mp3' }) },
      'mp3',
      'a.mp3',
    ],
    [
      'WAV when none was',
      { data: recording('', { ...wav, mp3: 'https://s.example/a.mp3' }) },
      undefined,
      'a.wav',
    ],
    [
      'MP3 when there is nothing else',
      { data: recording('', { mp3: 'https://s.example/a.mp3' }) },
      undefined,
      'a.mp3',
    ],
    [
      'the recording of a leg that began then',
      {
        data: [
          recording('2026-06-27T09:00:00Z', { wav: 'https://s.example/b.wav' }),
          recording('2026-06-27T10:05:52.521Z', wav),
        ],
      },
      'wav',
      'a.wav',
    ],
  ] as const)('gives %s', ([, body, claimedFormat, name], { expect }) => {
    expect(telnyxApi.readLink(answer(200, body), event, { claimedFormat })).toEqual({
      kind: 'link',
      link: `https://s.example/${name}`,
    });
  });

  test.for([
    ['another recording of the leg alone', 200, { data: [recording('2026-06-27T09:00:00Z', wav)] }, 'absent'],
    ['an empty list', 200, { data: [] }, 'absent'],
    ['no such recording', 404, { errors: [] }, 'absent'],
    ['no link yet', 200, { data: recording('', {}) }, 'pending'],
    ['another format', 200, { data: recording('', { mp3: 'https://s.example/a.mp3' }) }, 'pending'],
    ['gone', 410, {}, 'gone'],
    ['a key without the right', 403, {}, 'refused'],
    ['a redirect', 302, {}, 'failed'],
    ['no JSON', 200, undefined, 'failed'],
  ] as const)('gives no link for %s', ([, status, body, kind], { expect }) => {
    expect(telnyxApi.readLink(answer(status, body), event, { claimedFormat: 'wav' })).toMatchObject({ kind });
  });

  test.for([
    [401, {}],
    [200, undefined],
    [200, { data: {} }],
  ] as const)('lists nothing for %o', ([status, body], { expect }) => {
    expect(telnyxList.readPage(answer(status, body), 'recordings')).toBeUndefined();
  });

  test('lists nothing twice when a page does not say which it is', ({ expect }) => {
    expect(telnyxList.readPage(answer(200, { data: [7, null, {}] }), 'recordings?page[number]=1')).toEqual({
      recordings: [],
      unfinishedAt: [''], // Of the one that does not say that it is completed.
      next: undefined,
      total: undefined,
    });
  });
});
