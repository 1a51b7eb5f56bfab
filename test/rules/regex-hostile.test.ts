// Patterns that stall engines that backtrack, on values made for them: through a whole rule and event, in time linear in the value,
// and with the right answer.

import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import fc from 'fast-check';
import { LinearRegex, RegexError } from '../../src/rules/regex.ts';
import { compileRuleset } from '../../src/rules/ruleset.ts';
import { HOSTILE, HOSTILE_VALUES } from '../bench/regexes.ts';
import { exec, rule } from './helpers.ts';

setDefaultTimeout(120_000);
/** For 64 KiB. The dearest pattern takes 0.2 s where nothing else runs; a backtracking engine takes seconds to ages. */
const MAX_MS = 2_000;
const NO_FLAGS = { i: false, m: false, s: false };

/** Whether the rule fires on a program with the command line. */
function fires(source: string, commandLine: string): boolean {
  const detection = { s: { 'CommandLine|re': source }, condition: 's' };
  const ruleset = compileRuleset([rule({ detection })]);
  const event = exec({ executable: '/bin/x', commandLine });
  const start = performance.now();
  const isMatch = ruleset.evaluate(event).length > 0;
  expect(performance.now() - start).toBeLessThan(MAX_MS);
  return isMatch;
}

describe('through a rule and an event', () => {
  for (const source of HOSTILE) {
    test(source, () => {
      const linear = new LinearRegex(source, NO_FLAGS);
      for (const value of HOSTILE_VALUES) expect(fires(source, value)).toBe(linear.test(value));
    });
  }

  test.each([
    ['(a+)+$', `${'a'.repeat(65_535)}b`, false],
    ['(a+)+$', `b${'a'.repeat(65_535)}`, true],
    // The built-in engine gives up on these after half a second, and says no.
    ['(a*)*c|zz', `${'a'.repeat(65_535)}zz`, true],
    ['(a+)+$|zz', `${'a'.repeat(65_535)}zz!`, true],
    ['(\\w+\\s?)*$|!!', `${'a '.repeat(32_767)}!!`, true],
    ['([a-zA-Z]+)*=|!1', `${'a'.repeat(65_535)}!1`, true],
    ['[^/]{100,}$', `${'a'.repeat(65_535)}/`, false],
    ['[^/]{100,}$', `/${'a'.repeat(100)}`, true],
    ['(.*a){20}c', `${'a'.repeat(65_535)}c`, true],
    ['(.*a){20}c', `${'a'.repeat(19)}c`, false],
  ])('%s has the right answer', (source, value, expected) => expect(fires(source, value)).toBe(expected));

  test('a rule with all of them at once', () => {
    const detection = { s: { 'CommandLine|re': HOSTILE.map(source => `${source}never`) }, condition: 's' };
    const ruleset = compileRuleset([rule({ detection })]);
    for (const value of HOSTILE_VALUES) {
      const start = performance.now();
      expect(ruleset.evaluate(exec({ commandLine: `${value}neve` }))).toEqual([]);
      expect(performance.now() - start).toBeLessThan(MAX_MS);
    }
  });
});

test('law: whatever is taken is linear, whatever isn’t is refused', () => {
  const atom = fc.constantFrom('a', 'b', '.', '[ab]', '\\w', '[^b]', 'a?');
  const quantifier = fc.constantFrom('', '*', '+', '?', '{2,}', '{1,9}', '{40}', '+?', '{100,}');
  const { expression } = fc.letrec<{ expression: string; term: string }>(tie => ({
    expression: fc.array(tie('term'), { minLength: 1, maxLength: 3 }).map(terms => terms.join('')),
    term: fc.oneof(
      { maxDepth: 4 },
      fc.tuple(atom, quantifier).map(([a, q]) => (a === 'a?' ? a : a + q)),
      fc.tuple(tie('expression'), quantifier).map(([x, q]) => `(${x})${q}`),
      fc.tuple(tie('expression'), tie('expression'), quantifier).map(([x, y, q]) => `(${x}|${y})${q}`),
    ),
  }));
  const end = fc.constantFrom('', '$', 'c', '=x');
  // A quarter of 64 KiB: a random pattern may be as dear as patterns get.
  const values = HOSTILE_VALUES.map(value => value.slice(0, 8_192) + value.slice(-8_192));
  fc.assert(
    fc.property(expression, end, fc.constantFrom(...values), (body, tail, value) => {
      let regex: LinearRegex;
      try {
        regex = new LinearRegex(body + tail, NO_FLAGS);
      } catch (error) {
        expect(error).toBeInstanceOf(RegexError);
        return;
      }
      const start = performance.now();
      regex.test(value);
      expect(performance.now() - start).toBeLessThan(MAX_MS);
    }),
    { numRuns: 300 * Number(process.env.FUZZ ?? 1) },
  );
});
