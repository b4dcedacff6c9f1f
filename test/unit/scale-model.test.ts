import { describe, test } from 'vitest';
import { playOutage } from '../../tools/scale-model.ts';

const outage = {
  recordingsPerMinute: 60,
  outageSeconds: 3600,
  consumers: 1000,
  failSeconds: 1,
  copySeconds: 2,
  queuedShare: 0,
};

describe('playOutage()', () => {
  test('archives the whole backlog after the outage', ({ expect }) => {
    const { backlog, exhausted, halfSeconds, allSeconds } = playOutage(outage);

    expect(backlog).toBe(3600);
    expect(exhausted).toBe(0);
    expect(halfSeconds).toBeGreaterThan(0);
    expect(allSeconds).toBeGreaterThanOrEqual(halfSeconds ?? 0);
  });

  test('returns an hour for two consumers that transfer 3600 recordings in 2 s each', ({ expect }) => {
    expect(playOutage({ ...outage, consumers: 2 }).allSeconds).toBeCloseTo(3600, -2);
  });

  test('returns twice the time when half of the consumers transfer new recordings', ({ expect }) => {
    const few = { ...outage, consumers: 4 };
    const alone = playOutage(few).allSeconds ?? Number.NaN;

    expect(playOutage({ ...few, queuedShare: 1 }).allSeconds).toBeCloseTo(2 * alone, -2);
    expect(playOutage({ ...few, queuedShare: 2 }).allSeconds).toBeUndefined();
  });

  test('returns the same for 2000 consumers as for 1000, since the waits are the limit', ({ expect }) => {
    expect(playOutage({ ...outage, consumers: 2000 })).toEqual(playOutage(outage));
  });

  test('returns no exhausted recording for an outage of six hours, and some for a week', ({ expect }) => {
    expect(playOutage({ ...outage, outageSeconds: 6 * 3600 }).exhausted).toBe(0);
    const week = playOutage({ ...outage, recordingsPerMinute: 6, outageSeconds: 7 * 86_400 });
    expect(week.exhausted).toBeGreaterThan(0);
    expect(week.exhausted).toBeLessThan(week.backlog);
  });
});
