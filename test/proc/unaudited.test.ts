// Processes of a host without auditing: no event tells of an exec, so that what /proc has when file events first name a process is all
// that is ever known of it.

import { describe, expect, test } from 'bun:test';
import type { TaskFacts } from '../../src/core/observation.ts';
import { managerOf } from '../../src/proc/package-managers.ts';
import { ProcessTable } from '../../src/proc/table.ts';
import { BOOT_MS, ContainerHost, docker, type FakeProcess, nextStamp, task } from './host-model.ts';

const A = 'a'.repeat(64);
const T = BOOT_MS + 1_000_000;
const SHIM = 100;

function setUp() {
  const host = new ContainerHost();
  host.nowMs = T;
  const args = ['containerd-shim-runc-v2', '-namespace', 'moby', '-id', A];
  host.start({ pid: 50, ppid: 1, startTicks: 10, exe: '/bin/bash', args: ['bash', 'script'] });
  host.start({ pid: SHIM, ppid: 1, startTicks: 20, exe: '/usr/bin/containerd-shim-runc-v2', args });
  const table = new ProcessTable(host.facts());
  table.seed(T);
  const ticks = host.ticksAt(T + 500);
  return {
    ...{ host, table },
    start: (process: Omit<FakeProcess, 'startTicks'>) => host.start({ ...process, startTicks: ticks }),
    meet: (facts: TaskFacts, timeMs: number) => table.meet(facts, ticks, timeMs),
    teller: (facts: TaskFacts, timeMs: number) => table.teller(facts, ticks, timeMs, nextStamp(timeMs)),
  };
}

const without = ({ exe: _, ...facts }: TaskFacts, comm: string): TaskFacts => ({ ...facts, comm });

describe('met while it is there', () => {
  test('arguments, folder, root and container are what /proc has, also once it is gone', () => {
    const { host, start, meet, teller, table } = setUp();
    const args = ['sh', '-c', 'echo x > /host/passwd'];
    start({ pid: 60, ppid: SHIM, exe: '/bin/sh', args, cwd: '/work', root: 'foreign' });
    host.where.set(60, docker(A));
    meet(task(60, SHIM, '/bin/sh'), T + 510);
    host.processes.delete(60);
    host.where.delete(60);
    const { image, ancestors } = teller(task(60, SHIM, '/bin/sh'), T + 505);
    expect(image).toMatchObject({ args, cwd: '/work', foreignRoot: true, container: { id: A }, origin: 'proc' });
    expect(ancestors[0]?.pid).toBe(SHIM);
    expect(table.warnings).toEqual([]);
  });

  test('a runtime that becomes what it starts: in its container, with that one’s root', () => {
    const { host, start, meet, teller } = setUp();
    start({ pid: 60, ppid: SHIM, comm: 'runc:[2:INIT]', args: ['runc', 'init'], root: 'host' });
    meet(without(task(60, SHIM, ''), 'runc:[2:INIT]'), T + 505);
    const init = teller(without(task(60, SHIM, ''), 'runc:[2:INIT]'), T + 505).image;
    expect([init.commandLine, init.container]).toEqual(['runc init', undefined]);
    start({ pid: 60, ppid: SHIM, exe: '/bin/sh', args: ['sh'], root: 'foreign' });
    host.where.set(60, docker(A));
    meet(task(60, SHIM, '/bin/sh'), T + 520);
    const { image } = teller(task(60, SHIM, '/bin/sh'), T + 515);
    expect(image).toMatchObject({ commandLine: 'sh', container: { id: A }, foreignRoot: true });
    expect(image.entitySeed).toBe(init.entitySeed);
  });

  test('the same, and it was over when it was met again: nothing of the runtime is told of it', () => {
    const { host, start, meet, teller } = setUp();
    start({ pid: 60, ppid: SHIM, comm: 'runc:[2:INIT]', args: ['runc', 'init'] });
    meet(without(task(60, SHIM, ''), 'runc:[2:INIT]'), T + 505);
    host.processes.delete(60);
    meet(without(task(60, SHIM, ''), 'touch'), T + 520);
    const { image } = teller(without(task(60, SHIM, ''), 'touch'), T + 520);
    expect(image).toMatchObject({ comm: 'touch', container: { id: A } });
    expect(image.args).toBeUndefined();
  });

  test('the same program executed anew has the arguments of now; what came before has those of before', () => {
    const { start, meet, teller } = setUp();
    start({ pid: 60, ppid: 50, exe: '/bin/busybox', comm: 'sh', args: ['sh', '-c', 'exec touch f'] });
    const sh = { ...task(60, 50, '/bin/busybox'), comm: 'sh' };
    meet(sh, T + 505);
    start({ pid: 60, ppid: 50, exe: '/bin/busybox', comm: 'touch', args: ['touch', 'f'] });
    const touch = { ...task(60, 50, '/bin/busybox'), comm: 'touch' };
    meet(touch, T + 520);
    expect(teller(touch, T + 515).image.commandLine).toBe('touch f');
    const bash = setUp();
    bash.start({ pid: 60, ppid: 50, exe: '/bin/bash', args: ['bash', 'x'] });
    bash.meet(task(60, 50, '/bin/bash'), T + 505);
    bash.start({ pid: 60, ppid: 50, exe: '/bin/tee', args: ['tee', 'f'] });
    bash.meet(task(60, 50, '/bin/tee'), T + 520);
    expect(bash.teller(task(60, 50, '/bin/bash'), T + 503).image.commandLine).toBe('bash x');
    expect(bash.teller(task(60, 50, '/bin/tee'), T + 530).image.commandLine).toBe('tee f');
  });

  test('another has its pid by then: nothing of that one is told', () => {
    const { host, meet, teller } = setUp();
    host.start({ pid: 60, ppid: 1, startTicks: host.ticksAt(T + 900), exe: '/bin/x', args: ['x', 'other'] });
    meet(task(60, SHIM, '/bin/x'), T + 910);
    const { image } = teller(task(60, SHIM, '/bin/x'), T + 505);
    expect(image).toMatchObject({ executable: '/bin/x', container: { id: A } });
    expect(image.args).toBeUndefined();
  });
});

describe('gone before it was met', () => {
  test('it is in its parent’s container, or where the runtime that is its parent brought it', () => {
    const { host, start, teller } = setUp();
    start({ pid: 60, ppid: SHIM, exe: '/bin/sh', args: ['sh'], root: 'foreign' });
    host.where.set(60, docker(A));
    expect(teller(task(61, 60, '/bin/touch'), T + 505).image).toMatchObject({
      ...{ executable: '/bin/touch', foreignRoot: true, container: { id: A } },
    });
    expect(teller(task(62, SHIM, '/bin/touch'), T + 506).image.container?.id).toBe(A);
    // The runtime itself is on the host, as is a child of the host's.
    expect(teller(task(63, SHIM, '/usr/sbin/runc'), T + 507).image.container).toBeUndefined();
    expect(teller(task(64, 50, '/bin/touch'), T + 508).image.container).toBeUndefined();
  });

  test('one that is ending is in no cgroup any more: the same', () => {
    const { host, start, teller } = setUp();
    start({ pid: 60, ppid: SHIM, comm: 'touch' });
    expect(teller(task(60, SHIM, '/bin/touch'), T + 505).image).toMatchObject({
      ...{ executable: '/bin/touch', container: { id: A } },
    });
    host.where.set(65, 'host');
    host.start({ pid: 65, ppid: SHIM, startTicks: host.ticksAt(T + 500), exe: '/usr/bin/hook', args: ['hook'] });
    expect(teller(task(65, SHIM, '/usr/bin/hook'), T + 505).image.container).toBeUndefined();
  });
});

test('a package manager at work is known by its arguments', () => {
  const { start, meet, teller } = setUp();
  const work = (pid: number, ...args: string[]) => {
    start({ pid, ppid: 50, exe: '/usr/bin/dpkg', args, root: 'host' });
    meet(task(pid, 50, '/usr/bin/dpkg'), T + 510);
    return managerOf(teller(task(pid, 50, '/usr/bin/dpkg'), T + 510));
  };
  expect(work(60, 'dpkg', '--configure', '-a')).toBe('dpkg');
  expect(work(61, 'dpkg', '-l')).toBeUndefined();
});
