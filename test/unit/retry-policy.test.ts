import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { LONGEST_WAIT_MS, MAX_ATTEMPTS, nextRetry } from '../../src/archive/retry-policy.ts';
import type { FailedAttempt, InboxEntry } from '../../src/recording.ts';
import type { FileFailure } from '../../src/shared/errors.ts';
import { retryAfterSeconds } from '../../src/shared/request.ts';
import { linkExpiresMs } from '../../src/transfer/link.ts';

const nowMs = Date.UTC(2026, 5, 27, 10, 0, 0);
const never = Number.POSITIVE_INFINITY;

function tried(times: number, more: Partial<InboxEntry> = {}): InboxEntry {
  const attempt = (_: unknown, index: number): FailedAttempt => ({
    number: index + 1,
    at: new Date(nowMs - 1000).toISOString(),
    failures: [],
  });
  return {
    version: 1,
    fingerprint: 'a',
    event: {
      provider: 'p',
      eventId: 'e',
      eventType: 't',
      recordingId: 'r',
      callId: 'c',
      files: [],
    },
    delivery: { receivedAt: new Date(nowMs).toISOString(), headers: {} },
    attempts: Array.from({ length: times }, attempt),
    ...more,
  };
}

function waitOf(times: number, failure: FileFailure, random = 0.5, expires = never): number | string {
  const decision = nextRetry(tried(times), [failure], {
    nowMs,
    random,
    linkExpiresMs: expires,
    receivedMs: nowMs,
  });
  return 'giveUp' in decision ? decision.giveUp.code : decision.retryAtMs - nowMs;
}

const unreachable: FileFailure = { code: 'download_unreachable' };

describe('nextRetry()', () => {
  test('waits longer after each attempt, up to 20 hours', ({ expect }) => {
    const waits = Array.from({ length: MAX_ATTEMPTS - 1 }, (_, index) =>
      Number(waitOf(index + 1, unreachable, 1)),
    );

    expect(waits.slice(0, 4)).toEqual([2000, 3600, 6480, 11664].map((ms) => expect.closeTo(ms)));
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
    expect(waits.at(-1)).toBe(LONGEST_WAIT_MS);
  });

  test('schedules nine attempts within 10 minutes', ({ expect }) => {
    const waits = Array.from({ length: 8 }, (_, index) => Number(waitOf(index + 1, unreachable, 1)));

    expect(waits.reduce((sum, ms) => sum + ms)).toBeLessThan(600_000);
  });

  test('spreads all attempts over four days, by chance 2.7 to 5.3, as the documents say', ({ expect }) => {
    const daysOf = (random: number) => {
      const waits = Array.from({ length: MAX_ATTEMPTS - 1 }, (_, at) =>
        Number(waitOf(at + 1, unreachable, random)),
      );
      return waits.reduce((sum, ms) => sum + ms) / 86_400_000;
    };

    expect([0, 0.5, 1].map((random) => daysOf(random).toFixed(1))).toEqual(['2.7', '4.0', '5.3']);
    const said = 'about four days (by chance 2.7 to 5.3)';
    for (const page of ['README.md', 'docs/errors.md', 'docs/operations.md'])
      expect(
        readFileSync(join(import.meta.dirname, '..', '..', page), 'utf8').replace(/\s+/g, ' '),
        page,
      ).toContain(said);
  });

  test('chooses half of each wait at random', ({ expect }) => {
    expect([0, 0.5, 1].map((random) => waitOf(1, unreachable, random))).toEqual([1000, 1500, 2000]);
  });

  test('gives up after the last attempt, and names its failure', ({ expect }) => {
    const decision = nextRetry(tried(MAX_ATTEMPTS), [{ ...unreachable, detail: 'Status 9' }], {
      nowMs,
      random: 0,
      linkExpiresMs: never,
      receivedMs: nowMs,
    });

    expect(decision).toEqual({
      giveUp: {
        claimedFormat: undefined,
        code: 'attempts_exhausted',
        detail: 'Last: download_unreachable, Status 9',
      },
    });
  });

  test('counts attempts whose time cannot be read', ({ expect }) => {
    const attempts = tried(MAX_ATTEMPTS).attempts.map((attempt) => ({ ...attempt, at: 'soon' }));
    const context = { nowMs, random: 0, linkExpiresMs: never, receivedMs: nowMs };

    expect(nextRetry(tried(0, { attempts }), [unreachable], context)).toMatchObject({
      giveUp: { code: 'attempts_exhausted' },
    });
  });

  test('does not count the attempts before a replay', ({ expect }) => {
    const entry = tried(MAX_ATTEMPTS, { attemptsCountFrom: new Date(nowMs).toISOString() });
    const failed = { number: 25, at: new Date(nowMs).toISOString(), failures: [] };

    const decision = nextRetry({ ...entry, attempts: [...entry.attempts, failed] }, [unreachable], {
      nowMs,
      random: 1,
      linkExpiresMs: never,
      receivedMs: nowMs,
    });

    expect(decision).toEqual({ retryAtMs: nowMs + 2000, failure: unreachable, usesNoAttempt: false });
  });

  test('gives up at once after a permanent failure', ({ expect }) => {
    expect(waitOf(1, { code: 'too_large' })).toBe('too_large');
  });

  test('retries when one file failed permanently and the other one did not', ({ expect }) => {
    const failures: [FileFailure, FileFailure] = [{ code: 'too_large' }, unreachable];

    expect(
      nextRetry(tried(1), failures, { nowMs, random: 1, linkExpiresMs: never, receivedMs: nowMs }),
    ).toEqual({
      retryAtMs: nowMs + 2000,
      failure: unreachable,
      usesNoAttempt: false,
    });
  });

  test.for([
    [0, 60_000],
    [90_000, 90_000],
    [10_000_000, 3_600_000],
  ] as const)(
    'with an invalid setting %i ms after the delivery waits %i ms, and uses no attempt',
    ([ageMs, waitMs], { expect }) => {
      const waiting: FileFailure = { code: 'setting_broken', detail: 'DOWNLOAD_ORIGINS' };
      const context = { nowMs, random: 0, linkExpiresMs: never, receivedMs: nowMs - ageMs };

      for (const times of [1, MAX_ATTEMPTS, 10 * MAX_ATTEMPTS])
        expect(nextRetry(tried(times), [waiting, { code: 'too_large' }], context)).toEqual({
          retryAtMs: nowMs + waitMs,
          failure: waiting,
          usesNoAttempt: true,
        });
      expect(nextRetry(tried(1), [waiting], { ...context, random: 1 })).toMatchObject({
        retryAtMs: nowMs + waitMs * 1.1,
      });
      expect(nextRetry(tried(1), [waiting, unreachable], context)).toMatchObject({ usesNoAttempt: false });
    },
  );

  test.for([
    [undefined, 0, 10_000],
    [undefined, 1, 20_000],
    [0, 1, 0],
    [3, 0, 3000],
  ] as const)(
    'waits for memory, if the failure states %s s and chance is %i, for %i ms, and uses no attempt',
    ([retryAfterSeconds, random, waitMs], { expect }) => {
      const busy: FileFailure = { code: 'isolate_busy', retryAfterSeconds };
      const context = { nowMs, random, linkExpiresMs: never, receivedMs: nowMs };

      expect(nextRetry(tried(MAX_ATTEMPTS), [busy], context)).toEqual({
        retryAtMs: nowMs + waitMs,
        failure: busy,
        usesNoAttempt: true,
      });
    },
  );

  test('retries at once after handed_over, unless another file failed', ({ expect }) => {
    const context = { nowMs, random: 1, linkExpiresMs: never, receivedMs: nowMs };
    const handedOver: FileFailure = { code: 'handed_over' };

    expect(waitOf(1, handedOver)).toBe(0);
    expect(nextRetry(tried(1), [handedOver, unreachable], context)).toMatchObject({
      retryAtMs: nowMs + 2000,
    });
  });

  test.for([
    [30, 0, 30_000],
    [30, 1, 33_000],
    [0, 1, 2000],
    [1, 1, 2000],
    [10 ** 9, 0, 86_400_000],
  ])(
    'with Retry-After %i s and random %i waits %i ms: the longer of both waits',
    ([retryAfterSeconds, random, ms], { expect }) => {
      expect(waitOf(1, { ...unreachable, retryAfterSeconds }, random)).toBe(ms);
    },
  );

  test('lets the longest Retry-After of several failures win', ({ expect }) => {
    const context = { nowMs, random: 0, linkExpiresMs: never, receivedMs: nowMs };
    const failures: [FileFailure, FileFailure] = [{ ...unreachable, retryAfterSeconds: 30 }, unreachable];

    expect(nextRetry(tried(1), failures, context)).toMatchObject({ retryAtMs: nowMs + 30_000 });
  });

  test('retries just before the link expires, even before Retry-After', ({ expect }) => {
    const expires = nowMs + 60_000;

    expect(waitOf(8, unreachable, 0, expires)).toBe(45_000);
    expect(waitOf(8, { ...unreachable, retryAfterSeconds: 3600 }, 1, expires)).toBe(30_000);
    expect(waitOf(8, unreachable, 0, nowMs + 15_000)).toBeGreaterThan(60_000);
    expect(waitOf(8, unreachable, 1, nowMs - 1)).toBeGreaterThan(60_000);
  });

  test('never schedules a retry in the past, or more than 1.1 days ahead', ({ expect }) => {
    const codes = fc.constantFrom('download_refused', 'handed_over', 'storage_failed', 'link_refused');
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: MAX_ATTEMPTS - 1 }),
        fc.record({ code: codes, retryAfterSeconds: fc.option(fc.nat(), { nil: undefined }) }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.oneof(
          fc.constant(never),
          fc.integer({ min: -1_000_000, max: 1_000_000 }).map((ms) => nowMs + ms),
        ),
        (times, failure, random, expires) => {
          const wait = Number(waitOf(times, failure as FileFailure, random, expires));
          expect(wait).toBeGreaterThanOrEqual(0);
          expect(wait).toBeLessThanOrEqual(86_400_000 * 1.1);
        },
      ),
    );
  });
});

describe('linkExpiresMs()', () => {
  const presigned = 'https://s3.example.com/a.wav?X-Amz-Date=20260627T100000Z&X-Amz-Expires=600';
  const inMs = (file: Parameters<typeof linkExpiresMs>[0]) => linkExpiresMs(file, nowMs) - nowMs;

  test.for([
    ['a plain link', never, { link: 'https://a.example/x.wav' }],
    [
      'a link with expiresAt',
      3_600_000,
      { link: 'https://a.example/x', expiresAt: '2026-06-27T11:00:00.000Z' },
    ],
    ['a presigned link', 600_000, { link: presigned }],
    [
      'a presigned link with an earlier expiresAt',
      300_000,
      { link: presigned, expiresAt: '2026-06-27T10:05:00Z' },
    ],
    [
      'a presigned link with a later expiresAt',
      600_000,
      { link: presigned, expiresAt: '2026-06-27T11:05:00Z' },
    ],
    ['a link with linkLifetimeSeconds', 60_000, { link: 'https://a.example/x', linkLifetimeSeconds: 60 }],
    ['a presigned link with linkLifetimeSeconds', 600_000, { link: presigned, linkLifetimeSeconds: 60 }],
    ['a link presigned at no valid date', never, { link: presigned.replace('20260627T', '20269927T') }],
    ['a link presigned for -600 s', never, { link: presigned.replace('=600', '=-600') }],
    ['no link and an invalid expiresAt', never, { expiresAt: 'soon' }],
  ] as const)('of %s is %d ms from now', ([, ms, file], { expect }) => {
    expect(inMs(file)).toBe(ms);
  });
});

describe('retryAfterSeconds()', () => {
  test.for([
    ['30', 30],
    [' 0 ', 0],
    ['Sat, 27 Jun 2026 10:00:30 GMT', 30],
    ['Sat, 27 Jun 2026 09:00:30 GMT', 0],
    ['Sat, 31 Feb 2026 10:00:30 GMT', undefined],
    ['Sat, 27 Jux 2026 10:00:30 GMT', undefined],
    ['2026-06-27T10:00:30Z', undefined],
    ['Invalid Date', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    ['99999999999', undefined],
    ['', undefined],
    [null, undefined],
  ] as const)('of %j is %s', ([header, seconds], { expect }) => {
    expect(retryAfterSeconds(header, nowMs)).toBe(seconds);
  });
});
