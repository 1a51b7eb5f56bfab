import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { decodeRule, encodeRule } from '../../../src/audit/kernel-rules/bytes.ts';
import { formatRule } from '../../../src/audit/kernel-rules/format.ts';
import { parseRule, parseRulesFile } from '../../../src/audit/kernel-rules/parse.ts';
import type { Rule, RuleField } from '../../../src/audit/kernel-rules/rule.ts';
import { quoteToken, tokenize } from '../../../src/audit/kernel-rules/tokens.ts';
import {
  MASK_WORDS,
  NUMBER_FIELDS,
  OPERATORS,
  RULE_ACTIONS,
  RULE_LISTS,
  STRING_FIELDS,
} from '../../../src/audit/tables/rule-fields.ts';
import { safeText } from '../../../src/core/text.ts';
import { context } from './context.ts';

const keys = <K extends string>(table: Readonly<Record<K, unknown>>): K[] => Object.keys(table) as K[];
const within = context();

const word = fc.oneof(
  fc.constantFrom(0, 1, 0xffffffff, 0x7fffffff, 0x80000000),
  fc.integer({ min: 0, max: 0xffffffff }),
);
const bytesText = fc.uint8Array({ maxLength: 40 }).map(bytes => safeText(Buffer.from(bytes)));
const op = fc.constantFrom(...keys(OPERATORS));
const anyField: fc.Arbitrary<RuleField> = fc.oneof(
  fc.record({ field: fc.constantFrom(...keys(NUMBER_FIELDS)), op, value: word }),
  fc.record({ field: fc.integer({ min: 300, max: 0xffffffff }).map(n => `f${n}` as const), op, value: word }),
  fc.record({ field: fc.constantFrom(...keys(STRING_FIELDS)), op, value: bytesText }),
);
const anyRule: fc.Arbitrary<Rule> = fc.record({
  list: fc.constantFrom(...keys(RULE_LISTS)),
  action: fc.constantFrom(...keys(RULE_ACTIONS)),
  prepend: fc.boolean(),
  mask: fc.array(word, { minLength: MASK_WORDS, maxLength: MASK_WORDS }).map(words => Uint32Array.from(words)),
  fields: fc.array(anyField, { maxLength: 64 }),
});

test('decode of encode is the identity, whatever the rule', () => {
  fc.assert(fc.property(anyRule, rule => expect(decodeRule(encodeRule(rule))).toEqual({ ok: rule })));
});

test('decode never throws, and what it reads is encoded to the same rule', () => {
  const header = fc.tuple(
    fc.constantFrom(0, 1, 4, 5, 6, 7, 9),
    fc.integer({ max: 4, min: 0 }),
    fc.integer({ max: 70, min: 0 }),
  );
  fc.assert(
    fc.property(header, fc.uint8Array({ maxLength: 1100, minLength: 1000 }), ([list, action, count], rest) => {
      const bytes = new Uint8Array(rest);
      const view = new DataView(bytes.buffer);
      view.setUint32(0, list, true);
      view.setUint32(4, action, true);
      view.setUint32(8, count, true);
      const decoded = decodeRule(bytes);
      if ('ok' in decoded) expect(decodeRule(encodeRule(decoded.ok))).toEqual(decoded);
    }),
  );
});

/** Rules that text can say. */
const path = fc
  .uint8Array({ minLength: 1, maxLength: 30 })
  .map(bytes => `/${safeText(Buffer.from(bytes.map(b => (b === 0 || b === 0x2f ? 0x61 : b))))}`);
const sayable: fc.Arbitrary<string> = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('uid', 'auid', 'gid', 'pid', 'ppid', 'success', 'devmajor', 'inode', 'pers'),
      fc.constantFrom('=', '!=', '<', '<=', '>', '>='),
      word,
    )
    .map(([f, o, v]) => `-F ${f}${o}${v}`),
  fc.tuple(fc.constantFrom('a0', 'a1', 'a2', 'a3', 'f24'), op, word).map(([f, o, v]) => `-F ${f}${o}${v}`),
  fc.integer({ min: -600, max: 600 }).map(n => `-F exit=${n}`),
  fc.constantFrom(
    '-C uid!=euid',
    '-C obj_gid=gid',
    '-F perm=rx',
    '-F filetype=fifo',
    '-F saddr_fam=inet6',
    '-F auid=unset',
  ),
  fc.constantFrom('-F arch=b64', '-F arch=b32', '-F arch=aarch64', '-F arch!=arm', '-F arch=0x12345678'),
  fc
    .tuple(fc.constantFrom('path', 'dir', 'exe', 'obj_type', 'subj_user'), path)
    .map(([f, p]) => `-F ${f}=${quoteToken(p)}`),
);
const sayableRule = fc
  .tuple(
    fc.constantFrom('-a always,exit', '-A never,exit', '-a exit,always'),
    fc.array(sayable, { maxLength: 12 }),
    fc.array(fc.integer({ min: 0, max: 2031 }), { maxLength: 12 }),
    fc.array(
      path.map(p => p.slice(1)).filter(k => k !== '' && !k.includes('\x01')),
      { maxLength: 3 },
    ),
  )
  .map(([list, fields, syscalls, keyed]) =>
    [list, ...fields, ...syscalls.map(n => `-S ${n}`), ...keyed.map(k => `-S all -F key=${quoteToken(k)}`)].join(' '),
  );

test('a rule to text and back is the same rule', () => {
  let read = 0;
  fc.assert(
    fc.property(sayableRule, text => {
      const parsed = parseRule(text, within);
      if (!('ok' in parsed) || parsed.ok.kind === 'control') return;
      read++;
      expect(parseRule(formatRule(parsed.ok.rule, within), within)).toEqual(parsed);
    }),
    { numRuns: 1000 },
  );
  expect(read).toBeGreaterThan(500);
});

test('the parser never throws, and points into the line', () => {
  const pieces = fc.constantFrom(
    ...'-a -A -d -S -F -C -w -W -k -p -D -e -f -r -b -i -c always exit never user exclude task , = != >= <= < > & &= all open 257'.split(
      ' ',
    ),
    ...'arch b64 b32 uid auid key path dir perm exe exit -EPERM msgtype SYSCALL field_compare f24 /etc " \' \\ \\x00 \\xff # \t \r'.split(
      ' ',
    ),
    '--backlog_wait_time',
    ' ',
    '__proto__',
    'constructor',
  );
  const mixed = fc.array(fc.oneof(pieces, fc.string({ maxLength: 6 })), { maxLength: 20 });
  const lines = fc.oneof(
    mixed.map(parts => parts.join('')),
    mixed.map(parts => parts.join(' ')),
    fc.string({ unit: 'binary', maxLength: 60 }),
  );
  fc.assert(
    fc.property(lines, line => {
      const parsed = parseRule(line, within);
      if ('ok' in parsed) return;
      expect(parsed.error.column).toBeGreaterThan(0);
      expect(parsed.error.column).toBeLessThanOrEqual(line.length + 1);
      expect(parsed.error.length).toBeGreaterThan(0);
    }),
    { numRuns: 3000 },
  );
});

test('each line of a file is a statement, an error or nothing', () => {
  const line = fc.constantFrom('-e 1', '-w /etc/x', '# note', '', '  ', '-w x', '-a always,exit -S open', 'nonsense');
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), lines => {
      const { statements, errors } = parseRulesFile(lines.join('\n'), within);
      const told = [...statements, ...errors].map(s => s.line).sort((a, b) => a - b);
      const wanted = lines.flatMap((text, i) => (/^\s*(#|$)/.test(text) ? [] : [i + 1]));
      expect(told).toEqual(wanted);
    }),
  );
});

test('any bytes survive quoting', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), bytes => {
      const text = safeText(Buffer.from(bytes));
      const tokens = tokenize(`a ${quoteToken(text)} b`);
      expect('ok' in tokens && tokens.ok.map(token => token.text)).toEqual(['a', text, 'b']);
    }),
    { numRuns: 2000 },
  );
});
