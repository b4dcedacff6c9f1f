import { describe, test } from 'vitest';
import { keysFor, missingFiles, type Place } from '../../src/archive/place.ts';
import type { ArchivedFile, Manifest } from '../../src/recording.ts';
import { recordingKeys } from '../../src/storage/keys.ts';
import type { StoredObject } from '../../src/storage/recordings.ts';

const event = {
  provider: 'telnyx',
  eventId: 'e',
  eventType: 't',
  recordingId: 'r',
  callId: 'c',
  startedAt: '2026-06-27T10:06:00Z',
  files: [{ claimedFormat: 'wav' }],
};
const folder = 'recordings/telnyx/2026/06/27/c/';
const keys = await recordingKeys(event);
const sha256 = '0123456789abcdef'.repeat(4);

function placeWith(files: Partial<ArchivedFile>[], others: Partial<StoredObject>[] = []): Place {
  const manifest = { files } as unknown as Manifest;
  const stored = { state: 'present', expected: { anything: true }, manifest } as const;
  return { keys, recordingId: 'r', stored, others: others as StoredObject[], strays: [] };
}

describe('keysFor() returns', () => {
  const empty = placeWith([]);
  const listed = placeWith([
    { claimedFormat: 'wav', bytes: 10 },
    { claimedFormat: 'mp3', bytes: 20 },
  ]);
  const shared = placeWith([], [{ key: `${folder}other.wav`, bytes: 10 }]);

  test.for([
    ['the plain key for an unknown length', empty, { bytes: undefined }, ['r.wav']],
    ['a key with the length after it', empty, { bytes: 10 }, ['r.wav', 'r~_10.wav']],
    [
      'a key with the checksum last',
      empty,
      { bytes: 10, sha256 },
      ['r.wav', 'r~_10.wav', 'r~_10-0123456789abcdef.wav'],
    ],
    ['the plain key when the listed file has this length', listed, { bytes: 10 }, ['r.wav', 'r~_10.wav']],
    ['no plain key when the listed file has another length', listed, { bytes: 20 }, ['r~_20.wav']],
    [
      'the plain key when the length is unknown and a file is listed',
      listed,
      { bytes: undefined },
      ['r.wav'],
    ],
    [
      'the other event’s key first for its length',
      shared,
      { bytes: 10 },
      ['other.wav', 'r.wav', 'r~_10.wav'],
    ],
    [
      'the other event’s key first for an unknown length',
      shared,
      { bytes: undefined },
      ['other.wav', 'r.wav'],
    ],
    ['no other event’s key for another length', shared, { bytes: 11 }, ['r.wav', 'r~_11.wav']],
  ] as const)('%s', ([, place, known, names], { expect }) => {
    const found = keysFor(place, { claimedFormat: 'wav' }, { format: 'wav', ...known });

    expect(found).toEqual(names.map((name) => `${folder}${name}`));
  });

  test('no other event’s key for another format', ({ expect }) => {
    const found = keysFor(shared, { claimedFormat: 'mp3' }, { format: 'mp3', bytes: undefined });

    expect(found).toEqual([`${folder}r.mp3`]);
  });
});

describe('missingFiles() returns', () => {
  const place = placeWith([
    { claimedFormat: 'wav', bytes: 10 },
    { claimedFormat: 'wav', bytes: 20, checks: { announced_size: 'differs:21' } },
  ]);

  test.for([
    ['every file without a manifest', { ...place, stored: { state: 'unreadable' } }, undefined, true],
    ['a file of a format that is not listed', placeWith([{ claimedFormat: 'mp3' }]), undefined, true],
    ['no file that is listed, if no size is announced', place, undefined, false],
    ['no file whose size one listed file has', place, 20, false],
    ['no file whose size was overruled', place, 21, false],
    ['a file of another size than all listed ones', place, 22, true],
  ] as const)('%s', ([, at, sizeBytes, isMissing], { expect }) => {
    const file = { claimedFormat: 'wav', sizeBytes };

    expect(missingFiles({ ...event, files: [file] }, at)).toEqual(isMissing ? [file] : []);
  });
});
