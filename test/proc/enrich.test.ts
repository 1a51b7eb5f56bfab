import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { HostEvent, RecordView } from '../../src/core/event.ts';
import type { AuditRecordObservation, HostObservation, TaskFacts } from '../../src/core/observation.ts';
import { enrich } from '../../src/proc/enrich.ts';
import { noFacts } from '../../src/proc/facts.ts';
import { recordFacts, replayFacts } from '../../src/proc/record-facts.ts';
import { ProcessTable } from '../../src/proc/table.ts';
import { BOOT_MS, exec, FakeHost, nextStamp, task } from './host-model.ts';

const T = BOOT_MS + 1_000_000;
const OLD = BOOT_MS - 1_000_000;

function record(type: string, fields: Record<string, string>): RecordView {
  return { type, get: name => fields[name], entries: () => Object.entries(fields) };
}

function audit(
  kind: AuditRecordObservation['kind'],
  timeMs: number,
  more: Partial<AuditRecordObservation> = {},
): AuditRecordObservation {
  return {
    kind,
    module: 'audit',
    timeMs,
    createdMs: timeMs,
    stamp: nextStamp(timeMs),
    ordinal: 0,
    warnings: [],
    ...more,
  };
}

function connect(timeMs: number, who: TaskFacts): HostObservation {
  return {
    kind: 'connect',
    module: 'audit',
    timeMs,
    createdMs: timeMs + 50,
    stamp: nextStamp(timeMs),
    ordinal: 2,
    sequence: 17,
    outcome: 'unknown',
    errorCode: 'EINPROGRESS',
    warnings: ['odd'],
    task: who,
    destination: { ip: '192.0.2.1', port: 443 },
    family: 'ipv4',
    via: 'sendto',
  };
}

describe('each kind', () => {
  test('a line of a log gets the process that wrote it, if that is still the same program', () => {
    const table = new ProcessTable(noFacts);
    const process = table.exec(exec(T, 60, 1, '/usr/bin/sudo'));
    const written = (executable?: string) => {
      const writer = { pid: 60, ...(executable !== undefined && { executable }) };
      return enrich(audit('log_line', T + 1, { module: 'logs', log: { message: 'x', services: [], writer } }), table)
        .process;
    };
    expect([written('/usr/bin/sudo'), written(), written('/usr/bin/id')]).toEqual([process, process, undefined]);
    const told = enrich(
      audit('log_line', T + 1, { module: 'logs', log: { message: 'x', services: [], pid: 60 } }),
      table,
    );
    expect(told.process).toBeUndefined();
  });

  test('a connect keeps what was observed and gets its process', () => {
    const table = new ProcessTable(noFacts);
    const process = table.exec(exec(T, 60, 1, '/usr/bin/curl'));
    const o = connect(T + 1, task(60, 1, '/usr/bin/curl'));
    expect(enrich(o, table)).toEqual({
      kind: 'connect',
      module: 'audit',
      timeMs: T + 1,
      createdMs: T + 51,
      stamp: o.stamp,
      ordinal: 2,
      sequence: 17,
      outcome: 'unknown',
      errorCode: 'EINPROGRESS',
      warnings: ['odd'],
      process,
      destination: { ip: '192.0.2.1', port: 443 },
      family: 'ipv4',
      via: 'sendto',
    });
  });

  test('warnings of the table are added', () => {
    const table = new ProcessTable(noFacts);
    enrich(exec(T, 60, 1, '/bin/sh'), table);
    const event = enrich(exec(T + 900_000, 61, 60, '/bin/ls', { warnings: ['argv_truncated'] }), table);
    expect(event.warnings).toEqual(['argv_truncated', 'parent_unverified']);
    expect(enrich(audit('host_stopping', T + 900_001), table).warnings).toEqual([]);
  });

  test('a failed exec shows the caller and what it tried; an exit its code', () => {
    const table = new ProcessTable(noFacts);
    enrich(exec(T, 60, 1, '/bin/sh'), table);
    const base = {
      module: 'audit',
      timeMs: T + 1,
      createdMs: T + 1,
      ordinal: 0,
      warnings: [],
      task: task(60, 1, '/bin/sh'),
    } as const;
    const failed = enrich({ ...base, kind: 'exec_failed', stamp: 'a', errorCode: 'ENOENT', target: '/x' }, table);
    expect(failed).toMatchObject({ kind: 'exec_failed', target: '/x', process: { image: { executable: '/bin/sh' } } });
    const exit = enrich({ ...base, kind: 'exit', stamp: 'b', exitCode: 3 }, table);
    expect(exit).toMatchObject({ kind: 'exit', exitCode: 3, process: { image: { pid: 60 } } });
    expect('task' in exit).toBe(false);
  });

  test('a login tells where its processes come from', () => {
    const table = new ProcessTable(noFacts);
    const sshd = task(60, 1, '/usr/sbin/sshd', { auid: 1000, session: 7 });
    const login = enrich(
      audit('logged_in', T, {
        task: sshd,
        outcome: 'success',
        terminal: 'ssh',
        address: '192.0.2.9',
        target: { id: 1000 },
      }),
      table,
    );
    expect(login).toMatchObject({ kind: 'logged_in', address: '192.0.2.9', terminal: 'ssh', target: { id: 1000 } });
    const event = enrich(
      exec(T + 9, 61, 60, '/bin/bash', { task: task(61, 60, '/bin/bash', { auid: 1000, session: 7 }) }),
      table,
    );
    expect(event.kind === 'exec' && event.process.image.login).toEqual({
      auid: { id: 1000 },
      session: 7,
      terminal: 'ssh',
      address: '192.0.2.9',
    });
    // The sender's own login is known from its message on.
    expect(login.process?.image.login?.auid?.id).toBe(1000);
    // Another boot numbers its sessions anew.
    enrich(audit('host_booted', T + 10), table);
    const after = enrich(
      exec(T + 11, 61, 60, '/bin/bash', { task: task(61, 60, '/bin/bash', { auid: 0, session: 7 }) }),
      table,
    );
    expect(after.process?.image.login).toEqual({ auid: { id: 0 }, session: 7 });
  });

  test('changed ids of a process are those of its later events, not of the earlier', () => {
    const table = new ProcessTable(noFacts);
    const first = enrich(exec(T, 60, 1, '/bin/sh'), table);
    const later = enrich(connect(T + 1, task(60, 1, '/bin/sh', { euid: 33 })), table);
    const uid = (event: HostEvent) => event.process?.image.credentials?.euid?.id;
    expect([uid(first), uid(later)]).toEqual([0, 33]);
    expect(later.process?.image.commandLine).toBe('/bin/sh');
  });
});

describe('foreign roots', () => {
  const sh = task(60, 1, '/bin/sh');
  const isForeign = (event: HostEvent) => event.process?.image.foreignRoot === true;

  function setUp() {
    const host = new FakeHost();
    host.nowMs = T;
    host.files.set('/', { dev: '08:01', inode: '2', ctimeMs: OLD });
    host.files.set('/usr/sbin/sshd', { dev: '08:01', inode: '70', ctimeMs: OLD });
    host.files.set('/usr/bin/ls', { dev: '08:01', inode: '71', ctimeMs: OLD });
    const table = new ProcessTable(host.facts());
    table.seed(T);
    const run = (timeMs: number, pid: number, ppid: number, exe: string, dev: string, inode: string) =>
      enrich(exec(timeMs, pid, ppid, exe, { file: { dev, inode } }), table);
    expect(isForeign(run(T, 59, 1, '/usr/bin/ls', '08:01', '71'))).toBe(false);
    run(T, 60, 1, '/bin/sh', '08:01', '72');
    return { host, table, run };
  }

  test('chroot: from then on, and for the children', () => {
    const { table, run } = setUp();
    const path = record('PATH', { item: '0', dev: '08:01', inode: '555' });
    const chroot = enrich(audit('root_changed', T + 1, { task: sh, outcome: 'success', records: [path] }), table);
    expect(isForeign(chroot)).toBe(false);
    expect(isForeign(enrich(connect(T + 2, sh), table))).toBe(true);
    expect(isForeign(run(T + 3, 61, 60, '/usr/sbin/sshd', '08:01', '70'))).toBe(true);
    expect(isForeign(run(T + 4, 62, 61, '/usr/bin/ls', '08:01', '71'))).toBe(true);
    expect(isForeign(run(T + 5, 63, 1, '/usr/bin/ls', '08:01', '71'))).toBe(false);
  });

  test('chroot that failed, or to the host root itself, changes nothing', () => {
    const { table, run } = setUp();
    const away = record('PATH', { item: '0', dev: '08:01', inode: '555' });
    enrich(audit('root_changed', T + 1, { task: sh, outcome: 'failure', records: [away] }), table);
    const root = record('PATH', { item: '0', dev: '08:01', inode: '2' });
    enrich(audit('root_changed', T + 2, { task: sh, outcome: 'success', records: [root] }), table);
    expect(isForeign(run(T + 3, 61, 60, '/usr/bin/ls', '08:01', '71'))).toBe(false);
  });

  test('setns: /proc tells which root, else it is a foreign one', () => {
    const { host, table, run } = setUp();
    const setns = record('SYSCALL', { syscall: '308', a0: '3', a1: '20000' });
    enrich(audit('namespace_entered', T + 1, { task: sh, outcome: 'success', records: [setns] }), table);
    expect(isForeign(enrich(connect(T + 2, sh), table))).toBe(true);
    host.start({ pid: 60, ppid: 1, startTicks: host.ticksAt(T), root: 'host' });
    enrich(audit('namespace_entered', T + 3, { task: sh, outcome: 'success', records: [setns] }), table);
    expect(isForeign(run(T + 4, 61, 60, '/usr/bin/ls', '08:01', '71'))).toBe(false);
  });

  test('mounts of its own: a file decides', () => {
    const { table, run } = setUp();
    const unshare = record('SYSCALL', { syscall: '272', a0: '20000' });
    enrich(audit('namespace_entered', T + 1, { task: sh, outcome: 'success', records: [unshare] }), table);
    expect(isForeign(enrich(connect(T + 2, sh), table))).toBe(false);
    expect(isForeign(run(T + 3, 61, 60, '/usr/bin/ls', '08:01', '71'))).toBe(false);
    expect(isForeign(run(T + 4, 62, 61, '/tmp/x', '08:01', '999'))).toBe(true);
    expect(isForeign(run(T + 5, 63, 61, '/usr/sbin/sshd', '00:44', '7'))).toBe(true);
    const network = record('SYSCALL', { syscall: '272', a0: '40000000' });
    enrich(audit('namespace_entered', T + 6, { task: task(59, 1, '/usr/bin/ls'), records: [network] }), table);
    expect(isForeign(run(T + 7, 64, 59, '/tmp/x', '08:01', '999'))).toBe(false);
  });

  test("a file that isn't the host's, with no record of how it came there", () => {
    const { run } = setUp();
    expect(isForeign(run(T + 1, 61, 60, '/usr/sbin/sshd', '00:44', '7'))).toBe(true);
    expect(isForeign(run(T + 2, 62, 61, '/usr/bin/ls', '08:01', '71'))).toBe(true);
  });

  test('an event with pieces missing is not judged', () => {
    const { table } = setUp();
    const file = { dev: '00:44', inode: '7' };
    const o = exec(T + 1, 61, 60, '/usr/sbin/sshd', { file, warnings: ['incomplete'] });
    expect(isForeign(enrich(o, table))).toBe(false);
  });
});

test('a recorded run replays to the same events', () => {
  const step = fc.record({
    what: fc.constantFrom('exec', 'exec', 'connect', 'exit', 'tick'),
    pid: fc.integer({ min: 50, max: 60 }),
    ppid: fc.integer({ min: 50, max: 60 }),
    waitMs: fc.constantFrom(0, 5, 2_000, 60_000),
    live: fc.boolean(),
  });
  type Step = { what: string; pid: number; ppid: number; waitMs: number; live: boolean };
  const observe = (s: Step, timeMs: number, index: number): HostObservation => {
    const exe = s.live ? '/bin/sh' : '/bin/ls';
    if (s.what === 'exec') return exec(timeMs, s.pid, s.ppid, exe, { stamp: `${index}` });
    const o = { ...connect(timeMs, task(s.pid, s.ppid, exe)), stamp: `${index}` };
    return s.what === 'exit' ? { ...o, kind: 'exit', task: task(s.pid, s.ppid, exe) } : o;
  };
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const host = new FakeHost();
      host.nowMs = T;
      const lines: string[] = [];
      const run = (table: ProcessTable, touch: (s: Step) => void): HostEvent[] => {
        let timeMs = T;
        table.seed(timeMs);
        const events: HostEvent[] = [];
        steps.forEach((s, index) => {
          timeMs += s.waitMs;
          host.nowMs = timeMs;
          touch(s);
          if (s.what === 'tick') table.tick(timeMs);
          else events.push(enrich(observe(s, timeMs, index), table));
        });
        return events;
      };
      const live = run(new ProcessTable(recordFacts(host.facts(), line => lines.push(line))), s => {
        if (s.live) host.start({ pid: s.pid, ppid: s.ppid, startTicks: host.ticksAt(host.nowMs), exe: '/bin/sh' });
        else host.processes.delete(s.pid);
      });
      const replayed = run(new ProcessTable(replayFacts(lines)), () => {});
      expect(replayed).toEqual(live);
    }),
    { numRuns: 200 },
  );
});
