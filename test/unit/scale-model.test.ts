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
  test('archives everything that came in, and nothing before the outage is over', ({ expect }) => {
    const { backlog, exhausted, halfSeconds, allSeconds } = playOutage(outage);

    expect(backlog).toBe(3600);
    expect(exhausted).toBe(0);
    expect(halfSeconds).toBeGreaterThan(0);
    expect(allSeconds).toBeGreaterThanOrEqual(halfSeconds ?? 0);
  });

  test('is bound by the consumers where they are few: 3600 copies of 2 s by two take an hour', ({
    expect,
  }) => {
    expect(playOutage({ ...outage, consumers: 2 }).allSeconds).toBeCloseTo(3600, -2);
  });

  test('takes twice as long where half of the consumers have new recordings to copy', ({ expect }) => {
    const few = { ...outage, consumers: 4 };
    const alone = playOutage(few).allSeconds ?? Number.NaN;

    expect(playOutage({ ...few, queuedShare: 1 }).allSeconds).toBeCloseTo(2 * alone, -2);
    expect(playOutage({ ...few, queuedShare: 2 }).allSeconds).toBeUndefined();
  });

  test('is bound by the waits where they are many: more consumers change nothing', ({ expect }) => {
    expect(playOutage({ ...outage, consumers: 2000 })).toEqual(playOutage(outage));
  });

  test('gives up nobody in six hours, and everybody in a week', ({ expect }) => {
    expect(playOutage({ ...outage, outageSeconds: 6 * 3600 }).exhausted).toBe(0);
    const week = playOutage({ ...outage, recordingsPerMinute: 6, outageSeconds: 7 * 86_400 });
    expect(week.exhausted).toBeGreaterThan(0);
    expect(week.exhausted).toBeLessThan(week.backlog);
  });
});
