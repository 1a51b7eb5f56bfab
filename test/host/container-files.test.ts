// Files in containers, as a runtime makes them of layers, namespaces and cgroups: what is told of them, from their start to their end and
// from the next start on, and nothing that they could lead the agent to.

import { afterEach, describe, expect, test } from 'bun:test';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileChange } from '../../src/fsnotify/change.ts';
import { FsSource, type FsSourceOptions } from '../../src/fsnotify/source.ts';
import { ContainerRoots, type ContainerRootsOptions } from '../../src/proc/container-roots.ts';

const hex = (bytes: number): string => randomBytes(bytes).toString('hex');

const undo: (() => void)[] = [];
afterEach(() => {
  for (const one of undo.splice(0).reverse()) one();
});

function cgroupMount(): string {
  const lines = readFileSync('/proc/self/mountinfo', 'latin1').split('\n');
  const point = lines.find(line => line.includes(' / ') && / - cgroup2 /.test(line))?.split(' ')[4];
  if (point === undefined) throw new Error('cgroup version 2 is mounted nowhere: mount -t cgroup2 none /sys/fs/cgroup');
  return point;
}

/** A folder of a test, on a file system of its own. */
function place(): string {
  const folder = mkdtempSync(join(tmpdir(), 'puppy-cf-'));
  execFileSync('mount', ['-t', 'tmpfs', 'none', folder]);
  undo.push(() => {
    spawnSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** What Docker does, by hand: its layers in `folder`, its root directory mounted on the host, a process with mounts of its own. */
class Container {
  readonly id: string;
  readonly merged: string;
  readonly cgroup: string;
  private readonly layer = hex(32);
  private init: ChildProcess | undefined;

  constructor(folder: string, image: string, id = hex(32), cgroup = join(cgroupMount(), 'docker', id)) {
    this.id = id;
    this.cgroup = cgroup;
    const at = join(folder, 'overlay2', this.layer);
    for (const name of ['diff', 'work', 'merged', 'image']) mkdirSync(join(at, name), { recursive: true });
    this.merged = join(at, 'merged');
    const known = join(folder, 'image/overlay2/layerdb/mounts', this.id);
    mkdirSync(known, { recursive: true });
    writeFileSync(join(known, 'mount-id'), this.layer);
    execFileSync('sh', ['-ec', image], { cwd: join(at, 'image') });
    undo.push(() => this.stop());
  }

  private get mounting(): string {
    const at = join(this.merged, '..');
    // The host's programs are in every image.
    return `mount -t overlay overlay -o lowerdir=${at}/image:/,upperdir=${at}/diff,workdir=${at}/work ${this.merged}`;
  }

  mount(): void {
    execFileSync('sh', ['-c', this.mounting]);
  }

  unmount(): void {
    spawnSync('umount', ['-l', this.merged]);
  }

  /** `mounts` are made in its own mount namespace, below $M. */
  async start(mounts = ':'): Promise<void> {
    this.mount();
    await this.begin(mounts);
  }

  /** On the host nothing of it is mounted. */
  startUnseen(): Promise<void> {
    return this.begin(this.mounting);
  }

  private async begin(mounts: string): Promise<void> {
    mkdirSync(this.cgroup, { recursive: true });
    const script = `echo 0 > ${this.cgroup}/cgroup.procs
      exec unshare --mount --propagation private sh -ec 'M=${this.merged}; ${mounts}; exec chroot $M sh -c "echo up; exec sleep 1000"'`;
    const init = spawn('sh', ['-ec', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.init = init;
    await new Promise(resolve => init.stdout.once('data', resolve));
  }

  /** Runs a shell in it; its pid. */
  async run(script: string): Promise<number | undefined> {
    const args = ['--target', String(this.init?.pid), '--mount', 'chroot', this.merged, 'sh', '-ec', script];
    const child = spawn('nsenter', args, { stdio: 'inherit' });
    expect(await new Promise(done => child.on('exit', done))).toBe(0);
    return child.pid;
  }

  stop(): void {
    this.init?.kill('SIGKILL');
    this.unmount();
    if (this.init === undefined) return;
    this.init = undefined;
    for (let i = 0; i < 100; i++) {
      try {
        rmdirSync(this.cgroup);
        return;
      } catch {
        Bun.sleepSync(20);
      }
    }
  }
}

interface Run {
  readonly source: FsSource;
  readonly roots: ContainerRoots;
  /** By path, what the watcher was asked to watch: whose, and where in the container. */
  readonly asked: Map<string, { readonly containerId: string; readonly at: string }>;
  readonly seen: FileChange[];
  readonly notes: string[];
}

async function watch(options: Partial<FsSourceOptions>, containersMax = 1_000): Promise<Run> {
  const seen: FileChange[] = [];
  const notes: string[] = [];
  const note = ({ message }: { message: string }): unknown => notes.push(message);
  const source: FsSource = new FsSource(
    { paths: [], excludes: [], ownPaths: [], backend: 'auto', pid: 0, ...options },
    {
      change: one => seen.push(one),
      batchEnd: () => {},
      loss: () => {},
      note,
      availability: (_, message) => notes.push(message),
      mounts: table => roots.mounts(table),
    },
  );
  const asked: Run['asked'] = new Map();
  const asks: ContainerRootsOptions['source'] = {
    addRoots(id, added) {
      for (const root of added) asked.set(root.path, root);
      source.addRoots(id, added);
    },
    removeRoot(path) {
      asked.delete(path);
      source.removeRoot(path);
    },
  };
  const roots = new ContainerRoots({ source: asks, note, containersMax });
  undo.push(() => {
    source.stop();
    roots.stop();
  });
  await source.start(Date.now());
  roots.tick();
  return { source, roots, asked, seen, notes };
}

/** Everything that was told since, once it's quiet: kind, path and whether it's of this container. */
async function told(run: Run, container: Container): Promise<string[]> {
  for (let still = 0, before = -1; still < 5; still++) {
    await Bun.sleep(60);
    if (run.seen.length !== before) still = 0;
    before = run.seen.length;
  }
  return run.seen.splice(0).map(({ kind, path, containerId, previousPath }) => {
    const whose = containerId === undefined ? 'host' : containerId === container.id ? 'in' : 'other';
    return `${whose} ${kind} ${path}${previousPath === undefined ? '' : ` < ${previousPath}`}`;
  });
}

const until = async (what: () => boolean): Promise<void> => {
  for (let i = 0; !what() && i < 200; i++) await Bun.sleep(25);
  expect(what()).toBe(true);
};

/** Also: its directories were looked at. */
async function isWatched(run: Run, { id }: Container, at = ''): Promise<void> {
  await until(() => [...run.asked.values()].some(root => root.containerId === id && root.at === at));
  const known = (): number => run.source.counters().directories + run.source.counters().files;
  for (let still = 0, before = known(); still < 6; still++) {
    await Bun.sleep(50);
    if (known() !== before) still = 0;
    before = known();
  }
}

const isLeft = (run: Run, { id }: Container): Promise<void> =>
  until(() => {
    run.roots.tick();
    return ![...run.asked.values()].some(root => root.containerId === id);
  });

describe.each(['fanotify', 'inotify'] as const)('by %s', backend => {
  test('what is done to a file, of the image or new, by the container’s path; on the host nothing changes', async () => {
    const folder = place();
    const name = `app-${hex(4)}`;
    mkdirSync(join(folder, name));
    const own = `mkdir -p etc/${name}; for f in append chmod rm mv; do echo image > etc/${name}/$f; done`;
    const container = new Container(folder, own);
    const run = await watch({ backend, paths: [`/etc/${name}/**`, `${folder}/${name}/*`] });
    await container.start();
    await isWatched(run, container);
    const pid = await container.run(
      `cd /etc/${name}; echo x >> append; sleep .1; chmod 600 chmod; sleep .1; rm rm; sleep .1; mv mv moved; sleep .1; echo y > new; mkdir d`,
    );
    await Bun.sleep(200);
    writeFileSync(join(folder, name, 'own'), '');
    const first = run.seen.find(({ path }) => path.endsWith('/append'));
    expect(first).toMatchObject({ containerId: container.id, hostPath: `${container.merged}/etc/${name}/append` });
    if (backend === 'fanotify') expect(first?.task?.pid).toBe(pid);
    // A rename is told at once, others when it's quiet.
    expect((await told(run, container)).sort()).toEqual([
      `host created ${folder}/${name}/own`,
      `in attributes_modified /etc/${name}/chmod`,
      `in created /etc/${name}/d`,
      `in created /etc/${name}/new`,
      `in deleted /etc/${name}/rm`,
      `in modified /etc/${name}/append`,
      `in renamed /etc/${name}/moved < /etc/${name}/mv`,
    ]);
  }, 20_000);

  test('from before its first process on, to its end, and again from its next start', async () => {
    const folder = place();
    const name = `app-${hex(4)}`;
    const container = new Container(folder, `mkdir -p etc/${name}; echo image > etc/${name}/file`);
    const run = await watch({ backend, paths: [`/etc/${name}/**`] });
    container.mount();
    await isWatched(run, container);
    writeFileSync(`${container.merged}/etc/${name}/early`, '');
    expect(await told(run, container)).toEqual([`in created /etc/${name}/early`]);
    // So fast that the mount table looks the same.
    container.unmount();
    container.mount();
    await Bun.sleep(400);
    writeFileSync(`${container.merged}/etc/${name}/late`, '');
    expect(await told(run, container)).toEqual([`in created /etc/${name}/late`]);
    container.stop();
    await isLeft(run, container);

    for (const file of ['one', 'two']) {
      await container.start();
      await isWatched(run, container);
      await container.run(`echo x > /etc/${name}/${file}`);
      expect(await told(run, container)).toEqual([`in created /etc/${name}/${file}`]);
      container.stop();
      await isLeft(run, container);
      expect(await told(run, container)).toEqual([]);
    }
    expect(run.notes.filter(note => note.includes(folder))).toEqual([]);
  }, 30_000);

  test('volumes, a tmpfs, a bound file; what the host watches itself is told as the host’s, and once', async () => {
    const folder = place();
    const name = `app-${hex(4)}`;
    for (const one of ['volume', 'hosts', 'bound']) mkdirSync(join(folder, one));
    for (const one of ['bound/file', 'hosts/own']) writeFileSync(join(folder, one), '');
    const container = new Container(folder, `mkdir -p ${name}/v ${name}/t ${name}/h; touch ${name}/b ${name}/o`);
    const run = await watch({ backend, paths: [`/${name}/**`, `${folder}/hosts/**`] });
    await container.start(
      `mount --bind ${folder}/volume $M/${name}/v; mount -t tmpfs none $M/${name}/t; mount --bind ${folder}/hosts $M/${name}/h; mount --bind ${folder}/bound/file $M/${name}/b; mount --bind ${folder}/hosts/own $M/${name}/o`,
    );
    await isWatched(run, container, `/${name}/t`);
    await container.run(`cd /${name}; echo > v/f; echo > t/f; echo > h/f; echo x > b; echo x > o; echo > f`);
    const names = run.seen;
    await until(() => names.length >= 6);
    const host = Object.fromEntries(names.map(({ path, hostPath }) => [path, hostPath]));
    expect(host).toEqual({
      [`/${name}/v/f`]: `${folder}/volume/f`,
      [`/${name}/t/f`]: expect.stringMatching(/^\/proc\/\d+\/root\/app-.*\/t\/f$/),
      [`${folder}/hosts/f`]: undefined,
      [`${folder}/hosts/own`]: undefined,
      [`/${name}/b`]: `${folder}/bound/file`,
      [`/${name}/f`]: `${container.merged}/${name}/f`,
    });
    expect((await told(run, container)).length).toBe(6);
  }, 20_000);

  test('an image’s links lead within the container, and one that is put there later nowhere', async () => {
    const folder = place();
    const name = `app-${hex(4)}`;
    // On the host, and under the same name elsewhere in the image.
    mkdirSync(join(folder, 'elsewhere/sub'), { recursive: true });
    const container = new Container(
      folder,
      `mkdir -p .${folder}/elsewhere/sub ${name}-later; ln -s ${folder}/elsewhere ${name}; ln -s ../../../../..${folder} ${name}-up`,
    );
    const run = await watch({ backend, paths: [`/${name}/sub/**`, `/${name}-up/elsewhere/**`, `/${name}-later/**`] });
    await container.start();
    await isWatched(run, container);
    writeFileSync(join(folder, 'elsewhere/sub/hosts'), '');
    await container.run(`echo > /${name}/sub/inside`);
    expect(await told(run, container)).toEqual([`in created ${folder}/elsewhere/sub/inside`]);

    await container.run(`rmdir /${name}-later; ln -s ${folder}/elsewhere /${name}-later`);
    writeFileSync(join(folder, 'elsewhere/sub/hosts'), 'again');
    symlinkSync('x', join(folder, 'elsewhere/link'));
    expect((await told(run, container)).sort()).toEqual([`in created /${name}-later`, `in deleted /${name}-later`]);
  }, 20_000);

  test('nothing twice where the host watches everything; its storage is the container’s', async () => {
    const folder = place();
    const container = new Container(folder, 'mkdir d; echo image > d/file');
    const run = await watch({ backend, paths: [`${folder}/**`, `/d/**`] });
    await container.start();
    await isWatched(run, container);
    run.seen.splice(0);
    await container.run('echo x >> /d/file; sleep .1; echo y > /d/new');
    expect(await told(run, container)).toEqual(['in modified /d/file', 'in created /d/new']);
  }, 20_000);
});

test('after a loss nothing in it stays unknown', async () => {
  const folder = place();
  const container = new Container(folder, 'mkdir d');
  const run = await watch({ paths: ['/d/**'], ringBytes: 32 * 1024, coalesceMs: 0 });
  await container.start();
  await isWatched(run, container);
  const writing = container.run(
    'i=0; while [ $i -lt 600 ]; do mkdir /d/$i; echo > /d/$i/f; i=$((i+1)); done; rm -r /d/7',
  );
  const until = performance.now() + 3_000;
  while (performance.now() < until) Bun.sleepSync(50);
  await writing;
  const seen = await told(run, container);
  expect(run.source.counters().dropped).toBeGreaterThan(0);
  const there = new Set(seen.filter(one => one.startsWith('in created')).map(one => one.split(' ')[2]));
  for (const path of ['/d/7', '/d/7/f']) there.delete(path);
  expect(there.size).toBe(2 * 599);
}, 30_000);

test('one whose root directory the host has nowhere is watched through its processes', async () => {
  const folder = place();
  const container = new Container(folder, 'mkdir d');
  const run = await watch({ paths: ['/d/**'] });
  await container.startUnseen();
  run.roots.tick();
  await isWatched(run, container);
  await container.run('echo > /d/f');
  await until(() => run.seen.length > 0);
  expect(run.seen[0]?.hostPath).toMatch(/^\/proc\/\d+\/root\/d\/f$/);
  expect(await told(run, container)).toEqual(['in created /d/f']);
});

test('a user’s container that calls itself by another’s id isn’t watched as that one', async () => {
  const folder = place();
  const users = join(cgroupMount(), `puppy-${hex(4)}`);
  const run = await watch({ paths: ['/d/**'] });
  const roots = new Container(folder, 'mkdir d');
  await roots.start();
  await isWatched(run, roots);
  mkdirSync(users);
  undo.push(() => rmdirSync(users));
  chownSync(users, 1000, 1000);
  for (const id of [roots.id, hex(32)]) {
    const claims = new Container(folder, 'mkdir d', id, join(users, `docker-${id}.scope`));
    await claims.startUnseen();
  }
  run.roots.tick();
  const tops = [...run.asked].filter(([, { at }]) => at === '').map(([path, { containerId }]) => [containerId, path]);
  const own = tops.filter(([id]) => id === roots.id);
  expect(own).toEqual([[roots.id, roots.merged]]);
  expect(tops.filter(([, path]) => path?.startsWith('/proc/')).length).toBeGreaterThanOrEqual(1);
});

test('more than are watched: told', async () => {
  const folder = place();
  const container = new Container(folder, 'mkdir d');
  const run = await watch({ paths: ['/d/**'] }, 0);
  await container.start();
  await until(() => run.notes.some(note => note.includes('more than 0 containers')));
  expect(run.asked.size).toBe(0);
});
