// Every way to get a rule wrong that is known: each a file in mistakes/ with what `check` says of it beside it, as text and as JSON
// for editors. UPDATE_GOLDEN=1 rewrites them.

import { describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { check } from '../../src/cli/check.ts';

const FOLDER = join(import.meta.dir, 'mistakes');
const files = readdirSync(FOLDER).filter(name => name.endsWith('.yml'));

function checked(name: string, format: 'text' | 'json'): { code: number; text: string } {
  const parts: string[] = [];
  const options = { format, strict: false, auditEvents: () => [], write: (part: string): unknown => parts.push(part) };
  const code = check({ ...options, paths: [join(FOLDER, name)] });
  return { code, text: parts.join('').replaceAll(`${FOLDER}/`, '') };
}

/** Who may write the file depends on the checkout. */
const isOfTheRule = (problem: { code: string }): boolean => problem.code !== 'insecure-path';

/** Without the summary, which the last line holds, and without what isn't of the rule. */
function textOf(name: string): string {
  const blocks = checked(name, 'text').text.split('\n\n').slice(0, -1);
  return `${blocks.filter(block => !block.includes(': insecure-path: ')).join('\n\n')}\n`;
}

function jsonOf(name: string): { line: number; column: number; end_column: number; severity: string }[] {
  return JSON.parse(checked(name, 'json').text).problems.filter(isOfTheRule);
}

function expectGolden(path: string, got: string): void {
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(path, got);
  expect(existsSync(path)).toBe(true);
  expect(got).toBe(readFileSync(path, 'utf8'));
}

describe('mistakes', () => {
  test('there are many ways', () => expect(files.length).toBeGreaterThanOrEqual(60));

  for (const name of files) {
    test(name, () => {
      const text = textOf(name);
      const problems = jsonOf(name);
      const path = join(FOLDER, name.replace(/\.yml$/, ''));
      expectGolden(`${path}.golden.txt`, text);
      expectGolden(`${path}.golden.json`, `${JSON.stringify(problems, null, 2)}\n`);
      // Each message is at a place in the file.
      expect(text).toMatch(/^\S+\.(?:yml|txt):\d+:\d+: (?:error|warning): [\w-]+: /);
      for (const { line, column, end_column: end } of problems) {
        expect(line).toBeGreaterThan(0);
        expect(end).toBeGreaterThan(column);
      }
      const isWrong = problems.some(({ severity }) => severity === 'error');
      expect(checked(name, 'text').code).toBe(isWrong ? (text.includes(': test-failed: ') ? 1 : 2) : 0);
    });
  }

  test('no golden is left over', () => {
    const goldens = readdirSync(FOLDER).filter(name => name.includes('.golden.'));
    const expected = files.flatMap(name => ['txt', 'json'].map(kind => name.replace(/\.yml$/, `.golden.${kind}`)));
    expect(goldens.sort()).toEqual(expected.sort());
  });
});
