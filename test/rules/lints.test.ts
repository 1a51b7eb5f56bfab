// What lints say of good rules: nothing, but for what SigmaHQ's corpus does have. What they say of bad ones is in mistakes/.

import { describe, expect, test } from 'bun:test';
import { basename } from 'node:path';
import fc from 'fast-check';
import { TACTICS } from '../../src/output/ecs/attack.ts';
import { firstThatHolds } from '../../src/rules/asks.ts';
import type { Test } from '../../src/rules/ast.ts';
import { fold } from '../../src/rules/glob.ts';
import { lintRule } from '../../src/rules/lint.ts';
import { contradictions } from '../../src/rules/lints/contradictions.ts';
import { anyCovers, clash } from '../../src/rules/lints/covers.ts';
import { logicOf } from '../../src/rules/lints/logic.ts';
import { TACTIC_TAGS } from '../../src/rules/lints/metadata.ts';
import { loadRules } from '../../src/rules/load.ts';
import { parseRules } from '../../src/rules/parse.ts';
import { compileRuleset } from '../../src/rules/ruleset.ts';
import { Values } from '../../src/rules/values.ts';
import { hasSigma, RULES, rule, ruleText } from './helpers.ts';

/** Of sources that aren't there, not of mistakes. */
const OF_FEEDS = ['logsource-not-fed', 'field-not-fed', 'insecure-path'];

describe.if(hasSigma)('the corpus', () => {
  const { problems } = hasSigma ? loadRules([RULES]) : loadRules([]);
  const told = problems.filter(({ code, message }) => !OF_FEEDS.includes(code) && !message.includes('no event has'));
  const of = (code: string): string[] => told.filter(one => one.code === code).map(({ message }) => message);

  // Each was looked at, and is true of its rule.
  test('warnings by code', () => {
    const counts: Record<string, number> = {};
    for (const { code, severity } of told) counts[`${severity}: ${code}`] = (counts[`${severity}: ${code}`] ?? 0) + 1;
    expect(counts).toEqual({
      'warning: cannot-match': 2,
      'warning: redundant-wildcard': 1,
      'warning: shadowed-value': 18,
      'warning: simple-regex': 1,
    });
    expect(new Set(of('cannot-match'))).toEqual(new Set(["the rule can't fire: Windows backslash in a Linux path"]));
  });

  test('shadowed values are in seven rules', () => {
    const files = new Set(told.filter(({ code }) => code === 'shadowed-value').map(({ file }) => basename(file)));
    expect(files.size).toBe(7);
    expect(of('shadowed-value')).toContain(
      '"bash 0<&1" is never needed: whatever matches "bash 0<&1" matches "sh 0<&1" too',
    );
  });
});

test('tags know the tactics that alerts know', () => {
  expect([...TACTIC_TAGS].sort()).toEqual(Object.keys(TACTICS).sort());
});

/** The tests of one line of a selection. */
function testsOf(key: string, value: unknown): readonly Test[] {
  const { selections } = rule({ detection: { s: { [key]: value, 'x|exists': true }, condition: 's' } });
  const { node } = selections.get('s')!;
  if (node.kind !== 'all' || node.of[0]?.kind !== 'item') throw new Error('one line was given');
  return node.of[0].item.values.flatMap(({ tests }) => tests);
}

describe('what is proved of two tests', () => {
  test.each<[string, unknown, string, unknown, boolean]>([
    ['f', 'a*', 'f', 'abc', true],
    ['f', 'abc', 'f', 'a*', false],
    ['f', 'a?c', 'f', 'a*c', false],
    ['f', 'a*c', 'f', 'a?c', true],
    ['f', 'a??', 'f', 'a?b', true],
    ['f', 'A', 'f|cased', 'a', true],
    ['f|cased', 'a', 'f', 'a', false],
    ['f|contains', 'b', 'f|startswith', 'ab', true],
    ['f|startswith', 'b', 'f|contains', 'b', false],
    ['f|contains', 'b', 'f|windash|contains', ' -b', true],
    ['f|windash|contains', ' -b', 'f|contains', ' /b', true],
    ['f|cidr', '10.0.0.0/8', 'f|cidr', '10.1.0.0/16', true],
    ['f|cidr', '10.1.0.0/16', 'f|cidr', '10.0.0.0/8', false],
    ['f|gte', 5, 'f|gt', 5, true],
    ['f|gt', 5, 'f|gte', 5, false],
    ['f|lt', 9, 'f|lte', 8, true],
    ['f|exists', true, 'f', 'a', true],
    ['f|exists', true, 'f', null, false],
    ['f', null, 'f|exists', false, true],
    ['f|re', 'a+', 'f|re', 'a+', true],
    ['f|re', 'a+', 'f|re|i', 'a+', false],
    ['f', '*', 'f|contains', 'a', true],
  ])('%s: %p covers %s: %p: %p', (wide, a, narrow, b, expected) => {
    expect(anyCovers(testsOf(wide, a), testsOf(narrow, b))).toBe(expected);
  });

  test.each<[string, unknown, string, unknown, boolean]>([
    ['f', 'a', 'f', 'b', true],
    ['f', 'a', 'f', 'A', false],
    ['f|cased', 'a', 'f|cased', 'A', true],
    ['f|startswith', 'ab', 'f|startswith', 'ac', true],
    ['f|startswith', 'ab', 'f|startswith', 'a', false],
    ['f|endswith', 'ab', 'f|endswith', 'b', false],
    ['f|endswith', 'ab', 'f', 'xb', true],
    ['f|contains', 'a', 'f|contains', 'b', false],
    ['f', null, 'f', 'a', true],
    ['f', null, 'f|exists', true, false],
    ['f|exists', false, 'f|contains', 'a', true],
    ['f|gt', 5, 'f|lt', 5, true],
    ['f|gte', 5, 'f|lte', 5, false],
    ['f|gt', 5, 'f', '5', true],
    ['f|gt', 5, 'f', '6', false],
    ['f|cidr', '10.0.0.0/8', 'f|cidr', '11.0.0.0/8', true],
    ['f|cidr', '10.0.0.0/8', 'f', '10.1.2.3', false],
    ['f|cidr', '10.0.0.0/8', 'f', '127.0.0.1', true],
  ])('%s: %p and %s: %p at once is impossible: %p', (x, a, y, b, expected) => {
    const [[p], [q]] = [testsOf(x, a), testsOf(y, b)];
    expect([clash(p!, q!, true), clash(q!, p!, true)]).toEqual([expected, expected]);
    // Of several values each may do for one test.
    if (a !== null && b !== null && !x.includes('exists')) expect(clash(p!, q!, false)).toBe(false);
  });
});

describe('laws', () => {
  const unit = fc.constantFrom('a', 'b', 'A', '*', '?', '\\');
  const pattern = fc.string({ unit, minLength: 1, maxLength: 5 });
  const key = fc.constantFrom(
    'f',
    'f|contains',
    'f|startswith',
    'f|endswith',
    'f|cased',
    'f|contains|cased',
    'f|gt',
    'f|lte',
  );
  const line = fc.tuple(key, pattern, fc.integer({ min: -2, max: 4 })).map(([name, text, number]) => {
    return testsOf(name, /gt|lte/.test(name) ? number : text);
  });
  const subject = fc.oneof(fc.string({ unit, maxLength: 6 }), fc.integer({ min: -2, max: 4 }).map(String));
  const passes = (tests: readonly Test[], text: string): boolean => {
    const values = new Values();
    values.add(text);
    return tests.some(
      one =>
        firstThatHolds(
          one,
          values,
          () => [fold(text)],
          () => new Values(),
        ) !== undefined,
    );
  };

  test('what is said to be covered is', () => {
    fc.assert(
      fc.property(line, line, fc.array(subject, { maxLength: 20 }), (a, b, texts) => {
        if (!anyCovers(a, b)) return;
        for (const text of texts) if (passes(b, text)) expect(passes(a, text)).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });

  test('what is said to clash never passes both', () => {
    fc.assert(
      fc.property(line, line, fc.array(subject, { maxLength: 20 }), (a, b, texts) => {
        if (!a.every(x => b.every(y => clash(x, y, true)))) return;
        for (const text of texts) expect(passes(a, text) && passes(b, text)).toBe(false);
      }),
      { numRuns: 3_000 },
    );
  });

  test('a rule that is said to match nothing matches nothing', () => {
    const field = fc.constantFrom(
      'User',
      'Image',
      'CommandLine',
      'User|neq',
      'User|contains',
      'CommandLine|startswith|all',
    );
    const map = fc.dictionary(field, fc.array(fc.constantFrom('a', 'b', 'ab', 'a*'), { minLength: 1, maxLength: 2 }), {
      minKeys: 1,
      maxKeys: 2,
    });
    const condition = fc.constantFrom(
      's and t',
      's and not t',
      's and not (t or u)',
      '(s or t) and not u',
      'all of them',
      's and not 1 of t*',
    );
    const event = fc.dictionary(fc.constantFrom('User', 'CommandLine'), fc.constantFrom('a', 'b', 'ab', 'abc'));
    let proved = 0;
    fc.assert(
      fc.property(
        map,
        map,
        map,
        condition,
        fc.array(event, { maxLength: 10 }),
        fc.array(fc.constantFrom('a', 'b', 'ab'), { maxLength: 2 }),
        (s, t, u, when, events, images) => {
          const made = rule({ detection: { s, t, u, condition: when } });
          const findings = [...contradictions(logicOf(made), false)];
          // A branch that can't match says nothing of the others.
          if (findings.length === 0 || when.includes('(s or t)')) return;
          proved++;
          const ruleset = compileRuleset([made]);
          for (const bag of events)
            expect(ruleset.evaluateFields({ ...bag, Image: images }, made.logsource)).toEqual([]);
        },
      ),
      { numRuns: 1_000 },
    );
    expect(proved).toBeGreaterThan(20);
  });
});

describe('no false alarm', () => {
  const codes = (detection: object, logsource?: object): string[] => {
    const text = ruleText({
      id: '6f3d2c1e-0000-4000-8000-000000000001',
      detection,
      ...(logsource === undefined ? {} : { logsource }),
      extra: { status: 'test' },
    });
    const { rules, problems } = parseRules('x.yml', text);
    return [...problems, ...rules.flatMap(lintRule)].map(({ code }) => code);
  };

  test.each<[string, object]>([
    ['several images at once', { s: { Image: '/bin/sh' }, t: { Image: '/usr/bin/dash' }, condition: 's and t' }],
    ['a filter that leaves something', { s: { Image: ['/a', '/b'] }, f: { Image: '/a' }, condition: 's and not f' }],
    ['a filter that asks more', { s: { User: 'a' }, f: { User: 'a', Image: '/x' }, condition: 's and not f' }],
    ['alternatives', { s: { User: 'a' }, t: { User: 'b' }, condition: '1 of them' }],
    ['a null apart', { s: { User: 'a' }, t: { User: null }, condition: 's or t' }],
    ['an anchor held', { _x: { User: 'a' }, s: { User: 'b' }, condition: 's' }],
    ['regular expressions of which one is needed', { s: { 'CommandLine|re': ['/x/', '/x[0-9]+/'] }, condition: 's' }],
    ['short keywords together', { k: { '|all': ['-s', 'dd'] }, condition: 'k' }],
    ['wildcards within', { s: { 'CommandLine|contains': ['a*b', 'b*a'] }, condition: 's' }],
    ['an escaped wildcard', { s: { 'CommandLine|endswith': String.raw`\*x` }, condition: 's' }],
  ])('%s', (_name, detection) => expect(codes(detection)).toEqual([]));
});
