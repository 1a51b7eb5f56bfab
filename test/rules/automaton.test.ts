// The multi-pattern matcher against one comparison per literal, with few literals and with more than its table has room for.

import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { Automaton, type Where } from '../../src/rules/automaton.ts';
import { fold } from '../../src/rules/glob.ts';

const FITS: Readonly<Record<Where, (value: string, text: string) => boolean>> = {
  contains: (value, text) => value.includes(text),
  prefix: (value, text) => value.startsWith(text),
  suffix: (value, text) => value.endsWith(text),
};

/** As the engine uses it: the folded value only where it is asked for. */
function found(automaton: Automaton, value: string, epoch: number): number[] {
  const atoms = new Set<number>();
  const hit = (list: readonly number[]): void => {
    for (const atom of list) atoms.add(atom);
  };
  if (!automaton.run(value, false, epoch, hit)) automaton.run(fold(value), true, epoch, hit);
  return [...atoms].sort((a, b) => a - b);
}

describe('automaton', () => {
  const unit = fc.constantFrom('a', 'b', 'A', '/', 'ä', 'Ä', 'Σ', 'ς', '😀');
  for (const where of ['contains', 'prefix', 'suffix'] as const) {
    test(`finds what one comparison per literal finds: ${where}`, () => {
      const literals = fc.array(fc.string({ unit, minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 12 });
      fc.assert(
        fc.property(
          literals,
          fc.array(fc.string({ unit, maxLength: 12 }), { minLength: 1, maxLength: 4 }),
          (texts, values) => {
            const folded = texts.map(fold);
            const automaton = new Automaton(
              where,
              folded.map((text, atom) => ({ text, atom, isWhole: false })),
              true,
            );
            for (const [i, value] of values.entries()) {
              const expected = folded.flatMap((text, atom) => (FITS[where](fold(value), text) ? [atom] : []));
              expect(found(automaton, value, i + 1)).toEqual(expected);
            }
          },
        ),
        { numRuns: 500 },
      );
    });
  }

  test('whole values among prefixes', () => {
    const literals = ['', 'ab', 'a', 'ab'].map((text, atom) => ({ text, atom, isWhole: atom !== 2 }));
    const automaton = new Automaton('prefix', literals, true);
    expect(['', 'a', 'AB', 'abc', 'x'].map((value, i) => found(automaton, value, i + 1))).toEqual([
      [0],
      [2],
      [1, 2, 3],
      [2],
      [],
    ]);
  });

  test('with more states than the table has rows', () => {
    const word = (n: number): string =>
      `${((n * 7919) % 26 ** 3).toString(26)}-${n.toString(36)}-${'x'.repeat(n % 17)}/${n}`;
    const texts = Array.from({ length: 12_000 }, (_, n) => word(n));
    const value = `${texts[11_999]} ${texts[77]}${texts[4_000]} -x/${texts[5]!.slice(2)}`;
    for (const where of ['contains', 'prefix', 'suffix'] as const) {
      const literals = texts.map((text, atom) => ({ text, atom, isWhole: false }));
      const expected = texts.flatMap((text, atom) => (FITS[where](value, text) ? [atom] : []));
      expect(found(new Automaton(where, literals, false), value, 1)).toEqual(expected);
    }
  });
});
