// `rules import`: each of the demo's kinds of condition, what has no word, and that the result is what the rule parser takes.

import { describe, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { rulesImport } from '../../src/cli/rules-import.ts';
import { convertDemoRule } from '../../src/rules/import/demo-convert.ts';
import { NotConverted } from '../../src/rules/import/demo-terms.ts';
import { readJsonDocuments } from '../../src/rules/import/json-documents.ts';
import { parseRules } from '../../src/rules/parse.ts';
import { compileRuleset } from '../../src/rules/ruleset.ts';
import { yamlText } from '../../src/rules/yaml-text.ts';
import { connect, exec } from '../rules/helpers.ts';
import { capture } from './capture.ts';

const root = mkdtempSync(join(tmpdir(), 'puppy-import-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));

function run(...args: string[]): { code: number; out: string; err: string } {
  const { io, written: told } = capture();
  return { code: rulesImport(args, io), ...told() };
}

function written(text: string): string {
  const path = join(mkdtempSync(join(root, 'in-')), 'rules.json');
  writeFileSync(path, text);
  return path;
}

type Conditions = Readonly<Record<string, readonly [type: string, data: string]>>;

const demo = (source: string, conditions: Conditions, more: object = {}): Readonly<Record<string, unknown>> => ({
  and: true,
  enabled: true,
  meta: { author: 'w', description: 'what it means', level: 0, name: 'a rule' },
  source,
  system: 'linux',
  rules: Object.fromEntries(Object.entries(conditions).map(([field, [type, data]]) => [field, { type, data }])),
  ...more,
});

/** The converted rules, as the parser takes them. */
function matches(document: Readonly<Record<string, unknown>>, event: Parameters<typeof sets.evaluate>[0]): number {
  const rules = convertDemoRule(document).map(rule => {
    const { rules: parsed, problems } = parseRules('x.yml', yamlText(rule.document, rule.notes));
    expect(problems.filter(problem => problem.severity === 'error')).toEqual([]);
    return parsed[0]!.rule;
  });
  return compileRuleset(rules).evaluate(event).length;
}
const sets = compileRuleset([]);

const shell = exec(
  { executable: '/usr/bin/dash', commandLine: 'sh -c NMAP -sS', cwd: '/srv/tomcat9' },
  { executable: '/usr/sbin/nginx' },
);
const out = connect({ source: { ip: '10.0.0.1', port: 4000 }, destination: { ip: '192.0.2.7', port: 443 } });
const accepted = { ...out, kind: 'accept' } as const;

describe('a condition', () => {
  test.each<[string, Readonly<Record<string, unknown>>, Parameters<typeof sets.evaluate>[0], number]>([
    ['a pattern sees lower case', demo('process', { command: ['regex', 'nmap|masscan'] }), shell, 1],
    ['a pattern of a path', demo('process', { name: ['regex', '\\/bin\\/'] }), shell, 1],
    ['a pattern of a name', demo('process', { name: ['regex', '^(da|ba)sh$'] }), shell, 1],
    ['a name without a path', demo('process', { name: ['string', 'DASH'] }), shell, 1],
    ['another name', demo('process', { name: ['string', 'ash'] }), shell, 0],
    ['the parent', demo('process', { parentname: ['regex', '^(apache2?|nginx)$'] }), shell, 1],
    ['the environment', demo('process', { info: ['regex', 'tomcat'] }), shell, 1],
    ['what a pattern must not match', demo('process', { parentname: ['non-regex', '^(make|ninja)$'] }), shell, 1],
    ['what it does match', demo('process', { parentname: ['non-regex', 'nginx'] }), shell, 0],
    ['nothing to match', demo('process', { parentname: ['non-regex', 'x'] }), exec({ executable: '/bin/sh' }), 0],
    ['all', demo('process', { name: ['string', 'dash'], command: ['string', 'x'] }), shell, 0],
    [
      'one is enough',
      demo('process', { name: ['string', 'dash'], command: ['string', 'x'] }, { and: false }),
      shell,
      1,
    ],
    ['a wildcard is plain text', demo('process', { command: ['string', 'sh*'] }), shell, 0],
    ['address and port', demo('connection', { remote: ['string', '192.0.2.7:443'] }), out, 1],
    ['another port', demo('connection', { remote: ['string', '192.0.2.7:80'] }), out, 0],
    ['of an accepted connection', demo('connection', { remote: ['string', '10.0.0.1'] }), accepted, 1],
    ['which was not made', demo('connection', { remote: ['string', '10.0.0.1'], dir: ['string', 'out'] }), accepted, 0],
    ['a port in a pattern', demo('connection', { remote: ['regex', ':443$'], dir: ['string', 'out'] }), out, 1],
    ['an address in a pattern', demo('connection', { remote: ['regex', '^192\\.0\\.'] }), out, 1],
    ['an address that must not be', demo('connection', { remote: ['non-regex', '^192\\.0\\.'] }), out, 0],
  ])('%s', (_, document, event, expected) => {
    expect(matches(document, event)).toBe(expected);
  });

  test('the first time of a value is new_terms; one of several conditions, a rule of its own', () => {
    const [rule] = convertDemoRule(demo('connection', { remote: ['count', '1'] }));
    expect(rule!.document).toMatchObject({ puppy: { new_terms: { fields: ['DestinationIp'], learn: '7d' } } });
    const several = demo('process', { name: ['count', '1'], command: ['regex', 'x'] }, { and: false });
    expect(convertDemoRule(several).map(({ title }) => title)).toEqual(['a rule', 'a rule (first name)']);
  });

  test('a kind of change is a category', () => {
    const document = demo('file', { path: ['regex', '\\.php$'], action: ['string', 'RENAME'] });
    expect(convertDemoRule(document)[0]!.document).toMatchObject({
      logsource: { category: 'file_rename', product: 'linux' },
      detection: { path: { 'TargetFilename|endswith': '.php' }, condition: 'path' },
    });
  });

  test('a login is a line of a log', () => {
    const document = demo('loginlog', { status: ['string', 'false'], username: ['string', 'root'] });
    expect(convertDemoRule(document)[0]!.document).toMatchObject({
      logsource: { service: 'auth' },
      detection: { status: { 'event.outcome': 'failure' }, condition: 'login and status and username' },
      level: 'high',
    });
  });

  test.each<[string, Readonly<Record<string, unknown>>]>([
    ['its system is "windows"', demo('process', { name: ['string', 'x'] }, { system: 'windows' })],
    ['switched off', demo('process', { name: ['string', 'x'] }, { enabled: false })],
    ['inventory', demo('userlist', { name: ['count', '1'] })],
    ['did you mean "process"?', demo('proces', { name: ['string', 'x'] })],
    ['did you mean "command"?', demo('process', { comand: ['string', 'x'] })],
    ['did you mean "regex"?', demo('process', { name: ['regexp', 'x'] })],
    ['seen 3 times', demo('process', { name: ['count', '3'] })],
    ['two of its conditions', demo('process', { name: ['count', '1'], command: ['count', '1'] })],
    ['MD5', demo('file', { hash: ['string', 'x'] })],
    ['every file would match', demo('file', { action: ['string', 'WRITE'] })],
    ['address and port in one text', demo('connection', { remote: ['regex', '^10\\..*:(80|443)$'] })],
    ['must be one of out, in', demo('connection', { dir: ['string', 'sideways'] })],
    ['is empty', demo('process', { name: ['regex', ''] })],
    ['no conditions', demo('process', {})],
    ['0 to 2', demo('process', { name: ['string', 'x'] }, { meta: { level: 7 } })],
  ])('that has no word: %s', (reason, document) => {
    expect(() => convertDemoRule(document)).toThrow(NotConverted);
    expect(() => convertDemoRule(document)).toThrow(reason);
  });

  test('whatever the document', () => {
    const names = fc.constantFrom(
      'rules',
      'source',
      'system',
      'and',
      'meta',
      'name',
      'remote',
      'type',
      'data',
      'level',
    );
    const values = [fc.constantFrom('process', 'connection', 'file', 'loginlog', 'regex', 'string', 'count', '1', '')];
    const condition = fc.dictionary(fc.constantFrom('type', 'data'), fc.oneof(...values, fc.string()));
    const document = fc.object({ key: names, values: [...values, condition], maxDepth: 3 });
    fc.assert(
      fc.property(
        document,
        fc.constantFrom('process', 'connection', 'file', 'loginlog'),
        condition,
        (some, source, one) => {
          const rules = { name: one, remote: one, path: one, status: one };
          for (const candidate of [
            some,
            { ...some, source, system: 'all' },
            { source, rules, system: 'all', and: false },
          ]) {
            try {
              for (const rule of convertDemoRule(candidate as Record<string, unknown>)) {
                parseRules('x.yml', yamlText(rule.document, rule.notes));
              }
            } catch (error) {
              expect(error).toBeInstanceOf(NotConverted);
            }
          }
        },
      ),
    );
  });
});

describe('JSON as people keep it', () => {
  const one = '{"a": 1}';
  test.each([
    ['one', one, [1]],
    ['an array with comments and a comma too many', `[ // {"no": 1}\n${one}, /* [ */ {"a": "//x, }",},\n]`, [2, 2]],
    ['a line each', `\ufeff${one}\n{"a": {"b": [1,]}}\n`, [1, 2]],
  ])('%s', (_, text, places) => {
    const { documents, problems } = readJsonDocuments(text);
    expect(problems).toEqual([]);
    expect(documents.map(({ line }) => line)).toEqual(places);
  });

  test.each([
    ['no JSON: an object', 'rules: x\n{"a":1}'],
    ['no JSON: an object', '"text"'],
    ['has no end', '{"a": '],
    ['no JSON:', '{"a": b}'],
    ['no JSON:', '{"a]": ]'],
    ['nested too deeply', '{"a":'.repeat(200_000)],
    ['has no end', '{"a": "b\n"}'],
  ])('that is none: %s', (message, text) => {
    expect(
      readJsonDocuments(text)
        .problems.map(problem => problem.message)
        .join(),
    ).toContain(message);
  });
});

describe('the command', () => {
  const good = demo('process', { command: ['regex', 'x(a|b)+'] });
  const bad = demo('process', { command: ['regex', '(?<=x)y'] });

  test('writes rules, tells the others with their place', () => {
    const path = written(`[\n${JSON.stringify(good)},\n${JSON.stringify(good)},\n${JSON.stringify(bad)}]`);
    const { code, out, err } = run(path);
    expect(code).toBe(1);
    expect(parseRules('out.yml', out)).toMatchObject({
      problems: [],
      rejected: 0,
      rules: [{ rule: { info: { level: 'high' } } }],
    });
    expect(err).toContain(`${path}:3: not converted: "a rule": the same rule as that of line 2`);
    expect(err).toContain(`${path}:4: not converted: "a rule": lookahead and lookbehind`);
    expect(err).toContain('3 documents, 1 rules, 1 not converted');
  });

  test('writes files, never over another', () => {
    const path = written(JSON.stringify(good));
    const folder = join(root, 'a', 'b');
    expect(run('--output', folder, path).code).toBe(0);
    const [file] = readdirSync(folder);
    expect(file).toMatch(/^a_rule_[0-9a-f]{8}\.yml$/);
    writeFileSync(join(folder, file!), 'mine');
    const again = run('--output', folder, path);
    expect([again.code, again.err.includes('is there already, and stays as it is')]).toEqual([1, true]);
    expect(readFileSync(join(folder, file!), 'utf8')).toBe('mine');
  });

  test('nothing of a document steers a terminal', () => {
    const evil = '\x1b]0;\u202e\u009b';
    const { out, err } = run(
      written(
        `${JSON.stringify(demo('process', { command: ['string', evil] }, { meta: { name: evil, description: evil } }))}\n` +
          JSON.stringify(demo(evil, { x: ['string', evil] }, { meta: { name: evil } })),
      ),
    );
    expect(`${out}${err}`).toMatch(/^[\n -~]+$/);
  });

  test('what is no input', () => {
    expect(() => run()).toThrow('which documents?');
    expect(() => run(join(root, 'none.json'))).toThrow('no such file');
    expect(run(written('<xml>')).code).toBe(2);
    expect(existsSync(join(root, 'none.json'))).toBe(false);
  });
});
