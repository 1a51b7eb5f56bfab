import { describe, expect, test } from 'bun:test';
import type { ExecObservation, TaskFacts } from '../../src/core/observation.ts';
import { noFacts } from '../../src/proc/facts.ts';
import { liveFacts } from '../../src/proc/live-facts.ts';
import { ProcessTable } from '../../src/proc/table.ts';
import { BOOT_ID, BOOT_MS, exec, FakeHost, nextStamp, task } from './host-model.ts';

const T = BOOT_MS + 1_000_000;

function hostAt(nowMs: number): FakeHost {
  const host = new FakeHost();
  host.nowMs = nowMs;
  host.start({ pid: 1, ppid: 0, startTicks: 1, exe: '/sbin/init', args: ['/sbin/init'] });
  return host;
}

function actor(table: ProcessTable, t: TaskFacts, timeMs: number) {
  return table.actor(t, timeMs, nextStamp(timeMs));
}

describe('seeding', () => {
  test('processes with their ancestors, whatever the order of the list', () => {
    const host = hostAt(T);
    host.start({ pid: 30, ppid: 20, startTicks: 30, exe: '/bin/c', args: ['c', '1'], root: 'host' });
    host.start({ pid: 20, ppid: 10, startTicks: 20, exe: '/bin/b', root: 'foreign' });
    host.start({ pid: 10, ppid: 1, startTicks: 10, exe: '/bin/a' });
    const table = new ProcessTable(host.facts());
    table.seed(T);
    const found = table.find(30, T);
    expect(found?.ancestors.map(a => a.executable)).toEqual(['/bin/b', '/bin/a', '/sbin/init']);
    expect(found?.parentPid).toBe(20);
    expect(found?.image).toMatchObject({
      entitySeed: `30@${BOOT_ID}/30`,
      commandLine: 'c 1',
      argsCount: 2,
      startMs: BOOT_MS + 300,
      origin: 'proc',
      credentials: { uid: { id: 0, name: 'root' } },
    });
    expect(found?.image.foreignRoot).toBeUndefined();
    expect(table.find(20, T)?.image.foreignRoot).toBe(true);
    expect(table.counters.entries).toBe(4);
  });

  test("this machine's own processes", () => {
    const table = new ProcessTable(liveFacts());
    const nowMs = Date.now();
    table.seed(nowMs);
    const self = table.find(process.pid, nowMs);
    expect(self?.image).toMatchObject({ executable: process.execPath, cwd: process.cwd(), origin: 'proc' });
    expect(self?.parentPid).toBe(process.ppid);
    expect(self?.ancestors[0]?.pid).toBe(process.ppid);
    // Started a while ago, and not in the future: the boot time is right to a second.
    expect(self?.image.startMs).toBeLessThanOrEqual(nowMs + 20);
    expect(Math.abs((self?.image.startMs ?? 0) - (nowMs - process.uptime() * 1000))).toBeLessThan(5_000);
    const child = table.exec(exec(Date.now(), 4_000_000, process.pid, '/bin/true'));
    expect(child.ancestors[0]).toBe(self?.image);
    expect(table.warnings).toEqual([]);
  });

  test('a loop of parents ends', () => {
    const host = hostAt(T);
    host.start({ pid: 10, ppid: 11, startTicks: 10 });
    host.start({ pid: 11, ppid: 10, startTicks: 10 });
    const table = new ProcessTable(host.facts());
    table.seed(T);
    expect(table.find(10, T)?.ancestors.length).toBeLessThanOrEqual(16);
  });
});

describe('exec', () => {
  test('a process of two milliseconds has its parent, and its own arguments', () => {
    const host = hostAt(T);
    host.start({ pid: 50, ppid: 1, startTicks: 99_000, exe: '/bin/bash', args: ['bash', '-l'] });
    const table = new ProcessTable(host.facts());
    table.seed(T);
    const o = exec(T + 500, 60, 50, '/bin/true', { args: ['true', ''], cwd: '/tmp' });
    const process = table.exec(o);
    expect(process.ancestors.map(a => a.commandLine)).toEqual(['bash -l', '/sbin/init']);
    expect(process.image).toMatchObject({
      pid: 60,
      entitySeed: `60:${o.stamp}`,
      executable: '/bin/true',
      commandLine: 'true ',
      cwd: '/tmp',
      startMs: T + 500,
      origin: 'audit',
    });
    expect(table.warnings).toEqual([]);
  });

  test('a chain of execs is one process; snapshots stay as they were', () => {
    const table = new ProcessTable(hostAt(T).facts());
    const first = table.exec(exec(T, 60, 1, '/usr/bin/env', { args: ['env', 'sh'] }));
    const child = table.exec(exec(T + 1, 61, 60, '/bin/ls'));
    const second = table.exec(exec(T + 2, 60, 1, '/bin/sh', { args: ['sh'] }));
    expect(second.image.entitySeed).toBe(first.image.entitySeed);
    expect(second.image.startMs).toBe(T);
    expect(child.ancestors[0]).toEqual(first.image);
    expect(table.exec(exec(T + 3, 62, 60, '/bin/ls')).ancestors[0]).toEqual(second.image);
    expect(table.counters.reused).toBe(0);
  });

  test('a parent that nobody knows is still named by its pid', () => {
    const table = new ProcessTable(noFacts);
    const process = table.exec(exec(T, 60, 59, '/bin/ls'));
    expect(process).toMatchObject({ parentPid: 59, ancestors: [] });
    expect('parentPid' in table.exec(exec(T, 1, 0, '/sbin/init'))).toBe(false);
  });

  test('no more than sixteen ancestors, and no chain that keeps its dead alive', () => {
    const table = new ProcessTable(noFacts);
    let last = table.exec(exec(T, 1_000, 1, '/bin/sh'));
    for (let i = 1; i < 100; i++) last = table.exec(exec(T + i, 1_000 + i, 999 + i, '/bin/sh'));
    expect(last.ancestors.map(a => a.pid)).toEqual(Array.from({ length: 16 }, (_, i) => 1_098 - i));
  });

  test('missing arguments are absent, an empty list is not', () => {
    const table = new ProcessTable(noFacts);
    const { args: _, argsCount: __, ...bare } = exec(T, 60, 1, '/bin/ls');
    const image = table.exec(bare as ExecObservation).image;
    expect('args' in image || 'commandLine' in image || 'argsCount' in image).toBe(false);
    expect(table.exec(exec(T, 61, 1, '/bin/ls', { args: [] })).image).toMatchObject({ args: [], commandLine: '' });
  });
});

describe('pid reuse', () => {
  const setUp = () => {
    const host = hostAt(T);
    const table = new ProcessTable(host.facts());
    table.seed(T);
    const first = table.exec(exec(T, 60, 1, '/bin/old'));
    host.start({ pid: 60, ppid: 1, startTicks: host.ticksAt(T), exe: '/bin/old' });
    return { host, table, first };
  };

  test('the same process, long idle', () => {
    const { host, table, first } = setUp();
    host.nowMs = T + 600_000;
    const child = table.exec(exec(T + 600_000, 61, 60, '/bin/ls'));
    expect(child.ancestors[0]).toBe(first.image);
    expect(table.warnings).toEqual([]);
    expect(table.exec(exec(T + 700_000, 60, 1, '/bin/new')).image.entitySeed).toBe(first.image.entitySeed);
  });

  test('as a parent: another process has the pid', () => {
    const { host, table } = setUp();
    host.nowMs = T + 600_000;
    host.start({ pid: 60, ppid: 1, startTicks: host.ticksAt(T + 500_000), exe: '/bin/other' });
    const child = table.exec(exec(T + 600_000, 61, 60, '/bin/ls'));
    expect(child.ancestors[0]).toMatchObject({ executable: '/bin/other', origin: 'proc' });
    expect(table.warnings).toEqual([]);
    expect(table.counters.reused).toBe(1);
  });

  test('as a parent: gone, and nobody can tell', () => {
    const { host, table, first } = setUp();
    host.nowMs = T + 600_000;
    host.processes.delete(60);
    expect(table.exec(exec(T + 2_000, 61, 60, '/bin/ls')).ancestors[0]).toBe(first.image);
    expect(table.warnings).toEqual([]);
    expect(table.exec(exec(T + 600_000, 62, 60, '/bin/ls')).ancestors[0]).toBe(first.image);
    expect(table.warnings).toEqual(['parent_unverified']);
    expect(table.counters.unverified).toBe(1);
  });

  test('as a parent: the pid went to another only after the event', () => {
    const { host, table, first } = setUp();
    host.nowMs = T + 600_000;
    host.start({ pid: 60, ppid: 1, startTicks: host.ticksAt(T + 400_000), exe: '/bin/other' });
    expect(table.exec(exec(T + 300_000, 61, 60, '/bin/ls')).ancestors[0]).toBe(first.image);
    expect(table.warnings).toEqual(['parent_unverified']);
  });

  test('as a parent: gone, and so is who came after (unknown to all)', () => {
    const table = new ProcessTable(hostAt(T).facts());
    table.exit(task(60, 1, '/bin/old'), T, nextStamp(T));
    expect(table.exec(exec(T + 500, 61, 60, '/bin/ls')).ancestors).toEqual([]);
  });

  test('as the one that executes: a new entity', () => {
    const { host, table, first } = setUp();
    host.nowMs = T + 600_000;
    host.start({ pid: 60, ppid: 1, startTicks: host.ticksAt(T + 600_000) });
    const second = table.exec(exec(T + 600_000, 60, 1, '/bin/ls'));
    expect(second.image.entitySeed).not.toBe(first.image.entitySeed);
    host.processes.delete(60);
    host.nowMs = T + 900_000;
    const third = table.exec(exec(T + 900_000, 60, 1, '/bin/ls'));
    expect(third.image.entitySeed).not.toBe(second.image.entitySeed);
  });

  test('as the one that executes, right after a sign of life of its long-lived predecessor', () => {
    const { host, table, first } = setUp();
    host.nowMs = T + 600_000;
    expect(actor(table, task(60, 1, '/bin/old'), T + 600_000)).toBe(first);
    host.start({ pid: 60, ppid: 1, startTicks: host.ticksAt(T + 600_300) });
    const second = table.exec(exec(T + 600_300, 60, 1, '/bin/ls'));
    expect(second.image.entitySeed).not.toBe(first.image.entitySeed);
  });

  test('an exec of what may be the same old process does not make it a young one', () => {
    const table = new ProcessTable(noFacts);
    actor(table, task(60, 1, '/bin/old'), T);
    table.exec(exec(T + 4_000, 60, 1, '/bin/old'));
    // Another process by now, after the first one's exec and end.
    actor(table, task(60, 1, '/bin/old'), T + 5_500);
    expect(table.warnings).toEqual(['process_unverified']);
  });

  test('after an exit the pid is free, and late events still find who it was', () => {
    const { table, first } = setUp();
    table.exit(task(60, 1, '/bin/old'), T + 100, nextStamp(T));
    expect(actor(table, task(60, 1, '/bin/old'), T + 50)).toBe(first);
    const second = table.exec(exec(T + 400, 60, 1, '/bin/new'));
    expect(second.image.entitySeed).not.toBe(first.image.entitySeed);
    expect(actor(table, task(60, 1, '/bin/old'), T + 60)).toBe(first);
    expect(table.exec(exec(T + 70, 63, 60, '/bin/ls')).ancestors[0]).toBe(first.image);
    expect(actor(table, task(60, 1, '/bin/new'), T + 450)).toBe(second);
  });

  test('as an actor: gone long ago; the record decides', () => {
    const { host, table, first } = setUp();
    host.processes.delete(60);
    host.nowMs = T + 600_000;
    expect(actor(table, task(60, 1, '/bin/old'), T + 600_000).image.entitySeed).toBe(first.image.entitySeed);
    expect(table.warnings).toEqual(['process_unverified']);
    const other = actor(table, task(60, 1, '/bin/another'), T + 600_001);
    expect(other.image).toMatchObject({ executable: '/bin/another', origin: 'audit' });
    expect(other.image.entitySeed).not.toBe(first.image.entitySeed);
    expect(table.warnings).toEqual([]);
  });

  test('another executable in the same second: an exec that was not seen', () => {
    const { host, table, first } = setUp();
    host.start({ pid: 60, ppid: 1, startTicks: host.ticksAt(T), exe: '/bin/new', args: ['new', '-x'] });
    const now = actor(table, task(60, 1, '/bin/new'), T + 100);
    expect(table.warnings).toEqual(['exec_unseen']);
    expect(now.image).toMatchObject({ executable: '/bin/new', commandLine: 'new -x', origin: 'proc' });
    expect(now.image.entitySeed).toBe(first.image.entitySeed);
    host.processes.delete(60);
    const gone = actor(table, task(60, 1, '/bin/newer'), T + 200);
    expect(gone.image).toMatchObject({ executable: '/bin/newer', origin: 'audit' });
    expect(gone.image.args).toBeUndefined();
  });

  test('an executable that was deleted meanwhile is the same one', () => {
    const { table, first } = setUp();
    expect(actor(table, task(60, 1, '/bin/old (deleted)', { comm: 'old' }), T + 100)).toBe(first);
    expect(table.warnings).toEqual([]);
  });
});

describe('records of unknown pids', () => {
  test('a fork without exec is its parent again, with the ids of its own', () => {
    const table = new ProcessTable(hostAt(T).facts());
    table.exec(exec(T, 60, 1, '/usr/sbin/sshd', { args: ['sshd', '-D'] }));
    const found = actor(table, task(61, 60, '/usr/sbin/sshd', { euid: 33, auid: 33, session: 4 }), T + 10);
    expect(found.image).toMatchObject({
      pid: 61,
      commandLine: 'sshd -D',
      origin: 'cache',
      credentials: { uid: { id: 0 }, euid: { id: 33 } },
      login: { auid: { id: 33 }, session: 4 },
    });
    expect(found.ancestors[0]?.pid).toBe(60);
    const later = table.exec(exec(T + 20, 61, 60, '/bin/bash'));
    expect(later.image.entitySeed).toBe(found.image.entitySeed);
  });

  test('a fork from before the last exec of its parent is not taken for one of the new program', () => {
    const host = hostAt(T);
    const table = new ProcessTable(host.facts());
    table.tick(T);
    table.exec(exec(T, 60, 1, '/bin/sh', { args: ['sh', 'first'] }));
    table.exec(exec(T + 500, 60, 1, '/bin/sh', { args: ['sh', 'second'] }));
    host.start({ pid: 61, ppid: 60, startTicks: host.ticksAt(T + 200), exe: '/bin/sh', args: ['sh', 'first'] });
    host.start({ pid: 62, ppid: 60, startTicks: host.ticksAt(T + 700), exe: '/bin/sh', args: ['sh', 'second'] });
    expect(actor(table, task(61, 60, '/bin/sh'), T + 800).image).toMatchObject({
      commandLine: 'sh first',
      origin: 'proc',
    });
    expect(actor(table, task(62, 60, '/bin/sh'), T + 800).image).toMatchObject({
      commandLine: 'sh second',
      origin: 'cache',
    });
    expect(actor(table, task(63, 60, '/bin/sh'), T + 800).image.args).toBeUndefined();
  });

  test('else as /proc has it, and what the record says wins', () => {
    const host = hostAt(T);
    host.start({ pid: 61, ppid: 1, startTicks: 500, exe: '/bin/x', args: ['x', '1'], uid: 5 });
    const table = new ProcessTable(host.facts());
    table.tick(T);
    expect(actor(table, task(61, 1, '/bin/x', { euid: 7 }), T).image).toMatchObject({
      commandLine: 'x 1',
      origin: 'proc',
      credentials: { euid: { id: 7 } },
    });
  });

  test('/proc has a later program of that process: its arguments are not taken', () => {
    const host = hostAt(T);
    host.start({ pid: 61, ppid: 1, startTicks: 500, exe: '/bin/later', args: ['later'] });
    const table = new ProcessTable(host.facts());
    table.tick(T);
    const { image } = actor(table, task(61, 1, '/bin/x'), T);
    expect(image).toMatchObject({ executable: '/bin/x', origin: 'audit', entitySeed: `61@${BOOT_ID}/500` });
    expect(image.args).toBeUndefined();
  });

  test('/proc has a process that started after the event: that is not the one', () => {
    const host = hostAt(T);
    host.nowMs = T + 60_000;
    host.start({ pid: 61, ppid: 1, startTicks: host.ticksAt(T + 50_000), exe: '/bin/x', args: ['x'] });
    const table = new ProcessTable(host.facts());
    table.tick(T + 60_000);
    expect(actor(table, task(61, 1, '/bin/x'), T).image).toMatchObject({ executable: '/bin/x', origin: 'audit' });
  });

  test('a pid alone (io_uring) gives what is known, and takes nothing away', () => {
    const table = new ProcessTable(hostAt(T).facts());
    const first = table.exec(exec(T, 60, 1, '/bin/x'));
    expect(actor(table, { pid: 60 }, T + 10)).toBe(first);
    expect(actor(table, { pid: 70 }, T + 10).image).toEqual({
      pid: 70,
      entitySeed: expect.any(String),
      startMs: T + 10,
      origin: 'audit',
    });
  });
});

describe('the clock', () => {
  test.each([-3_600_000, 3_600_000])('set by %d ms: processes stay who they are', deltaMs => {
    const host = hostAt(T);
    const table = new ProcessTable(host.facts());
    table.seed(T);
    const first = table.exec(exec(T + 100, 60, 1, '/bin/sh'));
    host.start({ pid: 60, ppid: 1, startTicks: host.ticksAt(T + 90), exe: '/bin/sh' });
    host.clockSetMs = deltaMs;
    host.nowMs = T + 1_000 + deltaMs;
    table.tick(host.nowMs);
    const later = T + 60_000 + deltaMs;
    host.nowMs = later;
    expect(table.exec(exec(later, 61, 60, '/bin/ls')).ancestors[0]).toBe(first.image);
    expect(table.warnings).toEqual([]);
    expect(table.counters.reused).toBe(0);
  });

  test('a log that goes back in time is another run: nothing is carried over', () => {
    const table = new ProcessTable(noFacts);
    table.exec(exec(T, 60, 1, '/bin/sh'));
    expect(table.exec(exec(T - 120_000, 61, 60, '/bin/ls')).ancestors).toEqual([]);
    table.exec(exec(T - 119_000, 62, 61, '/bin/ls'));
    table.hostBooted();
    expect(table.exec(exec(T - 118_900, 63, 62, '/bin/ls')).ancestors).toEqual([]);
  });
});

describe('bounds', () => {
  test('the least recently used are evicted, and counted', () => {
    const table = new ProcessTable(noFacts, { capacity: 100 });
    table.exec(exec(T, 1_000, 1, '/bin/sh'));
    for (let i = 0; i < 500; i++) table.exec(exec(T + i, 2_000 + i, 1_000, '/bin/ls'));
    expect(table.counters).toMatchObject({ entries: 100, evicted: 401 });
    expect(table.exec(exec(T + 600, 9_000, 1_000, '/bin/ls')).ancestors[0]?.executable).toBe('/bin/sh');
  });

  test('huge arguments are whole in the event, cut in the table, and bounded in all', () => {
    const maxBytes = 2 * 1024 * 1024;
    const table = new ProcessTable(noFacts, { maxBytes });
    const huge = 'x'.repeat(500_000);
    const process = table.exec(exec(T, 1_000, 1, '/bin/sh', { args: ['sh', huge] }));
    expect(process.image.args?.[1]).toBe(huge);
    const child = table.exec(exec(T, 1_001, 1_000, '/bin/ls'));
    expect(child.ancestors[0]?.commandLine?.length).toBeLessThan(5_000);
    expect(child.ancestors[0]?.argsCount).toBe(2);
    for (let i = 0; i < 5_000; i++) {
      table.exec(exec(T + i, 2_000 + i, 1_999 + i, '/bin/sh', { args: ['sh', 'y'.repeat(10_000)] }));
      expect(table.counters.bytes).toBeLessThanOrEqual(maxBytes);
    }
    expect(table.counters.entries).toBeGreaterThan(10);
  });

  test('the account of memory ends where it began', () => {
    const table = new ProcessTable(noFacts, { capacity: 50 });
    let t = T;
    for (let i = 0; i < 3_000; i++) {
      t += i % 7 === 0 ? 5_000 : 3;
      const pid = 100 + ((i * 7) % 90);
      if (i % 5 === 0) table.exit(task(pid, 100, '/bin/sh'), t, nextStamp(t));
      else if (i % 3 === 0) actor(table, task(pid, 100 + (i % 90), '/bin/sh', { euid: i % 4 }), t);
      else table.exec(exec(t, pid, 100 + (i % 90), i % 2 ? '/bin/sh' : '/bin/ls'));
    }
    expect(table.counters.bytes).toBeGreaterThan(0);
    table.hostBooted();
    expect(table.counters).toMatchObject({ entries: 0, bytes: 0 });
  });

  test('sweeps drop the dead, keep the living and a grace for late events', () => {
    const host = hostAt(T);
    const table = new ProcessTable(host.facts());
    table.seed(T);
    host.start({ pid: 50, ppid: 1, startTicks: host.ticksAt(T), exe: '/bin/sh' });
    const shell = table.exec(exec(T, 50, 1, '/bin/sh'));
    for (let i = 0; i < 1_000; i++) table.exec(exec(T + i, 1_000 + i, 50, '/bin/true'));
    const tickUntil = (end: number): void => {
      for (; host.nowMs < end; host.nowMs += 1_000) table.tick(host.nowMs);
    };
    tickUntil(T + 3_000);
    expect(table.counters.entries).toBe(1_002);
    table.exec(exec(T + 20_000, 60, 50, '/bin/true'));
    tickUntil(T + 30_000);
    expect(table.counters.entries).toBe(3);
    // Lagging behind: what has ended by now is still to be met.
    expect(table.exec(exec(T + 20_001, 61, 60, '/bin/true')).ancestors.map(a => a.pid)).toEqual([60, 50, 1]);
    tickUntil(T + 200_000);
    expect(table.counters.entries).toBe(2);
    expect(table.find(50, T + 200_000)).toBe(shell);
    expect(table.counters.sweeps).toBeGreaterThan(10);
  });

  test('many living processes do not keep the dead ones in', () => {
    const host = hostAt(T);
    for (let pid = 100_000; pid < 103_000; pid++) host.start({ pid, ppid: 1, startTicks: 2, exe: '/bin/x' });
    const table = new ProcessTable(host.facts());
    table.seed(T);
    for (let second = 0; second < 120; second++) {
      for (let i = 0; i < 50; i++) table.exec(exec(host.nowMs + i, 1_000 + second * 50 + i, 1, '/bin/true'));
      host.nowMs += 1_000;
      const reads = table.counters.procReads;
      table.tick(host.nowMs);
      expect(table.counters.procReads - reads).toBeLessThanOrEqual(64);
      expect(table.counters.entries).toBeLessThan(3_001 + 50 * 10);
    }
  });

  test('a churn of 100,000 processes leaves memory flat', () => {
    const host = hostAt(T);
    const table = new ProcessTable(host.facts());
    table.seed(T);
    const churn = (): void => {
      for (let i = 0; i < 100_000; i++) {
        const pid = 1_000 + (i % 30_000);
        host.nowMs += 1;
        table.exec(exec(host.nowMs, pid, i % 3 === 0 ? 1 : pid - 1, '/bin/true', { args: ['true', `${i}`] }));
        if (i % 1_000 === 0) table.tick(host.nowMs);
      }
    };
    const heap = (): number => {
      // Wherever the sweep is: let it come round.
      for (let i = 0; i < 4; i++) {
        host.nowMs += 5_000;
        table.tick(host.nowMs);
      }
      Bun.gc(true);
      return process.memoryUsage().heapUsed;
    };
    churn();
    const before = heap();
    churn();
    churn();
    expect(heap()).toBeLessThan(before * 1.2);
    expect(table.counters.entries).toBeLessThan(30_000);
  }, 30_000);
});
