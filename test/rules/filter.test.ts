// Filter documents: which rules they are merged into, what that does, what is told of them.

import { describe, expect, test } from 'bun:test';
import { interpret } from '../../src/rules/interpret.ts';
import { joinDocuments } from '../../src/rules/join.ts';
import { parseRules } from '../../src/rules/parse.ts';
import { compileRuleset } from '../../src/rules/ruleset.ts';
import { Values } from '../../src/rules/values.ts';

const LOGSOURCE = { category: 'process_creation', product: 'linux' };

const rule = (name: string, extra: object = {}): object => ({
  title: name,
  name,
  id: `id-of-${name}`,
  status: 'test',
  level: 'high',
  logsource: LOGSOURCE,
  detection: { selection: { 'Image|endswith': '/nc' }, condition: '1 of them' },
  ...extra,
});

const filter = (body: object, extra: object = {}): object => ({
  title: 'Admins',
  logsource: LOGSOURCE,
  filter: { rules: 'any', selection: { 'User|startswith': 'adm_' }, condition: 'not selection', ...body },
  ...extra,
});

function join(...documents: readonly object[]) {
  const parsed = parseRules('x.yml', documents.map(document => JSON.stringify(document)).join('\n---\n'));
  const joined = joinDocuments([parsed]);
  const problems = [...parsed.problems, ...joined.problems].filter(({ code }) => code !== 'malformed-id');
  return {
    ...joined,
    rejected: joined.rejected + parsed.rejected,
    told: problems.map(({ severity, code, line }) => `${line}: ${severity}: ${code}`),
    problems,
  };
}

/** Ids of the rules that match, by the compiled form and by the naive one. */
function matching({ rules }: ReturnType<typeof join>, event: Record<string, string>): string[] {
  const ids = compileRuleset(rules)
    .evaluateFields(event, LOGSOURCE)
    .map(match => match.rule.id);
  const naive = rules.filter(one =>
    interpret(one, field => {
      const values = new Values();
      values.addJson(field === undefined ? Object.values(event) : event[field]);
      return values;
    }),
  );
  expect(ids).toEqual(naive.map(({ info }) => info.id));
  return ids;
}

const NC = { Image: '/bin/nc', User: 'jo' };
const ADMIN = { Image: '/bin/nc', User: 'adm_x' };

describe('a filter', () => {
  test('is AND-ed to each rule that it names, by id or name, or to all of its logsource', () => {
    for (const [rules, left] of [
      ['a', ['id-of-b']],
      [['ID-of-a', 'b'], []],
      ['any', []],
      ['All', []],
    ] as const) {
      const joined = join(rule('a'), rule('b'), filter({ rules }));
      expect(joined.told).toEqual([]);
      expect(matching(joined, NC)).toEqual(['id-of-a', 'id-of-b']);
      expect(matching(joined, ADMIN)).toEqual([...left]);
    }
  });

  test('is merged under names that nothing else has', () => {
    const detection = {
      selection: { User: 'x' },
      'Admins/selection': { 'Image|endswith': '/nc' },
      condition: 'all of Adm*',
    };
    const joined = join(rule('a', { detection }), filter({}), filter({}));
    expect([...joined.rules[0]!.selections.keys()]).toEqual([
      'selection',
      'Admins/selection',
      "Admins/selection'",
      "Admins/selection''",
    ]);
    expect(matching(joined, NC)).toEqual(['id-of-a']);
    expect(matching(joined, ADMIN)).toEqual([]);
  });

  test('the rule says which were applied, and its digest changes', () => {
    const { rules } = join(rule('a'), filter({}, { id: 'f1' }));
    expect(rules[0]!.filters).toEqual([
      {
        id: 'f1',
        title: 'Admins',
        file: 'x.yml',
        condition: { kind: 'not', of: { kind: 'selection', name: 'Admins/selection' } },
        names: new Map([['Admins/selection', 'selection']]),
      },
    ]);
    const digests = [[], [filter({})], [filter({ rules: 'a' })], [filter({}), filter({})]].map(
      filters => join(rule('a'), ...filters).rules[0]!.digest,
    );
    expect(new Set(digests).size).toBe(4);
  });

  test('of another logsource is not applied', () => {
    const network = { category: 'network_connection', product: 'linux' };
    const both = join(rule('a'), filter({ rules: 'any' }, { logsource: { product: 'linux' } }));
    expect(matching(both, ADMIN)).toEqual([]);
    const named = join(rule('a'), filter({ rules: 'a' }, { logsource: network }));
    expect([matching(named, ADMIN), named.told]).toEqual([['id-of-a'], ['3: warning: filter-logsource']]);
    const any = join(rule('a'), filter({}, { logsource: network }));
    expect([matching(any, ADMIN), any.told]).toEqual([['id-of-a'], ['3: warning: filter-unused']]);
  });

  test('is for the rules of a correlation, never for itself; those then see the filtered rule', () => {
    const correlation = {
      ...{ title: 'c', name: 'c', id: 'id-of-c', status: 'test', level: 'high' },
      correlation: { type: 'event_count', rules: ['a'], 'group-by': ['User'], timespan: '1m', condition: { gte: 2 } },
    };
    const { told, correlations, rules } = join(rule('a'), correlation, filter({ rules: ['a', 'c'] }));
    expect(told).toEqual(['5: warning: filter-of-correlation']);
    expect(correlations[0]!.rules[0]).toBe(rules[0]!);
    expect(rules[0]!.filters?.length).toBe(1);
  });

  test('that is wrong is left out, and the rule goes on', () => {
    const joined = join(rule('a'), filter({ condition: 'not selektion' }));
    expect([joined.rejected, matching(joined, ADMIN)]).toEqual([1, ['id-of-a']]);
    expect(joined.problems.map(({ message, help }) => [message, help])).toEqual([
      ['no selection is named "selektion"', 'did you mean "selection"?'],
    ]);
  });
});

describe('what is told of a filter', () => {
  const told = (body: object, extra: object = {}): unknown => join(rule('a'), filter(body, extra)).told;

  test('errors', () => {
    expect(told({ rules: undefined })).toEqual(['3: error: filter-rules']);
    expect(told({ rules: [] })).toEqual(['3: error: filter-rules']);
    expect(told({ rules: [{ a: 1 }] })).toEqual(['3: error: filter-rules']);
    expect(told({ condition: undefined })).toEqual(['3: error: missing-condition']);
    expect(told({}, { logsource: undefined })).toEqual(['3: error: structure']);
    expect(told({}, { title: undefined })).toEqual(['3: error: missing-title']);
    expect(told({}, { id: 'id-of-a' })).toEqual(['3: error: duplicate-id']);
  });

  test('the specification’s own example keeps only what it means to drop', () => {
    expect(told({ condition: 'selection' })).toEqual(['3: warning: filter-keeps']);
    expect(told({ other: { User: 'x' }, condition: 'not (selection or other)' })).toEqual([]);
  });

  test('an unknown rule, with a guess: its pack may be loaded elsewhere', () => {
    const { problems } = join(rule('netcat'), filter({ rules: ['nectat'] }));
    expect(problems.map(({ severity, code, help }) => [severity, code, help])).toEqual([
      ['warning', 'unknown-rule', 'did you mean "netcat"?'],
    ]);
  });

  test('fields that no event of its rules has', () => {
    expect(told({ selection: { Usr: 'x' } })).toEqual(['3: warning: unknown-field']);
    const network = rule('n', { logsource: { category: 'network_connection', product: 'linux' } });
    const selection = { DestinationPort: 22 };
    const everywhere = filter({ selection }, { logsource: { product: 'linux' } });
    expect(join(rule('a'), network, everywhere).told).toEqual([]);
    const wrong = rule('a', { puppy: { suppress: { 'group-by': ['Usr'], timespan: '1h' } } });
    expect(join(wrong, filter({})).told).toEqual(['1: warning: unknown-field']);
  });
});

test('many of one title are told apart by short names', () => {
  const { rules, rejected } = join(rule('a'), ...Array.from({ length: 500 }, () => filter({})));
  const names = [...rules[0]!.selections.keys()];
  expect([names.length, rejected]).toEqual([501, 0]);
  expect(Math.max(...names.map(name => name.length))).toBeLessThan(30);
});

test('more filters than rules can hold are left out, which is told', () => {
  const rules = Array.from({ length: 150 }, (_, i) => rule(`r${i}`));
  const selections = Object.fromEntries(Array.from({ length: 700 }, (_, i) => [`s${i}`, { User: `u${i}` }]));
  const large = filter({ ...selections, selection: undefined, condition: 'not 1 of them' });
  const { told, rejected, rules: filtered } = join(...rules, large, large, large);
  expect([told, rejected]).toEqual([['303: error: too-many-filters'], 2]);
  expect(filtered.map(({ filters }) => filters?.length)).toEqual(rules.map(() => 1));
});
