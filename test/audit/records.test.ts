import { describe, expect, test } from 'bun:test';
import { recordViews } from '../../src/audit/records.ts';
import { eventLines, observe, PROCTITLE, path, type Record, replay, syscall } from './replayed.ts';

function recordsOf(records: readonly string[]): readonly Record[] {
  return observe(eventLines(records)).flatMap(seen => seen.records);
}

const fieldsOf = (record: string): Record['fields'] => recordsOf([record])[0]!.fields;

/** What `get` gives for names, of record `index`. */
function got(records: readonly string[], index: number, ...names: string[]): (string | undefined)[] {
  const values: (string | undefined)[] = [];
  replay(eventLines(records), event => {
    const view = recordViews(event)[index]!;
    for (const name of names) values.push(view.get(name));
  });
  return values;
}

describe('SYSCALL', () => {
  test('numbers stay, names come beside them', () => {
    const call = [syscall({ syscall: 257, a0: 'ffffff9c', key: '"passwd"' }), PROCTITLE];
    expect(got(call, 0, 'type', 'syscall', 'SYSCALL', 'arch', 'ARCH', 'a0', 'exit', 'key')).toEqual([
      'SYSCALL',
      '257',
      'openat',
      'c000003e',
      'x86_64',
      'ffffff9c',
      '0',
      'passwd',
    ]);
    expect(recordsOf(call)[0]!.fields).toMatchObject({
      syscall: '257',
      SYSCALL: 'openat',
      arch: 'c000003e',
      ARCH: 'x86_64',
    });
  });
  test('what is unset is absent', () => {
    const call = [syscall({ auid: 4294967295, ses: 4294967295, tty: '(none)', key: '(null)' }), PROCTITLE];
    expect(got(call, 0, 'auid', 'ses', 'tty', 'key')).toEqual([undefined, undefined, undefined, undefined]);
    const { fields } = recordsOf(call)[0]!;
    for (const name of ['auid', 'ses', 'tty', 'key']) expect(fields).not.toHaveProperty(name);
  });
  test('several keys', () => {
    expect(got([syscall({ key: '65786563013634626974' }), PROCTITLE], 0, 'key')).toEqual(['exec\x0164bit']);
    expect(got([syscall({ key: '"key=net"' }), PROCTITLE], 0, 'key')).toEqual(['net']);
  });
  test('a syscall or architecture without a name', () => {
    expect(got([syscall({ syscall: 99999 }), PROCTITLE], 0, 'syscall', 'SYSCALL')).toEqual(['99999', undefined]);
    expect(got([syscall({ arch: '1' }), PROCTITLE], 0, 'arch', 'ARCH', 'SYSCALL')).toEqual(['1', undefined, undefined]);
  });
  test('what auditd added to an enriched log is no part of the record', () => {
    const record = `${syscall({})}\x1dARCH=x86_64 SYSCALL=wrong AUID="andrew" UID="andrew"`;
    expect(got([record, PROCTITLE], 0, 'SYSCALL', 'AUID', 'uid')).toEqual(['execve', undefined, '1000']);
    expect(recordsOf([record, PROCTITLE])[0]!.fields).not.toHaveProperty('UID');
    expect(Object.keys(recordsOf([record, PROCTITLE])[0]!.fields)).toEqual(
      Object.keys(recordsOf([syscall({}), PROCTITLE])[0]!.fields),
    );
  });
  test('names that are none', () => {
    expect(got([syscall({}), PROCTITLE], 0, '', 'toString', '__proto__', 'a4', 'name')).toEqual(
      new Array(5).fill(undefined),
    );
  });
});

describe('EXECVE', () => {
  test('arguments, also those over several records', () => {
    const records = [
      syscall({}),
      'EXECVE argc=4 a0="x" a1_len=8 a1[0]=6162 a1[1]=6364',
      'EXECVE a2="" a3=6120FF',
      PROCTITLE,
    ];
    expect(got(records, 1, 'argc', 'a0', 'a1', 'a2', 'a3', 'a4', 'a01', 'a1_len')).toEqual([
      '4',
      'x',
      'abcd',
      '',
      'a \\xff',
      undefined,
      undefined,
      undefined,
    ]);
    expect(recordsOf(records)[1]).toEqual({
      type: 'EXECVE',
      fields: { argc: '4', a0: 'x', a1: 'abcd', a2: '', a3: 'a \\xff' },
    });
  });
});

describe('PATH', () => {
  const name = (call: { readonly [name: string]: string | number }, text: string, cwd = '"/home/andrew"') =>
    got([syscall({ items: 1, ...call }), `CWD cwd=${cwd}`, path(0, text), PROCTITLE], 2, 'name')[0];
  test('absolute', () => {
    expect(name({ syscall: 2 }, '"/etc//pam.d/./x"')).toBe('/etc/pam.d/x');
    expect(name({ syscall: 2 }, '"/"')).toBe('/');
  });
  test('relative to CWD', () => {
    expect(name({ syscall: 2 }, '"a/b"')).toBe('/home/andrew/a/b');
    expect(name({ syscall: 2 }, '"a"', '"/"')).toBe('/a');
    expect(name({ syscall: 87 }, '2E2F6120')).toBe('/home/andrew/a ');
  });
  test('relative to a descriptor: only AT_FDCWD is CWD', () => {
    expect(name({ syscall: 257, a0: 'ffffff9c' }, '"a"')).toBe('/home/andrew/a');
    expect(name({ syscall: 257, a0: 'ffffffffffffff9c' }, '"a"')).toBe('/home/andrew/a');
    expect(name({ syscall: 257, a0: '3' }, '"a"')).toBeUndefined();
    expect(name({ syscall: 257, a0: '3' }, '"/a"')).toBe('/a');
    // symlinkat: the second argument; renameat2: both
    expect(name({ syscall: 266, a0: '3', a1: 'ffffff9c' }, '"a"')).toBe('/home/andrew/a');
    expect(name({ syscall: 316, a0: 'ffffff9c', a2: '4' }, '"a"')).toBeUndefined();
    expect(name({ syscall: 316, a0: 'ffffff9c', a2: 'ffffff9c' }, '"a"')).toBe('/home/andrew/a');
  });
  test('where that can not be told, the name is told as relative', () => {
    const call = (a0: string): string[] => [
      syscall({ syscall: 257, a0, items: 2 }),
      'CWD cwd="/home/andrew"',
      path(0, '"/home/andrew"', 'inode=2 dev=08:01 nametype=PARENT'),
      path(1, '"a"', 'inode=3 dev=08:01 nametype=CREATE'),
      PROCTITLE,
    ];
    expect(got(call('5'), 3, 'name', 'relative_name')).toEqual([undefined, 'a']);
    expect(got(call('ffffff9c'), 3, 'name', 'relative_name')).toEqual(['/home/andrew/a', undefined]);
    // The kernel writes CWD for the parent whatever the directory was.
    expect(got(call('5'), 2, 'name', 'relative_name')).toEqual([undefined, undefined]);
    expect(got(call('ffffff9c'), 2, 'name')).toEqual(['/home/andrew']);
  });
  test('a message queue is in no directory', () => {
    expect(name({ syscall: 240 }, '"a"')).toBeUndefined();
  });
  test('an interpreter is relative to CWD, whatever the script was', () => {
    const records = [
      syscall({ syscall: 322, a0: '5', items: 2 }),
      'EXECVE argc=1 a0="x"',
      'CWD cwd="/home/andrew"',
      path(0, '"s"'),
      path(1, '"sh"'),
      PROCTITLE,
    ];
    expect([got(records, 3, 'name')[0], got(records, 4, 'name')[0]]).toEqual([undefined, '/home/andrew/sh']);
  });
  test('without SYSCALL or CWD', () => {
    expect(got(['CWD cwd="/"', path(0, '"a"')], 1, 'name')).toEqual([undefined]);
    expect(got([syscall({ syscall: 2 }), path(0, '"a"'), PROCTITLE], 1, 'name')).toEqual([undefined]);
  });
  test('no name, a too long one, and one that looks like none', () => {
    expect(name({ syscall: 2 }, '(null)')).toBeUndefined();
    expect(name({ syscall: 2 }, '"<too_long>"')).toBeUndefined();
    expect(name({ syscall: 2 }, '"(null)"')).toBe('/home/andrew/(null)');
  });
  test('objtype of old kernels is nametype', () => {
    const record = path(0, '"/a"', 'inode=1 dev=08:01 mode=0100644 ouid=0 ogid=0 rdev=00:00 objtype=CREATE');
    expect(got([syscall({ syscall: 2, items: 1 }), record, PROCTITLE], 1, 'nametype')).toEqual(['CREATE']);
    expect(recordsOf([syscall({ syscall: 2, items: 1 }), record, PROCTITLE])[1]!.fields).toMatchObject({
      nametype: 'CREATE',
    });
  });
});

describe('SOCKADDR', () => {
  const address = (saddr: string): Record['fields'] =>
    recordsOf([syscall({ syscall: 42 }), `SOCKADDR saddr=${saddr}`, PROCTITLE])[1]!.fields;
  test('the bytes, and what they say', () => {
    const saddr = '02000050A9FEA9FE0000000000000000';
    expect(address(saddr)).toEqual({ saddr, saddr_fam: 'inet', laddr: '169.254.169.254', lport: '80' });
    expect(address('01002F72')).toEqual({ saddr: '01002F72', saddr_fam: 'unix', path: '/r' });
    expect(address('100000000100000002000000')).toMatchObject({
      saddr_fam: 'netlink',
      'nlnk-pid': '1',
      'nlnk-grp': '2',
    });
  });
  test('by name', () => {
    const records = [syscall({ syscall: 42 }), 'SOCKADDR saddr=02000050A9FEA9FE0000000000000000', PROCTITLE];
    expect(got(records, 1, 'laddr', 'lport', 'saddr_fam', 'path')).toEqual([
      '169.254.169.254',
      '80',
      'inet',
      undefined,
    ]);
  });
});

describe('others', () => {
  test('what user space says is fields too', () => {
    const message = 'op=adding user acct="frodo" exe="/usr/sbin/useradd" hostname=? addr=? terminal="?" res=success';
    expect(fieldsOf(`ADD_USER pid=901 uid=0 auid=1000 ses=5 msg='${message}'`)).toEqual({
      pid: '901',
      uid: '0',
      auid: '1000',
      ses: '5',
      op: 'adding user',
      acct: 'frodo',
      exe: '/usr/sbin/useradd',
      res: 'success',
    });
  });
  test('commands and what was typed', () => {
    expect(fieldsOf('USER_CMD pid=1 uid=0 msg=\'cwd="/" cmd=6964202D61 terminal=pts/0 res=success\'')).toMatchObject({
      cmd: 'id -a',
      cwd: '/',
    });
    expect(fieldsOf('TTY tty pid=1 uid=0 comm="sh" data=69640D')).toMatchObject({ data: 'id\r' });
  });
  test('titles', () => {
    const title = (text: string): string | undefined =>
      got([syscall({ syscall: 42 }), `PROCTITLE proctitle=${text}`], 1, 'proctitle')[0];
    expect(title('7368002D6300')).toBe('sh -c');
    expect(title('"sh"')).toBe('sh');
    expect(title('"(null)"')).toBeUndefined();
    expect(title('(null)')).toBeUndefined();
  });
  test('AVC', () => {
    const record =
      'AVC avc:  denied  { read write } for  pid=1 comm="x" name="y" scontext=a tcontext=b tclass=file permissive=0';
    expect(fieldsOf(record)).toMatchObject({ seresult: 'denied', seperms: 'read write', tclass: 'file' });
    expect(fieldsOf('AVC apparmor="DENIED" operation="open" pid=1 comm="x"')).not.toHaveProperty('seresult');
  });
  test('logins of old kernels', () => {
    expect(fieldsOf('LOGIN login pid=1 uid=0 old auid=4294967295 new auid=7 old ses=3 new ses=4')).toEqual({
      pid: '1',
      uid: '0',
      auid: '7',
      'old-ses': '3',
      ses: '4',
    });
  });
  test('a sender can not replace what the kernel says of it', () => {
    expect(fieldsOf("USER_LOGIN pid=7 uid=1000 auid=1000 msg='op=login uid=0 pid=1 auid=0 res=success'")).toEqual({
      pid: '7',
      uid: '1000',
      auid: '1000',
      op: 'login',
      res: 'success',
    });
  });
  test('a record without fields', () => {
    expect(recordsOf(['UNKNOWN[1999] nothing here'])).toEqual([{ type: 'UNKNOWN[1999]', fields: {} }]);
  });
});
