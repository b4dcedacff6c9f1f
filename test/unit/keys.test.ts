import { describe, test } from 'vitest';
import type { RecordingEvent } from '../../src/recording.ts';
import { deadLetterKey, inboxKey, keyPart, recordingKeys, seenKey } from '../../src/storage/keys.ts';

const event: RecordingEvent = {
  provider: 'telnyx',
  eventId: 'e1',
  eventType: 'call.recording.saved',
  recordingId: 'rec',
  callId: 'call',
  files: [],
};
const dayOf = async (times: Partial<RecordingEvent>) =>
  (await recordingKeys({ ...event, ...times })).manifest.slice('recordings/telnyx/'.length).slice(0, 10);

test.for([
  ['0ccc7b54-4df3_A', '0ccc7b54-4df3_A'],
  ['', '~'],
  ['.', '~2E'],
  ['..', '~2E~2E'],
  ['a/b', 'a~2Fb'],
  ['../../dead/x', '~2E~2E~2F~2E~2E~2Fdead~2Fx'],
  ['~2E', '~7E2E'],
  ['v2:Ab', 'v2~3AAb'],
  ['\u00e9', '~C3~A9'],
  ['\u{1f680}', '~F0~9F~9A~80'],
  ['\ud800', '~uD800'],
  ['\ufffd', '~EF~BF~BD'],
  ['\u0000', '~00'],
])('keyPart() of %j is %s', async ([id = '', part], { expect }) => {
  expect(await keyPart(id)).toBe(part);
});

test('keyPart() replaces an id that is too long with its hash', async ({ expect }) => {
  const fits = 'a'.repeat(240);
  const long = await keyPart('a'.repeat(241));

  expect(await keyPart(fits)).toBe(fits);
  expect(long).toMatch(/^~~[0-9a-f]{64}$/);
  expect(await keyPart('a'.repeat(242))).not.toBe(long);
});

test('recordingKeys(), inboxKey(), deadLetterKey() and seenKey() escape the ids', async ({ expect }) => {
  const keys = await recordingKeys({
    ...event,
    callId: 'c/1',
    recordingId: '..',
    startedAt: '2026-06-27T10:06:00.000Z',
  });

  expect(keys.manifest).toBe('recordings/telnyx/2026/06/27/c~2F1/~2E~2E.json');
  expect(keys.audio('wav')).toBe('recordings/telnyx/2026/06/27/c~2F1/~2E~2E.wav');
  expect(await inboxKey('telnyx', 'e/1')).toBe('inbox/telnyx/e~2F1.json');
  expect(await deadLetterKey('telnyx', 'e/1')).toBe('dead/telnyx/e~2F1.json');
  expect(await seenKey('telnyx', 'e/1')).toBe('seen/telnyx/e~2F1');
});

describe('recordingKeys() files a recording under', () => {
  test.for([
    [
      "the recording's start",
      { startedAt: '2026-01-02T23:59:59.999999Z', occurredAt: '2026-01-03T00:00:01Z' },
      '2026/01/02',
    ],
    ['the UTC day of a time with a zone', { startedAt: '2026-01-02T23:30:00-05:00' }, '2026/01/03'],
    ['the UTC day of a time without a zone', { startedAt: '2026-01-02T23:30:00' }, '2026/01/02'],
    ["the event's time when there is no start", { occurredAt: '2026-01-03T00:00:01Z' }, '2026/01/03'],
    [
      "the event's time when the start is not a time",
      { startedAt: 'yesterday', occurredAt: '2026-01-03T00:00:01Z' },
      '2026/01/03',
    ],
    ['1970/01/01 when the UTC year is 10000', { startedAt: '9999-12-31T23:59:59-23:59' }, '1970/01/01'],
    ['1970/01/01 when the UTC year is before 0', { startedAt: '0000-01-01T00:00:00+23:59' }, '1970/01/01'],
    ['1970/01/01 when there is no time', {}, '1970/01/01'],
    ['1970/01/01 when the time is a number', { startedAt: '5' }, '1970/01/01'],
    ['1970/01/01 when the month is 13', { startedAt: '2026-13-01T00:00:00Z' }, '1970/01/01'],
  ] as const)('%s', async ([, times, day], { expect }) => {
    expect(await dayOf(times)).toBe(day);
  });
});
