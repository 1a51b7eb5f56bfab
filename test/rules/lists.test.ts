// Lists: what their files say, which file a name means, what `expand` makes of them.

import { afterAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expand } from '../../src/rules/expand.ts';
import { globText } from '../../src/rules/glob.ts';
import { type FindList, parseList } from '../../src/rules/lists.ts';
import { loadRules, type RuleText } from '../../src/rules/load.ts';
import { compileRuleset } from '../../src/rules/ruleset.ts';
import { ruleText } from './helpers.ts';

const root = mkdtempSync(join(tmpdir(), 'puppy-lists-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folders = 0;
function folder(files: Readonly<Record<string, string>>): string {
  const base = join(root, String(folders++));
  mkdirSync(base);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(base, name)), { recursive: true });
    writeFileSync(join(base, name), text);
  }
  return base;
}

const using = (selection: object, condition = 's'): string =>
  ruleText({
    id: '2e0c6f0e-4f8d-4a39-9f0e-1f5f6f3f9d11',
    detection: { s: selection, condition },
    extra: { status: 'test' },
  });

/** Whether the one rule matches each event, and what was told. */
function load(paths: string | readonly string[], texts: readonly RuleText[] = []) {
  const loaded = loadRules([paths].flat(), texts);
  const ruleset = compileRuleset(loaded.rules);
  const logsource = { category: 'process_creation', product: 'linux' };
  return {
    ...loaded,
    told: loaded.problems.map(({ code, message }) => `${code}: ${message}`),
    matches: (...events: readonly object[]) =>
      events.map(event => ruleset.evaluateFields({ ...event }, logsource).length > 0),
  };
}

const users = (...names: readonly string[]): object[] => names.map(User => ({ User }));

describe('a list file', () => {
  const values = (file: string, text: string): unknown => {
    const { list, problems } = parseList(file, text);
    return list?.values ?? problems.map(({ message, line }) => `${line}: ${message}`);
  };

  test('has one value a line', () => {
    expect(values('x.txt', '\ufeff# people\r\nroot\r\n\n  adm_* \n# more\nC:\\*\nroot\n')).toEqual([
      'root',
      'adm_*',
      'C:\\*',
    ]);
  });

  test('or is a YAML list', () => {
    expect(values('x.yml', '- root\n- 0700\n- "# not a comment"\n- " spaces "\n')).toEqual([
      ...['root', '0700', '# not a comment', ' spaces '],
    ]);
  });

  test('what is wrong has its place', () => {
    expect(values('x.yml', 'root: 1')).toEqual(['1: expected a list of values']);
    expect(values('x.yml', '- a\n- {b: c}\n- null\n')).toEqual(['2: expected a value', '3: expected a value']);
    expect(values('x.yml', '- a\n---\n- b\n')).toEqual(['3: a list file has one document']);
    const many = Array.from({ length: 20_001 }, (_, i) => i).join('\n');
    expect(values('x.txt', many)).toEqual(['1: the list has 20001 values; at most 20000 are read']);
  });
});

describe('a placeholder', () => {
  const lists: FindList = name => {
    const values = { people: ['root', 'adm_*'], ends: ['\\', '?'] }[name];
    if (values === undefined) return { code: 'unknown-list', message: name };
    return { file: name, values, digest: '' };
  };
  const expanded = (text: string): unknown => {
    const values = expand(text, lists);
    return 'code' in values ? values.code : values.map(({ glob }) => globText(glob));
  };

  test('is each value of its list, within a text too; wildcards live', () => {
    expect(expanded('%people%')).toEqual(['root', 'adm_*']);
    expect(expanded('/home/%people%/x')).toEqual(['/home/root/x', '/home/adm_*/x']);
    expect(expanded('%people%-%people%')).toEqual(['root-root', 'root-adm_*', 'adm_*-root', 'adm_*-adm_*']);
    // A value's own wildcard isn't escaped by what stands before it.
    expect(expanded('%ends%%ends%')).toEqual(['\\\\\\', '\\\\?', '?\\', '??']);
  });

  test('an escaped or lone percent sign is plain', () => {
    expect(expanded('\\%plain%people%')).toEqual(['%plainroot', '%plainadm_*']);
    expect(expanded('100%')).toEqual(['100%']);
    expect(expanded('50% of 100%')).toEqual(['50% of 100%']);
    expect(expanded('C:\\\\%people%')).toEqual(['C:\\root', 'C:\\adm_*']);
  });

  test('that is unknown, or no name, is refused', () => {
    expect(expanded('%nobody%')).toBe('unknown-list');
    expect(expanded('%../../etc/shadow%')).toBe('bad-value');
  });
});

describe('expand in rules', () => {
  const lists = {
    'lists/people.txt': 'root\nadm_*\n',
    'lists/nets.txt': '10.0.0.0/8\nfe80::/10\n',
    'lists/words.yml': '[alpha, beta]',
  };
  const one = (selection: object) => load(folder({ 'x.yml': using(selection), ...lists }));

  test('values are alternatives', () => {
    const { told, matches, rules } = one({ 'User|expand': ['%people%', 'jo'] });
    expect([told, matches(...users('root', 'ADM_1', 'jo', 'bob'))]).toEqual([[], [true, true, true, false]]);
    const [value] = [...rules[0]!.selections.values()].flatMap(({ node }) =>
      node.kind === 'item' ? node.item.values : [],
    );
    expect(value!.text).toBe('root');
  });

  test('with other modifiers, in whatever order', () => {
    for (const key of ['CommandLine|contains|expand', 'CommandLine|expand|contains'])
      expect(one({ [key]: '%words%' }).matches({ CommandLine: 'x ALPHA y' }, { CommandLine: 'x' })).toEqual([
        true,
        false,
      ]);
    expect(one({ 'User|expand|neq': '%people%' }).matches(...users('root', 'bob'))).toEqual([false, true]);
    const all = one({ 'CommandLine|contains|all|expand': ['%words%', 'x'] });
    const lines = ['x beta', 'beta', 'alpha x'].map(CommandLine => ({ CommandLine }));
    expect(all.matches(...lines)).toEqual([true, false, true]);
    const base64 = one({ 'CommandLine|expand|base64|contains': '%words%' });
    expect(base64.matches({ CommandLine: `x ${btoa('beta')}` }, { CommandLine: 'beta' })).toEqual([true, false]);
  });

  test('networks', () => {
    const { matches, told } = one({ 'puppy.x|cidr|expand': '%nets%' });
    const addresses = ['10.1.2.3', '11.1.2.3', 'fe80::1'].map(ip => ({ 'puppy.x': ip }));
    expect([told.filter(text => !text.includes('field')), matches(...addresses)]).toEqual([[], [true, false, true]]);
    const wrong = one({ 'User|cidr|expand': '%people%' });
    expect([wrong.rules, wrong.told]).toEqual([[], ['bad-value: "root" is not a network']]);
  });

  test('keywords are words, as when written in the rule', () => {
    const text = ruleText({ detection: { k: { '|expand': '%words%' }, condition: 'k' } });
    const { matches } = load(folder({ 'x.yml': text, ...lists }));
    expect(matches({ CommandLine: 'an alpha' }, { CommandLine: 'alphabet' })).toEqual([true, false]);
  });

  test('not where a value is no text', () => {
    expect(one({ 'User|re|expand': '%people%' }).told).toEqual([
      'bad-modifiers: "expand" can\'t be combined with "re"',
    ]);
  });

  test('an empty list matches nothing, and is told', () => {
    const { told, matches } = load(
      folder({ 'x.yml': using({ 'User|expand': '%none%' }, 'not s'), 'lists/none.txt': '#\n' }),
    );
    expect([told[0], matches(...users('root'))]).toEqual(['empty-list: the list is empty: nothing is in it', [true]]);
  });

  test('the rule’s digest changes with the list', () => {
    const digest = (list: string): string =>
      load(folder({ 'x.yml': using({ 'User|expand': '%p%' }), 'lists/p.txt': list })).rules[0]!.digest;
    expect(digest('a\nb')).toBe(digest('# people\na\n\nb\n'));
    expect(digest('a')).not.toBe(digest('b'));
  });
});

describe('which list', () => {
  const rule = using({ 'User|expand': '%p%' });

  test('beside the rule first, then of the roots', () => {
    const base = folder({ 'a/x.yml': rule, 'a/lists/p.txt': 'near', 'lists/p.txt': 'far' });
    expect(load(base).matches(...users('near', 'far'))).toEqual([true, false]);
    const other = folder({ 'a/x.yml': rule, 'lists/p.txt': 'far' });
    expect(load(other).matches(...users('far'))).toEqual([true]);
    const elsewhere = folder({ 'lists/p.yaml': '[else]' });
    expect(load([folder({ 'x.yml': rule }), elsewhere]).matches(...users('else'))).toEqual([true]);
  });

  test('two of a name are an error; one root by two names isn’t two', () => {
    const one = folder({ 'x/x.yml': rule, 'lists/p.txt': 'a' });
    const two = folder({ 'lists/p.txt': 'b' });
    const both = load([one, two]);
    expect([both.rules.length, both.rejected, both.told]).toEqual([
      ...[0, 1],
      [`ambiguous-list: the list "p" is there more than once: ${one}/lists/p.txt, ${two}/lists/p.txt`],
    ]);
    symlinkSync(one, join(root, 'again'));
    expect(load([one, join(root, 'again'), `${one}/`]).told).toEqual([]);
    expect(load(folder({ 'x.yml': rule, 'lists/p.txt': 'a', 'lists/p.yml': '[a]' })).told[0]).toStartWith(
      'ambiguous-list',
    );
  });

  test('none is an error at its place, with a guess', () => {
    const base = folder({ 'x.yml': using({ 'User|expand': '%peple%' }), 'lists/people.txt': 'a' });
    const { problems, rejected } = load(base);
    expect([rejected, problems.map(({ code, line, help }) => [code, line, help])]).toEqual([
      1,
      [['unknown-list', 1, 'did you mean "people"?']],
    ]);
    const [problem] = load(folder({ 'x.yml': rule })).problems;
    expect(problem!.help).toMatch(/^write \/.*\/lists\/p\.txt, one value a line$/);
  });

  test('one that can’t be read leaves the rule out, told once at the list', () => {
    const text = [rule, rule.replace('2e0c', '2e0d')].join('\n---\n');
    const base = folder({ 'x.yml': text, 'lists/p.yml': '{a: 1}' });
    const { told, rejected } = load(base);
    expect(rejected).toBe(2);
    expect(told.filter(one => one.startsWith('bad-list: expected a list')).length).toBe(1);
    expect(told.filter(one => one.includes(`see ${base}/lists/p.yml`)).length).toBe(2);
    const odd = folder({ 'x.yml': rule });
    mkdirSync(join(odd, 'lists/p.txt'), { recursive: true });
    expect(load(odd).told.some(one => one.startsWith('unreadable'))).toBe(true);
  });

  test('the pack inside the program has its own, which other rules see too', () => {
    const inside = [
      { file: 'builtin:network/x.yml', text: rule },
      { file: 'builtin:network/lists/p.txt', text: 'near' },
      { file: 'builtin:lists/q.txt', text: 'far' },
    ];
    const { matches, files, told } = load([], inside);
    expect([files, told, matches(...users('near', 'far'))]).toEqual([1, [], [true, false]]);
    const outside = folder({ 'x.yml': using({ 'User|expand': '%q%' }).replace('2e0c', '2e0d') });
    expect(load(outside, inside).matches(...users('near', 'far'))).toEqual([true, true]);
  });
});

test('twenty thousand values are loaded and matched quickly', () => {
  const list = Array.from({ length: 20_000 }, (_, i) => `user-${i}`).join('\n');
  const base = folder({ 'x.yml': using({ 'User|expand': '%p%' }), 'lists/p.txt': list });
  const begun = performance.now();
  expect(load(base).matches(...users('user-19999', 'user-20000'))).toEqual([true, false]);
  expect(performance.now() - begun).toBeLessThan(4_000);
});
