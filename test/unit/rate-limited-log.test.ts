import { test } from 'vitest';
import type { LogLine } from '../../src/shared/log.ts';
import { rateLimitedLog } from '../../src/shared/rate-limited-log.ts';

function thinnedAt() {
  let nowMs = 1_000_000;
  const lines: LogLine[] = [];
  const log = rateLimitedLog(
    (line) => void lines.push(line),
    () => nowMs,
  );
  const reject = (code: string) => log({ event: 'delivery', provider: 'telnyx', outcome: 'rejected', code });
  return { lines, reject, pass: (ms: number) => (nowMs += ms) };
}

test('a flood of one kind becomes a line a second, which counts it', ({ expect }) => {
  const { lines, reject, pass } = thinnedAt();

  for (let sent = 0; sent < 2500; sent++) {
    reject('signature_mismatch');
    pass(1);
  }

  expect(lines.map(({ count }) => count)).toEqual([1, 1000, 1000]);
});

test('what was silent is told by the next line, however late', ({ expect }) => {
  const { lines, reject, pass } = thinnedAt();

  reject('signature_mismatch');
  reject('signature_mismatch');
  pass(3_600_000);
  reject('signature_mismatch');

  expect(lines.map(({ count }) => count)).toEqual([1, 2]);
});

test('a clock that is set back silences nobody', ({ expect }) => {
  const { lines, reject, pass } = thinnedAt();

  reject('signature_mismatch');
  pass(-3_600_000);
  reject('signature_mismatch');

  expect(lines).toHaveLength(2);
});

test('each kind has its own line', ({ expect }) => {
  const { lines, reject } = thinnedAt();

  reject('signature_mismatch');
  reject('timestamp_too_old');
  reject('signature_mismatch');

  expect(lines.map(({ code, count }) => [code, count])).toEqual([
    ['signature_mismatch', 1],
    ['timestamp_too_old', 1],
  ]);
});
