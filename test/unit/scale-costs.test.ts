import { describe, test } from 'vitest';
import { bill, billed, perRecording } from '../../tools/scale-model.ts';

test('perRecording() assumes one KV write, and a message of three queue operations for one of 50', ({
  expect,
}) => {
  expect(perRecording('queue operation')).toBeCloseTo(3 / 50, 6);
  expect(perRecording('KV write')).toBeCloseTo(1, 6);
});

describe('bill()', () => {
  test('returns only the price of the plan for 0 recordings', ({ expect }) => {
    expect(bill(0)).toEqual(billed.map((column) => (column === 'plan' ? 5 : 0)));
  });

  test('charges the full price for each recording above the included amount', ({ expect }) => {
    const column = billed.indexOf('KV');
    const recordings = 100_000 * 30 * 24 * 60;
    const more = (bill(300_000)[column] ?? 0) - (bill(200_000)[column] ?? 0);

    const each = perRecording('KV read') * 0.5e-6 + perRecording('KV write') * 5e-6;
    expect(more).toBeCloseTo(recordings * each, 0);
  });

  test('charges the storage of a whole month', ({ expect }) => {
    const gigabytes = (1_000 * 30 * 24 * 60 * 2_400_000) / 1e9;

    expect(bill(1_000)[billed.indexOf('storage')]).toBeCloseTo((gigabytes - 10) * 0.015, 2);
  });

  test('subtracts the included amount once', ({ expect }) => {
    const column = billed.indexOf('log lines');
    const recordings = 1_000 * 30 * 24 * 60;
    const lines = recordings * perRecording('log line') + 30 * 24 * 60;

    expect(bill(1_000)[column]).toBeCloseTo((lines - 20e6) * 0.6e-6, 0);
  });
});
