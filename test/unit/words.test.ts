import { describe, test } from 'vitest';
import { providers } from '../../src/providers/index.ts';
import words from '../../src/public/assets/words.json' with { type: 'json' };
import { permanentFailures } from '../../src/shared/errors.ts';

describe('the strings of the pages', () => {
  test.for(Object.keys(permanentFailures))(
    'say why a recording was given up for %s, and what to do',
    (code, { expect }) => {
      expect(words.reasons).toHaveProperty(code);
      expect(words.advice).toHaveProperty(code);
    },
  );

  test('advise on no code that there is not', ({ expect }) => {
    expect(Object.keys(permanentFailures)).toEqual(expect.arrayContaining(Object.keys(words.advice)));
  });

  test('say of each provider where the address of its webhook is entered', ({ expect }) => {
    expect(Object.keys(words.setUp.places).sort()).toEqual(providers.map(({ id }) => id).sort());
  });
});
