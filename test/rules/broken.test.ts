// Every way to get a rule wrong that is known: each a file with the messages it must give beside it, as text and as JSON for editors.
// UPDATE_GOLDEN=1 rewrites them.

import { describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { check } from '../../src/cli/check.ts';
import { loadRules } from '../../src/rules/load.ts';
import { formatProblem } from '../../src/rules/problem.ts';

const FOLDER = join(import.meta.dir, '../fixtures/rules/broken');
const files = readdirSync(FOLDER).filter(name => name.endsWith('.yml'));

function messages(name: string): string {
  const { problems } = loadRules([join(FOLDER, name)]);
  const here = problems.filter(problem => problem.code !== 'insecure-path');
  return here
    .map(problem => `${formatProblem({ ...problem, file: name })}\n`)
    .join('\n')
    .replaceAll(`${FOLDER}/`, '');
}

describe('broken rules', () => {
  test('there are many ways', () => expect(files.length).toBeGreaterThanOrEqual(30));

  for (const name of files) {
    test(name, () => {
      const path = join(FOLDER, name.replace(/\.yml$/, '.golden.txt'));
      const got = messages(name);
      if (process.env.UPDATE_GOLDEN === '1') writeFileSync(path, got);
      expect(existsSync(path)).toBe(true);
      expect(got).toBe(readFileSync(path, 'utf8'));
      // Each message is at a place in the file.
      expect(got).toMatch(/^\S+\.yml:\d+:\d+: (?:error|warning): [\w-]+: /);
    });
  }

  test('as JSON each has its place', () => {
    let text = '';
    const write = (part: string): void => {
      text += part;
    };
    const code = check({ paths: [FOLDER], format: 'json', strict: false, auditEvents: () => [], write });
    expect(code).toBe(2);
    const { problems, summary } = JSON.parse(text);
    expect(summary.errors).toBeGreaterThan(30);
    for (const problem of problems.filter((one: { code: string }) => one.code !== 'insecure-path')) {
      expect(problem.line).toBeGreaterThan(0);
      expect(problem.endColumn).toBeGreaterThan(problem.column);
    }
  });
});
