import { expect, test } from 'bun:test';
import type { Correlation, Rule } from '../../src/rules/ast.ts';
import { type Tuning, tune } from '../../src/rules/tuning.ts';
import { rule } from './helpers.ts';

const make = (id: string, tags: string[], extra: object = {}): Rule =>
  rule({ id, title: id, detection: { a: { Image: '/x' }, condition: 'a' }, extra: { tags, ...extra } });

const one = make('one', ['attack.execution'], { name: 'first' });
const two = make('two', ['attack.discovery'], { level: 'low' });
const both: Correlation = {
  info: { ...one.info, id: 'both', tags: [] },
  type: 'temporal',
  rules: [one, two],
  groupBy: ['user'],
  aliases: new Map([['user', new Map([[one, 'User']])]]),
  ...{ timespanMs: 1, conditions: [], conditionText: '', fields: [], falsePositives: [], digest: 'd' },
};

const tuned = (...tuning: Tuning[]) => tune([one, two], [both], tuning);
/** `id level`, in brackets what is silent. */
function names(...tuning: Tuning[]): string[] {
  const { rules, correlations } = tuned(...tuning);
  return [...rules, ...correlations].map(({ info, silent }) => {
    const text = `${info.id} ${info.level}`;
    return silent === true ? `(${text})` : text;
  });
}

test('rules are meant by id, name, tag and level, in either case; later entries beat earlier ones', () => {
  expect(names({ rules: ['FIRST'], level: 'critical' })).toEqual(['one critical', 'two low', 'both high']);
  expect(names({ rules: ['tag:ATTACK.discovery', 'both'], level: 'medium' })).toEqual([
    'one high',
    'two medium',
    'both medium',
  ]);
  expect(names({ rules: ['level:high'], level: 'low' }, { rules: ['level:low'], level: 'medium' })).toEqual([
    'one low',
    'two medium',
    'both low',
  ]);
});

test('what is switched off is gone, or silent where a correlation counts it', () => {
  expect(names({ rules: ['one'], enabled: false })).toEqual(['(one high)', 'two low', 'both high']);
  expect(names({ rules: ['one', 'both'], enabled: false })).toEqual(['two low']);
  expect(names({ rules: ['level:high', 'two'], enabled: false }, { rules: ['two'], enabled: true })).toEqual([
    'two low',
  ]);
});

test('correlations refer to the tuned rules; only what decides changes the digest', () => {
  const { rules, correlations } = tuned(
    { rules: ['one'], level: 'low' },
    { rules: ['two'], suppress: { groupBy: ['User'], timespanMs: 5 } },
  );
  expect(correlations[0]!.rules).toEqual(rules);
  expect(correlations[0]!.rules[0]).toBe(rules[0]!);
  expect(correlations[0]!.aliases.get('user')?.get(rules[0]!)).toBe('User');
  expect(rules.map(({ digest }, i) => digest === [one, two][i]!.digest)).toEqual([true, false]);
  expect(rules[1]!.puppy).toMatchObject({ tests: [], suppress: { timespanMs: 5 } });
});

test('a reference that means nothing is told, and nothing is changed without tuning', () => {
  expect(tuned({ rules: ['frist', 'level:critical'], enabled: false }).warnings).toEqual([
    { message: 'no rule is meant by "frist"', help: 'did you mean "first"?' },
    { message: 'no rule is meant by "level:critical"' },
  ]);
  const rules = [one];
  expect(tune(rules, [], []).rules).toBe(rules);
});
