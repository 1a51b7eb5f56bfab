import { describe, expect, test } from 'bun:test';
import { parseRule } from '../../src/audit/kernel-rules/parse.ts';
import type { Rule } from '../../src/audit/kernel-rules/rule.ts';
import { covers } from '../../src/audit/kernel-setup.ts';
import { ARCH } from '../../src/audit/tables/arches.ts';

function rule(text: string): Rule {
  const parsed = parseRule(text, { arch: ARCH.x86_64, uid: () => 0, gid: () => 0, isDirectory: () => false });
  if (!('ok' in parsed) || parsed.ok.kind !== 'add') throw new Error(`${text}: ${JSON.stringify(parsed)}`);
  return parsed.ok.rule;
}

const OURS = '-a always,exit -F arch=b64 -S execve,execveat -F success=1 -F pid!=7 -k puppy-exec';

describe('a host rule makes ours needless only when it gives every one of our events', () => {
  test.each([
    ['-a always,exit -F arch=b64 -S execve,execveat -k host', true],
    ['-a always,exit -F arch=b64 -S all -k host', true],
    ['-a always,exit -F arch=b64 -S execve,execveat,connect -F success=1 -k host', true],
    ['-a always,exit -F arch=b64 -S execve -k host', false],
    ['-a always,exit -F arch=b32 -S execve,execveat -k host', false],
    ['-a always,exit -F arch=b64 -S execve,execveat -F auid>=1000 -k host', false],
    ['-a always,exit -F arch=b64 -S execve,execveat -F success=0 -k host', false],
    ['-a never,exit -F arch=b64 -S execve,execveat', false],
    ['-a always,exclude -F msgtype=CWD', false],
  ])('%s', (host, expected) => expect(covers(rule(host), rule(OURS))).toBe(expected));
});
