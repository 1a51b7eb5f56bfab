import { describe, expect, test } from 'bun:test';
import { incompleteReasons } from '../../src/audit/complete.ts';
import { eventLines, PROCTITLE, path, replay, syscall } from './replayed.ts';

function reasons(records: readonly string[], excluded?: readonly number[]): readonly string[] {
  const all: (readonly string[])[] = [];
  replay(eventLines(records), event => all.push(incompleteReasons(event, excluded && new Set(excluded))));
  expect(all.length).toBe(1);
  return all[0]!;
}

const [SYSCALL, PATH, CWD, EXECVE, EOE, TITLE] = [1300, 1302, 1307, 1309, 1320, 1327];
const EXEC = [
  syscall({ items: 2 }),
  'EXECVE argc=2 a0="x" a1="y"',
  'CWD cwd="/"',
  path(0, '"/bin/x"'),
  path(1, '"/lib64/ld-linux-x86-64.so.2"'),
  PROCTITLE,
];
const without = (type: string): string[] => EXEC.filter(record => !record.startsWith(`${type} `));

describe('a whole event', () => {
  test('exec, ended by PROCTITLE or EOE', () => {
    expect(reasons(EXEC)).toEqual([]);
    expect(reasons([...without('PROCTITLE'), 'EOE '])).toEqual([]);
  });
  test('the list is shared', () => {
    expect(reasons(EXEC)).toBe(reasons(['USER_LOGIN pid=1 uid=0 auid=0 ses=1']));
  });
  test('records that are events of their own', () => {
    for (const record of [
      'AVC apparmor="DENIED" operation="open" pid=1 comm="x"',
      'LOGIN pid=1 uid=0 old-auid=4294967295 auid=0 old-ses=4294967295 ses=1 res=1',
      'ANOM_ABEND auid=1000 uid=1000 pid=1 comm="x" sig=11 res=1',
      'SECCOMP auid=1000 uid=1000 pid=1 comm="x" sig=31 arch=c000003e syscall=1',
      'KERN_MODULE name="x"',
      'USER_CMD pid=1 uid=0 msg=\'cmd="x"\'',
    ]) {
      expect(reasons([record])).toEqual([]);
    }
  });
  test('a failed exec without EXECVE', () => {
    expect(
      reasons([syscall({ success: 'no', exit: -7, items: 1 }), 'CWD cwd="/"', path(0, '"/x"'), PROCTITLE]),
    ).toEqual([]);
  });
  test('a message queue: its parent is counted but not shown', () => {
    expect(reasons([syscall({ syscall: 240, items: 2 }), 'CWD cwd="/"', path(0, '"q"'), PROCTITLE])).toEqual([]);
  });
  test('io_uring has no PROCTITLE', () => {
    const op = 'URINGOP uring_op=16 success=yes exit=0 items=0 pid=1 uid=0';
    expect(reasons([op, 'EOE '])).toEqual([]);
    expect(reasons([op])).toEqual(['no_end']);
    expect(reasons([op], [EOE])).toEqual([]);
    expect(reasons([syscall({ syscall: 426 }), op], [EOE])).toEqual(['no_end']);
  });
});

describe('what is missing', () => {
  const cases: [string, string[], string[]][] = [
    ['the end', without('PROCTITLE'), ['no_end']],
    ['SYSCALL', without('SYSCALL'), ['no_syscall']],
    ['EXECVE', without('EXECVE'), ['no_execve']],
    ['CWD', without('CWD'), ['no_cwd']],
    ['a PATH', EXEC.filter(record => !record.startsWith('PATH item=1')), ['paths']],
    ['a PATH too many', [...EXEC.slice(0, 4), path(2, '"/a"'), ...EXEC.slice(4)], ['paths']],
    ['an argument', EXEC.map(record => record.replace('argc=2', 'argc=3')), ['argv']],
    ['everything but EOE', ['EOE '], ['no_syscall']],
    ['everything but PROCTITLE', [PROCTITLE], ['no_syscall']],
    ['the address of a connect', [syscall({ syscall: 42 }), PROCTITLE], ['no_sockaddr']],
    [
      'the address of one in progress',
      [syscall({ syscall: 42, success: 'no', exit: -115 }), PROCTITLE],
      ['no_sockaddr'],
    ],
    ['more than one thing', [syscall({ items: 2 })], ['no_end', 'paths', 'no_execve', 'no_cwd']],
  ];
  for (const [name, records, expected] of cases) {
    test(name, () => expect(reasons(records) as string[]).toEqual(expected));
  }
  test('a connect that was refused before its address was looked at misses none', () => {
    expect(reasons([syscall({ syscall: 42, success: 'no', exit: -9 }), PROCTITLE])).toEqual([]);
  });
  test('more records than an event may have', () => {
    const paths = Array.from({ length: 1100 }, (_, item) => path(item, '"/a"'));
    expect(reasons([syscall({ syscall: 87, items: 1100 }), ...paths, PROCTITLE])).toContain('records_dropped');
  });
});

describe("what the host's rules keep away is not missing", () => {
  const cases: [string, string[], number[]][] = [
    ['PROCTITLE', without('PROCTITLE'), [TITLE, EOE]],
    ['CWD', without('CWD'), [CWD]],
    ['PATH', without('PATH'), [PATH]],
    ['EXECVE', without('EXECVE'), [EXECVE]],
    ['SYSCALL', without('SYSCALL'), [SYSCALL]],
  ];
  for (const [name, records, excluded] of cases) {
    test(name, () => expect(reasons(records, excluded)).toEqual([]));
  }
  test('PROCTITLE ends an event of a log, which has no EOE', () => {
    expect(reasons(EXEC, [EOE])).toEqual([]);
    expect(reasons(without('PROCTITLE'), [EOE])).toEqual(['no_end']);
  });
});

test('what comes after its event is no incomplete event more', () => {
  const all: (readonly string[])[] = [];
  replay(eventLines([...EXEC, 'CWD cwd="/"']), event => all.push(incompleteReasons(event)));
  expect(all).toEqual([[], []]);
});
