// Rules with the bytes that auditctl sent for them: our own captures, and go-libaudit's in the shared data.

import { describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { decodeRule, encodeRule } from '../../../src/audit/kernel-rules/bytes.ts';
import { formatRule } from '../../../src/audit/kernel-rules/format.ts';
import { parseRule, parseRulesFile } from '../../../src/audit/kernel-rules/parse.ts';
import { type Rule, type RuleContext, ruleEquals } from '../../../src/audit/kernel-rules/rule.ts';
import { context } from './context.ts';

/** The last word of the mask. */
const CLASS_WORD = 4 * (3 + 63);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function ruleOf(text: string, within: RuleContext): Rule {
  const parsed = parseRule(text, within);
  if ('error' in parsed) throw new Error(`${text}: ${JSON.stringify(parsed.error)}`);
  if (parsed.ok.kind === 'control') throw new Error(`${text}: no rule`);
  return parsed.ok.rule;
}

function decoded(bytes: Uint8Array): Rule {
  const rule = decodeRule(bytes);
  if ('error' in rule) throw new Error(rule.error);
  return rule.ok;
}

/** Text to these bytes, to a rule, to text and to the same bytes. */
function roundTrip(text: string, bytes: Uint8Array, within: RuleContext): string {
  const rule = ruleOf(text, within);
  expect(hex(encodeRule(rule))).toBe(hex(bytes));
  const back = decoded(bytes);
  expect(back).toEqual(rule);
  expect(ruleEquals(back, rule)).toBe(true);
  const again = formatRule(back, within);
  expect(hex(encodeRule(ruleOf(again, within)))).toBe(hex(bytes));
  return again;
}

describe('auditctl 3.0.9', () => {
  /** Lines of `auditctl -l` that are another rule than the kernel's, or that auditctl couldn't read: what we write instead. */
  const OURS: Readonly<Record<string, string>> = {
    // A rule of another architecture than the host's: its bits alone don't tell which.
    '-a never,exit -F arch=b64 -S openat -F uid=0 -F gid=1 -F euid=16 -F key=kr-test':
      '-a never,exit -F arch=aarch64 -S openat -F uid=0 -F gid=1 -F euid=16 -F key=kr-test',
    '-a never,exit -F arch=b32 -S open,send -F suid=3 -F fsuid=4 -F egid=5 -F sgid=6 -F fsgid=7 -F key=kr-test':
      '-a never,exit -F arch=arm -S open,send -F suid=3 -F fsuid=4 -F egid=5 -F sgid=6 -F fsgid=7 -F key=kr-test',
    // The order of fields is part of a rule.
    '-a never,exit -F arch=b64 -S openat -F auid=1000 -F key=kr-test':
      '-a never,exit -F auid=1000 -F arch=b64 -S openat -F key=kr-test',
    // -w cuts the slash off.
    '-w /tmp/kr-dir/ -p wa -k kr-test': '-a always,exit -S all -F dir=/tmp/kr-dir/ -F perm=wa -F key=kr-test',
  };
  const within = context(['/tmp/kr-dir']);
  const text = readFileSync(join(import.meta.dir, 'fixtures/auditctl-3.0.9.golden.txt'), 'utf8');
  const lines = text.split('\n').filter(line => !line.startsWith('#'));
  for (let i = 1; i + 3 < lines.length; i += 5) {
    const [rule, words, buffer, listed] = lines.slice(i, i + 4) as [string, string, string, string];
    test(rule, () => {
      const view = new DataView(new ArrayBuffer(1040));
      for (const part of words.split(' ')) {
        const [, from, to, value] = /^(\d+)(?:-(\d+))?:([0-9a-f]+)$/.exec(part)!;
        for (let n = Number(from); n <= Number(to ?? from); n++)
          view.setUint32(4 * n, Number.parseInt(value!, 16), true);
      }
      // auditctl sets the bits of syscall classes with all others; the kernel clears them, and we don't set them.
      if (view.getUint32(CLASS_WORD, true) === 0xffffffff) view.setUint32(CLASS_WORD, 0xffff, true);
      const bytes = Buffer.concat([Buffer.from(view.buffer), Buffer.from(buffer, 'hex')]);
      const again = roundTrip(rule, bytes, within);
      // The kernel gives back rules of -A as all others.
      if (listed !== '') expect(again.replace(/^-A/, '-a')).toBe(OURS[listed] ?? listed);
    });
  }
});

const shared = join(process.env.PUPPY_SHARED_DATA ?? '../shared/data', 'audit/kernel-rules');
describe.skipIf(!existsSync(shared))('go-libaudit, from the shared data', () => {
  const files = existsSync(shared) ? readdirSync(shared) : [];
  const within = context(['/tmp/audit-test/var/log/audit']);
  interface Golden {
    rules: { flags: string; bytes: Uint8Array }[];
  }
  for (const file of files.filter(name => name.endsWith('.golden.yml'))) {
    const golden = parse(readFileSync(join(shared, file), 'utf8')) as Golden;
    for (const { flags, bytes } of golden.rules) {
      test(`${file}: ${flags}`, () => {
        roundTrip(flags, bytes, within);
      });
    }
  }
  for (const file of files.filter(name => name.endsWith('.rules'))) {
    test(`${file} is read whole`, () => {
      const { statements, errors } = parseRulesFile(readFileSync(join(shared, file), 'utf8'), within);
      expect(errors).toEqual([]);
      const golden = parse(readFileSync(join(shared, `${file}.golden.yml`), 'utf8')) as Golden;
      expect(statements.length).toBeGreaterThanOrEqual(golden.rules.length);
    });
  }
});
