// From a rule's text to the kernel rules that it needs.

import { describe, expect, test } from 'bun:test';
import { kernelAskOf } from '../../src/kernel-needs.ts';
import { loadRules } from '../../src/rules/load.ts';
import { verdictOf } from '../../src/rules/verdict.ts';
import { hasSigma, RULES, rule } from '../rules/helpers.ts';
import { host } from './host.ts';

const HOST = host('/etc/passwd', '/usr/bin/curl', '/bin/nc -> /usr/bin/nc.traditional', '/usr/bin/nc.traditional');
const AUDITD = { product: 'linux', service: 'auditd' };
const needs = (...selections: readonly object[]) => {
  const named = Object.fromEntries(selections.map((selection, i) => [`sel${i}`, selection]));
  return verdictOf(rule({ logsource: AUDITD, detection: { ...named, condition: '1 of sel*' } })).needs;
};
/** Of 64-bit programs, without what all of our rules have. */
const rules = (...selections: readonly object[]): string[] =>
  kernelAskOf(needs(...selections), HOST)
    .rules.filter(text => !text.includes('arch=b32'))
    .map(text => text.replace(/^-a always,exit (?:-F arch=b64 )?|^-a always,/, '').replace(' -F key=puppy-call', ''));
const notes = (...selections: readonly object[]): string => kernelAskOf(needs(...selections), HOST).notes.join('; ');

describe('system calls', () => {
  test.each<[object, string[]]>([
    [{ SYSCALL: ['mount', 'umount2'] }, ['-S mount,umount2']],
    [{ type: 'SYSCALL', syscall: '165' }, ['-S mount']],
    [{ SYSCALL: 'MOUNT', success: 'no' }, ['-S mount -F success=0']],
    [{ SYSCALL: 'socket', a0: 26 }, ['-S socket -F a0=0x26']],
    [{ SYSCALL: 'socket', a0: [26, 29] }, ['-S socket -F a0=0x26', '-S socket -F a0=0x29']],
    [{ SYSCALL: 'syslog', a0: [4, 6, 5] }, ['-S syslog -F a0>=0x4 -F a0<=0x6']],
    [{ SYSCALL: 'ptrace', a0: 'ffffffffffffff9c', auid: 1000 }, ['-S ptrace -F a0=0xFFFFFF9C -F auid=1000']],
    [{ SYSCALL: 'ptrace', 'a0|startswith': '1', 'a1|contains': '2' }, ['-S ptrace']],
    [{ SYSCALL: 'mount', exit: '-13' }, ['-S mount -F exit=-EACCES']],
    [{ 'SYSCALL|startswith': 'finit_' }, ['-S finit_module']],
    [{ SYSCALL: 'mount', key: 'mine' }, ['-S mount -F key=mine']],
    [{ SYSCALL: 'openat', exit: '-13' }, ['-S openat -F exit=-EACCES']],
  ])('%j', (selection, expected) => expect(rules(selection)).toEqual(expected));

  test('frequent ones are refused, unless little is asked of them', () => {
    expect(rules({ SYSCALL: ['openat', 'mount'] })).toEqual(['-S mount']);
    expect(rules({ SYSCALL: 'read', success: 'yes' })).toEqual([]);
    expect(notes({ SYSCALL: 'openat' })).toContain('"openat" is too frequent');
  });

  test('of a rule with too many ways nothing is asked too narrowly', () => {
    const calls = ['mount', 'ptrace'].map(name => ({ SYSCALL: name, success: 'yes' }));
    const pairs = Array.from({ length: 20 }, (_, i) => ({ a0: String(i), a1: String(i) }));
    const selections = { call: [...calls, { SYSCALL: 'chroot' }], one: pairs, two: pairs };
    const wide = rule({ logsource: AUDITD, detection: { ...selections, condition: 'all of them' } });
    const asked = kernelAskOf(verdictOf(wide).needs, HOST).rules;
    expect(asked[0]).toBe('-a always,exit -F arch=b64 -S ptrace,chroot,mount -F key=puppy-call');
  });

  test('of a pattern not hundreds', () => {
    expect(rules({ 'SYSCALL|contains': 'e' })).toEqual([]);
    expect(notes({ 'SYSCALL|contains': 'e' })).toContain('name those that matter');
  });

  test('one that only 32-bit programs have is told', () =>
    expect(notes({ SYSCALL: 'umount' })).toContain('64-bit programs have no'));

  test('one that does not exist is told', () => expect(notes({ SYSCALL: 'mounty' })).toContain('"mounty"'));

  test('executions are what process rules ask for', () =>
    expect(rules({ type: 'SYSCALL', SYSCALL: ['execve', 'execveat'] })).toEqual([
      '-S execve,execveat -F success=1 -F key=puppy-exec',
    ]));
});

describe('files', () => {
  const path = (fields: object): string[] => rules({ type: 'PATH', ...fields });
  test.each<[object, string[]]>([
    [{ name: '/etc/shadow' }, ['-w /etc/shadow -p wa -k puppy-file']],
    [{ name: '/etc/shadow', nametype: 'NORMAL' }, ['-w /etc/shadow -p rwa -k puppy-file']],
    [{ name: '/etc/shadow', nametype: ['CREATE', 'DELETE'] }, ['-w /etc/shadow -p wa -k puppy-file']],
    [{ 'name|startswith': '/etc/pass', 'name|endswith': 'wd', nametype: 'CREATE' }, ['dir=/etc']],
  ])('%j', (fields, expected) => {
    const got = path(fields);
    expect(got).toHaveLength(expected.length);
    for (const [i, text] of got.entries()) expect(text).toContain(expected[i]!);
  });

  test('of a regular expression no folder is known', () => {
    expect(path({ 'name|re': '/etc/.*' })).toEqual([]);
    expect(notes({ type: 'PATH', 'name|re': '/etc/.*' })).toContain('regular expression');
  });
});

describe('reads of files', () => {
  const ask = (selections: object, condition = '1 of sel*') =>
    kernelAskOf(
      verdictOf(
        rule({ logsource: { product: 'linux', category: 'file_access' }, detection: { ...selections, condition } }),
      ).needs,
      host('/etc/shadow', '/root/.ssh/id_rsa', '/etc/ssl/private/key.pem'),
    );
  const paths = (selections: object, condition?: string): string[] =>
    ask(selections, condition).rules.flatMap(text => /arch=b64 .*-F ((?:path|dir)=\S+)/.exec(text)?.[1] ?? []);
  test.each<[object, string[]]>([
    [{ TargetFilename: '/etc/shadow' }, ['path=/etc/shadow']],
    [{ 'file.path': '/etc/shadow' }, ['path=/etc/shadow']],
    [{ 'TargetFilename|startswith': '/etc/shad' }, ['path=/etc/shadow']],
    [{ 'TargetFilename|startswith': '/etc/ssl/' }, ['dir=/etc/ssl']],
    [{ 'TargetFilename|contains': '/.ssh/id_' }, ['path=/root/.ssh/id_rsa']],
    [{ TargetFilename: '/etc/shadow', 'Image|endswith': '/cat' }, ['path=/etc/shadow']],
    [{ Image: '/bin/cat' }, []],
    [{ 'TargetFilename|re': '/etc/.*' }, []],
  ])('%j', (sel, expected) => expect(paths({ sel })).toEqual(expected));

  test('not of what a filter names', () => {
    const filtered = { sel: { TargetFilename: '/etc/shadow' }, filter: { TargetFilename: '/etc/passwd' } };
    expect(paths(filtered, 'sel and not filter')).toEqual(['path=/etc/shadow']);
  });
  test('what can’t be asked is told', () => {
    expect(ask({ sel: { Image: '/bin/cat' } }).notes.join()).toContain('names no file by its path');
    expect(ask({ sel: { 'TargetFilename|endswith': '/mem' } }).notes.join()).toContain('begins with a wildcard');
    expect(ask({ sel: { TargetFilename: '/proc/*/mem' } }).notes.join()).toContain('audit has no watch');
  });
});

describe('keys', () => {
  test('that published rules expect are set, the rule’s own beside ours', () => {
    expect(rules({ key: 'susp_activity' })).toEqual([
      '-S all -F path=/usr/bin/curl -F perm=x -F success=1 -F key=puppy-exec -F key=susp_activity',
      '-S all -F path=/usr/bin/nc.traditional -F perm=x -F success=1 -F key=puppy-exec -F key=susp_activity',
    ]);
    expect(rules({ key: 'network_connect_4' })).toEqual([
      '-S connect -F saddr_fam=2 -F key=puppy-connect -F key=network_connect_4',
    ]);
  });

  test('of somebody else are told', () => {
    expect(rules({ key: 'theirs' })).toEqual([]);
    expect(notes({ key: 'theirs' })).toContain('audit.rules (-k theirs)');
  });
});

describe('record types', () => {
  test.each<[string, string[], string]>([
    ['ADD_USER', [], ''],
    ['SERVICE_STOP', [], ''],
    ['KERN_MODULE', ['-S init_module,delete_module,finit_module'], ''],
    ['MMAP', [], '"mmap" is too frequent'],
    ['DAEMON_END', [], "only in the audit daemon's own log"],
    ['NO_SUCH', [], 'no record type "NO_SUCH"'],
  ])('%s', (type, expected, note) => {
    expect(rules({ type })).toEqual(expected);
    expect(notes({ type })).toContain(note);
    expect(kernelAskOf(needs({ type }), HOST).notes).toHaveLength(note === '' ? 0 : 1);
  });
});

describe.if(hasSigma)('SigmaHQ’s rules of service auditd', () => {
  const loaded = hasSigma ? loadRules([RULES]).rules.filter(({ logsource }) => logsource.service === 'auditd') : [];
  test.each(loaded.map(one => [one.info.title, one] as const))('%s', (_, one) => {
    const verdict = verdictOf(one);
    expect(verdict.canFire).toBe(true);
    const own = { ...HOST, isDirectory: () => true, realPath: (path: string) => path };
    const asked = kernelAskOf(verdict.needs, own).rules.length + verdict.needs.recordTypes.length;
    expect(asked).toBeGreaterThan(0);
    expect(verdict.needs.unasked.filter(why => !why.startsWith('TTY'))).toEqual([]);
  });
});
