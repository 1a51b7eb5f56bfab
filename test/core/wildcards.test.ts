import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { matchName } from '../../src/core/wildcards.ts';

test('a name’s wildcards are what a regular expression says', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 6 });
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 6 });
  fc.assert(
    fc.property(pattern, letters, (glob, name) => {
      const regex = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`);
      expect(matchName(glob, name)).toBe(regex.test(name));
    }),
    { numRuns: 5_000 },
  );
});

test('hostile names cost little', () => {
  const start = performance.now();
  for (let i = 0; i < 100; i++) expect(matchName(`${'*a'.repeat(100)}b`, 'a'.repeat(255))).toBe(false);
  expect(performance.now() - start).toBeLessThan(1_000);
});
