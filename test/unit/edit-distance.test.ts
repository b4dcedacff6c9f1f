import { describe, test } from 'vitest';
import { editDistance } from '../../src/shared/edit-distance.ts';

describe('editDistance()', () => {
  test.for([
    ['', '', 0],
    ['', 'abc', 3],
    ['abc', '', 3],
    ['abc', 'abc', 0],
    ['abc', 'abd', 1],
    ['abc', 'ab', 1],
    ['ab', 'xab', 1],
    ['abcd', 'acbd', 2],
    ['kitten', 'sitting', 3],
  ] as const)('of %j and %j is %i, in both directions', ([from, to, distance], { expect }) => {
    expect([editDistance(from, to), editDistance(to, from)]).toEqual([distance, distance]);
  });
});
