import { test } from 'vitest';
import type { LogLine } from '../../src/shared/log.ts';
import { rateLimitedLog } from '../../src/shared/rate-limited-log.ts';

function limitedLog() {
  let nowMs = 1_000_000;
  const lines: LogLine[] = [];
  const log = rateLimitedLog(
    (line) => void lines.push(line),
    () => nowMs,
  );
  const reject = (code: string) => log({ event: 'delivery', provider: 'telnyx', outcome: 'rejected', code });
  return { lines, reject, advance: (ms: number) => (nowMs += ms) };
}

test('rateLimitedLog() writes one line a second of each kind, with the count of lines that it stands for', ({
  expect,
}) => {
  const { lines, reject, advance } = limitedLog();

  for (let sent = 0; sent < 2500; sent++) {
    reject('signature_mismatch');
    advance(1);
  }

  expect(lines.map(({ count }) => count)).toEqual([1, 1000, 1000]);
});

test('rateLimitedLog() counts the suppressed lines in the next one, however late that is', ({ expect }) => {
  const { lines, reject, advance } = limitedLog();

  reject('signature_mismatch');
  reject('signature_mismatch');
  advance(3_600_000);
  reject('signature_mismatch');

  expect(lines.map(({ count }) => count)).toEqual([1, 2]);
});

test('rateLimitedLog() writes a line after the clock was set back', ({ expect }) => {
  const { lines, reject, advance } = limitedLog();

  reject('signature_mismatch');
  advance(-3_600_000);
  reject('signature_mismatch');

  expect(lines).toHaveLength(2);
});

test('rateLimitedLog() limits each kind separately', ({ expect }) => {
  const { lines, reject } = limitedLog();

  reject('signature_mismatch');
  reject('timestamp_too_old');
  reject('signature_mismatch');

  expect(lines.map(({ code, count }) => [code, count])).toEqual([
    ['signature_mismatch', 1],
    ['timestamp_too_old', 1],
  ]);
});
