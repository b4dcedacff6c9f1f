import { test } from 'vitest';
import { utf8 } from '../../src/shared/bytes.ts';
import { MAX_PAIRS, sortedPairs } from '../../src/signatures/form-pairs.ts';

const pairs = (count: number) => Array.from({ length: count }, (_, nth) => `n=${nth}`).join('&');

test('sortedPairs() sorts by name and then by value, by code units', ({ expect }) => {
  expect(sortedPairs(utf8('b=2&a=%C3%BC&b=10&B=1&a='))).toEqual([
    ['B', '1'],
    ['a', ''],
    ['a', '\u00fc'],
    ['b', '10'],
    ['b', '2'],
  ]);
});

test('sortedPairs() returns undefined for more than MAX_PAIRS pairs, whether they are empty or not', ({
  expect,
}) => {
  expect(sortedPairs(pairs(MAX_PAIRS))).toHaveLength(MAX_PAIRS);
  expect(sortedPairs(pairs(MAX_PAIRS + 1))).toBeUndefined();
  expect(sortedPairs(utf8('&'.repeat(200_000)))).toBeUndefined();
});
