// Rule files as they lie on disk, and the command that checks them.

import { afterAll, describe, expect, test } from 'bun:test';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { check } from '../../src/cli/check.ts';
import type { HostEvent } from '../../src/core/event.ts';
import { loadRules } from '../../src/rules/load.ts';
import { exec, ruleText } from './helpers.ts';

const root = mkdtempSync(join(tmpdir(), 'puppy-rules-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folders = 0;
/** A folder with these files; a text that is a function makes its own. */
function folder(files: Readonly<Record<string, string | ((path: string) => void)>>): string {
  const base = join(root, String(folders++));
  mkdirSync(base);
  for (const [name, content] of Object.entries(files)) {
    const path = join(base, name);
    mkdirSync(join(path, '..'), { recursive: true });
    if (typeof content === 'string') writeFileSync(path, content);
    else content(path);
  }
  return base;
}

const UUID = '6f3d2c1e-0000-4000-8000-000000000001';
const uuid = (name: string): string => {
  const hash = new Bun.CryptoHasher('sha256').update(name).digest('hex');
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-4${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
};

const simple = (title: string, extra: object = {}): string =>
  ruleText({
    title,
    id: uuid(title),
    detection: { sel: { 'Image|endswith': '/nc' }, condition: 'sel' },
    extra: { status: 'test', ...extra },
  });

function run(
  path: string,
  options: { strict?: boolean; format?: 'text' | 'json'; audit?: (text: string) => readonly HostEvent[] } = {},
) {
  const parts: string[] = [];
  const code = check({
    paths: [path],
    format: options.format ?? 'text',
    strict: options.strict ?? false,
    auditEvents: options.audit ?? (() => []),
    write: part => parts.push(part),
  });
  return { code, text: parts.join('') };
}

describe('loading', () => {
  test('finds rule files below, sorted, each once; lists and hidden folders are left alone', () => {
    const base = folder({
      'b.yml': simple('b'),
      'a/z.yaml': simple('z'),
      'a/lists/words.yml': 'not: a rule',
      '.git/x.yml': 'not: a rule',
      'notes.txt': 'x',
      'again.yml': path => symlinkSync('b.yml', path),
      'a/up': path => symlinkSync('..', path),
    });
    const { rules, problems, files } = loadRules([base, join(base, 'b.yml')]);
    expect(rules.map(({ info }) => info.title)).toEqual(['z', 'b']);
    expect([files, problems.filter(problem => problem.severity === 'error')]).toEqual([2, []]);
  });

  test('what can’t be read is a problem, and the rest goes on', () => {
    const base = folder({
      'good.yml': simple(UUID),
      'large.yml': '#'.repeat((1 << 20) + 1),
      'latin1.yml': path => writeFileSync(path, Buffer.from([0x61, 0x3a, 0xff])),
      'dangling.yml': path => symlinkSync('nowhere', path),
    });
    const { rules, problems, rejected } = loadRules([base, join(base, 'missing.yml'), '/dev/null']);
    expect(rules.length).toBe(1);
    expect(rejected).toBe(2);
    expect(problems.map(problem => problem.code).sort()).toEqual([
      'file-too-large',
      'not-utf8',
      'unreadable',
      'unreadable',
      'unreadable',
    ]);
  });

  test('several documents in one file, the good ones kept', () => {
    const base = folder({ 'x.yml': `${simple('one')}\n---\ntitle: broken\n---\n${simple('two')}\n` });
    const { rules, rejected, problems } = loadRules([base]);
    expect(rules.map(({ info }) => info.title)).toEqual(['one', 'two']);
    expect([rejected, problems.some(problem => problem.line === 3)]).toEqual([1, true]);
  });

  test('a place that others can write is warned about', () => {
    const base = folder({ 'x.yml': simple('x') });
    chmodSync(base, 0o777);
    chmodSync(join(base, 'x.yml'), 0o666);
    const insecure = loadRules([base]).problems.filter(problem => problem.code === 'insecure-path');
    expect(insecure.map(problem => problem.file)).toEqual([base, join(base, 'x.yml')]);
  });
});

describe('check', () => {
  test('0 when all is well', () => {
    const { code, text } = run(folder({ 'x.yml': simple(UUID) }));
    expect([code, text]).toEqual([0, '1 rule in 1 file; 0 tests; 0 errors, 0 warnings\n']);
  });

  test('warnings count only when strict', () => {
    const base = folder({ 'x.yml': simple('x', { logsource: { category: 'webserver' } }) });
    expect(run(base).code).toBe(0);
    expect(run(base, { strict: true }).code).toBe(1);
  });

  test('2 when a rule is wrong, all mistakes of all files told at once', () => {
    const broken = (detection: object): string => ruleText({ detection });
    const base = folder({
      'a.yml': `${broken({ s: { 'x|contain': 1 }, condition: 's' })}\n---\n${broken({ s: { 'x|re': '(' }, condition: 's' })}`,
      'b.yml': broken({ s: { x: [] }, condition: 's and t' }),
      'c.yml': 'a: [',
      'd.yml': broken({ s: { 'x|cidr': 'y' }, condition: 's' }),
      'e.yml': simple('good'),
    });
    const { code, text } = run(base);
    expect(code).toBe(2);
    for (const at of ['a.yml:1:', 'a.yml:3:', 'b.yml:1:', 'c.yml:1:', 'd.yml:1:'])
      expect(text).toContain(join(base, at));
    expect(text).toMatch(/1 rule in 5 files, 5 left out; 0 tests; \d+ errors/);
  });

  test('a rule’s tests run as live events do; a failed one is told with its place', () => {
    const tests = [
      { name: 'yes', event: { Image: '/bin/nc' }, match: true },
      { name: 'by its ECS name', event: { process: { command_line: 'nc' }, Image: ['/x', '/bin/nc'] }, match: true },
      { name: 'no', event: { Image: '/bin/cat' }, match: false },
      { name: 'elsewhere', logsource: { category: 'file_event' }, event: { Image: '/bin/nc' }, match: false },
      {
        name: 'three',
        events: [
          { at: '0s', event: { Image: '/nc' } },
          { at: '1m', event: { Image: '/nc' } },
        ],
        match: 2,
      },
    ];
    expect(run(folder({ 'x.yml': simple('x', { puppy: { tests } }) }))).toMatchObject({ code: 0 });
    const wrong = [...tests, { name: 'wrong', event: { Image: '/bin/cat' }, match: true }];
    const base = folder({ 'x.yml': simple('x', { puppy: { tests: wrong } }) });
    const { code, text } = run(base);
    expect(code).toBe(1);
    expect(text).toMatch(/error: test-failed: "wrong".*: expected a match, got none/);
    expect(text).toMatch(/x\.yml:1:\d+: /);
    expect(text).toContain('6 tests, 1 failed');
  });

  test('tests by log lines and by audit records', () => {
    const log = ruleText({
      id: 'log',
      logsource: { product: 'linux', service: 'sshd' },
      detection: { k: ['Failed password', 'root'], condition: 'k' },
      extra: {
        puppy: {
          tests: [
            { log: 'sshd[1]: Failed password for jo', match: true },
            { log: 'chroot', match: false },
          ],
        },
      },
    });
    const records = simple('rec', {
      puppy: {
        tests: [
          { audit: '/bin/nc', match: true },
          { audit: '/bin/cat', match: 0 },
        ],
      },
    });
    const audit = (text: string): HostEvent[] => [exec({ executable: text })];
    expect(run(folder({ 'a.yml': log, 'b.yml': records }), { audit })).toMatchObject({ code: 0 });
    const failing = (): never => {
      throw new Error('no record');
    };
    const { code, text } = run(folder({ 'b.yml': records }), { audit: failing });
    expect([code, text.includes("the audit records can't be read: no record")]).toEqual([1, true]);
  });

  test('a test sees its own rule alone', () => {
    const tests = [{ event: { Image: '/bin/zsh' }, match: false }];
    const other = ruleText({ id: 'other', detection: { s: { Image: '/bin/zsh' }, condition: 's' } });
    expect(run(folder({ 'a.yml': simple('x', { puppy: { tests } }), 'b.yml': other })).code).toBe(0);
  });

  test('JSON lists every rule with its verdict', () => {
    const base = folder({ 'a.yml': simple('x'), 'b.yml': simple('y', { logsource: { category: 'webserver' } }) });
    const report = JSON.parse(run(base, { format: 'json' }).text);
    expect(report.summary).toMatchObject({ rules: 2, canFire: 1, cannotFire: 1 });
    expect(
      report.rules.map((one: { title: string; canFire: boolean; reason?: string }) => [
        one.title,
        one.canFire,
        one.reason,
      ]),
    ).toEqual([
      ['x', true, undefined],
      ['y', false, 'no source feeds web server logs yet'],
    ]);
  });
});
