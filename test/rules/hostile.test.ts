// Rule files that want to hurt: each is answered within a bounded time and with a bounded number of messages that say where.

import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { check } from '../../src/cli/check.ts';

setDefaultTimeout(120_000);
/** Far above what each takes alone: other work shares the cores. */
const CHECK_MAX_MS = 5_000;
const OUTPUT_MAX_CHARS = 400_000;

const folder = mkdtempSync(join(tmpdir(), 'puppy-hostile-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Told {
  readonly line?: number;
  readonly column?: number;
  readonly severity: string;
  readonly code: string;
  readonly message: string;
}

/** What `check` says of a file with the text. */
function told(text: string): Told[] {
  const path = join(folder, 'rule.yml');
  writeFileSync(path, text);
  const outputs = (['text', 'json'] as const).map(format => {
    const parts: string[] = [];
    const start = performance.now();
    check({ paths: [path], format, strict: false, auditEvents: () => [], write: part => parts.push(part) });
    expect(performance.now() - start).toBeLessThan(CHECK_MAX_MS);
    const output = parts.join('');
    expect(output.length).toBeLessThan(OUTPUT_MAX_CHARS);
    return output;
  });
  expect(outputs[0]).not.toMatch(/[\0-\x09\x0b-\x1f\x7f]/);
  return JSON.parse(outputs[1]!).problems.filter(({ code }: Told) => code !== 'insecure-path');
}

const HEAD = 'title: x\nid: 6f3d2c1e-0000-4000-8000-000000000001\nstatus: test\nlevel: high\n';
const SOURCE = 'logsource: {category: process_creation}\n';
const rule = (detection: string): string => `${HEAD}${SOURCE}detection:\n${detection}`;
const selection = (body: string): string => rule(`  sel:\n${body}\n  condition: sel\n`);
const many = (count: number, one: (i: number) => string, joint = '\n'): string =>
  Array.from({ length: count }, (_, i) => one(i)).join(joint);
const list = (count: number, one: (i: number) => string): string => many(count, i => `      - '${one(i)}'`);

describe('a file that is no rule', () => {
  test.each([
    ['brackets nested deeply', '['.repeat(100_000), /nested too deeply|not closed/],
    ['maps nested deeply', many(700, i => `${' '.repeat(i)}a:`), /nested too deeply/],
    ['lists nested deeply', '- '.repeat(20_000), /nested too deeply/],
    [
      'aliases that double',
      `a: &a [x,x]\n${many(24, i => `b${i}: &b${i} [*${i === 0 ? 'a' : `b${i - 1}`}, *${i === 0 ? 'a' : `b${i - 1}`}]`)}`,
      /too large once its aliases/,
    ],
    ['an alias within itself', `${HEAD}${SOURCE}detection: &d {a: *d, condition: a}`, /nested too deeply/],
    ['NUL', 'title: x\0\n', /control character U\+0000/],
    ['an escape sequence', 'title: \x1b[2J\n', /control character U\+001B/],
    ['a tab', `${HEAD}detection:\n\tsel:\n\t\tImage: x\n`, /a tab can't indent YAML/],
    ['keys twice', many(20_000, () => 'k: 1'), /is there twice/],
    ['quotes without end', `"${'x'.repeat(1_000_000)}`, /not closed/],
    ['brackets without end on one line', 'a: ]'.repeat(20_000), /./],
    ['reserved characters', many(20_000, i => `k${i}: @x`), /can't begin with "@"/],
    ['anchors that nothing refers to', many(20_000, i => `k${i}: &a${i} x`), /nothing refers to the anchor/],
    ['aliases of nothing', many(20_000, i => `k${i}: *a${i}`), /no anchor is named/],
    ['empty documents', '---\n'.repeat(20_000), /holds no rule/],
    ['documents that are wrong', '---\nx: 1\n'.repeat(5_000), /no title/],
  ])('%s', (_name, text, expected) => {
    const problems = told(text);
    expect(problems.map(({ message }) => message).join('\n')).toMatch(expected);
    expect(problems.length).toBeLessThan(500);
    for (const { line, column } of problems) expect([line! > 0, column! > 0]).toEqual([true, true]);
  });
});

describe('a rule with too much of something', () => {
  test.each([
    ['unknown fields', selection(many(10_000, i => `    Imagf${i}: x`)), 'unknown-field'],
    ['unknown modifiers', selection(many(10_000, i => `    Image|contain${i}: x`)), 'unknown-modifier'],
    [
      'selections that are not there',
      rule(`${many(10_000, i => `  s${i}: {Image: x}`)}\n  condition: ${many(60_000, i => `t${i}`, ' or ')}\n`),
      'undefined-selection',
    ],
    [
      'selections that are not used',
      rule(`${many(5_000, i => `  s${i}: {Image: /x}`)}\n  condition: s0\n`),
      'unused-selection',
    ],
    ['values of one list', selection(`    CommandLine|contains:\n${list(20_000, i => `v${i}`)}`), undefined],
    ['equal values', selection(`    CommandLine|contains:\n${list(20_000, () => 'v')}`), 'duplicate-value'],
    [
      'values that cover each other',
      selection(many(150, j => `    puppy.x${j}|contains:\n${list(200, i => 'a'.repeat(1 + (i % 16)) + i)}`)),
      'unknown-field',
    ],
    [
      'values that almost cover each other',
      selection(`    CommandLine|contains:\n${list(200, i => `${'a'.repeat(4_000)}b${i}`)}`),
      undefined,
    ],
    ['stars', selection(`    CommandLine:\n${list(200, i => `${'*a'.repeat(200)}${i}`)}`), undefined],
    ['regular expressions', selection(`    CommandLine|re:\n${list(4_000, i => `a.*b${i}`)}`), undefined],
    ['large regular expressions', selection(`    CommandLine|re:\n${list(300, i => `([ab]{900})c${i}`)}`), undefined],
    ['refused regular expressions', selection(`    CommandLine|re:\n${list(20_000, () => '(a')}`), 'regex-refused'],
    [
      'alternatives',
      rule(`${many(3_000, i => `  s${i}: {User: u${i}, Image|contains: x}`)}\n  condition: 1 of s*\n`),
      undefined,
    ],
    [
      'what must hold at once',
      rule(`${many(3_000, i => `  s${i}: {CommandLine|contains: u${i}}`)}\n  condition: all of s* and not 1 of s1*\n`),
      undefined,
    ],
    [
      'maps of a list',
      rule(`  sel:\n${many(5_000, i => `    - {User: u${i}, CommandLine|contains: x}`)}\n  condition: sel\n`),
      undefined,
    ],
    ['parentheses', rule(`  sel: {Image: /x}\n  condition: ${'('.repeat(50_000)}sel\n`), 'bad-condition'],
    ['negations', rule(`  sel: {Image: /x}\n  condition: ${'not '.repeat(50_000)}sel\n`), 'bad-condition'],
    ['conditions', rule(`  sel: {Image: /x}\n  condition:\n${many(5_000, () => '    - sel')}\n`), undefined],
    [
      'short keywords',
      rule(`  k:\n${list(10_000, i => String.fromCharCode(97 + (i % 26)))}\n  condition: k\n`),
      'short-keyword',
    ],
    ['tags', `${selection('    Image: /x')}tags:\n${many(8_000, i => `  - attack.tactic${i}`)}\n`, 'unknown-tag'],
    ['text on one line', selection(`    Image: ${'x'.repeat(1_000_000)}`), 'relative-path'],
    ['key', selection(`    Im${'x'.repeat(1000)}: y`), 'unknown-field'],
    ['unknown keys', `${selection('    Image: /x')}${many(8_000, i => `titl${i}: x`)}\n`, 'unknown-key'],
  ])('%s', (_name, text, code) => {
    const problems = told(text);
    if (code !== undefined) expect(problems.map(problem => problem.code)).toContain(code);
    expect(problems.length).toBeLessThan(500);
  });
});

describe('a file from elsewhere', () => {
  const good = selection("    Image|endswith: '/nc'\n    CommandLine|containz: x");
  test.each([
    ['a byte order mark', `\ufeff${good}`],
    ['CRLF', good.replaceAll('\n', '\r\n')],
    ['both', `\ufeff${good.replaceAll('\n', '\r\n')}`],
  ])('%s: places stay right', (_name, text) => {
    expect(told(text)).toMatchObject([{ line: 9, column: 17, code: 'unknown-modifier' }]);
  });

  test('letters of all kinds: columns count UTF-16 units', () => {
    expect(told(rule('  sel: {Image|endswith: "/😀é", User|lik: x}\n  condition: sel\n'))).toMatchObject([
      { line: 7, column: 38, code: 'unknown-modifier' },
    ]);
  });
});
