import { describe, test } from 'vitest';
import { createMemoryBudget } from '../../src/transfer/memory-budget.ts';

describe('createMemoryBudget()', () => {
  test('reserves exactly its limit, and no byte more', ({ expect }) => {
    const budget = createMemoryBudget(100);

    expect(budget.reserve(101)).toBeUndefined();
    expect(budget.reserve(100)).toBeDefined();
    expect(budget.reserve(1)).toBeUndefined();
  });

  test('lets a reservation grow to exactly the limit, and no byte further', ({ expect }) => {
    const reservation = createMemoryBudget(100).reserve(40);

    expect([reservation?.grow(60), reservation?.grow(1)]).toEqual([true, false]);
  });

  test('frees what a reservation has grown by, and nothing that was refused', ({ expect }) => {
    const budget = createMemoryBudget(100);
    const other = budget.reserve(30);
    const reservation = budget.reserve(40);
    reservation?.grow(20);
    reservation?.grow(20);

    reservation?.free();

    expect(budget.reserve(71)).toBeUndefined();
    expect(budget.reserve(70)).toBeDefined();
    expect(other?.grow(1)).toBe(false);
  });
});
