import { test } from 'vitest';
import { describeError } from '../../src/shared/log.ts';

test.for(['https://secret.example/?sig=1', 'x\n    at https://secret.example/?sig=1', 'at secret', ''])(
  'describeError() returns the name and place of an error, without its message %j',
  (message, { expect }) => {
    const described = describeError(new TypeError(message));

    expect(described).toMatch(/^TypeError at .*log\.test\.ts/);
    expect(described).not.toContain('secret');
  },
);

test('describeError() returns the type of a value that is not an Error', ({ expect }) => {
  expect(describeError('https://secret.example')).toBe('string');
  expect(describeError(undefined)).toBe('undefined');
});
