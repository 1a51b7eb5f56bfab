import { describe, expect, test } from 'bun:test';
import { eventLines, observe, observeOne, PROCTITLE, path, syscall } from './replayed.ts';

const single = (record: string) => observeOne(eventLines([record]));

describe('roots and namespaces', () => {
  const call = (fields: { readonly [name: string]: string | number }, ...others: string[]) =>
    observeOne(eventLines([syscall(fields), ...others, PROCTITLE]));
  test('chroot, pivot_root', () => {
    const paths = ['CWD cwd="/"', path(0, '"/tmp/r"')];
    expect(call({ syscall: 161, items: 1 }, ...paths)).toMatchObject({
      kind: 'root_changed',
      outcome: 'success',
      task: { pid: 2832 },
    });
    expect(call({ syscall: 155, items: 1 }, ...paths).kind).toBe('root_changed');
    expect(call({ syscall: 161, success: 'no', exit: -1, items: 1 }, ...paths)).toMatchObject({
      kind: 'root_changed',
      outcome: 'failure',
      errorCode: 'EPERM',
    });
  });
  test('setns, unshare', () => {
    expect(call({ syscall: 308, a0: 4, a1: 0 }).kind).toBe('namespace_entered');
    for (const a0 of ['10000000', '20000', '7c020000', '80']) {
      expect(call({ syscall: 272, a0 }).kind).toBe('namespace_entered');
    }
    // CLONE_FILES
    expect(call({ syscall: 272, a0: '400' }).kind).toBe('audit_event');
  });
});

test('exit_group', () => {
  const log = (a0: string): string =>
    eventLines([syscall({ syscall: 231, a0 }).replace('success=yes exit=0 ', ''), PROCTITLE]);
  expect(observeOne(log('1'))).toMatchObject({ kind: 'exit', exitCode: 1, task: { pid: 2832 } });
  expect(observeOne(log('ffffffff'))).toMatchObject({ exitCode: 255 });
  expect(observeOne(log('0'))).not.toHaveProperty('outcome');
});

describe('accounts', () => {
  const USER = 'pid=901 uid=0 auid=1000 ses=5 subj=unconfined';
  const user = (type: string, message: string) => single(`${type} ${USER} msg='${message}'`);
  const tail = 'exe="/usr/sbin/sshd" hostname=? addr=192.0.2.7 terminal=ssh';

  test('a login', () => {
    expect(user('USER_LOGIN', `op=login id=1000 ${tail} res=success`)).toEqual({
      kind: 'logged_in',
      outcome: 'success',
      task: { pid: 901, uid: 0, auid: 1000, session: 5, exe: '/usr/sbin/sshd' },
      target: { id: 1000 },
      address: '192.0.2.7',
      terminal: 'ssh',
      warnings: [],
    });
  });
  test('a login that failed', () => {
    expect(user('USER_LOGIN', `op=login acct="root" ${tail} res=failed`)).toMatchObject({
      kind: 'login_failed',
      outcome: 'failure',
      target: { name: 'root' },
    });
    // "(invalid user)": whom isn't known
    const unknown = user('USER_LOGIN', `op=login acct=28696E76616C6964207573657229 ${tail} res=failed`);
    expect(unknown).not.toHaveProperty('target');
  });
  test('authentication: a failure counts once', () => {
    const auth = (exe: string, res: string): unknown =>
      user(
        'USER_AUTH',
        `op=PAM:authentication grantors=? acct="root" exe="${exe}" hostname=? addr=? terminal=/dev/pts/0 res=${res}`,
      ).kind;
    expect(auth('/usr/bin/su', 'failed')).toBe('login_failed');
    expect(auth('/usr/bin/su', 'success')).toBe('audit_event');
    for (const exe of ['/usr/sbin/sshd', '/usr/lib/openssh/sshd-session', '/usr/bin/login']) {
      expect(auth(exe, 'failed')).toBe('audit_event');
    }
  });
  test('sessions and sudo', () => {
    expect(user('USER_START', `op=PAM:session_open acct="root" ${tail} res=success`).kind).toBe('session_opened');
    expect(user('USER_END', `op=PAM:session_close acct="root" ${tail} res=success`).kind).toBe('session_closed');
    expect(user('USER_CMD', 'cwd="/root" cmd=6964202D61 exe="/usr/bin/sudo" terminal=pts/0 res=success')).toMatchObject(
      {
        kind: 'sudo_command',
        terminal: 'pts/0',
      },
    );
  });
  test('accounts, by what shadow says of them', () => {
    const kind = (type: string, op: string): unknown =>
      user(type, `op=${op} acct="frodo" exe="/usr/sbin/useradd" hostname=? addr=? terminal=pts/0 res=success`).kind;
    expect(kind('ADD_USER', 'adding user')).toBe('user_added');
    expect(kind('ADD_USER', 'add-user')).toBe('user_added');
    expect(kind('ADD_USER', 'adding user to group')).toBe('group_changed');
    expect(kind('ADD_USER', 'adding home directory')).toBe('audit_event');
    expect(kind('DEL_USER', 'deleting user entries')).toBe('user_deleted');
    expect(kind('ADD_GROUP', 'add-group')).toBe('group_changed');
    expect(kind('DEL_GROUP', 'deleting group')).toBe('group_changed');
    expect(kind('GRP_MGMT', 'add-shadow-group')).toBe('group_changed');
    expect(kind('USER_CHAUTHTOK', 'PAM:chauthtok')).toBe('password_changed');
    expect(kind('USER_CHAUTHTOK', 'changing password')).toBe('password_changed');
    expect(kind('USER_CHAUTHTOK', 'change-uid')).toBe('audit_event');
  });
  test("ids that the program tells are not the task's", () => {
    const seen = user('CRYPTO_SESSION', `op=start direction=from-server spid=1299 suid=74 ${tail} res=success`);
    expect(seen.task).toEqual({ pid: 901, uid: 0, auid: 1000, session: 5, exe: '/usr/sbin/sshd' });
  });
  test('a program can not pass for another task', () => {
    expect(user('USER_LOGIN', `op=login pid=1 uid=7 auid=8 id=0 ${tail} res=success`).task).toMatchObject({
      pid: 901,
      uid: 0,
      auid: 1000,
    });
  });
});

describe('system', () => {
  const init = 'pid=1 uid=0 auid=4294967295 ses=4294967295 subj=unconfined';
  const unit = 'comm="systemd" exe="/usr/lib/systemd/systemd" hostname=? addr=? terminal=? res=success';
  test('services', () => {
    expect(single(`SERVICE_START ${init} msg='unit=cron ${unit}'`)).toEqual({
      kind: 'service_started',
      outcome: 'success',
      service: 'cron',
      task: { pid: 1, uid: 0, comm: 'systemd', exe: '/usr/lib/systemd/systemd' },
      warnings: [],
    });
    expect(single(`SERVICE_STOP ${init} msg='unit=cron ${unit.replace('success', 'failed')}'`)).toMatchObject({
      kind: 'service_stopped',
      outcome: 'failure',
    });
  });
  test('the host', () => {
    expect(single(`SYSTEM_BOOT ${init} msg=' ${unit}'`).kind).toBe('host_booted');
    expect(single(`SYSTEM_SHUTDOWN ${init} msg=' ${unit}'`).kind).toBe('host_stopping');
  });
  test('auditing', () => {
    expect(single('CONFIG_CHANGE auid=1000 ses=3 subj=unconfined op=set audit_enabled=0 old=1 res=1')).toEqual({
      kind: 'audit_config_changed',
      outcome: 'success',
      warnings: [],
    });
    expect(single('DAEMON_END op=terminate auid=0 uid=0 ses=1 pid=812 subj=unconfined res=success')).toMatchObject({
      kind: 'audit_config_changed',
      task: { pid: 812, auid: 0, uid: 0, session: 1 },
    });
    // auditctl's own sendto is in the event.
    const log = eventLines([
      'CONFIG_CHANGE auid=1000 ses=3 subj=unconfined op=add_rule key="x" list=4 res=1',
      syscall({ syscall: 44, comm: '"auditctl"' }),
      'SOCKADDR saddr=100000000000000000000000',
      PROCTITLE,
    ]);
    expect(observeOne(log)).toMatchObject({ kind: 'audit_config_changed', task: { comm: 'auditctl' } });
  });
});

describe('anomalies', () => {
  test('without a syscall of their own', () => {
    expect(
      single(
        'ANOM_ABEND auid=1000 uid=1000 gid=1000 ses=3 subj=unconfined pid=2832 comm="crash" exe="/tmp/crash" sig=11 res=1',
      ),
    ).toEqual({
      kind: 'anomaly',
      task: { pid: 2832, uid: 1000, gid: 1000, auid: 1000, session: 3, comm: 'crash', exe: '/tmp/crash' },
      warnings: [],
    });
    expect(
      single(
        'SECCOMP auid=20003 uid=22 gid=22 ses=21 pid=11217 comm="sshd" exe="/usr/sbin/sshd" sig=31 arch=40000003 syscall=132 compat=0 ip=0xb7670aac code=0x0',
      ).kind,
    ).toBe('anomaly');
  });
  test('AppArmor and SELinux: denials', () => {
    const kind = (text: string): unknown => single(`AVC ${text}`).kind;
    expect(kind('apparmor="DENIED" operation="ptrace" profile="docker-default" pid=5571 comm="x"')).toBe('anomaly');
    expect(kind('apparmor="ALLOWED" operation="open" profile="x" name="/etc/x" pid=5571 comm="x"')).toBe('anomaly');
    expect(
      kind('apparmor="STATUS" operation="profile_load" profile="unconfined" name="x" pid=1 comm="apparmor_parser"'),
    ).toBe('audit_event');
    expect(kind('avc:  denied  { read } for  pid=13010 comm="pickup" name="maildrop" tclass=dir')).toBe('anomaly');
    expect(kind('avc:  granted  { read } for  pid=13010 comm="pickup" name="maildrop" tclass=dir')).toBe('audit_event');
    expect(kind('x')).toBe('anomaly');
  });
  test('with the syscall that was refused', () => {
    const log = eventLines([
      'AVC avc:  denied  { read } for  pid=2832 comm="grep" name="x" tclass=file permissive=0',
      syscall({ syscall: 257, success: 'no', exit: -13 }),
      PROCTITLE,
    ]);
    expect(observeOne(log)).toMatchObject({ kind: 'anomaly', outcome: 'failure', errorCode: 'EACCES' });
  });
});

describe('everything else', () => {
  test("a host's own rule", () => {
    const log = eventLines([
      syscall({ syscall: 87, items: 1, key: '"delete"' }),
      'CWD cwd="/tmp"',
      path(0, '"a"'),
      PROCTITLE,
    ]);
    const [seen] = observe(log);
    expect(seen).toMatchObject({
      kind: 'audit_event',
      outcome: 'success',
      sequence: 77,
      stamp: '1700000000.123:77',
      ordinal: 0,
    });
    expect(seen!.records.map(record => record.type)).toEqual(['SYSCALL', 'CWD', 'PATH', 'PROCTITLE']);
  });
  test('a name below a descriptor', () => {
    const log = (a0: string): string =>
      eventLines([syscall({ syscall: 257, a0, items: 1 }), 'CWD cwd="/tmp"', path(0, '"a"'), PROCTITLE]);
    expect(observeOne(log('5')).warnings).toEqual(['path_relative_to_fd']);
    expect(observeOne(log('ffffff9c')).warnings).toEqual([]);
  });
  test('an unknown syscall, architecture, record type', () => {
    expect(observeOne(eventLines([syscall({ syscall: 99999 }), PROCTITLE])).kind).toBe('audit_event');
    expect(observeOne(eventLines([syscall({ arch: 'zz' }), PROCTITLE])).kind).toBe('audit_event');
    expect(single('UNKNOWN[1999] pid=1 x=y')).toMatchObject({ kind: 'audit_event', task: { pid: 1 } });
  });
  test('parts without their SYSCALL', () => {
    expect(observeOne(eventLines(['EXECVE argc=1 a0="x"', 'CWD cwd="/"', PROCTITLE]))).toEqual({
      kind: 'audit_event',
      warnings: ['incomplete'],
    });
  });
  test('an EOE alone is nothing to look at', () => {
    expect(observe(eventLines(['EOE ']))).toEqual([]);
  });
  test('records that came after their event', () => {
    const seen = observe(eventLines([syscall({ syscall: 87 }), PROCTITLE, 'CWD cwd="/tmp"']));
    expect(seen.map(each => [each.kind, each.ordinal, each.warnings])).toEqual([
      ['audit_event', 0, []],
      ['audit_event', 1, ['late_records']],
    ]);
  });
});
