import { test } from 'vitest';
import { describeError } from '../../src/shared/log.ts';

test.for(['https://secret.example/?sig=1', 'x\n    at https://secret.example/?sig=1', 'at secret', ''])(
  'describeError() says where an error is from, and nothing of its message %j',
  (message, { expect }) => {
    const described = describeError(new TypeError(message));

    expect(described).toMatch(/^TypeError at .*log\.test\.ts/);
    expect(described).not.toContain('secret');
  },
);

test('describeError() of what is no error is its type', ({ expect }) => {
  expect(describeError('https://secret.example')).toBe('string');
  expect(describeError(undefined)).toBe('undefined');
});
