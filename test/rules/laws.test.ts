// Laws: compiled rules are the interpreter, globs and regular expressions are what the built-in engine says, nothing ever throws.

import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import fc from 'fast-check';
import { fold, type Glob, globText, matchGlob, ONE, parseGlob } from '../../src/rules/glob.ts';
import { interpret, type Lookup } from '../../src/rules/interpret.ts';
import { parseRules } from '../../src/rules/parse.ts';
import { formatProblem } from '../../src/rules/problem.ts';
import { LinearRegex, RegexError } from '../../src/rules/regex.ts';
import { compileRuleset } from '../../src/rules/ruleset.ts';
import { Values } from '../../src/rules/values.ts';
import { ruleText } from './helpers.ts';

/** `FUZZ=20` runs each law twenty times as often. */
const times = (runs: number): { numRuns: number } => ({ numRuns: runs * Number(process.env.FUZZ ?? 1) });
setDefaultTimeout(600_000);

// Few letters, so that patterns and values meet.
const text = fc.string({
  unit: fc.constantFrom('a', 'b', 'A', '/', '-', ' ', 'σ', 'ς', 'İ', '\\', '😀', '\n'),
  maxLength: 8,
});
const pattern = fc.string({
  unit: fc.constantFrom('a', 'b', 'A', '/', '-', ' ', '*', '?', '\\', 'Σ', 'i'),
  minLength: 1,
  maxLength: 6,
});
const field = fc.constantFrom('f', 'g', 'CommandLine', 'process.command_line');
const textModifier = fc.constantFrom(
  '',
  '|contains',
  '|startswith',
  '|endswith',
  '|cased',
  '|contains|cased',
  '|contains|all',
  '|neq',
);

const textItem = fc
  .tuple(field, textModifier, fc.array(pattern, { minLength: 2, maxLength: 4 }))
  .map(([name, modifier, values]): [string, unknown] => [name + modifier, values]);
const otherItem = fc.oneof(
  fc
    .tuple(field, fc.constantFrom('a+b', '^a', 'b$', '(a|b)+/', '[^a]b', 'A.a'))
    .map(([f, re]): [string, unknown] => [`${f}|re`, re]),
  fc.tuple(field, fc.boolean()).map(([f, wanted]): [string, unknown] => [`${f}|exists`, wanted]),
  fc.tuple(field, field).map(([f, g]): [string, unknown] => [`${f}|fieldref`, g]),
  fc.tuple(field, fc.integer({ min: -2, max: 2 })).map(([f, n]): [string, unknown] => [`${f}|gte`, n]),
  field.map((f): [string, unknown] => [f, null]),
);
const map = fc
  .array(fc.oneof({ weight: 4, arbitrary: textItem }, otherItem), { minLength: 1, maxLength: 3 })
  .map(Object.fromEntries);
const selection = fc.oneof(
  { weight: 4, arbitrary: map },
  fc.array(map, { minLength: 1, maxLength: 2 }),
  fc.array(fc.constantFrom('a', 'ab', 'a b', '-a', 'b*a'), { minLength: 1, maxLength: 3 }),
);
const condition = fc.constantFrom(
  's1',
  's1 and s2',
  's1 or s2 and s3',
  's1 and not s2',
  'not s1',
  'not (s1 or s2)',
  '1 of s*',
  'all of s*',
  '2 of s*',
  's1 and not 1 of s*',
  '(s1 or not s2) and (s2 or s3)',
);
const detection = fc
  .tuple(selection, selection, selection, condition)
  .map(([s1, s2, s3, wanted]) => ({ s1, s2, s3, condition: wanted }));
const value = fc.oneof(
  { weight: 6, arbitrary: text },
  fc.constant(null),
  fc.integer({ min: -3, max: 3 }),
  fc.boolean(),
  fc.array(text, { maxLength: 3 }),
);
const event = fc.dictionary(fc.constantFrom('f', 'g', 'CommandLine'), value, { maxKeys: 3 });

function lookupOf(bag: Record<string, unknown>): Lookup {
  return name => {
    const values = new Values();
    if (name === undefined) for (const one of Object.values(bag)) values.addJson(one === null ? undefined : one);
    else values.addJson(bag[name === 'process.command_line' ? 'CommandLine' : name]);
    return values;
  };
}

describe('laws of the rules', () => {
  test('compiled rules are the interpreter', () => {
    fc.assert(
      fc.property(
        fc.array(detection, { minLength: 1, maxLength: 5 }),
        fc.array(event, { minLength: 1, maxLength: 4 }),
        (ds, events) => {
          const texts = ds.map((d, i) => ruleText({ id: `r${i}`, detection: d, logsource: { category: 'any' } }));
          const { rules } = parseRules('x.yml', texts.join('\n---\n'));
          const ruleset = compileRuleset(rules.map(({ rule }) => rule));
          for (const bag of events) {
            const compiled = ruleset.evaluateFields(bag, { category: 'any' }).map(match => match.rule.id);
            const naive = rules.filter(({ rule }) => interpret(rule, lookupOf(bag))).map(({ rule }) => rule.info.id);
            expect(compiled).toEqual(naive);
          }
        },
      ),
      times(300),
    );
  });

  test('every condition that explains a match names a value of the event', () => {
    fc.assert(
      fc.property(detection, event, (d, bag) => {
        const { rules } = parseRules('x.yml', ruleText({ detection: d, logsource: { category: 'any' } }));
        const matches = compileRuleset(rules.map(({ rule }) => rule)).evaluateFields(bag, { category: 'any' });
        const values = Object.values(bag).flat().map(String);
        for (const { conditions } of matches) for (const one of conditions) expect(values).toContain(one.value);
      }),
      times(200),
    );
  });

  test('a glob is the regular expression that it stands for', () => {
    const unit = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', '\\'), maxLength: 10 });
    const subject = fc.string({ unit: fc.constantFrom('a', 'b', '*', '\\', '😀', '\n'), maxLength: 12 });
    fc.assert(
      fc.property(unit, subject, (written, against) => {
        const glob = parseGlob(written);
        expect(matchGlob(glob, against)).toBe(regexOf(glob).test(against));
      }),
      times(1000),
    );
  });

  test('a glob written and read again is itself', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '*', '?', '\\'), maxLength: 10 }), written => {
        expect(parseGlob(globText(parseGlob(written)))).toEqual(parseGlob(written));
      }),
    );
  });

  test('folding is stable', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), s => expect(fold(fold(s))).toBe(fold(s))));
    fc.assert(
      fc.property(text, text, text, (a, b, c) => {
        expect(fold(a + b + c)).toContain(fold(b));
      }),
    );
  });
});

/** Dots are whole characters, as `?` is. */
function regexOf(glob: Glob): RegExp {
  const parts = glob.map(part =>
    typeof part === 'string' ? part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&') : part === ONE ? '.' : '.*',
  );
  return new RegExp(`^${parts.join('')}$`, 'su');
}

describe('laws of regular expressions', () => {
  const atom = fc.constantFrom(
    'a',
    'b',
    '.',
    '[ab]',
    '[^a]',
    '\\w',
    '\\s',
    '\\b',
    '^',
    '$',
    '\\d',
    '\\B',
    '[a-c1]',
    '\\n',
    '-',
  );
  const quantifier = fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,2}', '{1,}', '*?', '+?');
  const { expression } = fc.letrec<{ expression: string; term: string }>(tie => ({
    expression: fc
      .array(tie('term'), { minLength: 1, maxLength: 4, depthIdentifier: 'd' })
      .map(terms => terms.join('')),
    term: fc.oneof(
      { depthIdentifier: 'd', maxDepth: 3 },
      fc.tuple(atom, quantifier).map(([a, q]) => (/^(?:\\[bB]|\^|\$)$/.test(a) ? a : a + q)),
      fc.tuple(tie('expression'), tie('expression'), quantifier).map(([x, y, q]) => `(?:${x}|${y})${q}`),
      fc.tuple(tie('expression'), quantifier).map(([x, q]) => `(${x})${q}`),
    ),
  }));
  const subject = fc.string({ unit: fc.constantFrom('a', 'b', 'A', '1', ' ', '-', '\n'), maxLength: 10 });

  test('linear is what the built-in engine says', () => {
    fc.assert(
      fc.property(expression, subject, fc.boolean(), fc.boolean(), fc.boolean(), (source, against, i, m, s) => {
        // The built-in `$` doesn't know PCRE's newline at the end, nor its `^` behind one.
        if (against.endsWith('\n')) return;
        const linear = new LinearRegex(source, { i, m, s });
        const builtin = new RegExp(source, `${i ? 'i' : ''}${m ? 'm' : ''}${s ? 's' : ''}`);
        expect(linear.test(against)).toBe(builtin.test(against));
        const { requiredLiterals } = linear;
        if (requiredLiterals.length > 0 && builtin.test(against)) {
          expect(requiredLiterals.some(literal => fold(against).includes(fold(literal)))).toBe(true);
        }
      }),
      times(1000),
    );
  });

  test('any text is taken or refused with a place inside it', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab()[]{}|*+?\\^$.,-1:=!<>PxuQ'), maxLength: 20 }), source => {
        try {
          new LinearRegex(source, { i: false, m: false, s: false }).test('ab');
        } catch (error) {
          expect(error).toBeInstanceOf(RegexError);
          expect((error as RegexError).at).toBeGreaterThanOrEqual(0);
          expect((error as RegexError).at).toBeLessThanOrEqual(source.length);
        }
      }),
      times(1000),
    );
  });
});

describe('garbage', () => {
  const words = [
    'title: x',
    'detection:',
    'condition: a',
    '- ',
    '  a:',
    ' b|contains: c',
    '|all',
    '&x',
    '*x',
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
  ];
  const more = [
    '---',
    '...',
    '!!binary ',
    '<<: *x',
    ': ',
    '\t',
    '\n',
    '\n  ',
    '|',
    '>-',
    'puppy:',
    'tests:',
    'logsource: {product: linux}',
    '\0',
  ];
  const yaml = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.constantFrom(...words, ...more), { maxLength: 30 }).map(x => x.join('')),
  );

  test('as a file never throws, and every problem can be printed', () => {
    fc.assert(
      fc.property(yaml, source => {
        for (const problem of parseRules('x.yml', source).problems) {
          expect(formatProblem(problem)).not.toMatch(/[\0-\x08\x0b-\x1f]/);
        }
      }),
      times(1000),
    );
  });

  test('cut and swapped anywhere, a rule never throws', () => {
    const good = ruleText({
      detection: { a: { 'f|re': '(a+)+$' }, condition: 'a' },
      extra: { puppy: { tests: [{ event: {}, match: 1 }] } },
    });
    fc.assert(
      fc.property(fc.nat(good.length), fc.nat(good.length), fc.string({ maxLength: 3 }), (i, j, inserted) => {
        parseRules('x.yml', good.slice(0, i) + inserted + good.slice(j));
      }),
      times(500),
    );
  });

  test('nests deeply, refers in circles, grows by aliases: refused in bounded time', () => {
    const deep = `${'['.repeat(100_000)}`;
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefghi'].map((c, i) => `${c}: &${c} [${`*${'abcdefghi'[i]},`.repeat(9)}]`).join('\n')}`;
    const circle = 'title: x\nlogsource: {product: linux}\ndetection: &d {a: *d, condition: a}';
    const wide = `${Array.from({ length: 20_000 }, (_, i) => `k${i}: 1`).join('\n')}`;
    const anchors = '&a '.repeat(100_000);
    const documents = '---\n'.repeat(50_000);
    for (const source of [deep, bomb, circle, wide, anchors, documents]) {
      const start = performance.now();
      const { rules, problems } = parseRules('x.yml', source);
      expect(rules).toEqual([]);
      expect(problems.length).toBeGreaterThan(0);
      expect(problems.length).toBeLessThan(300);
      expect(performance.now() - start).toBeLessThan(10_000);
    }
  });
});
