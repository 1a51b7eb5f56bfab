import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { ARCH, archName, archNames, archValue, compatArch, is64Bit } from '../../../src/audit/tables/arches.ts';
import { errnoName, errnoNames, errnoNumber } from '../../../src/audit/tables/errnos.ts';
import { ioUringOpName, ioUringOpNames, ioUringOpNumber } from '../../../src/audit/tables/io-uring.ts';
import { formatNames, lazyNames, parseNames } from '../../../src/audit/tables/names.ts';
import {
  RECORD_TYPES,
  recordTypeName,
  recordTypeNames,
  recordTypeNumber,
} from '../../../src/audit/tables/record-types.ts';
import { NUMBER_FIELDS, STRING_FIELDS } from '../../../src/audit/tables/rule-fields.ts';
import {
  socketcallName,
  socketcallNumber,
  socketFamilyName,
  socketFamilyNames,
  socketFamilyNumber,
} from '../../../src/audit/tables/sockets.ts';
import { auditSyscallName, syscallName, syscallNames, syscallNumber } from '../../../src/audit/tables/syscalls.ts';

describe('syscalls', () => {
  test('the same call on four architectures', () => {
    const numbers = (name: string): (number | undefined)[] =>
      ['x86_64', 'i386', 'aarch64', 'arm'].map(arch => syscallNumber(arch, name));
    expect(numbers('execve')).toEqual([59, 11, 221, 11]);
    expect(numbers('execveat')).toEqual([322, 358, 281, 387]);
    expect(numbers('connect')).toEqual([42, 362, 203, 283]);
    expect(numbers('socketcall')).toEqual([undefined, 102, undefined, 102]);
    expect(numbers('openat2')).toEqual([437, 437, 437, 437]);
    expect(numbers('no_such')).toEqual([undefined, undefined, undefined, undefined]);
  });

  test('every name is of its number', () => {
    for (const arch of Object.values(ARCH)) {
      for (const name of syscallNames(arch)) {
        const nr = syscallNumber(arch, name)!;
        expect(syscallNumber(arch, syscallName(arch, nr)!)).toBe(nr);
        expect(syscallNumber(arch, auditSyscallName(arch, nr)!)).toBe(nr);
      }
    }
  });

  test('x32 and what is no syscall', () => {
    expect(syscallName(ARCH.x86_64, 0x40000000 + 520)).toBe('execve');
    expect(syscallName(ARCH.x86_64, 0x40000000 + 42)).toBe('connect');
    expect(syscallName(ARCH.x86_64, 520)).toBeUndefined();
    expect(syscallName(ARCH.i386, 0x40000000 + 42)).toBeUndefined();
    expect(syscallName(ARCH.x86_64, -1)).toBeUndefined();
    expect(syscallName(archValue('s390x')!, 1)).toBeUndefined();
    expect([...syscallNames(archValue('s390x')!)]).toEqual([]);
  });

  test("arm's private calls", () => {
    expect(syscallName(ARCH.arm, 0x0f0005)).toBe('set_tls');
  });
});

describe('arches', () => {
  test('values and names', () => {
    for (const [name, value] of Object.entries(ARCH)) {
      expect(archName(value)).toBe(name);
      expect(archValue(name)).toBe(value);
    }
    expect(archValue('i686')).toBe(ARCH.i386);
    expect(archValue('riscv64')).toBe(0xc00000f3);
    expect(archName(0x12345678)).toBeUndefined();
    expect(archValue('constructor')).toBeUndefined();
    for (const name of archNames()) expect(archName(archValue(name)!)).toBe(name);
  });

  test('32-bit companions', () => {
    expect(compatArch(ARCH.x86_64)).toBe(ARCH.i386);
    expect(compatArch(ARCH.aarch64)).toBe(ARCH.arm);
    expect(compatArch(ARCH.arm)).toBe(ARCH.arm);
    expect(compatArch(archValue('s390x')!)).toBeUndefined();
    expect([ARCH.x86_64, ARCH.i386].map(is64Bit)).toEqual([true, false]);
  });
});

describe('errnos', () => {
  test('names, synonyms, and the kernel internal ones', () => {
    expect(errnoName(111)).toBe('ECONNREFUSED');
    expect(errnoName(11)).toBe('EAGAIN');
    expect(errnoNumber('EWOULDBLOCK')).toBe(11);
    expect(errnoNumber('ENOTSUP')).toBe(95);
    expect(errnoName(512)).toBe('ERESTARTSYS');
    expect([0, 41, 58, -1].map(errnoName)).toEqual([undefined, undefined, undefined, undefined]);
    expect([...errnoNames()].length).toBeGreaterThan(130);
  });
});

describe('record types', () => {
  test('as auditd writes them', () => {
    const known: [string, number][] = [
      ['LOGIN', 1006],
      ['USER_LOGIN', 1112],
      ['DAEMON_START', 1200],
      ['SYSCALL', 1300],
      ['EXECVE', 1309],
      ['EOE', 1320],
      ['PROCTITLE', 1327],
      ['REPLACE', 1329],
      ['BPF', 1334],
      ['URINGOP', 1336],
      ['AVC', 1400],
      ['LANDLOCK_ACCESS', 1423],
      ['APPARMOR', 1500],
      ['APPARMOR_DENIED', 1503],
      ['ANOM_ABEND', 1701],
      ['KERNEL', 2000],
      ['CRYPTO_KEY_USER', 2404],
      ['VIRT_MIGRATE_OUT', 2507],
    ];
    for (const [name, number] of known) {
      expect(recordTypeName(number)).toBe(name);
      expect(recordTypeNumber(name)).toBe(number);
    }
  });

  test('unknown ones by their number, and only so', () => {
    expect(recordTypeName(1999)).toBe('UNKNOWN[1999]');
    expect(recordTypeNumber('UNKNOWN[1999]')).toBe(1999);
    expect(recordTypeNumber('UNKNOWN[1300]')).toBe(1300);
    for (const name of ['', 'UNKNOWN[]', 'UNKNOWN[123456]', 'UNKNOWN[-1]', 'UNKNOWN[1] ', 'syscall', 'GET', '1300']) {
      expect(recordTypeNumber(name)).toBeUndefined();
    }
  });

  test('the list is by number and without doubles', () => {
    const numbers = RECORD_TYPES.map(([, number]) => number);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    expect(RECORD_TYPES.length).toBe([...recordTypeNames()].length);
    for (const [name, number] of RECORD_TYPES) expect(recordTypeNumber(name)).toBe(number);
  });

  test('the law of names and numbers', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 99999 }), n => recordTypeNumber(recordTypeName(n)) === n));
  });
});

describe('sockets and io_uring', () => {
  test('families, socket calls, operations', () => {
    expect([1, 2, 10, 16, 17, 40, 99].map(socketFamilyName)).toEqual([
      'unix',
      'inet',
      'inet6',
      'netlink',
      'packet',
      'vsock',
      undefined,
    ]);
    expect(['ipv4', 'ipv6', 'local'].map(socketFamilyNumber)).toEqual([2, 10, 1]);
    expect([...socketFamilyNames()]).toContain('ipv6');
    expect([3, 5, 18, 21].map(socketcallName)).toEqual(['connect', 'accept', 'accept4', undefined]);
    expect(socketcallNumber('sendmmsg')).toBe(20);
    expect([9, 16, 18].map(ioUringOpName)).toEqual(['sendmsg', 'connect', 'openat']);
    for (const name of ioUringOpNames()) expect(ioUringOpName(ioUringOpNumber(name)!)).toBe(name);
  });
});

describe('rule fields', () => {
  test('no number twice', () => {
    const numbers = [...Object.values(NUMBER_FIELDS), ...Object.values(STRING_FIELDS)];
    expect(new Set(numbers).size).toBe(numbers.length);
  });
});

describe('names', () => {
  test('the compact form', () => {
    expect(parseNames('0 a b|c\n7 d 3 e')).toEqual([
      [0, ['a']],
      [1, ['b', 'c']],
      [7, ['d']],
      [3, ['e']],
    ]);
    const names = lazyNames('5 a|b c');
    expect([names.name(5), names.number('b'), names.name(6), names.number('x')]).toEqual(['a', 5, 'c', undefined]);
    expect(names.entries()).toEqual([
      ['a', 5],
      ['c', 6],
    ]);
  });

  test('parse of format is the identity', () => {
    const pair = fc.tuple(fc.stringMatching(/^[a-z_][a-z0-9_]{0,9}$/), fc.integer({ min: 0, max: 3000 }));
    fc.assert(
      fc.property(fc.uniqueArray(pair, { selector: ([name]) => name }), pairs => {
        const back = parseNames(formatNames(pairs)).flatMap(([n, all]) =>
          all.map((name): [string, number] => [name, n]),
        );
        const order = (list: [string, number][]): [string, number][] =>
          list
            .map((p, i): [[string, number], number] => [p, i])
            .sort(([a, i], [b, j]) => a[1] - b[1] || i - j)
            .map(([p]) => p);
        expect(back).toEqual(order(pairs));
      }),
    );
  });
});
