// The project's own rules: what their tests pin down. A rule that could lose a selection, or one value of a list, without a test of
// its own failing isn't tested.

import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { basename, dirname, relative, resolve } from 'node:path';
import { checkCommand } from '../../src/cli/check-command.ts';
import type { Io } from '../../src/cli/io.ts';
import { LOG_SERVICES } from '../../src/logs/services.ts';
import { TACTICS, TECHNIQUES } from '../../src/output/ecs/attack.ts';
import type { Correlation, Rule } from '../../src/rules/ast.ts';
import { FILE_STREAM_NAMES } from '../../src/rules/fields.ts';
import { lintRule } from '../../src/rules/lint.ts';
import { loadRules } from '../../src/rules/load.ts';
import { type ParsedRule, parseRules } from '../../src/rules/parse.ts';
import { formatProblem } from '../../src/rules/problem.ts';
import { compileRuleset } from '../../src/rules/ruleset.ts';
import { runRuleTests } from '../../src/rules/tests.ts';
import { correlationMutantsOf } from './correlation-mutants.ts';
import { mutantsOf } from './mutants.ts';

const ROOT = resolve(import.meta.dir, '../../rules.d');
const { rules, correlations, problems } = loadRules([ROOT]);
const all: readonly (Rule | Correlation)[] = [...rules, ...correlations];
const fileOf = (rule: Pick<Rule, 'info'>): string => relative(ROOT, rule.info.file);

/** The rules' tests describe fields, not records: those are tested where records are. */
const failures = (tested: readonly Rule[], correlated: readonly Correlation[] = []): string[] =>
  runRuleTests(compileRuleset(tested), () => [], correlated).failures.map(({ rule, test, message }) => {
    return `${fileOf(rule)}: ${test.name}: ${message}`;
  });

/** The changes of a rule that none of its tests notices. */
const survivorsOf = (rule: Rule): string[] =>
  [...mutantsOf(rule)].filter(mutant => failures([mutant.rule]).length === 0).map(({ what }) => what);

/** How many rules of a level are sensible in a pack that must be quiet: few that wake somebody up. */
const AT_MOST = { critical: 0.1, high: 0.7 };

describe('rules.d', () => {
  test('has no error and no warning, and every test passes', () => {
    expect(problems.map(formatProblem)).toEqual([]);
    expect(rules.length).toBeGreaterThanOrEqual(24);
    expect(failures(rules, correlations)).toEqual([]);
  });

  test('passes the command as a user runs it', async () => {
    const told: string[] = [];
    const tell = (text: string): void => void told.push(text);
    const io: Io = { env: {}, out: tell, err: tell, errIsTerminal: false };
    expect(await checkCommand.run(['--strict', ROOT], io)).toBe(0);
    expect(told.join('')).toContain(`${all.length} rules in ${new Set(all.map(fileOf)).size} files`);
  });

  test('levels: little is critical, and there is context', () => {
    const share = (level: string): number => rules.filter(({ info }) => info.level === level).length / rules.length;
    for (const [level, most] of Object.entries(AT_MOST)) expect(share(level)).toBeLessThan(most);
    expect(share('low') + share('medium')).toBeGreaterThan(0.25);
  });

  test('ids are distinct UUIDs of version 4, titles and files are distinct', () => {
    for (const { info } of all) {
      expect(info.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
    for (const of of [(r: Pick<Rule, 'info'>) => r.info.id, (r: Pick<Rule, 'info'>) => r.info.title]) {
      expect(new Set(all.map(of)).size).toBe(all.length);
    }
    const files = new Set(all.map(fileOf));
    expect(new Set([...files].map(file => basename(file))).size).toBe(files.size);
  });
});

test('the rule in docs/rules.md is one that could stand here', () => {
  const guide = readFileSync(resolve(import.meta.dir, '../../docs/rules.md'), 'utf8');
  const [example] = /^ {4}title: (?:.*\n {4})+.*\n/m.exec(guide)!;
  const parsed = parseRules('docs/rules.md', example.replaceAll(/^ {4}/gm, ''));
  expect([...parsed.problems, ...parsed.rules.flatMap(lintRule)].map(formatProblem)).toEqual([]);
  const [{ rule }] = parsed.rules as [ParsedRule];
  expect(failures([rule])).toEqual([]);
  expect(survivorsOf(rule)).toEqual([]);
});

/** Where a rule lies says what it is about: a process, a connection, a name, an authentication, a file, a container, or several events. */
const FOLDERS: Readonly<Record<string, RegExp>> = {
  process_creation: /^(process|container|sequences)$/,
  network_connection: /^(network|sequences)$/,
  dns: /^(dns|network|sequences)$/,
  dns_query: /^(dns|network|sequences)$/,
  auditd: /^(auth|network)$/,
  ...Object.fromEntries(FILE_STREAM_NAMES.map(category => [category, /^(file|container|sequences)$/])),
  ...Object.fromEntries(LOG_SERVICES.map(service => [service, /^logs$/])),
};
const COUNTED = new Set(correlations.flatMap(correlation => correlation.rules));

/** What a reader is told. */
function describesItself(rule: Rule | Correlation): void {
  const { info } = rule;
  expect(rule.status).toBe('test');
  expect(info.authors).toEqual(['puppy-hids']);
  expect(info.version).toMatch(/^\d{4}-\d\d-\d\d$/);
  expect(info.description?.length).toBeGreaterThan(80);
  const tags = info.tags.map(tag => tag.replace(/^attack\./, ''));
  const techniques = tags.filter(tag => TECHNIQUES.has(tag.toUpperCase()));
  const tactics = tags.filter(tag => Object.hasOwn(TACTICS, tag));
  expect(techniques.length).toBeGreaterThan(0);
  expect(tactics.length).toBeGreaterThan(0);
  expect(techniques.length + tactics.length).toBe(tags.length);
  expect(rule.falsePositives.length).toBeGreaterThan(0);
}

function hasTests(rule: Rule | Correlation): void {
  const tests = rule.puppy?.tests ?? [];
  expect(tests.some(({ match }) => match !== false && match !== 0)).toBe(true);
  expect(tests.some(({ match }) => match === false)).toBe(true);
  expect(new Set(tests.map(({ name }) => name)).size).toBe(tests.length);
}

describe.each(rules.map(rule => [`${fileOf(rule)}: ${rule.info.title}`, rule] as const))('%s', (_, rule) => {
  test('says what it is, to whom it speaks, and when it is wrong', () => {
    const { category, service, product } = rule.logsource;
    expect(dirname(fileOf(rule))).toMatch(FOLDERS[category ?? service ?? ''] ?? '?');
    expect(product).toBe('linux');
    describesItself(rule);
    // What only correlations look at is no news by itself.
    if (COUNTED.has(rule)) expect(['informational', 'low']).toContain(rule.info.level);
  });

  test('has a positive and a negative test, each with a name of its own', () => {
    hasTests(rule);
  });

  test('no selection, part of one or value of a list can go unnoticed', () => {
    expect(survivorsOf(rule)).toEqual([]);
  });
});

describe.each(correlations.map(c => [`${fileOf(c)}: ${c.info.title}`, c] as const))('%s', (_, correlation) => {
  test('says what it is, to whom it speaks, and when it is wrong', () => {
    describesItself(correlation);
  });

  test('has a positive and a negative test, each with a name of its own', () => {
    hasTests(correlation);
  });

  test('no limit, field, window or rule of it can change unnoticed', () => {
    const survivors = [...correlationMutantsOf(correlation)].filter(
      mutant => failures(rules, [mutant.correlation]).length === 0,
    );
    expect(survivors.map(({ what }) => what)).toEqual([]);
  });
});
