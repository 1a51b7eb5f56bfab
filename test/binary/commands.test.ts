// Commands as a user types them: what they say of mistakes, their exit codes, pipes that close.

import { describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { log, root, run } from './executable.ts';

const executable = process.env.PUPPY_BINARY ?? join(root, 'puppy-hids');
const puppy = (...args: readonly string[]) => run(executable, args);
const mistakes = join(import.meta.dir, 'mistakes');

describe('check', () => {
  const expected = [
    ['a-good.yml', 20, 17, 'unknown-modifier'],
    ['b-condition.yml', 8, 32, 'undefined-selection'],
    ['b-condition.yml', 18, 19, 'no-selection-matches'],
    ['c-duplicate.yml', 2, 5, 'duplicate-id'],
    ['c-duplicate.yml', 17, 27, 'regex-refused'],
    ['deeper/d-structure.yml', 1, 1, 'structure'],
  ] as const;

  test('six mistakes in four files: all told, with file, line and column; exit 2', () => {
    const { status, out } = puppy('check', mistakes);
    expect(status).toBe(2);
    for (const [file, line, column, code] of expected) {
      expect(out).toContain(`${join(mistakes, file)}:${line}:${column}: error: ${code}`);
    }
    expect(out).toContain('did you mean "contains"?');
    expect(out).toContain('6 errors');
  });

  test('the same as JSON', () => {
    const { status, out } = puppy('check', '--format', 'json', mistakes);
    expect(status).toBe(2);
    const { problems, summary } = JSON.parse(out) as {
      problems: { file: string; line: number; column: number }[];
      summary: object;
    };
    expect(problems.map(({ file, line, column }) => [file.slice(mistakes.length + 1), line, column])).toEqual(
      expected.map(([file, line, column]) => [file, line, column]),
    );
    expect(summary).toMatchObject({ rules: 1, rejected: 6, errors: 6 });
  });

  test('the pack: exit 0', () => expect(puppy('check', join(root, 'rules.d')).status).toBe(0));
});

describe('exit codes', () => {
  const cases: readonly (readonly [number, readonly string[], string])[] = [
    [0, ['version'], ''],
    [0, ['help'], ''],
    [0, ['help', 'config'], ''],
    [2, ['frobnicate'], 'no command "frobnicate"'],
    [2, ['chek', 'x'], 'did you mean check?'],
    [2, ['--no-such-flag'], 'no-such-flag'],
    [2, ['replay'], 'what is to be replayed'],
    [2, ['replay', '/no/such.log'], 'no such file'],
    [2, ['run', '--audit-mode', 'sometimes'], 'sometimes'],
    [2, ['run', '--config', '/no/such.yaml'], '/no/such.yaml'],
    [2, ['run', '--strict', '--rules', mistakes], 'wrong'],
    [2, ['check', '/no/such/folder'], ''],
    [0, ['replay', '--rules', 'builtin', log], 'lines'],
  ];
  for (const [code, args, says] of cases) {
    test(`${args.join(' ').replace(root, '')}: ${code}`, () => {
      const { status, err, out } = puppy(...args);
      expect({ status, err }).toMatchObject({ status: code });
      expect(err + out).toContain(says);
      expect(err).not.toMatch(/\n {4}at /);
    });
  }

  test('--fail-on: 1 when something of the level was found', () => {
    const rules = join(import.meta.dir, '../host/rules');
    const input = readFileSync(log, 'utf8');
    const found = puppy('replay', '--rules', join(root, 'rules.d'), '--min-level', 'informational', log);
    const status = found.out.includes('"kind":"alert"') ? 1 : 0;
    expect(puppy('replay', '--rules', join(root, 'rules.d'), '--fail-on', 'informational', log).status).toBe(status);
    expect(puppy('replay', '--rules', rules, '--fail-on', 'critical', log).status).toBe(0);
    expect(input.length).toBeGreaterThan(0);
  });

  test('BUN_OPTIONS would let the environment run code: the agent refuses', () => {
    const r = run(executable, ['run', '--rules', 'builtin'], { env: { ...process.env, BUN_OPTIONS: '--smol' } });
    expect(r.status).toBe(2);
    expect(r.err).toContain('BUN_OPTIONS');
  });
});

describe('pipes', () => {
  const shell = (script: string): { out: string; status: string } => {
    const r = spawnSync('/bin/bash', ['-c', script, executable, log], { encoding: 'utf8', timeout: 30_000 });
    const lines = r.stdout.trimEnd().split('\n');
    return { out: lines.slice(0, -1).join('\n'), status: lines.at(-1)! };
  };

  test('replay | head -1: 0, no complaint', () => {
    const many = 'for i in $(seq 400); do cat "$1"; done';
    const { out, status } = shell(
      `{ ${many}; } | "$0" replay --events --rules builtin - 2>&1 | head -1; echo "\${PIPESTATUS[1]}"`,
    );
    expect(JSON.parse(out)).toHaveProperty('ecs.version');
    expect(status).toBe('0');
  }, 40_000);

  test('a log from standard input gives what the file gives', () => {
    const fromFile = puppy('replay', '-q', '--events', '--rules', 'builtin', log).out;
    const fromPipe = spawnSync(executable, ['replay', '-q', '--events', '--rules', 'builtin', '-'], {
      input: readFileSync(log),
      encoding: 'utf8',
    }).stdout;
    const comparable = (text: string): string => text.replace(/"created":"[^"]*"/g, '');
    expect(comparable(fromPipe)).toBe(comparable(fromFile));
  }, 20_000);
});
