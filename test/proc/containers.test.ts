// Which container a process is said to be in: from its parent, from its cgroup, and never from what somebody in a container made up.

import { describe, expect, test } from 'bun:test';
import { ProcessTable } from '../../src/proc/table.ts';
import { BOOT_MS, ContainerHost, docker, exec, task } from './host-model.ts';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);
const T = BOOT_MS + 1_000_000;
const ROOT = { uid: 0, euid: 0, suid: 0, fsuid: 0, gid: 0, egid: 0, sgid: 0, fsgid: 0 };

/** A host with a shim (pid 100), and the program (pid 200) that it started in container A. */
function started(): { host: ContainerHost; table: ProcessTable } {
  const host = new ContainerHost();
  host.where.set(200, docker(A));
  const table = new ProcessTable(host.facts());
  shim(table, A);
  table.exec(exec(T, 200, 100, '/bin/sh'));
  return { host, table };
}

function shim(table: ProcessTable, id: string): void {
  const args = ['containerd-shim-runc-v2', '-namespace', 'moby', '-id', id];
  table.exec(exec(T - 10, 100, 1, '/usr/bin/containerd-shim-runc-v2', { args }));
}

describe('whose process', () => {
  test("below a runtime the cgroup tells; further down the parent's is inherited, and nothing is read", () => {
    const { host, table } = started();
    expect(table.find(200, T)?.image.container).toMatchObject({ id: A, runtime: 'docker' });
    const reads = host.asked.length;
    const child = table.exec(exec(T + 1, 201, 200, '/bin/ls'));
    // One that forked, and is met by a record that isn't an exec.
    const fork = table.actor(task(202, 200, '/bin/sh'), T + 2, 'x:1');
    expect([child, fork].map(p => p.image.container?.id)).toEqual([A, A]);
    expect(child.image.container).toBe(table.find(200, T)!.image.container);
    expect(host.asked.length).toBe(reads);
  });

  test('of a process on the host nothing is read', () => {
    const host = new ContainerHost();
    const table = new ProcessTable(host.facts());
    table.exec(exec(T, 300, 1, '/bin/bash'));
    for (let i = 0; i < 50; i++) table.exec(exec(T + i, 301 + i, 300, '/bin/ls'));
    expect(host.asked).toEqual([]);
  });

  test('one that runs already is looked at once', () => {
    const host = new ContainerHost();
    host.start({ pid: 400, ppid: 0, startTicks: 5, exe: '/bin/sleep' });
    host.where.set(400, docker(A));
    const table = new ProcessTable(host.facts());
    table.seed(host.nowMs);
    expect(table.find(400, host.nowMs)?.image.container?.id).toBe(A);
    expect(host.asked).toEqual([400]);
  });

  test('a container is not lost by a cgroup that says nothing: the process ended, or was moved out', () => {
    const { host, table } = started();
    for (const answer of [undefined, 'host'] as const) {
      if (answer === undefined) host.where.delete(210);
      else host.where.set(210, answer);
      table.exec(exec(T + 1, 209, 200, '/usr/bin/runc'));
      expect(table.exec(exec(T + 2, 210, 209, '/bin/id')).image.container?.id).toBe(A);
    }
  });

  test('one that is gone before it is looked at: what root told the runtime', () => {
    const { host, table } = started();
    const args = ['runc', '--root', '/run', 'exec', '--process', '/p', A];
    host.where.set(500, 'host');
    table.exec(exec(T + 1, 500, 100, '/usr/sbin/runc', { args }));
    expect(table.exec(exec(T + 2, 501, 500, '/bin/true')).image.container?.id).toBe(A);
    // Not what a user calls runc.
    const user = { ...ROOT, uid: 1000, euid: 1000 };
    host.where.set(502, 'host');
    table.exec(exec(T + 3, 502, 1, '/tmp/runc', { args, task: task(502, 1, '/tmp/runc', user) }));
    expect(table.exec(exec(T + 4, 503, 502, '/bin/true')).image.container).toBeUndefined();
    // The runtime itself is on the host.
    expect(table.exec(exec(T + 5, 504, 100, '/usr/sbin/runc', { args })).image.container).toBeUndefined();
  });

  test("a container of Docker's that was over before its cgroup was seen; one that wasn't, by its cgroup later", () => {
    const host = new ContainerHost();
    const table = new ProcessTable(host.facts());
    table.seed(T);
    shim(table, A);
    const { container } = table.exec(exec(T, 200, 100, '/bin/true')).image;
    expect(container).toEqual({ id: A, runtime: 'docker' });
    host.running = [docker(A)];
    expect(table.tick(T + 1_000).map(({ kind }) => kind)).toEqual(['container_started']);
    host.where.set(201, docker(A));
    expect(table.exec(exec(T + 1_001, 201, 100, '/bin/sh')).image.container).toBe(container);
  });

  test("what runc starts for a pod is the shim's child: the container that runc was told, if it was one", () => {
    const host = new ContainerHost();
    const table = new ProcessTable(host.facts());
    host.running = [docker(A), docker(B)];
    table.seed(T);
    const args = ['containerd-shim-runc-v2', '-namespace', 'k8s.io', '-id', 'c'.repeat(64)];
    table.exec(exec(T, 100, 1, '/usr/bin/containerd-shim-runc-v2', { args }));
    const enter = (at: number, pid: number, id: string): string | undefined => {
      host.where.set(pid, 'host');
      table.exec(exec(T + at, pid, 100, '/usr/sbin/runc', { args: ['runc', 'exec', '--detach', id] }));
      return table.exec(exec(T + at + 1, pid + 1, 100, '/bin/id')).image.container?.id;
    };
    expect(table.exec(exec(T, 890, 100, '/bin/id')).image.container).toBeUndefined();
    expect(enter(10, 900, A)).toBe(A);
    expect(enter(5_000, 910, B)).toBe(B);
    expect(enter(5_100, 920, A)).toBeUndefined();
  });
});

describe("nobody passes for another's container", () => {
  test('the id of a container, in another: the one around it', () => {
    const { host, table } = started();
    host.where.set(600, docker(B));
    table.exec(exec(T + 1, 600, 100, '/bin/sh'));
    host.where.set(601, docker(B, { scope: `/docker/${A}/docker/${B}`, outer: A }));
    table.exec(exec(T + 2, 602, 200, '/usr/bin/runc'));
    expect(table.exec(exec(T + 3, 601, 602, '/bin/sh')).image.container?.id).toBe(A);
    expect(table.counters.containersRefused).toBe(1);
  });

  test('the id of a container, in what a user was given of the cgroups: none', () => {
    const { host, table } = started();
    host.where.set(701, docker(A, { scope: `/user.slice/docker-${A}.scope`, owner: 1000 }));
    table.exec(exec(T + 2, 700, 1, '/usr/bin/conmon'));
    expect(table.exec(exec(T + 3, 701, 700, '/bin/sh')).image.container).toBeUndefined();
  });

  test("root's own comes after a user's of the same id: it is root's from then on", () => {
    const host = new ContainerHost();
    const table = new ProcessTable(host.facts());
    const fake = docker(A, { scope: `/user.slice/docker-${A}.scope`, owner: 1000 });
    host.where.set(701, fake);
    host.where.set(702, docker(A));
    table.exec(exec(T, 700, 1, '/usr/bin/conmon'));
    table.exec(exec(T + 1, 701, 700, '/bin/sh'));
    const real = table.exec(exec(T + 2, 702, 700, '/bin/sh')).image.container;
    expect(table.exec(exec(T + 3, 701, 700, '/bin/sh', { stamp: 'x:2' })).image.container).not.toBe(real);
    expect(real?.id).toBe(A);
  });
});

describe('what is known of a container', () => {
  test('the id first, the rest when the runtime has answered; for the events before, too, nothing but the id was said', () => {
    const { host, table } = started();
    const { container } = table.find(200, T)!.image;
    expect(container).toEqual({ id: A, runtime: 'docker' });
    const details = { runtime: 'docker', name: 'web', image: { name: 'shop/web', tag: '2' } };
    host.details.set(`/docker/${A}`, details);
    expect(table.exec(exec(T + 5, 203, 200, '/bin/ls')).image.container).toEqual({ id: A, runtime: 'docker' });
    expect(table.exec(exec(T + 50, 204, 200, '/bin/ls')).image.container).toEqual({ id: A, ...details });
  });

  test('by its id alone, as a file of it has it', () => {
    const { table } = started();
    expect(table.container(A)).toMatchObject({ id: A, runtime: 'docker' });
    expect(table.container(B)).toEqual({ id: B });
  });

  test('drift: an executable or a script that was written in the container', () => {
    const { host, table } = started();
    host.written.add('/tmp/evil').add('/tmp/evil.sh');
    const drift = (pid: number, exe: string, invoked: string[]): boolean | undefined =>
      table.exec(exec(T + pid, pid, 200, exe, { invoked })).image.drift;
    expect(drift(210, '/tmp/evil', ['/tmp/evil'])).toBe(true);
    expect(drift(211, '/bin/sh', ['/tmp/evil.sh', '/bin/sh'])).toBe(true);
    expect(drift(212, '/bin/ls', ['/bin/ls'])).toBeUndefined();
    const asked = host.drifts;
    for (let i = 0; i < 20; i++) drift(220 + i, '/bin/ls', ['/bin/ls']);
    expect(host.drifts).toBe(asked);
    // A child that forked from it runs the same file.
    expect(table.actor(task(250, 210, '/tmp/evil'), T + 251, 'x:3').image.drift).toBe(true);
  });

  test('come and gone: told once each; those that ran before are not told as new; their processes learn where they are', () => {
    const host = new ContainerHost();
    host.running = [docker(A)];
    const table = new ProcessTable(host.facts());
    table.seed(host.nowMs);
    const tick = (ms: number): string[] => {
      host.nowMs += ms;
      return table.tick(host.nowMs).map(({ kind, container }) => `${kind} ${container.id.slice(0, 1)}`);
    };
    expect(tick(1_000)).toEqual([]);
    const ticks = host.ticksAt(host.nowMs);
    host.start({ pid: 800, ppid: 1, startTicks: ticks, exe: '/bin/odd-runtime' });
    const process = table.exec(exec(host.nowMs, 800, 1, '/bin/odd-runtime'));
    expect(process.image.container).toBeUndefined();
    host.running = [docker(A), docker(B)];
    host.members.set(`/docker/${B}`, [800, 801]);
    expect(tick(1_000)).toEqual(['container_started b']);
    expect(table.find(800, host.nowMs)?.image.container?.id).toBe(B);
    // Nothing has changed; nothing could be learned.
    host.running = undefined;
    expect(tick(1_000)).toEqual([]);
    host.running = [docker(B)];
    expect(tick(1_000)).toEqual(['container_stopped a']);
    host.running = [docker(A), docker(B)];
    expect(tick(1_000)).toEqual(['container_started a']);
  });

  test('a flood of made-up ones is bounded, and hides none of root', () => {
    const { host, table } = started();
    table.exec(exec(T + 1, 700, 1, '/usr/bin/conmon'));
    for (let i = 0; i < 10_000; i++) {
      const id = i.toString(16).padStart(64, '0');
      host.where.set(701, docker(id, { scope: `/user.slice/docker-${id}.scope`, owner: 1000 }));
      table.exec(exec(T + 2 + i / 100, 701, 700, '/bin/sh'));
      if (i % 1_000 === 0) {
        host.running = [docker(A)];
        table.tick(T + 2 + i);
      }
    }
    expect(table.counters.containers).toBeLessThanOrEqual(4_096);
    host.where.set(701, docker(A, { scope: `/user.slice/docker-${A}.scope`, owner: 1000 }));
    expect(table.exec(exec(T + 200, 701, 700, '/bin/sh')).image.container?.id).not.toBe(A);
  });
});
