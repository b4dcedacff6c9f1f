import { describe, test } from 'vitest';
import { type Linked, longerLinks } from '../../src/archive/fresh-links.ts';
import type { RecordingFile } from '../../src/recording.ts';

const nowMs = Date.UTC(2026, 5, 27, 10, 0, 0);
const iso = (ms: number) => new Date(ms).toISOString();

function linked(files: readonly RecordingFile[], ms = nowMs): Linked {
  const event = { provider: 'p', eventId: 'e', eventType: 't', recordingId: 'r', callId: 'c', files };
  return { event, receivedMs: ms, linkedMs: ms };
}

const wav = (v: string, more: Partial<RecordingFile> = {}): RecordingFile => ({
  claimedFormat: 'wav',
  link: `https://a.example/x.wav?v=${v}`,
  ...more,
});
const mp3 = { claimedFormat: 'mp3', link: 'https://a.example/x.mp3' };

describe('longerLinks() returns', () => {
  test('the files with the one link that expires later', ({ expect }) => {
    const present = linked([wav('1', { expiresAt: iso(nowMs + 1000) }), mp3]);
    const longer = wav('2', { expiresAt: iso(nowMs + 2000) });

    expect(longerLinks(present, linked([longer, mp3]))).toEqual([longer, mp3]);
  });

  test('undefined for a link that expires earlier', ({ expect }) => {
    const present = linked([wav('1', { expiresAt: iso(nowMs + 2000) }), mp3]);
    const shorter = wav('2', { expiresAt: iso(nowMs + 1999) });

    expect(longerLinks(present, linked([shorter, mp3], nowMs + 1))).toBeUndefined();
  });

  test.for([
    [-1, undefined],
    [0, [wav('2')]],
    [1, [wav('2')]],
  ] as const)(
    'for links that never expire, and a delivery %i ms later: %j',
    ([laterMs, files], { expect }) => {
      expect(longerLinks(linked([wav('1')]), linked([wav('2')], nowMs + laterMs))).toEqual(files);
    },
  );

  test('a lifetime as the time that it ends at, counted from its own delivery', ({ expect }) => {
    const file = { linkLifetimeSeconds: 600 };
    const later = linked([wav('2', file)], nowMs + 5000);

    expect(longerLinks(linked([wav('1', file)]), later)).toEqual([
      wav('2', { expiresAt: iso(nowMs + 605_000) }),
    ]);
  });

  test('undefined when all links are the same', ({ expect }) => {
    expect(longerLinks(linked([wav('1'), mp3]), linked([wav('1'), mp3], nowMs + 1))).toBeUndefined();
  });
});
