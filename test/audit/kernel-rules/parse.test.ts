import { describe, expect, test } from 'bun:test';
import { decodeRule, encodeRule } from '../../../src/audit/kernel-rules/bytes.ts';
import { formatRule } from '../../../src/audit/kernel-rules/format.ts';
import { parseRule, parseRulesFile } from '../../../src/audit/kernel-rules/parse.ts';
import {
  emptyMask,
  fullMask,
  maskNumbers,
  type Rule,
  ruleEquals,
  ruleKeys,
  type Statement,
} from '../../../src/audit/kernel-rules/rule.ts';
import { ARCH } from '../../../src/audit/tables/arches.ts';
import { context } from './context.ts';

const within = context(['/etc', '/']);

function statement(text: string): Statement {
  const parsed = parseRule(text, within);
  if ('error' in parsed) throw new Error(`${text}: ${parsed.error.message}`);
  return parsed.ok;
}

function rule(text: string): Rule {
  const parsed = statement(text);
  if (parsed.kind === 'control') throw new Error('a setting');
  return parsed.rule;
}

const fields = (text: string): unknown[] => rule(text).fields.map(f => [f.field, f.op, f.value]);

describe('parseRule', () => {
  test('list and action in either order, for adding, prepending and deleting', () => {
    expect(rule('-a exit,always -S open')).toEqual(rule('-a always,exit -S open'));
    expect(rule('-A exit,always -S open').prepend).toBe(true);
    expect(statement('-d exit,always -S open').kind).toBe('delete');
    for (const list of ['user', 'exit', 'io_uring', 'filesystem', 'exclude', 'task'] as const) {
      expect(rule(`-a never,${list}`).list).toBe(list);
    }
  });

  test('values attached to their option', () => {
    expect(rule('-aalways,exit -Fauid=1000 -Sopen -kx')).toEqual(rule('-a always,exit -F auid=1000 -S open -k x'));
    expect(statement('--backlog_wait_time=7')).toEqual(statement('--backlog_wait_time 7'));
  });

  test('syscalls by name, number, list and repetition', () => {
    expect(maskNumbers(rule('-a always,exit -F arch=b64 -S open,257 -S execve -S 0x3b').mask)).toEqual([2, 59, 257]);
    expect(maskNumbers(rule('-a always,exit -F arch=b32 -S socketcall -S accept4').mask)).toEqual([102, 364]);
    expect(rule('-a always,exit -S all').mask).toEqual(fullMask());
    expect(rule('-a always,exit').mask).toEqual(fullMask());
    expect(rule('-a never,task').mask).toEqual(emptyMask());
  });

  test("audit-userspace's and the kernel's names of the same syscall", () => {
    expect(rule('-a always,exit -S pread').mask).toEqual(rule('-a always,exit -S pread64').mask);
    expect(formatRule(rule('-a always,exit -F arch=b64 -S pread64'), within)).toBe(
      '-a always,exit -F arch=b64 -S pread',
    );
  });

  test('io_uring operations', () => {
    const uring = rule('-a always,io_uring -S connect,openat -S 57 -k u');
    expect(maskNumbers(uring.mask)).toEqual([16, 18, 57]);
    expect(formatRule(uring, within)).toBe('-a always,io_uring -S connect,openat,listen -F key=u');
    expect(encodeRule(uring)[0]).toBe(7);
  });

  test('architectures', () => {
    const arch = (name: string, native: number = ARCH.x86_64): unknown => {
      const parsed = parseRule(`-a always,exit -F arch=${name}`, context([], native));
      return 'ok' in parsed && parsed.ok.kind === 'add' ? parsed.ok.rule.fields[0]?.value : parsed;
    };
    expect(arch('b64')).toBe(ARCH.x86_64);
    expect(arch('b32')).toBe(ARCH.i386);
    expect(arch('b64', ARCH.aarch64)).toBe(ARCH.aarch64);
    expect(arch('b32', ARCH.aarch64)).toBe(ARCH.arm);
    expect(arch('b32', ARCH.arm)).toBe(ARCH.arm);
    expect(arch('i686')).toBe(ARCH.i386);
    expect(arch('aarch64')).toBe(ARCH.aarch64);
    expect(arch('c000003e')).toBe(ARCH.x86_64);
    expect(arch('0xC00000B7')).toBe(ARCH.aarch64);
  });

  test('users, groups and unset', () => {
    expect(fields('-a always,exit -F uid=www-data -F gid=daemon -F auid=unset -F auid!=-1 -F sessionid=unset')).toEqual(
      [
        ['uid', '=', 33],
        ['gid', '=', 1],
        ['auid', '=', 0xffffffff],
        ['auid', '!=', 0xffffffff],
        ['sessionid', '=', 0xffffffff],
      ],
    );
  });

  test('errnos with their sign, families, types', () => {
    expect(fields('-a always,exit -F exit=-EAGAIN -F exit!=EWOULDBLOCK -F exit=-ENOTSUP -F saddr_fam=ipv6')).toEqual([
      ['exit', '=', -11 >>> 0],
      ['exit', '!=', 11],
      ['exit', '=', -95 >>> 0],
      ['saddr_fam', '=', 10],
    ]);
    expect(fields('-a never,exclude -F msgtype=UNKNOWN[1423] -F msgtype=LANDLOCK_DOMAIN')).toEqual([
      ['msgtype', '=', 1423],
      ['msgtype', '=', 1424],
    ]);
    expect(fields('-a never,filesystem -F fstype=debugfs')).toEqual([['fstype', '=', 0x64626720]]);
  });

  test('every operator', () => {
    expect(fields('-a always,exit -F a0=1 -F a0!=1 -F a0<1 -F a0>1 -F a0<=1 -F a0>=1 -F a0&1 -F a0&=1')).toEqual(
      ['=', '!=', '<', '>', '<=', '>=', '&', '&='].map(op => ['a0', op, 1]),
    );
  });

  test('watches', () => {
    expect(fields('-w /etc/ -k a')).toEqual([
      ['dir', '=', '/etc'],
      ['perm', '=', 15],
      ['key', '=', 'a'],
    ]);
    expect(fields('-w /etc/passwd -p WA')).toEqual([
      ['path', '=', '/etc/passwd'],
      ['perm', '=', 10],
    ]);
    expect(fields('-w /')).toEqual([
      ['dir', '=', '/'],
      ['perm', '=', 15],
    ]);
    expect(statement('-W /etc/passwd').kind).toBe('delete');
    expect(fields('-a always,exit -F path=/x -p r')).toEqual([
      ['path', '=', '/x'],
      ['perm', '=', 4],
    ]);
  });

  test('several keys become one field, the last', () => {
    const keyed = rule('-a always,exit -S open -k one -F key=two -F uid=0');
    expect(keyed.fields.at(-1)).toEqual({ field: 'key', op: '=', value: 'one\x01two' });
    expect(ruleKeys(keyed)).toEqual(['one', 'two']);
    expect(ruleKeys(rule('-a always,exit -S open'))).toEqual([]);
  });

  test('quotes, escapes and bytes that are no text', () => {
    const path = (text: string): unknown => fields(`-w ${text}`)[0];
    const same = ['path', '=', '/a b'];
    for (const text of ['"/a b"', "'/a b'", '/a\\ b', '/"a b"']) expect(path(text)).toEqual(same);
    expect(path('/a\\\\b')).toEqual(['path', '=', '/a\\b']);
    expect(path('/a\\nb')).toEqual(['path', '=', '/a\\nb']);
    expect(path('/caf\\xe9')).toEqual(['path', '=', '/caf\\xe9']);
    const odd = rule("-w '/\\xe9' -k x");
    expect(odd.fields[0]?.value).toBe('/\\x5cxe9');
    for (const text of ['/caf\\xe9', '/a\\x0ab', '/a\\ \\"b', "/'\\\\x41'", "'/\\xe9'", '/é\\xff\\\\']) {
      const one = rule(`-w ${text} -p r`);
      expect(rule(formatRule(one, within))).toEqual(one);
    }
  });

  test('settings', () => {
    expect(statement('-D')).toEqual({ kind: 'control', controls: [{ name: 'delete_all' }] });
    expect(statement('-D -k mine')).toEqual({ kind: 'control', controls: [{ name: 'delete_all', key: 'mine' }] });
    expect(statement('-b 8192 -f 1 -r 0 --backlog_wait_time 60000 -e 2')).toEqual({
      kind: 'control',
      controls: [
        { name: 'backlog_limit', value: 8192 },
        { name: 'failure', value: 1 },
        { name: 'rate_limit', value: 0 },
        { name: 'backlog_wait_time', value: 60000 },
        { name: 'enabled', value: 2 },
      ],
    });
    expect(statement('-ci')).toEqual({ kind: 'control', controls: [{ name: 'continue' }, { name: 'ignore_errors' }] });
    expect(statement('--loginuid-immutable')).toEqual({ kind: 'control', controls: [{ name: 'loginuid_immutable' }] });
  });
});

describe('parseRulesFile', () => {
  test('statements with their lines; comments, blanks and CRLF', () => {
    const text = '## head\r\n\r\n-D\r\n   # note\n\t-w /etc/passwd -p wa -k "my key"\r\nauditctl -e 1';
    const { statements, errors } = parseRulesFile(text, within);
    expect(errors).toEqual([]);
    expect(statements.map(s => s.line)).toEqual([3, 5, 6]);
    const watch = statements[1]!.statement;
    expect(watch.kind === 'add' && ruleKeys(watch.rule)).toEqual(['my key']);
  });

  test('goes on after a mistake', () => {
    const { statements, errors } = parseRulesFile('-e 3\n-e 1\n-w etc\n', within);
    expect(statements.length).toBe(1);
    expect(errors).toEqual([
      { line: 1, column: 4, length: 1, message: '-e takes 0, 1 or 2' },
      { line: 3, column: 4, length: 3, message: '-w needs a path that starts with /' },
    ]);
  });
});

describe('ruleEquals', () => {
  test('is the sense in which the kernel refuses a second rule', () => {
    const one = rule('-a always,exit -F arch=b64 -S open -F auid>=1000 -k a');
    expect(ruleEquals(one, rule('-A exit,always -F arch=b64 -S 2 -F auid>=1000 -k a'))).toBe(true);
    for (const other of [
      '-a never,exit -F arch=b64 -S open -F auid>=1000 -k a',
      '-a always,exit -F arch=b64 -S open,close -F auid>=1000 -k a',
      '-a always,exit -F arch=b64 -S open -F auid>1000 -k a',
      '-a always,exit -F arch=b64 -S open -F auid>=1000 -k b',
      '-a always,exit -F arch=b64 -S open -F auid>=1000',
      '-a always,exit -F auid>=1000 -F arch=b64 -S open -k a',
    ]) {
      expect(ruleEquals(one, rule(other))).toBe(false);
    }
    const all = rule('-a always,exit -S all -F uid=0');
    expect(ruleEquals(all, { ...all, mask: new Uint32Array(64).fill(0xffffffff) })).toBe(true);
  });
});

describe('decodeRule', () => {
  test('tells what is wrong with bytes that are no rule', () => {
    const bytes = encodeRule(rule('-w /etc/passwd -p wa -k a'));
    const changed = (at: number, value: number): Uint8Array => {
      const copy = bytes.slice();
      new DataView(copy.buffer).setUint32(at, value, true);
      return copy;
    };
    const error = (broken: Uint8Array): unknown =>
      'error' in decodeRule(broken) && (decodeRule(broken) as { error: string }).error;
    expect(error(bytes.subarray(0, 1039))).toBe('1039 bytes, a rule has at least 1040');
    expect(error(changed(0, 2))).toBe('unknown list 2');
    expect(error(changed(4, 3))).toBe('unknown action 3');
    expect(error(changed(8, 65))).toBe('65 fields, a rule has at most 64');
    expect(error(changed(1036, 17))).toBe('17 bytes of text in 1052 bytes');
    expect(error(changed(12 + 256 + 256, 100))).toBe('the text of path is cut short');
    expect(error(changed(12 + 256 + 512, 0))).toBe('unknown operator 0');
  });

  test('keeps fields it has no name for', () => {
    const odd = rule('-a always,exit -S open -F f24=0 -F f77>=5');
    expect(decodeRule(encodeRule(odd))).toEqual({ ok: odd });
    expect(formatRule(odd, within)).toBe('-a always,exit -S open -F f24=0 -F f77>=5');
  });

  test('reads a rule anywhere in a buffer', () => {
    const one = rule('-w /etc/passwd -p wa -k a');
    const bytes = encodeRule(one);
    const large = new Uint8Array(3 + bytes.length);
    large.set(bytes, 3);
    expect(decodeRule(large.subarray(3))).toEqual({ ok: one });
  });
});
