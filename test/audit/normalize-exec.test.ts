import { describe, expect, test } from 'bun:test';
import { eventLines, observeOne, PROCTITLE, path, syscall } from './replayed.ts';

const TASK = {
  pid: 2832,
  ppid: 2831,
  uid: 1000,
  euid: 1000,
  suid: 1000,
  fsuid: 1000,
  gid: 1000,
  egid: 1000,
  sgid: 1000,
  fsgid: 1000,
  auid: 1000,
  session: 3,
  tty: 'pts0',
  comm: 'grep',
  exe: '/usr/bin/grep',
};

const LOADER = '"/lib64/ld-linux-x86-64.so.2"';

interface Parts {
  readonly call?: { readonly [name: string]: string | number };
  readonly execve?: readonly string[];
  readonly cwd?: string;
  readonly paths?: readonly string[];
}

function run({
  call = {},
  execve = ['argc=1 a0="grep"'],
  cwd = '"/home/andrew"',
  paths = ['"/usr/bin/grep"', LOADER],
}: Parts) {
  return observeOne(
    eventLines([
      syscall({ items: paths.length, ...call }),
      ...execve.map(text => `EXECVE ${text}`),
      ...(cwd === '' ? [] : [`CWD cwd=${cwd}`]),
      ...paths.map((name, item) => path(item, name)),
      PROCTITLE,
    ]),
  );
}

describe('exec', () => {
  test('a program', () => {
    expect(run({ execve: ['argc=3 a0="grep" a1="--color=auto" a2=6D617070696E6720'] })).toEqual({
      kind: 'exec',
      task: TASK,
      args: ['grep', '--color=auto', 'mapping '],
      argsCount: 3,
      cwd: '/home/andrew',
      invoked: ['/usr/bin/grep'],
      file: { dev: '08:01', inode: '2512' },
      outcome: 'success',
      warnings: [],
    });
  });

  test('what is unset or unknown is absent', () => {
    const { task } = run({
      call: { auid: 4294967295, ses: 4294967295, tty: '(none)', comm: '(null)', exe: '(null)' },
    });
    const { auid, session, tty, comm, exe, ...rest } = TASK;
    expect(task).toEqual(rest);
  });

  test('a quoted (null) is a name', () => {
    expect(run({ call: { comm: '"(null)"' } }).task).toMatchObject({ comm: '(null)' });
  });

  test('names in hex', () => {
    const { task } = run({ call: { comm: Buffer.from('wi th\n\xff', 'latin1').toString('hex').toUpperCase() } });
    expect(task).toMatchObject({ comm: 'wi th\n\\xff' });
  });

  test('a path that was too long', () => {
    const { task, warnings, cwd } = run({ call: { exe: '"<too_long>"' }, cwd: '"<too_long>"' });
    expect(task).not.toHaveProperty('exe');
    expect(cwd).toBeUndefined();
    expect(warnings).toEqual(['exe_too_long']);
  });

  describe('the names by which it was found', () => {
    const invoked = (...paths: string[]): unknown => run({ paths }).invoked;
    test('a script and its interpreter', () => {
      expect(invoked('"./run.sh"', '"/bin/sh"', LOADER)).toEqual(['/home/andrew/run.sh', '/bin/sh']);
    });
    test('a script with env', () => {
      expect(invoked('"/opt/x"', '"/usr/bin/env"', LOADER)).toEqual(['/opt/x', '/usr/bin/env']);
    });
    test('a static interpreter has no loader behind it', () => {
      expect(invoked('"/opt/x"', '"/bin/busybox"')).toEqual(['/opt/x', '/bin/busybox']);
    });
    test('a static program', () => {
      expect(invoked('"/bin/busybox"')).toEqual(['/bin/busybox']);
    });
    test('the loader itself', () => {
      expect(invoked(LOADER)).toEqual(['/lib64/ld-linux-x86-64.so.2']);
    });
    for (const loader of [
      '/lib/ld-linux.so.2',
      '/lib/ld-linux-aarch64.so.1',
      '/lib/ld-linux-armhf.so.3',
      '/lib/ld-musl-x86_64.so.1',
      '/lib64/ld64.so.2',
      '/usr/lib64/ld-2.31.so',
      '/lib/ld.so.1',
      '/system/bin/linker64',
      '/nix/store/abc-glibc-2.39/lib/ld-linux-x86-64.so.2',
    ]) {
      test(`loader ${loader}`, () => expect(invoked('"/bin/x"', `"${loader}"`)).toEqual(['/bin/x']));
    }
    test('an interpreter of a program that is no usual loader is one of its names', () => {
      expect(invoked('"/bin/x"', '"/tmp/evil"')).toEqual(['/bin/x', '/tmp/evil']);
    });
    test('empty and dot components go, .. stays', () => {
      expect(invoked('".//a/./b/../c/."', LOADER)).toEqual(['/home/andrew/a/b/../c']);
    });
    test('a memfd has no name', () => {
      expect(run({ call: { syscall: 322, a0: 5 }, paths: ['""', LOADER] })).toMatchObject({
        invoked: [],
        warnings: [],
      });
    });
    test('without CWD a relative name stays as it is', () => {
      expect(run({ paths: ['"a"', LOADER], cwd: '' })).toMatchObject({ invoked: ['a'], warnings: ['incomplete'] });
    });
  });

  test('execveat in a directory', () => {
    const paths = ['"a"', '"b"', LOADER];
    const at = (a0: string): unknown => run({ call: { syscall: 322, a0 }, paths });
    expect(at('ffffff9c')).toMatchObject({ invoked: ['/home/andrew/a', '/home/andrew/b'], warnings: [] });
    expect(at('ffffffffffffff9c')).toMatchObject({ invoked: ['/home/andrew/a', '/home/andrew/b'] });
    expect(at('3')).toMatchObject({ invoked: ['/home/andrew/b'], warnings: ['path_relative_to_fd'] });
  });

  test('arguments over several records, and one without any text', () => {
    expect(run({ execve: ['argc=3 a0="x" a1_len=8 a1[0]=6162 a1[1]=6364', 'a2=""'] })).toMatchObject({
      args: ['x', 'abcd', ''],
      warnings: [],
    });
    expect(run({ execve: ['argc=1 a0=""'] })).toMatchObject({ args: [''], argsCount: 1 });
  });

  test('arguments missing', () => {
    const warnings = ['incomplete', 'argv_incomplete'];
    expect(run({ execve: ['argc=3 a0="x"', 'a2="z"'] })).toMatchObject({ args: ['x'], argsCount: 3, warnings });
    const first = run({ execve: ['a1="y"'] });
    expect(first).toMatchObject({ warnings });
    expect(first).not.toHaveProperty('args');
    expect(first).not.toHaveProperty('argsCount');
  });

  test('more arguments than the bound', () => {
    const long = `argc=2 a0="x" a1_len=140000 a1[0]=${'41'.repeat(70_000)}`;
    const seen = run({ execve: [long] });
    expect(seen).toMatchObject({ argsCount: 2, warnings: ['argv_truncated'] });
    expect((seen.args as string[])[1]!.length).toBe(65_536 - 3);
  });

  test('no EXECVE', () => {
    const seen = run({ execve: [] });
    expect(seen).not.toHaveProperty('args');
    expect(seen).toMatchObject({ kind: 'exec', warnings: ['incomplete'] });
  });

  for (const [arch, execve, execveat] of [
    ['c000003e', 59, 322],
    ['40000003', 11, 358],
    ['c00000b7', 221, 281],
    ['40000028', 11, 387],
    ['c000003e', 0x40000000 + 520, 0x40000000 + 545],
  ] as const) {
    test(`architecture ${arch}: ${execve}`, () => {
      for (const nr of [execve, execveat]) expect(run({ call: { arch, syscall: nr } }).kind).toBe('exec');
    });
  }
});

describe('exec that failed', () => {
  const failed = (call: Parts['call'], paths: string[]): unknown =>
    run({ call: { success: 'no', exit: -2, ...call }, paths, execve: [] });

  test('what it wanted', () => {
    expect(failed({}, ['"./nothing"'])).toEqual({
      kind: 'exec_failed',
      task: TASK,
      target: '/home/andrew/nothing',
      outcome: 'failure',
      errorCode: 'ENOENT',
      warnings: [],
    });
  });
  test('below a descriptor', () => {
    expect(failed({ syscall: 322, a0: 3 }, ['"a"'])).toMatchObject({ warnings: ['path_relative_to_fd'] });
  });
  test('a task that died on its way has neither success nor exit', () => {
    const log = eventLines([
      syscall({ items: 0 }).replace('success=yes exit=0 ', ''),
      'EXECVE argc=1 a0="x"',
      'CWD cwd="/"',
      PROCTITLE,
    ]);
    expect(observeOne(log)).toMatchObject({ kind: 'exec_failed', outcome: 'unknown' });
  });
  test('refused by a security module', () => {
    const log = eventLines([
      'AVC avc:  denied  { execute } for  pid=2832 comm="grep" name="x" dev="sda1" ino=1 tclass=file permissive=0',
      syscall({ success: 'no', exit: -13 }),
      PROCTITLE,
    ]);
    expect(observeOne(log)).toMatchObject({ kind: 'anomaly', outcome: 'failure', errorCode: 'EACCES', task: TASK });
  });
});
