import { describe, expect, test } from 'bun:test';
import { eventLines, observeOne, PROCTITLE, syscall } from './replayed.ts';

const V4 = 'saddr=02000050A9FEA9FE0000000000000000';
const V6 = 'saddr=0A001F900000000020010DB800000000000000000000000100000000';
const MAPPED = 'saddr=0A001F900000000000000000000000000000FFFF7F00000100000000';
const UNIX = 'saddr=01002F72756E2F73';
const NETLINK = 'saddr=100000000000000000000000';

const CALLS = {
  c000003e: { connect: 42, accept: 43, accept4: 288, bind: 49, listen: 50, sendto: 44, sendmsg: 46, sendmmsg: 307 },
  '40000003': { connect: 362, accept4: 364, bind: 361, listen: 363, sendto: 369, sendmsg: 370, sendmmsg: 345 },
  c00000b7: {
    connect: 203,
    accept: 202,
    accept4: 242,
    bind: 200,
    listen: 201,
    sendto: 206,
    sendmsg: 211,
    sendmmsg: 269,
  },
  '40000028': {
    connect: 283,
    accept: 285,
    accept4: 366,
    bind: 282,
    listen: 284,
    sendto: 290,
    sendmsg: 296,
    sendmmsg: 374,
  },
} as const;

function run(call: { readonly [name: string]: string | number }, saddr?: string, others: readonly string[] = []) {
  const { task, ...seen } = observeOne(
    eventLines([syscall(call), ...others, ...(saddr === undefined ? [] : [`SOCKADDR ${saddr}`]), PROCTITLE]),
  );
  return seen;
}

const X64 = CALLS.c000003e;
const REMOTE = { family: 'ipv4', destination: { ip: '169.254.169.254', port: 80 } };

describe('connect', () => {
  test('done', () => {
    expect(run({ syscall: X64.connect }, V4)).toEqual({ kind: 'connect', ...REMOTE, outcome: 'success', warnings: [] });
  });
  test('v6', () => {
    expect(run({ syscall: X64.connect }, V6)).toMatchObject({
      family: 'ipv6',
      destination: { ip: '2001:db8::1', port: 8080 },
    });
  });
  test('v4-mapped is v4', () => {
    expect(run({ syscall: X64.connect }, MAPPED)).toMatchObject({
      family: 'ipv4',
      destination: { ip: '127.0.0.1', port: 8080 },
    });
  });
  test('who', () => {
    const log = eventLines([syscall({ syscall: 42 }), `SOCKADDR ${V4}`, PROCTITLE]);
    expect(observeOne(log).task).toMatchObject({ pid: 2832, exe: '/usr/bin/grep', uid: 1000 });
  });
  for (const [exit, outcome, errorCode] of [
    [-115, 'unknown', 'EINPROGRESS'],
    [-114, 'unknown', 'EALREADY'],
    [-4, 'unknown', 'EINTR'],
    [-512, 'unknown', 'ERESTARTSYS'],
    [-111, 'failure', 'ECONNREFUSED'],
    [-101, 'failure', 'ENETUNREACH'],
  ] as const) {
    test(errorCode, () => {
      expect(run({ syscall: X64.connect, success: 'no', exit }, V4)).toEqual({
        kind: 'connect',
        ...REMOTE,
        outcome,
        errorCode,
        warnings: [],
      });
    });
  }
  test('local sockets are no network', () => {
    for (const saddr of [UNIX, NETLINK, 'saddr=00000000000000000000000000000000']) {
      expect(run({ syscall: X64.connect }, saddr).kind).toBe('audit_event');
    }
  });
  test('refused before an address was looked at', () => {
    expect(run({ syscall: X64.connect, success: 'no', exit: -9 }).kind).toBe('audit_event');
  });
  test('its address was lost', () => {
    expect(run({ syscall: X64.connect })).toEqual({ kind: 'connect', outcome: 'success', warnings: ['incomplete'] });
  });
  test('a cut address', () => {
    expect(run({ syscall: X64.connect, success: 'no', exit: -22 }, 'saddr=02000050A9')).toMatchObject({
      family: 'ipv4',
      destination: { port: 80 },
    });
  });
  test("an enriched log's reading of the address doesn't count", () => {
    const enriched = `${V4}\x1dSADDR={ saddr_fam=inet laddr=1.2.3.4 lport=99 }`;
    expect(run({ syscall: X64.connect }, enriched)).toMatchObject(REMOTE);
  });
  test('a security module that only warned', () => {
    const avc = 'AVC avc:  denied  { name_connect } for  pid=2832 comm="grep" dest=80 tclass=tcp_socket permissive=1';
    expect(run({ syscall: X64.connect }, V4, [avc])).toMatchObject({ kind: 'connect', ...REMOTE });
  });
});

describe('other calls', () => {
  test('accept: the peer is the source', () => {
    for (const nr of [X64.accept, X64.accept4]) {
      expect(run({ syscall: nr, exit: 5 }, V4)).toEqual({
        kind: 'accept',
        family: 'ipv4',
        source: { ip: '169.254.169.254', port: 80 },
        outcome: 'success',
        warnings: [],
      });
    }
  });
  test('accept without room for the peer', () => {
    expect(run({ syscall: X64.accept, exit: 5 })).toEqual({ kind: 'accept', outcome: 'success', warnings: [] });
  });
  test('an accept that gave none', () => {
    expect(run({ syscall: X64.accept, success: 'no', exit: -11 }).kind).toBe('audit_event');
  });
  test('bind', () => {
    expect(run({ syscall: X64.bind }, V4)).toEqual({ kind: 'bind', ...REMOTE, outcome: 'success', warnings: [] });
    expect(run({ syscall: X64.bind }, UNIX).kind).toBe('audit_event');
    expect(run({ syscall: X64.bind, success: 'no', exit: -98 }, V4)).toMatchObject({
      outcome: 'failure',
      errorCode: 'EADDRINUSE',
    });
  });
  test('listen', () => {
    expect(run({ syscall: X64.listen })).toEqual({ kind: 'listen', outcome: 'success', warnings: [] });
  });
});

describe('TCP Fast Open', () => {
  const open = { ...REMOTE, kind: 'connect', transport: 'tcp', outcome: 'success', warnings: [] };
  test('sendto', () => {
    expect(run({ syscall: X64.sendto, exit: 5, a3: '20000000' }, V4)).toEqual({ ...open, via: 'sendto' });
    expect(run({ syscall: X64.sendto, exit: 5, a3: '20004000' }, V4)).toEqual({ ...open, via: 'sendto' });
  });
  test('sendmsg, sendmmsg', () => {
    expect(run({ syscall: X64.sendmsg, exit: 5, a2: '20000000' }, V4)).toEqual({ ...open, via: 'sendmsg' });
    expect(run({ syscall: X64.sendmmsg, exit: 1, a3: '20000000' }, V4)).toEqual({ ...open, via: 'sendmmsg' });
  });
  test('an ordinary datagram', () => {
    expect(run({ syscall: X64.sendto, exit: 5, a3: 4000 }, V4).kind).toBe('audit_event');
    expect(run({ syscall: X64.sendmsg, exit: 5, a2: 0, a3: '20000000' }, V4).kind).toBe('audit_event');
  });
});

describe('architectures', () => {
  for (const [arch, calls] of Object.entries(CALLS)) {
    test(arch, () => {
      for (const [name, nr] of Object.entries(calls)) {
        const seen = run({ arch, syscall: nr, a2: '20000000', a3: '20000000' }, V4);
        expect({ name, kind: seen.kind as string }).toEqual({
          name,
          kind: name.startsWith('send') ? 'connect' : name.replace('4', ''),
        });
      }
    });
  }

  describe('socketcall of i386', () => {
    const I386 = { arch: '40000003', syscall: 102 };
    const call = (a0: string, ...others: string[]): unknown => run({ ...I386, a0, a1: 'ffd9b0c0' }, V4, others).kind;
    test('connect, bind, listen, accept, accept4', () => {
      expect(['3', '2', '4', '5', '12'].map(a0 => call(a0))).toEqual(['connect', 'bind', 'listen', 'accept', 'accept']);
    });
    test('the flags are in the record of its arguments', () => {
      const args = 'SOCKETCALL nargs=6 a0=3 a1=ffd9 a2=5 a3=20000000 a4=ffd9 a5=10';
      expect(call('b', args)).toBe('connect');
      expect(call('b', args.replace('20000000', '0'))).toBe('audit_event');
    });
    test('socket', () => {
      expect(call('1')).toBe('audit_event');
    });
  });
});

describe('io_uring', () => {
  const ids = 'ppid=2831 pid=2832 uid=1000 gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000 fsgid=1000';
  const op = (number: number): string => `URINGOP uring_op=${number} success=yes exit=0 items=0 ${ids} key=(null)`;
  const events = (...records: string[]) => observeOne(eventLines([...records, 'EOE ']));

  test('connect by a worker: no program, and a result that is not the connection', () => {
    expect(events(op(16), `SOCKADDR ${V4}`)).toEqual({
      kind: 'connect',
      via: 'io_uring',
      ...REMOTE,
      outcome: 'unknown',
      warnings: [],
      task: {
        pid: 2832,
        ppid: 2831,
        uid: 1000,
        gid: 1000,
        euid: 1000,
        suid: 1000,
        fsuid: 1000,
        egid: 1000,
        sgid: 1000,
        fsgid: 1000,
      },
    });
  });
  test('connect in the submitting syscall', () => {
    expect(events(op(0), op(16), syscall({ syscall: 426 }), `SOCKADDR ${V4}`, PROCTITLE)).toMatchObject({
      kind: 'connect',
      via: 'io_uring',
      outcome: 'unknown',
      task: { pid: 2832, exe: '/usr/bin/grep' },
    });
  });
  test('others', () => {
    expect(events(op(13))).toMatchObject({ kind: 'accept', via: 'io_uring', outcome: 'unknown' });
    expect(events(op(18))).toMatchObject({ kind: 'audit_event' });
    expect(events(op(16), `SOCKADDR ${UNIX}`)).toMatchObject({ kind: 'audit_event' });
    expect(events(op(9999))).toMatchObject({ kind: 'audit_event' });
  });
});
