import { describe, test } from 'vitest';
import { sautikitApi, apiPathOf as sautikitPathOf } from '../../src/providers/sautikit-api.ts';
import { telnyxApi } from '../../src/providers/telnyx-api.ts';
import { apiPathOf } from '../../src/providers/telnyx-links.ts';
import { telnyxList } from '../../src/providers/telnyx-list.ts';
import { twilioApi } from '../../src/providers/twilio-api.ts';
import type { JsonObject } from '../../src/shared/json.ts';
import twilioPayloads from '../fixtures/twilio/payloads.json';

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

describe('sautikitApi.readLink()', () => {
  const readLink = (...args: Parameters<typeof answer>) => sautikitApi.readLink(answer(...args), event, {});

  test.for([
    ['a redirect', { kind: 'link', link: 'https://s.example/a' }, [302, {}, 'https://s.example/a']],
    ['a redirect without a location', { kind: 'failed' }, [302, {}]],
    [
      'status 202',
      { kind: 'pending', retryAfterSeconds: 30 },
      [202, { status: 'pending', retry_after_seconds: 30 }],
    ],
    ['status 202 without a time', { kind: 'pending', retryAfterSeconds: undefined }, [202]],
    [
      'calls.recording_not_found',
      { kind: 'absent' },
      [404, { error: { code: 'calls.recording_not_found' } }],
    ],
    ['status 410', { kind: 'gone' }, [410, { code: 'recording_unavailable', reason: 'x' }]],
    ['calls.recording_expired', { kind: 'gone' }, [404, { error: { code: 'calls.recording_expired' } }]],
    ['calls.recording_failed', { kind: 'failed' }, [400, { code: 'calls.recording_failed' }]],
    ['a missing scope', { kind: 'refused' }, [403, { error: { code: 'api_key.scope_denied' } }]],
    ['a wrong key', { kind: 'refused' }, [401]],
    ['status 200', { kind: 'failed' }, [200, {}]],
  ] as const)('of %s returns %j', ([, expected, [status, body, location]], { expect }) => {
    expect(readLink(status, body, location)).toMatchObject(expected);
  });

  test('repeats the code in the answer, and no other text', ({ expect }) => {
    const said = readLink(404, { error: { code: 'Call +254700000000 secret', message: 'secret' } });

    expect(readLink(410, { code: 'recording_unavailable' })).toHaveProperty(
      'detail',
      'The API answered with status 410, recording_unavailable',
    );
    expect(JSON.stringify(said)).not.toMatch(/secret|254/);
  });
});

describe('apiPathOf() of Sautikit', () => {
  test.for([
    ['a/b?c', 'calls/a%2Fb%3Fc/recording'],
    ['\ud800', 'calls/%EF%BF%BD/recording'],
    ['.', undefined],
    ['..', undefined],
  ] as const)('for call %j returns %s', ([callId, path], { expect }) => {
    expect(sautikitPathOf(callId)).toBe(path);
  });
});

test('apiPathOf() of Telnyx names the recording by its id, and without one lists those of its leg', ({
  expect,
}) => {
  expect(apiPathOf({ recording_id: 'a/../b', call_leg_id: 'l' })).toBe('recordings/a%2F..%2Fb');
  expect(apiPathOf({ call_leg_id: 'l&x' })).toBe('recordings?filter[call_leg_id]=l%26x');
  expect(apiPathOf({})).toBeUndefined();
  expect(apiPathOf({ recording_id: '..' })).toBeUndefined();
  expect(apiPathOf({ recording_id: 'a\ud800' })).toBe('recordings/a%EF%BF%BD');
  expect(apiPathOf({ call_leg_id: '\udc00' })).toBe('recordings?filter[call_leg_id]=%EF%BF%BD');
});

describe('telnyxApi.readLink()', () => {
  const recording = (startedAt: string, links: object) => ({
    id: 'r',
    recording_started_at: startedAt,
    download_urls: links,
  });
  const wav = { wav: 'https://s.example/a.wav' };

  test.for([
    [
      'the link in the announced format',
      { data: recording('', { ...wav, mp3: 'https://s.example/a.mp3' }) },
      'mp3',
      'a.mp3',
    ],
    [
      'the WAV link when no format was announced',
      { data: recording('', { ...wav, mp3: 'https://s.example/a.mp3' }) },
      undefined,
      'a.wav',
    ],
    [
      'the MP3 link when there is no other',
      { data: recording('', { mp3: 'https://s.example/a.mp3' }) },
      undefined,
      'a.mp3',
    ],
    [
      'the link of the recording of the leg that started at the same time',
      {
        data: [
          recording('2026-06-27T09:00:00Z', { wav: 'https://s.example/b.wav' }),
          recording('2026-06-27T10:05:52.521Z', wav),
        ],
      },
      'wav',
      'a.wav',
    ],
  ] as const)('returns %s', ([, body, claimedFormat, name], { expect }) => {
    expect(telnyxApi.readLink(answer(200, body), event, { claimedFormat })).toEqual({
      kind: 'link',
      link: `https://s.example/${name}`,
    });
  });

  test.for([
    [
      'a list of another recording of the leg',
      'absent',
      200,
      { data: [recording('2026-06-27T09:00:00Z', wav)] },
    ],
    ['an empty list', 'absent', 200, { data: [] }],
    ['status 404', 'absent', 404, { errors: [] }],
    ['a recording without a link', 'pending', 200, { data: recording('', {}) }],
    [
      'a recording in another format',
      'pending',
      200,
      { data: recording('', { mp3: 'https://s.example/a.mp3' }) },
    ],
    ['status 410', 'gone', 410, {}],
    ['status 403', 'refused', 403, {}],
    ['a redirect', 'failed', 302, {}],
    ['a body that is not JSON', 'failed', 200, undefined],
  ] as const)('of %s returns %s', ([, kind, status, body], { expect }) => {
    expect(telnyxApi.readLink(answer(status, body), event, { claimedFormat: 'wav' })).toMatchObject({ kind });
  });
});

describe('telnyxList.readPage()', () => {
  test.for([
    [401, {}],
    [200, undefined],
    [200, { data: {} }],
  ] as const)('returns undefined for status %i with the body %j', ([status, body], { expect }) => {
    expect(telnyxList.readPage(answer(status, body), 'recordings')).toBeUndefined();
  });

  test('skips entries that are no recording, and returns no next page when the answer does not number its pages', ({
    expect,
  }) => {
    expect(telnyxList.readPage(answer(200, { data: [7, null, {}] }), 'recordings?page[number]=1')).toEqual({
      recordings: [],
      unfinishedAt: [''], // Of `{}`, which has no status.
      next: undefined,
      total: undefined,
    });
  });
});

describe('twilioApi', () => {
  const sid = (prefix: string) => prefix + 'a'.repeat(32);
  const link = 'https://api.twilio.com/r.wav?RequestedChannels=1';
  const readLink = (status: number, body?: JsonObject) =>
    twilioApi.readLink(answer(status, body), event, { link });

  test.for([
    [
      'a completed recording',
      { kind: 'link', link },
      200,
      { status: 'completed', media_url: 'http://api.twilio.com/r' },
    ],
    [
      'one in the owner’s bucket',
      { kind: 'elsewhere' },
      200,
      { status: 'completed', media_url: 'https://b.s3.amazonaws.com/r' },
    ],
    ['one in the works', { kind: 'pending' }, 200, { status: 'processing' }],
    ['a deleted one', { kind: 'gone' }, 200, { status: 'deleted' }],
    ['an absent one', { kind: 'gone' }, 200, { status: 'absent' }],
    ['status 404', { kind: 'absent' }, 404, {}],
    ['status 401', { kind: 'refused' }, 401, {}],
    ['status 500', { kind: 'failed' }, 500, {}],
  ] as const)('readLink() of %s', ([, expected, status, body], { expect }) => {
    expect(readLink(status, body)).toMatchObject(expected);
  });

  test.for([
    ['https://api.twilio.com/a', true],
    ['https://api.dublin.ie1.twilio.com/a', true],
    ['http://api.twilio.com/a', false],
    ['https://twilio.com.evil.example/a', false],
    ['http://127.0.0.1:9000/a', true],
    ['http://127.0.0.1:9001/a', false],
    ['https://127.0.0.1:9000/a', false],
  ] as const)('opensLink() of %s is %s', ([link, isOpen], { expect }) => {
    expect(twilioApi.opensLink?.(new URL(link), new URL('http://127.0.0.1:9000/'))).toBe(isOpen);
  });

  const options = { TWILIO_ACCOUNT_SID: sid('AC') };
  const list = twilioApi.list?.(options);
  const page = twilioPayloads.find(({ id }) => id === 'twilio_list')?.body;
  const [recording = {}] = page?.recordings ?? [];

  test('lists whole days, of the account that is set', ({ expect }) => {
    expect(twilioApi.list?.({})).toBeUndefined();
    expect(list?.firstPath('2026-06-26T10:00:00.000Z', '2026-06-27T09:00:00.000Z')).toBe(
      `2010-04-01/Accounts/${sid('AC')}/Recordings.json?DateCreated%3E=2026-06-26&DateCreated%3C=2026-06-27&PageSize=50`,
    );
  });

  test('reads the published page, as a webhook would have announced it', ({ expect }) => {
    const read = list?.readPage(answer(200, { ...page }), 'path');

    expect(read).toMatchObject({ unfinishedAt: [], next: undefined });
    expect(read?.recordings).toMatchObject([
      {
        event: {
          eventId: `audit-${sid('RE')}`,
          recordingId: sid('RE'),
          callId: sid('CA'),
          startedAt: '2016-10-14T21:56:34.000Z',
          durationSeconds: 4,
          apiPath: `2010-04-01/Accounts/${sid('AC')}/Recordings/${sid('RE')}.json`,
          files: [
            {
              link: `https://api.twilio.com/2010-04-01/Accounts/${sid('AC')}/Recordings/${sid('RE')}.wav?RequestedChannels=1`,
            },
          ],
        },
      },
    ]);
    expect(read?.recordings[0]?.otherNames.map(({ callId }) => callId)).toContain(sid('CF'));
  });

  test('follows next_page_uri below the account alone, and refuses any other', ({ expect }) => {
    const next = (uri: unknown) => list?.readPage(answer(200, { ...page, next_page_uri: uri }), 'path');

    expect(next('/2010-04-01/Accounts/AC1/Recordings.json?Page=1')?.next).toBe(
      '2010-04-01/Accounts/AC1/Recordings.json?Page=1',
    );
    for (const uri of ['https://evil.example/', '//evil.example/2010-04-01/Accounts/', '/other', 7])
      expect(next(uri)).toBeUndefined();
  });

  test('waits for what is unfinished, and leaves out what is absent', ({ expect }) => {
    const recordings = ['processing', 'absent', 'deleted'].map((status) => ({ ...recording, status }));

    expect(list?.readPage(answer(200, { recordings }), 'path')).toMatchObject({
      recordings: [],
      unfinishedAt: ['2016-10-14T21:56:34.000Z'],
    });
  });

  test.for([
    [401, {}],
    [200, {}],
    [200, { recordings: {} }],
    [200, undefined],
  ] as const)('readPage() of status %i and %j is no page', ([status, body], { expect }) => {
    expect(list?.readPage(answer(status, body), 'path')).toBeUndefined();
  });
});

describe('numbers of a call', () => {
  test.for([
    [
      'a call of Twilio',
      twilioApi,
      `2010-04-01/Accounts/AC1/Calls/CA${'b'.repeat(32)}.json`,
      {
        apiPath: '2010-04-01/Accounts/AC1/Recordings/RE1.json',
        callId: `CA${'b'.repeat(32)}`,
      },
    ],
    [
      'a conference of Twilio',
      twilioApi,
      undefined,
      {
        apiPath: '2010-04-01/Accounts/AC1/Recordings/RE1.json',
        callId: `CF${'b'.repeat(32)}`,
      },
    ],
    ['a recording of Telnyx', telnyxApi, 'recordings/r1', { apiPath: 'recordings/r1', callId: 'c' }],
    ['a leg of Telnyx', telnyxApi, undefined, { apiPath: 'recordings?filter[call_leg_id]=l', callId: 'c' }],
  ] as const)('are asked for of %s', ([, api, path, names], { expect }) => {
    expect(api.numbers?.path({ ...event, ...names })).toBe(path);
  });

  test('are read as the APIs write them', ({ expect }) => {
    const numbers = { from: '+254700000001', to: '+254700000002' };

    expect(twilioApi.numbers?.read({ ...numbers, sid: 'CA1' })).toEqual(numbers);
    expect(telnyxApi.numbers?.read({ data: numbers })).toEqual(numbers);
    expect(telnyxApi.numbers?.read({})).toEqual({});
  });
});
