import { describe, expect, test } from 'bun:test';
import { decodeRule, encodeRule } from '../../../src/audit/kernel-rules/bytes.ts';
import { type DefaultRulesOptions, defaultRules, type RuleNeeds } from '../../../src/audit/kernel-rules/defaults.ts';
import { ruleKeys } from '../../../src/audit/kernel-rules/rule.ts';
import type { Watch } from '../../../src/audit/kernel-rules/watches.ts';

const NOTHING: RuleNeeds = {
  exec: false,
  execFailed: false,
  connect: false,
  accept: false,
  bind: false,
  listen: false,
  rootChanges: false,
};
const EVERYTHING: RuleNeeds = {
  exec: true,
  execFailed: true,
  connect: true,
  accept: true,
  bind: true,
  listen: true,
  rootChanges: true,
  exit: true,
};

function texts(needs: Partial<RuleNeeds>, options: Partial<DefaultRulesOptions> = {}): string[] {
  const all: DefaultRulesOptions = {
    arch: 'x86_64',
    pid: 77,
    needs: { ...NOTHING, ...needs },
    saddrFam: true,
    ...options,
  };
  return defaultRules(all).map(rule => rule.text);
}

describe('defaultRules', () => {
  test('nothing needed, no rules', () => {
    expect(texts({})).toEqual([]);
  });

  test('exec, connect and changes of the root on x86_64', () => {
    expect(texts({ exec: true, connect: true, rootChanges: true })).toEqual([
      '-a always,exit -F arch=b64 -S execve,execveat -F success=1 -F pid!=77 -F key=puppy-exec',
      '-a always,exit -F arch=b64 -S connect -F saddr_fam>=2 -F saddr_fam<=10 -F pid!=77 -F key=puppy-connect',
      '-a always,exit -F arch=b64 -S sendto,sendmmsg -F a3&=0x20000000 -F pid!=77 -F key=puppy-fastopen',
      '-a always,exit -F arch=b64 -S sendmsg -F a2&=0x20000000 -F pid!=77 -F key=puppy-fastopen',
      '-a always,exit -F arch=b64 -S pivot_root,chroot -F success=1 -F pid!=77 -F key=puppy-root',
      '-a always,exit -F arch=b32 -S execve,execveat -F success=1 -F pid!=77 -F key=puppy-exec',
      '-a always,exit -F arch=b32 -S connect -F saddr_fam>=2 -F saddr_fam<=10 -F pid!=77 -F key=puppy-connect',
      '-a always,exit -F arch=b32 -S sendmmsg,sendto -F a3&=0x20000000 -F pid!=77 -F key=puppy-fastopen',
      '-a always,exit -F arch=b32 -S sendmsg -F a2&=0x20000000 -F pid!=77 -F key=puppy-fastopen',
      '-a always,exit -F arch=b32 -S chroot,pivot_root -F success=1 -F pid!=77 -F key=puppy-root',
      '-a always,exit -F arch=b32 -S socketcall -F a0=0x3 -F saddr_fam>=2 -F saddr_fam<=10 -F pid!=77 -F key=puppy-connect',
      '-a always,io_uring -S connect -F pid!=77 -F key=puppy-uring',
    ]);
  });

  test('the other ends, where i386 has only accept4 beside socketcall', () => {
    expect(texts({ accept: true, bind: true, listen: true })).toEqual([
      '-a always,exit -F arch=b64 -S bind -F saddr_fam>=2 -F saddr_fam<=10 -F pid!=77 -F key=puppy-bind',
      '-a always,exit -F arch=b64 -S accept,listen,accept4 -F success=1 -F pid!=77 -F key=puppy-accept+listen',
      '-a always,exit -F arch=b32 -S bind -F saddr_fam>=2 -F saddr_fam<=10 -F pid!=77 -F key=puppy-bind',
      '-a always,exit -F arch=b32 -S listen,accept4 -F success=1 -F pid!=77 -F key=puppy-accept+listen',
      '-a always,exit -F arch=b32 -S socketcall -F a0=0x2 -F saddr_fam>=2 -F saddr_fam<=10 -F pid!=77 -F key=puppy-bind',
      '-a always,exit -F arch=b32 -S socketcall -F a0>=0x4 -F a0<=0x5 -F success=1 -F pid!=77 -F key=puppy-accept+listen',
      '-a always,exit -F arch=b32 -S socketcall -F a0=0x12 -F success=1 -F pid!=77 -F key=puppy-accept+listen',
      '-a always,io_uring -S accept,bind,listen -F pid!=77 -F key=puppy-uring',
    ]);
  });

  test('aarch64, whose 32-bit programs are arm: no socketcall', () => {
    expect(texts({ exec: true, connect: true, bind: true }, { arch: 'aarch64', saddrFam: false })).toEqual([
      '-a always,exit -F arch=b64 -S execve,execveat -F success=1 -F pid!=77 -F key=puppy-exec',
      '-a always,exit -F arch=b64 -S bind,connect -F pid!=77 -F key=puppy-connect+bind',
      '-a always,exit -F arch=b64 -S sendto,sendmmsg -F a3&=0x20000000 -F pid!=77 -F key=puppy-fastopen',
      '-a always,exit -F arch=b64 -S sendmsg -F a2&=0x20000000 -F pid!=77 -F key=puppy-fastopen',
      '-a always,exit -F arch=b32 -S execve,execveat -F success=1 -F pid!=77 -F key=puppy-exec',
      '-a always,exit -F arch=b32 -S bind,connect -F pid!=77 -F key=puppy-connect+bind',
      '-a always,exit -F arch=b32 -S sendto,sendmmsg -F a3&=0x20000000 -F pid!=77 -F key=puppy-fastopen',
      '-a always,exit -F arch=b32 -S sendmsg -F a2&=0x20000000 -F pid!=77 -F key=puppy-fastopen',
      '-a always,io_uring -S connect,bind -F pid!=77 -F key=puppy-uring',
    ]);
  });

  test('a failed exec only where it is asked for', () => {
    const exec = (needs: Partial<RuleNeeds>): string[] => texts(needs, { compat: false });
    expect(exec({ exec: true })[0]).toContain('-F success=1');
    expect(exec({ exec: true, execFailed: true })).toEqual([
      '-a always,exit -F arch=b64 -S execve,execveat -F pid!=77 -F key=puppy-exec',
    ]);
    expect(exec({ execFailed: true })[0]).toContain('-F success=0');
    expect(exec({ exit: true })).toEqual(['-a always,exit -F arch=b64 -S exit_group -F pid!=77 -F key=puppy-exit']);
  });

  test('reads of files by the calls that open, with the name of the file', () => {
    const opens = (watch: Partial<Watch>): string[] =>
      texts({ watches: [{ kind: 'path', path: '/etc/shadow', perm: 'r', by: 'open', ...watch }] }, { compat: false });
    const call = '-a always,exit -F arch=b64 -S open,openat,openat2';
    const named = '-F pid!=77 -F key=puppy-read -F key=puppy-path:/etc/shadow';
    expect(opens({ names: ['/etc/shadow'] })).toEqual([`${call} -F path=/etc/shadow -F perm=r ${named}`]);
    expect(opens({ by: 'connect', names: ['/etc/shadow'] })).toEqual([
      `-a always,exit -F arch=b64 -S connect -F path=/etc/shadow ${named}`,
    ]);
    expect(opens({ kind: 'dir' })).toEqual([`${call} -F dir=/etc/shadow -F perm=r -F pid!=77 -F key=puppy-read`]);
    // The kernel takes 256 bytes of keys.
    expect(opens({ names: ['/'.padEnd(240, 'x')] })[0]).toEndWith('-F key=puppy-read');
  });

  test('who writes is asked last of all', () => {
    const watch = { kind: 'dir', path: '/etc', perm: 'wa' } as const;
    const needs = { ...EVERYTHING, who: [watch], watches: [watch] };
    const rules = defaultRules({ arch: 'x86_64', needs, saddrFam: true });
    expect(rules.slice(-2).map(({ text }) => text.includes('key=puppy-who'))).toEqual([true, true]);
    expect(rules.map(({ isLast }) => isLast).indexOf(true)).toBe(rules.length - 2);
  });

  test('every rule has the bytes of its text, leaves the agent out and has a key of the prefix', () => {
    for (const arch of ['x86_64', 'aarch64'] as const) {
      const rules = defaultRules({ arch, pid: 77, needs: EVERYTHING, saddrFam: true });
      for (const { rule, optional } of rules) {
        expect(decodeRule(encodeRule(rule))).toEqual({ ok: rule });
        expect(rule.fields).toContainEqual({ field: 'pid', op: '!=', value: 77 });
        expect(ruleKeys(rule)[0]).toStartWith('puppy-');
        expect(optional).toBe(rule.list === 'io_uring');
        expect(rule.prepend).toBe(false);
      }
      expect(rules.length).toBeLessThanOrEqual(18);
    }
  });

  test('the bytes of one, word by word', () => {
    const [exec] = defaultRules({
      arch: 'aarch64',
      pid: 77,
      needs: { ...NOTHING, exec: true },
      saddrFam: true,
    });
    const bytes = encodeRule(exec!.rule);
    const view = new DataView(bytes.buffer);
    const at = (word: number): number => view.getUint32(4 * word, true);
    expect([at(0), at(1), at(2)]).toEqual([4, 2, 4]);
    // execve is 221, execveat 281.
    expect([at(3 + 6), at(3 + 8)]).toEqual([1 << 29, 1 << 25]);
    expect([at(67), at(68), at(69), at(70)]).toEqual([11, 104, 0, 210]);
    expect([at(131), at(132), at(133), at(134)]).toEqual([0xc00000b7, 1, 77, 10]);
    expect([at(195), at(196), at(197), at(198)]).toEqual([0x40000000, 0x40000000, 0x30000000, 0x40000000]);
    expect(at(259)).toBe(10);
    expect(Buffer.from(bytes.subarray(1040)).toString('latin1')).toBe('puppy-exec\0\0');
  });
});
