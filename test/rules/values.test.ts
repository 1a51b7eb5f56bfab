// Addresses, encodings, globs, regular expressions: the single values that rules are made of.

import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { FieldrefHow } from '../../src/rules/ast.ts';
import { inNetwork, parseIp, parseNetwork, plainIp } from '../../src/rules/cidr.ts';
import { base64, base64offset, utf16, windash } from '../../src/rules/encode.ts';
import { containsWord, fold, isWord, matchGlob, parseGlob } from '../../src/rules/glob.ts';
import { firstReferring } from '../../src/rules/refers.ts';
import { LinearRegex } from '../../src/rules/regex.ts';
import { compileRuleset } from '../../src/rules/ruleset.ts';
import { Values } from '../../src/rules/values.ts';
import { exec, rule } from './helpers.ts';

describe('addresses', () => {
  const isIn = (ip: string, network: string): boolean => inNetwork(parseNetwork(network)!, parseIp(ip)!);
  test('networks of either version', () => {
    expect(isIn('10.255.0.1', '10.0.0.0/8')).toBe(true);
    expect(isIn('11.0.0.1', '10.0.0.0/8')).toBe(false);
    expect(isIn('10.0.0.1', '10.0.0.1')).toBe(true);
    expect(isIn('203.0.113.9', '0.0.0.0/0')).toBe(true);
    expect(isIn('fe80::1', 'fe80::/10')).toBe(true);
    expect(isIn('2001:db8::1', '2001:db8::/128')).toBe(false);
    expect(isIn('::ffff:10.1.2.3', '10.0.0.0/8')).toBe(true);
    expect(isIn('10.1.2.3', '::ffff:10.0.0.0/104')).toBe(true);
    expect(isIn('10.1.2.3', '::/0')).toBe(false);
    expect(isIn('fe80::1%eth0', 'fe80::/64')).toBe(true);
  });
  test('what is none', () => {
    for (const text of [
      '',
      '1.2.3',
      '1.2.3.256',
      '1.2.3.4.5',
      '::1::',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      'g::',
      ':::',
      '1:',
    ]) {
      expect([text, parseIp(text)]).toEqual([text, undefined]);
    }
    for (const text of ['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '::/129', '10.0.0.0/-1']) {
      expect([text, parseNetwork(text)]).toEqual([text, undefined]);
    }
  });
  test('v4-mapped addresses are v4', () => {
    expect(plainIp('::ffff:127.0.0.1')).toBe('127.0.0.1');
    expect(plainIp('::FFFF:7f00:1')).toBe('127.0.0.1');
    expect(plainIp('2001:db8::ffff:1')).toBe('2001:db8::ffff:1');
  });
});

describe('encodings', () => {
  test('base64 at any offset', () => {
    for (let shift = 0; shift < 6; shift++) {
      const inside = Buffer.from(`${'xyzxyz'.slice(0, shift)}/bin/bash and more`).toString('base64');
      expect(base64offset('/bin/bash', false).some(form => inside.includes(form))).toBe(true);
    }
    expect(base64offset('foobar', false)).toEqual(['Zm9vYmFy', 'Zvb2Jhc', 'mb29iYX']);
  });
  test('wide text in base64, as PowerShell takes it', () => {
    expect(base64(utf16('ping', 'utf16le'), true)).toBe('cABpAG4AZwA=');
    expect(utf16('a', 'utf16be')).toBe('\0a');
    expect(utf16('a', 'utf16')).toBe('\xff\xfea\0');
  });
  test('dashes before words, not within them', () => {
    expect(windash(' -f ')).toEqual([' -f ', ' /f ', ' –f ', ' —f ', ' ―f ']);
    expect(windash('a-b')).toEqual(['a-b']);
    expect(windash('-a -b -c -d -e')).toBeUndefined();
  });
  test('chained', () => {
    const detection = { s: { 'CommandLine|wide|base64offset|contains': 'http://' }, condition: 's' };
    const ruleset = compileRuleset([rule({ detection })]);
    const encoded = Buffer.from('xx http://evil', 'utf16le').toString('base64');
    expect(
      ruleset.evaluateFields({ CommandLine: `pwsh -enc ${encoded}` }, { category: 'process_creation' }).length,
    ).toBe(1);
  });
});

describe('globs', () => {
  test('stay linear on hostile values', () => {
    const start = performance.now();
    expect(matchGlob(parseGlob('*a*a*a*a*a*a*a*a*b'), 'a'.repeat(100_000))).toBe(false);
    expect(matchGlob(parseGlob('*?a?a?a*b?c*'), 'xa'.repeat(60_000))).toBe(false);
    expect(performance.now() - start).toBeLessThan(5_000);
  });
  test('words', () => {
    expect(containsWord('git init', 'init')).toBe(true);
    expect(containsWord('initial telinit', 'init')).toBe(false);
    expect(containsWord('initial init', 'init')).toBe(true);
    expect([isWord('init'), isWord('a'.repeat(17)), isWord('-c'), isWord('')]).toEqual([true, false, false, false]);
  });
});

describe('regular expressions', () => {
  const NO_FLAGS = { i: false, m: false, s: false };
  const regex = (source: string, flags = {}): LinearRegex => new LinearRegex(source, { ...NO_FLAGS, ...flags });

  test('hostile patterns on hostile values take time in proportion to the value', () => {
    const values = [`${'a'.repeat(65_536)}b`, 'ab'.repeat(32_768), `${'a'.repeat(65_535)}/`];
    for (const source of [
      '(a+)+$',
      '(a|a)*b$',
      '(a|aa)+$',
      '.*.*.*=x',
      '(.*a){20}c',
      '[^/]{100,}$',
      'a[ab]{300}c',
      '(a*)*c',
    ]) {
      const one = regex(source);
      for (const value of values) {
        const start = performance.now();
        one.test(value);
        // The built-in engine needs minutes to ages.
        expect(performance.now() - start).toBeLessThan(5_000);
      }
    }
  });
  test('a dollar matches before a newline at the end, as in PCRE', () => {
    expect(regex('evil$').test('evil\n')).toBe(true);
    expect(regex('evil$').test('evil\n\n')).toBe(false);
    expect(regex('evil\\z').test('evil\n')).toBe(false);
  });
  test('a dot stops at a newline alone, as in PCRE', () => {
    expect(regex('a.b').test('a\rb')).toBe(true);
    expect(regex('a.b').test('a\nb')).toBe(false);
    expect(regex('a.b', { s: true }).test('a\nb')).toBe(true);
  });
  test('flags at the start of the pattern', () => {
    expect(regex('(?i)^ABC').test('abc')).toBe(true);
    expect(regex('(?im)^b$').test('a\nB')).toBe(true);
  });
  test('classes', () => {
    expect(regex('^[]a-]+$').test(']-a')).toBe(true);
    expect(regex('^[[:alpha:]_]+$').test('aZ_')).toBe(true);
    expect(regex('^[^\\w\\s]+$').test('-/.')).toBe(true);
    expect(regex('^\\x41\\u0042\\x{43}$').test('ABC')).toBe(true);
    expect(regex('ä', { i: true }).test('Ä')).toBe(true);
  });
  test('literals that every match has', () => {
    const literals = (source: string): readonly string[] => regex(source).requiredLiterals;
    expect(literals('https://[0-9]{1,3}\\.')).toEqual(['https://']);
    expect(literals('-(W|R)\\s?x')).toEqual(['-W', '-R']);
    expect(literals('(foo|bar)+z*')).toEqual(['foo', 'bar']);
    expect(literals('(foo|b*)')).toEqual([]);
    expect(literals('a{3}')).toEqual(['aaa']);
    expect(literals('.*')).toEqual([]);
  });
});

describe('a field that refers to another', () => {
  const first = (how: FieldrefHow, values: readonly string[], others: readonly string[], cased = false): number => {
    const [a, b] = [new Values(), new Values()];
    a.addAll(values);
    b.addAll(others);
    return firstReferring(a, b, how, cased);
  };
  const hows = ['equals', 'startswith', 'endswith', 'contains'] as const;

  test('long lists are compared as short ones are', () => {
    const texts = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'A', 'ä', 'Ä'), maxLength: 3 }), {
      maxLength: 8,
    });
    // No value has a z: what is added decides nothing but how it is done.
    const padding = Array.from({ length: 300 }, (_, i) => `z${i}z`);
    fc.assert(
      fc.property(texts, texts, fc.constantFrom(...hows), fc.boolean(), (values, others, how, cased) => {
        const few = first(how, values, others, cased);
        expect(first(how, values, [...others, ...padding], cased)).toBe(few);
        const holds = (x: string, y: string): boolean =>
          ({ equals: x === y, startswith: x.startsWith(y), endswith: x.endsWith(y), contains: x.includes(y) })[how];
        const form = (text: string): string => (cased ? text : fold(text));
        expect(few).toBe(values.findIndex(x => others.some(y => holds(form(x), form(y)))));
      }),
    );
  });

  test('in linear time, whatever two programs are given as arguments', () => {
    const many = (prefix: string): string[] => Array.from({ length: 40_000 }, (_, i) => `${prefix}${i}`);
    for (const how of hows) {
      const modifier = how === 'equals' ? 'fieldref' : `fieldref|${how}`;
      const detection = { s: { [`process.args|${modifier}`]: 'process.parent.args' }, condition: 's' };
      const ruleset = compileRuleset([rule({ detection })]);
      const start = performance.now();
      expect(ruleset.evaluate(exec({ args: many('a') }, { args: many('b') }))).toEqual([]);
      const matches = ruleset.evaluate(exec({ args: [...many('a'), 'Same'] }, { args: [...many('b'), 'same'] }));
      expect(matches[0]?.conditions[0]?.value).toBe('Same');
      expect(performance.now() - start).toBeLessThan(5_000);
    }
  });
});

describe('dates', () => {
  const at = (modifier: string, value: number, date: string): boolean => {
    const detection = { s: { [`When|${modifier}`]: value }, condition: 's' };
    return (
      compileRuleset([rule({ detection })]).evaluateFields({ When: date }, { category: 'process_creation' }).length > 0
    );
  };
  test('parts as written', () => {
    expect(at('hour', 23, '2026-01-01T23:59:00+02:00')).toBe(true);
    expect(at('minute|gt', 58, '2026-01-01 23:59:00')).toBe(true);
    expect(at('day', 1, '2026-01-01')).toBe(true);
    expect(at('month|lte', 1, '2026-01-01')).toBe(true);
    expect(at('year', 2026, '2026-01-01')).toBe(true);
    expect(at('week', 53, '2027-01-01')).toBe(true);
    expect(at('hour', 0, '2026-01-01')).toBe(false);
    expect(at('year', 2026, 'not a date')).toBe(false);
  });
});
