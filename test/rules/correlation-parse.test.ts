// Correlation documents: what they say, what they refer to, and what is told of wrong ones.

import { describe, expect, test } from 'bun:test';
import type { Correlation } from '../../src/rules/ast.ts';
import { joinDocuments } from '../../src/rules/join.ts';
import { parseRules } from '../../src/rules/parse.ts';

const base = (name: string, extra: object = {}): object => ({
  title: name,
  name,
  id: `id-of-${name}`,
  status: 'test',
  level: 'low',
  logsource: { category: 'process_creation', product: 'linux' },
  detection: { s: { CommandLine: name }, condition: 's' },
  ...extra,
});

const correlation = (name: string, body: object, extra: object = {}): object => ({
  title: name,
  name,
  id: `id-of-${name}`,
  status: 'test',
  level: 'high',
  correlation: {
    type: 'event_count',
    rules: ['a'],
    'group-by': ['User'],
    timespan: '1m',
    condition: { gte: 3 },
    ...body,
  },
  ...extra,
});

/** JSON is YAML; each file a list of documents. */
function join(...files: readonly (readonly object[])[]) {
  const parsed = files.map((documents, i) =>
    parseRules(`${i}.yml`, documents.map(document => JSON.stringify(document)).join('\n---\n')),
  );
  const joined = joinDocuments(parsed);
  const problems = [...parsed.flatMap(file => file.problems), ...joined.problems];
  const told = problems.filter(({ code }) => code !== 'malformed-id');
  return {
    ...joined,
    rejected: joined.rejected + parsed.reduce((sum, file) => sum + file.rejected, 0),
    errors: told.filter(({ severity }) => severity === 'error').map(({ message }) => message),
    warnings: told.filter(({ severity }) => severity === 'warning').map(({ message }) => message),
    problems: told,
  };
}

const only = (body: object, extra: object = {}) => {
  const { correlations, problems } = join([base('a'), base('b'), correlation('c', body, extra)]);
  return [correlations[0], problems.map(({ message }) => message)] as const;
};

describe('what a correlation says', () => {
  test('an event count', () => {
    const puppy = { suppress: { 'group-by': ['User'], timespan: '1h' }, tests: [] };
    const [made, problems] = only(
      { condition: { gt: 100, lte: 200.5 }, timespan: '90m' },
      { puppy, falsepositives: ['x'] },
    );
    expect(problems).toEqual([]);
    expect(made).toMatchObject({
      info: { id: 'id-of-c', level: 'high' },
      type: 'event_count',
      timespanMs: 5_400_000,
      groupBy: ['User'],
      conditions: [
        { operator: 'gt', value: 100 },
        { operator: 'lte', value: 200.5 },
      ],
      conditionText: '> 100 and <= 200.5',
      falsePositives: ['x'],
      puppy: { suppress: { groupBy: ['User'], timespanMs: 3_600_000 } },
    });
    expect(made!.rules.map(rule => rule.name)).toEqual(['a']);
  });

  test('values: of one field, or of several together', () => {
    const of = (body: object): unknown => {
      const [made, problems] = only(body);
      return [made?.fields, made?.percentile, problems];
    };
    expect(of({ type: 'value_count', condition: { field: ['User', 'Image'], gte: 2 } })).toEqual([
      ['User', 'Image'],
      undefined,
      [],
    ]);
    expect(of({ type: 'value_percentile', condition: { field: 'User', lt: 2, percentile: 99 } })).toEqual([
      ['User'],
      99,
      [],
    ]);
    for (const type of ['value_sum', 'value_avg', 'value_median'])
      expect(of({ type, condition: { field: 'User', lt: 2 } })).toEqual([['User'], undefined, []]);
  });

  test('temporal types: all rules, a number of them, or the extended form, which may name the rules alone', () => {
    const of = (body: object): unknown => {
      const [made, problems] = only({ type: 'temporal', rules: ['a', 'b'], condition: undefined, ...body });
      return [made?.conditions.length, made?.conditionText, made?.rules.map(({ name }) => name), problems];
    };
    expect(of({})).toEqual([0, 'a and b', ['a', 'b'], []]);
    expect(of({ type: 'temporal_ordered', rules: ['b', 'a'] })).toEqual([0, 'b then a', ['b', 'a'], []]);
    expect(of({ condition: { gte: 2 } })).toEqual([1, '>= 2', ['a', 'b'], []]);
    expect(of({ rules: undefined, condition: 'b and not a' })).toEqual([0, 'b and not a', ['b', 'a'], []]);
  });

  test('the extended form calls rules by their names, whatever they were referred to by', () => {
    const [made] = only({
      type: 'temporal',
      rules: ['id-of-a', 'b'],
      condition: 'ID or 1 of b*'.replace('ID', 'id-of-a'),
    });
    expect(made!.expression).toEqual({
      kind: 'or',
      of: [
        { kind: 'selection', name: 'a' },
        { kind: 'of', count: 1, names: ['b'] },
      ],
    });
  });

  test('aliases', () => {
    const aliases = { who: { a: 'User', 'id-of-b': 'Image' } };
    const [made, problems] = only({
      type: 'temporal',
      rules: ['a', 'id-of-b'],
      'group-by': ['who'],
      condition: undefined,
      aliases,
    });
    expect(problems).toEqual([]);
    expect([...made!.aliases.get('who')!].map(([rule, field]) => [rule.name, field])).toEqual([
      ['a', 'User'],
      ['b', 'Image'],
    ]);
  });

  test('its digest changes with what it refers to', () => {
    const of = (rule: object, body: object = {}): string | undefined =>
      join([rule, correlation('c', body)]).correlations[0]?.digest;
    expect(of(base('a'))).toBe(of(base('a'))!);
    expect(of(base('a'))).not.toBe(of(base('a', { level: 'high' }))!);
    expect(of(base('a'))).not.toBe(of(base('a'), { timespan: '2m' })!);
  });
});

describe('references', () => {
  const names = (correlations: readonly Correlation[]): unknown => correlations.map(({ name }) => name);

  test('chains come in order, each behind what it refers to', () => {
    const { correlations, errors } = join([
      correlation('top', { rules: ['middle'] }),
      correlation('middle', { rules: ['low'] }),
      correlation('low', {}),
      base('a'),
    ]);
    expect([names(correlations), errors]).toEqual([['low', 'middle', 'top'], []]);
    expect(correlations[2]!.rules[0]).toBe(correlations[1]!);
    expect(correlations.map(({ silent }) => silent)).toEqual([true, true, undefined]);
  });

  test('circles are left out with their path, and what waits for them', () => {
    const { correlations, errors, rejected } = join([
      base('a'),
      correlation('x', { rules: ['y'] }),
      correlation('y', { rules: ['a', 'z'] }),
      correlation('z', { rules: ['x'] }),
      correlation('behind', { rules: ['x'] }),
      correlation('self', { rules: ['self'] }),
      correlation('good', {}),
    ]);
    expect([names(correlations), rejected]).toEqual([['good'], 5]);
    expect(errors.sort()).toEqual([
      '"x" waits for a correlation that refers to itself',
      'the correlation refers to itself: self → self',
      'the correlation refers to itself: x → y → z → x',
      'the correlation refers to itself: y → z → x → y',
      'the correlation refers to itself: z → x → y → z',
    ]);
  });

  test('a name of the same file goes before others; elsewhere it must be the only one', () => {
    const other = { ...base('a'), id: 'another' };
    const { correlations, errors } = join(
      [base('a')],
      [other, correlation('c', {})],
      [correlation('d', {}), correlation('e', { rules: ['ANOTHER', 'id-of-a'] })],
    );
    expect(names(correlations)).toEqual(['c', 'e']);
    expect(correlations[0]!.rules[0]!.info.id).toBe('another');
    expect(errors).toEqual(['2 rules are named "a": 0.yml:1, 1.yml:1']);
  });

  test('unknown ones are told with a guess, wrong ones as such, and what refers to them goes too', () => {
    const wrong = base('wrong', { detection: {} });
    const { problems, correlations, rejected } = join([
      base('failed_login'),
      wrong,
      correlation('c', { rules: ['faild_login'] }),
      correlation('d', { rules: ['wrong'] }),
      correlation('e', { rules: ['c'] }),
      correlation('f', { rules: ['failed_login', 'id-of-failed_login'] }),
    ]);
    const errors = problems.filter(({ severity, line }) => severity === 'error' && line > 3);
    expect([correlations, rejected]).toEqual([[], 5]);
    expect(errors.map(({ line, message, help }) => [line, message, help])).toEqual([
      [5, 'no rule has the id or name "faild_login"', 'did you mean "failed_login"?'],
      [7, 'the rule "wrong" was left out: it is wrong', undefined],
      [11, '"id-of-failed_login" and "failed_login" are one rule', undefined],
      [9, 'the rule "c" was left out: it is wrong', undefined],
    ]);
  });

  test('a rule alerts not alone where a correlation of its file counts it, unless that says so', () => {
    const silent = (...documents: readonly object[]): unknown => join(documents).rules[0]!.silent;
    expect(silent(base('a'), correlation('c', {}))).toBe(true);
    expect(silent(base('a'), correlation('c', { rules: ['ID-of-a'] }))).toBe(true);
    expect(silent(base('a'), correlation('c', { generate: true }))).toBeUndefined();
    expect(silent(base('a'), correlation('c', {}, { generate: true }))).toBeUndefined();
    expect(silent(base('a'), correlation('c', {}), correlation('d', { generate: true }))).toBeUndefined();
    expect(silent(base('a'), correlation('c', { rules: undefined, type: 'temporal', condition: 'a' }))).toBe(true);
    // A slip in the correlation doesn't let it loose.
    expect(silent(base('a'), correlation('c', { timespan: 'long' }))).toBe(true);
  });

  test('one of another file goes on alerting, which is told', () => {
    const told = (body: object): unknown => {
      const { rules, warnings } = join([base('a')], [correlation('c', body)]);
      return [rules[0]!.silent, warnings];
    };
    expect(told({})).toEqual([undefined, ['"a" is in another file, and goes on alerting alone']]);
    expect(told({ generate: true })).toEqual([undefined, []]);
  });

  test('what only correlations hear of needs no id, level or status', () => {
    const { id: _, level: __, status: ___, ...bare } = base('a') as Record<string, unknown>;
    expect(join([bare, correlation('c', {})]).warnings).toEqual([]);
    expect(join([bare]).warnings.length).toBe(3);
  });

  test('an id is there once, whatever the document', () => {
    const { errors, correlations } = join([base('a'), { ...correlation('c', {}), id: 'ID-of-a' }]);
    expect([errors, correlations]).toEqual([['the id "ID-of-a" is taken by 0.yml:1'], []]);
  });
});

describe('what is wrong', () => {
  const cases: readonly (readonly [string, object, string])[] = [
    ['no type', { type: undefined }, 'the correlation has no "type"'],
    ['another type', { type: 'event_cuont' }, 'unknown type "event_cuont"'],
    ['no rules', { rules: [] }, 'the correlation has no "rules"'],
    ['nested rules', { rules: [{ a: 1 }] }, '"rules" must be a list of ids or names of rules'],
    ['no timespan', { timespan: undefined }, 'the correlation has no "timespan"'],
    ['a timespan in words', { timespan: '1 hour' }, '"timespan" must be a time'],
    ['months', { timespan: '1M' }, '"timespan" must be a time'],
    ['an instant', { timespan: '0s' }, '"timespan" must be a time'],
    ['years', { timespan: '400d' }, '"timespan" is longer than a year'],
    ['no condition', { condition: undefined }, 'the correlation has no "condition"'],
    ['a text', { condition: 'a' }, '"condition" must be a map'],
    ['an unknown operator', { condition: { ge: 3 } }, 'unknown key "ge" in condition'],
    ['no operator', { condition: {} }, 'the condition compares with nothing'],
    ['no number', { condition: { gte: 'many' } }, '"gte" takes a number'],
    ['zero events', { condition: { lt: 5 } }, 'the condition holds when nothing happens at all'],
    ['zero events by neq', { condition: { neq: 5 } }, 'the condition holds when nothing happens at all'],
    ['an empty range', { condition: { gt: 5, lt: 6 } }, 'no number fits all of the condition'],
    ['more rules than there are', { type: 'temporal', condition: { gte: 2 } }, 'only 1 rules are there to match'],
    ['no field', { type: 'value_sum' }, '"value_sum" needs "field": whose values are looked at'],
    ['a field too much', { condition: { field: 'User', gte: 3 } }, '"event_count" takes no field'],
    [
      'two fields',
      { type: 'value_sum', condition: { field: ['User', 'Image'], gt: 3 } },
      '"value_sum" takes one field',
    ],
    [
      'no percentile',
      { type: 'value_percentile', condition: { field: 'User', gt: 3 } },
      '"value_percentile" needs "percentile"',
    ],
    [
      'a percentile too large',
      { type: 'value_percentile', condition: { field: 'User', gt: 3, percentile: 101 } },
      '"percentile" must be a number from 0 to 100',
    ],
    ['nothing at all', { type: 'temporal', condition: 'not a' }, 'the condition holds when no rule matches at all'],
    ['a rule that is not there', { type: 'temporal', condition: 'a and bb' }, 'no rule is named "bb"'],
    [
      'an alias of no rule',
      { aliases: { x: { q: 'User' } }, 'group-by': ['x'] },
      '"q" is none of the correlation\'s rules',
    ],
    ['generate', { generate: 'maybe' }, '"generate" must be true or false'],
    [
      'too many fields',
      { 'group-by': Array.from({ length: 17 }, (_, i) => `f${i}`) },
      '"group-by" has at most 16 fields',
    ],
    [
      'too many aliases',
      { aliases: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`f${i}`, {}])) },
      'a correlation has at most 16 aliases',
    ],
    ['a field twice', { 'group-by': ['User', 'User'] }, '"User" is there twice'],
    [
      'too many rules',
      { rules: Array.from({ length: 101 }, (_, i) => `r${i}`) },
      '"rules" has at most 100 ids or names of rules',
    ],
  ];
  for (const [name, body, message] of cases) {
    test(name, () => {
      const { errors, correlations, problems } = join([base('a'), correlation('c', body)]);
      expect([errors, correlations]).toEqual([[message], []]);
      expect(problems.every(({ line }) => line > 0)).toBe(true);
    });
  }

  test('warnings', () => {
    const warned = (body: object): unknown => only(body)[1];
    const other = { type: 'temporal', rules: ['a', 'b'], condition: undefined };
    expect(warned({ 'group-by': undefined })).toEqual([
      'without "group-by" the matches of all users, addresses, … are counted together',
    ]);
    expect(warned({ timeframe: '1m' })).toEqual(['unknown key "timeframe" in correlation']);
    expect(warned({ 'group-by': ['Usr'] })).toEqual(['unknown field "Usr"']);
    expect(warned({ ...other, condition: 'a' })).toEqual(['the condition doesn\'t use the rule "b"']);
    expect(warned({ ...other, aliases: { x: { a: 'User', b: 'User' } } })).toEqual([
      '"group-by" doesn\'t name the alias "x"',
    ]);
    expect(warned({ ...other, 'group-by': ['Image'], aliases: { Image: { a: 'User' } } })).toEqual([
      'the alias "Image" has no field for "b", where it is taken for the field\'s name',
    ]);
    const { warnings } = join([
      base('a'),
      correlation('c', {}),
      correlation('d', { rules: ['c'], 'group-by': ['Image'] }),
    ]);
    expect(warnings).toEqual(['"c" doesn\'t group by "Image": its matches have no such field']);
    const wrong = base('a', { puppy: { suppress: { 'group-by': ['Usr'], timespan: '1h' } } });
    expect(join([wrong, correlation('c', {})]).warnings).toEqual(['unknown field "Usr"']);
  });

  test('a document is of one kind, and rule collections are gone', () => {
    const { errors } = join([
      { ...base('a'), ...correlation('c', {}) },
      { action: 'global', title: 'x' },
    ]);
    expect(errors).toEqual([
      'a document has "detection" or "correlation", not both',
      'rule collections (action: global, repeat, reset) were removed from Sigma',
    ]);
  });
});

test('a long chain and many wrong references take no long time', () => {
  const length = 1000;
  const chain = Array.from({ length }, (_, i) => correlation(`c${i}`, { rules: [`c${i + 1}`] }));
  const wrong = Array.from({ length: 100 }, (_, i) => correlation(`w${i}`, { rules: [`missing${i}`] }));
  const begun = performance.now();
  const { correlations } = join([...chain, correlation(`c${length}`, { rules: [`c${length}`] })], wrong);
  expect(correlations).toEqual([]);
  expect(performance.now() - begun).toBeLessThan(4_000);
});
