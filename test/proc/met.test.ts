// Who the reader of file events met: facts with a start time, or a pid alone.

import { describe, expect, test } from 'bun:test';
import type { TaskFacts } from '../../src/core/observation.ts';
import { noFacts } from '../../src/proc/facts.ts';
import { ProcessTable } from '../../src/proc/table.ts';
import { BOOT_ID, BOOT_MS, exec, FakeHost, nextStamp, task } from './host-model.ts';

const T = BOOT_MS + 1_000_000;

function setUp() {
  const host = new FakeHost();
  host.nowMs = T;
  host.start({ pid: 1, ppid: 0, startTicks: 1, exe: '/sbin/init', args: ['/sbin/init'] });
  host.start({ pid: 50, ppid: 1, startTicks: 10, exe: '/bin/bash', args: ['bash', 'script'] });
  const table = new ProcessTable(host.facts());
  table.seed(T);
  const teller = (facts: TaskFacts, startMs: number | undefined, timeMs: number) =>
    table.teller(facts, startMs === undefined ? undefined : host.ticksAt(startMs), timeMs, nextStamp(timeMs));
  return { host, table, teller };
}

describe('a process that nothing is known of, gone by now', () => {
  test('a fork that never executed: its parent’s image, with its own ids and start', () => {
    const { host, teller } = setUp();
    const { image, ancestors, parentPid } = teller(task(60, 50, '/bin/bash', { euid: 33 }), T + 500, T + 510);
    expect(image).toEqual({
      pid: 60,
      entitySeed: `60@${BOOT_ID}/${host.ticksAt(T + 500)}`,
      executable: '/bin/bash',
      comm: 'bash',
      args: ['bash', 'script'],
      argsCount: 2,
      commandLine: 'bash script',
      startMs: T + 500,
      credentials: expect.objectContaining({ euid: { id: 33 } }),
      origin: 'cache',
    });
    expect([parentPid, ...ancestors.map(one => one.pid)]).toEqual([50, 50, 1]);
  });

  test('of another program: what was read of it, below its parent', () => {
    const { table, teller } = setUp();
    const { image, ancestors } = teller(task(60, 50, '/usr/bin/touch', { auid: 7, tty: 'pts0' }), T + 500, T + 510);
    expect(image).toMatchObject({ executable: '/usr/bin/touch', tty: 'pts0', login: { auid: { id: 7 } } });
    expect(image.origin).toBe('fanotify');
    expect(image.args).toBeUndefined();
    expect(ancestors[0]?.commandLine).toBe('bash script');
    expect(table.warnings).toEqual([]);
  });

  test('still there: as /proc has it', () => {
    const { host, teller } = setUp();
    host.start({
      pid: 60,
      ppid: 50,
      startTicks: host.ticksAt(T + 500),
      exe: '/bin/x',
      args: ['x', '1'],
      root: 'foreign',
    });
    expect(teller(task(60, 50, '/bin/x'), T + 500, T + 510).image).toMatchObject({
      commandLine: 'x 1',
      foreignRoot: true,
      origin: 'proc',
    });
  });

  test('another has its pid by now: nothing of that one is told', () => {
    const { host, teller } = setUp();
    host.start({ pid: 60, ppid: 1, startTicks: host.ticksAt(T + 550), exe: '/bin/x', args: ['x', 'other'] });
    const { image, ancestors } = teller(task(60, 50, '/bin/x'), T + 500, T + 510);
    expect(image).toMatchObject({ executable: '/bin/x', origin: 'fanotify', startMs: T + 500 });
    expect(image.args).toBeUndefined();
    expect(ancestors[0]?.pid).toBe(50);
  });
});

describe('a process that is known', () => {
  test('by its exec event: young or old, alive or gone, it is that one', () => {
    const { table, teller } = setUp();
    const process = table.exec(exec(T + 500, 60, 50, '/bin/x', { args: ['x', '1'] }));
    expect(teller(task(60, 50, '/bin/x'), T + 495, T + 510)).toBe(process);
    expect(teller(task(60, 50, '/bin/x'), T + 495, T + 900_000)).toBe(process);
    expect(table.warnings).toEqual([]);
    expect(table.counters).toMatchObject({ reused: 0, unverified: 0 });
  });

  test('also after its exit event, while nobody waited for it', () => {
    const { table, teller } = setUp();
    const process = table.exec(exec(T + 500, 60, 50, '/bin/x'));
    table.exit(task(60, 50, '/bin/x'), T + 600, nextStamp(T + 600));
    expect(teller(task(60, 50, '/bin/x'), T + 490, T + 5_000)).toBe(process);
  });

  test('its ids of now are told, its past stays', () => {
    const { table, teller } = setUp();
    const process = table.exec(exec(T + 500, 60, 50, '/bin/x', { args: ['x', '1'] }));
    const later = teller(task(60, 50, '/bin/x', { euid: 33 }), T + 500, T + 600);
    expect(later.image).toMatchObject({ commandLine: 'x 1', credentials: { euid: { id: 33 } } });
    expect(later.image.entitySeed).toBe(process.image.entitySeed);
    // Told late.
    expect(teller(task(60, 50, '/bin/x'), T + 500, T + 550).image.credentials?.euid?.id).toBe(0);
    expect(table.find(60, T + 600)).toBe(later);
  });

  test('an exec event that is read after: it is the same process, and has its new image', () => {
    const { table, teller } = setUp();
    const first = teller(task(60, 50, '/usr/bin/touch'), T + 500, T + 520);
    const process = table.exec(exec(T + 505, 60, 50, '/usr/bin/touch', { args: ['touch', 'f'] }));
    expect(process.image).toMatchObject({
      commandLine: 'touch f',
      entitySeed: first.image.entitySeed,
      startMs: T + 500,
    });
    expect(teller(task(60, 50, '/usr/bin/touch'), T + 500, T + 530)).toBe(process);
    expect(table.warnings).toEqual([]);
    expect(table.counters.reused).toBe(0);
  });

  test('an exec event long before what was read: the same', () => {
    const { table, teller } = setUp();
    const first = teller(task(60, 50, '/bin/x'), T + 500, T + 9_000);
    const process = table.exec(exec(T + 505, 60, 50, '/bin/x', { args: ['x', '1'] }));
    expect(process.image.entitySeed).toBe(first.image.entitySeed);
    expect(teller(task(60, 50, '/bin/x'), T + 500, T + 9_100)).toBe(process);
  });

  test('read before its exec, of which the event is known already: as it was', () => {
    const { table, teller } = setUp();
    const process = table.exec(exec(T + 520, 60, 50, '/usr/bin/id', { args: ['id'] }));
    // `id > file`: the shell's fork makes the file.
    const before = teller(task(60, 50, '/bin/bash'), T + 500, T + 515);
    expect(before.image).toMatchObject({ executable: '/bin/bash', entitySeed: process.image.entitySeed });
    expect(before.image).toMatchObject({ commandLine: 'bash script', startMs: process.image.startMs! });
    expect(table.find(60, T + 530)).toBe(process);
    expect(table.warnings).toEqual([]);
  });

  test('read before the last of its execs: as the one before made it', () => {
    const { host, table, teller } = setUp();
    const first = table.exec(exec(T + 500, 60, 50, '/bin/bash', { args: ['bash', '-c', 'x > f; exec y'] }));
    table.exec(exec(T + 520, 60, 50, '/bin/y'));
    expect(teller(task(60, 50, '/bin/bash'), T + 500, T + 515)).toEqual(first);
    // Not for ever.
    host.start({ pid: 60, ppid: 50, startTicks: host.ticksAt(T + 500), exe: '/bin/y' });
    for (host.nowMs = T + 520; host.nowMs < T + 90_000; host.nowMs += 1_000) table.tick(host.nowMs);
    expect(teller(task(60, 50, '/bin/bash'), T + 500, T + 515).image.commandLine).toBe('bash script');
  });

  test('another program, and no event said so', () => {
    const { host, table, teller } = setUp();
    const process = table.exec(exec(T + 500, 60, 50, '/bin/x'));
    host.start({ pid: 60, ppid: 50, startTicks: host.ticksAt(T + 500), exe: '/bin/y', args: ['y', '2'] });
    const now = teller(task(60, 50, '/bin/y'), T + 500, T + 900);
    expect(now.image).toMatchObject({ commandLine: 'y 2', entitySeed: process.image.entitySeed });
    expect(table.warnings).toEqual(['exec_unseen']);
    host.processes.delete(60);
    expect(teller(task(60, 50, '/bin/z'), T + 500, T + 1_900).image).toMatchObject({
      executable: '/bin/z',
      origin: 'fanotify',
    });
  });

  test('one that is ending has no executable any more, and is the same', () => {
    const { table, teller } = setUp();
    const process = table.exec(exec(T + 500, 60, 50, '/bin/x'));
    const { exe: _, ...ending } = task(60, 50, '/bin/x');
    expect(teller(ending, T + 500, T + 600)).toBe(process);
  });
});

describe('a pid that was another’s', () => {
  test('the next one, with the same program and at once', () => {
    const { table, teller } = setUp();
    const first = teller(task(60, 50, '/bin/x'), T + 500, T + 510);
    const second = teller(task(60, 50, '/bin/x'), T + 4_000, T + 4_010);
    expect(second.image.entitySeed).not.toBe(first.image.entitySeed);
    expect(table.counters.reused).toBe(1);
    // What the first did is told late.
    expect(teller(task(60, 50, '/bin/x'), T + 500, T + 520).image.entitySeed).toBe(first.image.entitySeed);
    expect(table.find(60, T + 4_010)).toBe(second);
  });

  test('one before all that is known: told, and the one of now stays', () => {
    const { host, table, teller } = setUp();
    const now = table.exec(exec(T + 5_000, 60, 1, '/bin/now'));
    const before = teller(task(60, 50, '/bin/x'), T + 500, T + 510);
    expect(before.image).toMatchObject({ executable: '/bin/x', entitySeed: `60@${BOOT_ID}/${host.ticksAt(T + 500)}` });
    expect(table.find(60, T + 5_010)).toBe(now);
    expect(table.counters.reused).toBe(0);
  });

  test('one known by its events, whose time was over', () => {
    const { table, teller } = setUp();
    const old = table.exec(exec(T + 500, 60, 50, '/bin/x', { args: ['x', 'old'] }));
    const next = teller(task(60, 50, '/bin/x'), T + 700, T + 710);
    expect(next.image.entitySeed).not.toBe(old.image.entitySeed);
    expect(next.image.args).toBeUndefined();
  });
});

describe('a pid alone, of one that was gone', () => {
  test('who had it until just before', () => {
    const { table, teller } = setUp();
    const process = table.exec(exec(T + 500, 60, 50, '/bin/x'));
    expect(teller({ pid: 60 }, undefined, T + 510)).toBe(process);
    table.exit(task(60, 50, '/bin/x'), T + 520, nextStamp(T + 520));
    expect(teller({ pid: 60 }, undefined, T + 900)).toBe(process);
  });

  test('never who /proc has now, and never one whose time is long over', () => {
    const { host, table, teller } = setUp();
    host.start({ pid: 60, ppid: 1, startTicks: host.ticksAt(T + 400), exe: '/bin/x' });
    const reads = table.counters.procReads;
    const alone = { image: { pid: 60, entitySeed: expect.stringMatching(/^60:/), origin: 'fanotify' }, ancestors: [] };
    expect(teller({ pid: 60 }, undefined, T + 510) as unknown).toEqual(alone);
    expect(table.counters.procReads).toBe(reads);
    table.exec(exec(T + 600, 60, 50, '/bin/x'));
    expect(teller({ pid: 60 }, undefined, T + 900_000) as unknown).toEqual(alone);
  });

  test('its predecessor, where the next one came after', () => {
    const { table, teller } = setUp();
    const first = table.exec(exec(T + 500, 60, 50, '/bin/x'));
    table.exit(task(60, 50, '/bin/x'), T + 510, nextStamp(T + 510));
    table.exec(exec(T + 4_000, 60, 50, '/bin/y'));
    expect(teller({ pid: 60 }, undefined, T + 900)).toBe(first);
  });
});

test('an audit record of the same change is looked up as all audit records are', () => {
  const { table, teller } = setUp();
  const process = table.exec(exec(T + 500, 60, 50, '/bin/x'));
  expect(teller(task(60, 50, '/bin/x'), undefined, T + 510)).toBe(process);
  expect(teller(task(61, 50, '/bin/y'), undefined, T + 510).image.origin).toBe('audit');
});

test('without a clock, as in a log without its host', () => {
  const table = new ProcessTable(noFacts);
  const process = table.exec(exec(T, 60, 50, '/bin/x'));
  expect(table.teller(task(60, 50, '/bin/x'), 123, T + 5, '1')).toBe(process);
  expect(table.teller(task(61, 60, '/bin/y'), 124, T + 5, '2').ancestors[0]).toBe(process.image);
});
