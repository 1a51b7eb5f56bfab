// The file watcher against the real kernel: the same expectations of each backend, on the disk, on a tmpfs and on an overlay. What a
// backend can't tell is said where it differs.

import { afterEach, describe, expect, test } from 'bun:test';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Loss } from '../../src/core/source.ts';
import { textBytes } from '../../src/core/text.ts';
import type { FileChange } from '../../src/fsnotify/change.ts';
import { FsSource, type FsSourceOptions } from '../../src/fsnotify/source.ts';

interface Run {
  readonly dir: string;
  readonly seen: FileChange[];
  readonly losses: Loss[];
  readonly told: string[];
  readonly source: FsSource;
}

type Options = Partial<FsSourceOptions>;

const mounted: string[] = [];
const folders: string[] = [];
const sources: FsSource[] = [];

afterEach(() => {
  for (const source of sources.splice(0)) source.stop();
  for (const point of mounted.splice(0).reverse()) spawnSync('umount', ['-l', point]);
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

type Place = 'disk' | 'tmpfs' | 'overlay';

function place(kind: Place): string {
  const folder = mkdtempSync(join(tmpdir(), 'puppy-fs-'));
  folders.push(folder);
  if (kind === 'disk') return folder;
  const point = join(folder, 'm');
  mkdirSync(point);
  mounted.push(point);
  if (kind === 'tmpfs') execFileSync('mount', ['-t', 'tmpfs', 'none', point]);
  else {
    const tmpfs = join(folder, 't');
    mkdirSync(tmpfs);
    mounted.splice(-1, 0, tmpfs);
    execFileSync('mount', ['-t', 'tmpfs', 'none', tmpfs]);
    for (const name of ['l', 'u', 'w']) mkdirSync(join(tmpfs, name));
    const layers = `lowerdir=${tmpfs}/l,upperdir=${tmpfs}/u,workdir=${tmpfs}/w`;
    execFileSync('mount', ['-t', 'overlay', 'none', '-o', layers, point]);
  }
  return point;
}

async function watch(dir: string, options: Options): Promise<Run> {
  const run = { dir, seen: [] as FileChange[], losses: [] as Loss[], told: [] as string[] };
  const source = new FsSource(
    { paths: [`${dir}/w/**`], excludes: [], ownPaths: [], backend: 'auto', pid: 0, ...options },
    {
      change: one => run.seen.push(one),
      batchEnd: () => {},
      loss: loss => run.losses.push(loss),
      note: ({ message }) => run.told.push(message),
      availability: (up, message) => run.told.push(`${up ? 'up' : 'down'}: ${message}`),
    },
  );
  sources.push(source);
  await source.start(Date.now());
  return { ...run, source };
}

/** Runs a shell in the folder; its pid. */
function sh(run: { dir: string }, script: string): number {
  const child = spawnSync('sh', ['-ec', script], { cwd: run.dir, encoding: 'utf8' });
  expect(child.stderr).toBe('');
  expect(child.status).toBe(0);
  return child.pid;
}

/** Everything that was told since, once it's quiet. */
async function quiet(run: Run): Promise<FileChange[]> {
  for (let still = 0, before = -1; still < 5; still++) {
    await Bun.sleep(60);
    if (run.seen.length !== before) still = 0;
    before = run.seen.length;
  }
  run.source.tick(Date.now());
  return run.seen.splice(0);
}

const short = (run: Run, seen: readonly FileChange[]): string[] =>
  seen.map(({ kind, path, previousPath, movedTo }) => {
    const name = (full: string | undefined) => full?.replace(`${run.dir}/`, '');
    const more =
      previousPath !== undefined ? ` < ${name(previousPath)}` : movedTo !== undefined ? ` > ${name(movedTo)}` : '';
    return `${kind} ${name(path)}${more}`;
  });

async function does(run: Run, script: string): Promise<string[]> {
  sh(run, script);
  return short(run, await quiet(run));
}

const BACKENDS: readonly (readonly [string, Options])[] = [
  ['fanotify', { backend: 'fanotify' }],
  ['fanotify before 5.17', { backend: 'fanotify', plain: true }],
  ['inotify', { backend: 'inotify' }],
];

const PLACES: readonly Place[] = ['disk', 'tmpfs', 'overlay'];
const CASES = BACKENDS.flatMap(([name, options]) =>
  (options.plain ? PLACES.slice(0, 1) : PLACES).map(where => [name, where, options] as const),
);

describe.each(CASES)('%s on %s', (name, where, options) => {
  const knowsWho = options.backend !== 'inotify';
  // An overlay's handles can't be opened, so a directory that isn't watched has no path.
  const knowsBothEnds = name === 'fanotify' && where !== 'overlay';

  async function begin(setup = '', more: Options = {}): Promise<Run> {
    const dir = place(where);
    sh({ dir }, `mkdir w out; ${setup}`);
    return watch(dir, { ...options, ...more });
  }

  test('what is done to a file', async () => {
    const run = await begin('echo a > w/old');
    const pid = sh(run, 'echo new > w/new');
    const [created, ...none] = await quiet(run);
    expect(none).toEqual([]);
    expect(created).toMatchObject({ kind: 'created', path: `${run.dir}/w/new`, type: 'file', warnings: [] });
    expect(created!.teller).toBe(knowsWho ? 'fanotify' : 'inotify');
    expect(created!.task?.pid).toBe(knowsWho ? pid : undefined);
    expect(created!.inode).toMatch(/^\d+$/);
    expect(created!.dev).toMatch(/^[0-9a-f]{2,}:[0-9a-f]{2,}$/);
    expect(await does(run, 'echo b >> w/old')).toEqual(['modified w/old']);
    expect(await does(run, ': > w/old')).toEqual(['modified w/old']);
    expect(await does(run, 'chmod 600 w/old')).toEqual(['attributes_modified w/old']);
    expect(await does(run, 'chown 1:1 w/old')).toEqual(['attributes_modified w/old']);
    expect(await does(run, 'touch w/old')).toEqual(['attributes_modified w/old']);
    expect(await does(run, 'touch w/empty')).toEqual(['created w/empty']);
    expect(await does(run, 'ln w/old w/hard')).toEqual(['linked w/hard']);
    expect(await does(run, 'ln -s /etc w/soft')).toEqual(['created w/soft']);
    expect(await does(run, 'rm w/hard w/soft')).toEqual(['deleted w/hard', 'deleted w/soft']);
    expect(await does(run, 'cat w/old > out/x; ls w > out/y')).toEqual([]);
    const old = String(Number(execFileSync('stat', ['-c', '%i', join(run.dir, 'w/old')], { encoding: 'utf8' })));
    sh(run, 'rm w/old');
    expect((await quiet(run)).map(one => [one.kind, one.inode])).toEqual([['deleted', old]]);
  });

  test('an extended attribute', async () => {
    const run = await begin('echo a > w/old');
    // Of user's, a tmpfs knows none before Linux 6.6.
    expect(await does(run, 'setfattr -n trusted.x -v 1 w/old 2>/dev/null || chmod 700 w/old')).toEqual([
      'attributes_modified w/old',
    ]);
  });

  test('a file that comes and goes', async () => {
    const run = await begin();
    expect(await does(run, 'echo x > w/a; rm w/a')).toEqual(['created w/a', 'deleted w/a']);
    expect(await does(run, 'echo x > w/a')).toEqual(['created w/a']);
    expect(await does(run, 'rm w/a; echo y > w/a')).toEqual(['deleted w/a', 'created w/a']);
  });

  test('renames within, in and out', async () => {
    const run = await begin('echo a > w/a; echo b > w/b; echo x > out/x; mkdir w/sub');
    expect(await does(run, 'mv w/a w/sub/c')).toEqual(['renamed w/sub/c < w/a']);
    expect(await does(run, 'mv w/sub/c w/b')).toEqual(['renamed w/b < w/sub/c']);
    expect(await does(run, 'mv out/x w/x')).toEqual([knowsBothEnds ? 'renamed w/x < out/x' : 'renamed w/x']);
    expect(await does(run, 'mv w/x out/y')).toEqual([knowsBothEnds ? 'deleted w/x > out/y' : 'deleted w/x']);
    // As editors and package managers do.
    expect(await does(run, 'echo c > w/b.tmp; mv w/b.tmp w/b')).toEqual(['created w/b.tmp', 'renamed w/b < w/b.tmp']);
    expect(await does(run, 'echo d >> w/b')).toEqual(['modified w/b']);
  });

  test('new directories, moved ones, removed ones', async () => {
    const run = await begin('mkdir -p out/d/e; echo 1 > out/d/1; echo 2 > out/d/e/2');
    const made = await does(run, 'mkdir -p w/a/b/c; echo x > w/a/b/c/f; echo y > w/a/g');
    expect(made.sort()).toEqual([
      'created w/a',
      'created w/a/b',
      'created w/a/b/c',
      'created w/a/b/c/f',
      'created w/a/g',
    ]);
    expect(await does(run, 'echo z > w/a/b/c/f')).toEqual(['modified w/a/b/c/f']);
    expect(await does(run, 'mv w/a/b w/B')).toEqual(['renamed w/B < w/a/b']);
    expect(await does(run, 'echo z >> w/B/c/f')).toEqual(['modified w/B/c/f']);
    const movedIn = await does(run, 'mv out/d w/d');
    expect(movedIn.map(line => line.replace(/ <.*/, '')).sort()).toEqual([
      ...['created w/d/1', 'created w/d/e', 'created w/d/e/2', 'renamed w/d'],
    ]);
    expect(await does(run, 'echo 3 > w/d/e/3')).toEqual(['created w/d/e/3']);
    const movedOut = await does(run, 'mv w/d out/d2');
    expect(movedOut.map(line => line.replace(/ >.*/, '')).sort()).toEqual([
      ...['deleted w/d', 'deleted w/d/1', 'deleted w/d/e', 'deleted w/d/e/2', 'deleted w/d/e/3'],
    ]);
    expect(await does(run, 'echo 4 > out/d2/e/4')).toEqual([]);
    expect((await does(run, 'rm -r w/a w/B')).sort()).toEqual([
      ...['deleted w/B', 'deleted w/B/c', 'deleted w/B/c/f', 'deleted w/a', 'deleted w/a/g'],
    ]);
    expect(run.source.counters()).toMatchObject({ files: 1, dropped: 0, overflows: 0 });
  });

  test('who did it, though it’s gone in a moment', async () => {
    const run = await begin();
    const pid = sh(run, 'i=0; while [ $i -lt 300 ]; do (echo x > w/sub$i); touch w/touch$i; i=$((i+1)); done');
    const seen = (await quiet(run)).filter(one => one.kind === 'created');
    expect(seen.length).toBe(600);
    if (!knowsWho) {
      expect(seen.every(one => one.task === undefined && one.startTicks === undefined)).toBe(true);
      return;
    }
    expect(new Set(seen.map(one => one.task?.pid)).size).toBe(600);
    const met = seen.filter(one => one.startTicks !== undefined);
    // Nearly all where the host isn't busy with other things.
    expect(met.length).toBeGreaterThan(300);
    for (const { path, task, startTicks } of met) {
      expect(task).toMatchObject({ ppid: pid, uid: 0, euid: 0, suid: 0, fsuid: 0, gid: 0, fsgid: 0 });
      expect(startTicks).toBeGreaterThan(0);
      expect(task?.comm).toBe(path.includes('sub') ? 'sh' : 'touch');
    }
    // Some have ended already, and have none.
    const programs = new Set(met.flatMap(one => one.task?.exe ?? []).map(exe => exe.slice(exe.lastIndexOf('/') + 1)));
    expect([...programs].filter(name => !['dash', 'sh', 'touch'].includes(name))).toEqual([]);
  });

  test('1,000 files in a burst, and as many in new directories', async () => {
    const run = await begin();
    const pid = sh(run, 'i=0; while [ $i -lt 1000 ]; do echo $i > w/$i; i=$((i+1)); done');
    const burst = await quiet(run);
    expect(new Set(burst.map(one => one.path)).size).toBe(1000);
    expect(burst.length).toBe(1000);
    expect(burst.every(one => one.kind === 'created' && (!knowsWho || one.task?.pid === pid))).toBe(true);
    sh(
      run,
      'i=0; while [ $i -lt 200 ]; do mkdir -p w/d$i; for j in 1 2 3 4 5; do echo $j > w/d$i/$j; done; i=$((i+1)); done',
    );
    const files = (await quiet(run)).filter(one => one.type !== 'dir');
    expect(new Set(files.map(one => one.path)).size).toBe(1000);
    expect(files.length).toBe(1000);
    expect(files.every(one => one.kind === 'created')).toBe(true);
    if (name === 'fanotify' && where !== 'overlay') expect(files.every(one => one.task?.ppid !== undefined)).toBe(true);
    expect((await does(run, 'rm -r w')).length).toBe(1000 + 200 + 1000 + 1);
    expect(run.losses).toEqual([]);
  });

  test('names that are no text', async () => {
    const run = await begin();
    const odd = ['a\nb', 'c\\xff', 'd\\x5cx41', ' ', '*'];
    for (const text of odd) writeFileSync(Buffer.concat([Buffer.from(`${run.dir}/w/`), textBytes(text)]), 'x');
    const seen = await quiet(run);
    expect(seen.map(one => one.path.slice(run.dir.length + 3)).sort()).toEqual([...odd].sort());
    expect(seen.every(one => one.kind === 'created' && one.inode !== undefined)).toBe(true);
  });

  test('a FIFO, a socket and a device are told, and never waited for', async () => {
    const run = await begin();
    sh(run, 'mkfifo w/fifo; mknod w/null c 1 3');
    const types = (await quiet(run)).map(one => [one.kind, one.type]);
    expect(types).toEqual([
      ['created', 'fifo'],
      ['created', 'device'],
    ]);
    expect(await does(run, 'rm w/fifo w/null')).toEqual(['deleted w/fifo', 'deleted w/null']);
  });

  test('the agent’s own writing is left out', async () => {
    const run = await begin('mkdir w/state', { pid: process.pid, ownPaths: [] });
    writeFileSync(join(run.dir, 'w/mine'), 'x');
    const seen = short(run, await quiet(run));
    // inotify can't say who: there it's the paths that do.
    expect(seen).toEqual(knowsWho ? [] : ['created w/mine']);
    expect(run.source.counters().own).toBe(knowsWho ? 1 : 0);
    run.source.stop();
    const again = await watch(run.dir, { ...options, ownPaths: [`${run.dir}/w/state`] });
    sh(again, 'echo x > w/state/x; echo x > w/other');
    expect(short(again, await quiet(again))).toEqual(['created w/other']);
  });

  test('files that aren’t there yet, globs and excludes', async () => {
    const dir = place(where);
    const paths = [`${dir}/home/*/.ssh/authorized_keys`, `${dir}/etc/passwd`, `${dir}/etc/cron.d`];
    const run = await watch(dir, { ...options, paths, excludes: [`${dir}/etc/cron.d/*.bak`] });
    const made = await does(
      run,
      'mkdir -p home/u/.ssh etc/cron.d/sub; echo x > home/u/.ssh/authorized_keys; echo x > home/u/.ssh/known_hosts; ' +
        'echo x > etc/passwd; echo x > etc/shadow; echo x > etc/cron.d/a; echo x > etc/cron.d/a.bak; echo x > etc/cron.d/sub/x',
    );
    expect(made.sort()).toEqual([
      ...['created etc/cron.d', 'created etc/cron.d/a', 'created etc/cron.d/sub', 'created etc/passwd'],
      'created home/u/.ssh/authorized_keys',
    ]);
    expect(await does(run, 'mv home home2')).toEqual([
      'deleted home/u/.ssh/authorized_keys > home2/u/.ssh/authorized_keys',
    ]);
  });

  test('a directory that is renamed within globs: what is covered changes with it', async () => {
    const dir = place(where);
    sh({ dir }, 'mkdir -p web/a/pub web/b; echo x > web/a/pub/x.php; echo x > web/a/pub/x.txt; echo x > web/b/x.php');
    const run = await watch(dir, { ...options, paths: [`${dir}/web/*/pub/*.php`, `${dir}/web/b/*.php`] });
    expect(await does(run, 'mv web/b web/c')).toEqual(['deleted web/b/x.php > web/c/x.php']);
    expect(await does(run, 'mv web/a/pub web/b')).toEqual(['renamed web/b/x.php < web/a/pub/x.php']);
    expect(
      await does(run, 'echo y >> web/b/x.php; echo y >> web/c/x.php; mkdir web/c/pub; echo y > web/c/pub/y.php'),
    ).toEqual([...['modified web/b/x.php', 'created web/c/pub/y.php']]);
  });

  test('a queue that overflows: told, and everything is found', async () => {
    const kind = knowsWho ? 'fanotify' : 'inotify';
    const sysctl = `/proc/sys/fs/${kind}/max_queued_events`;
    const before = readFileSync(sysctl, 'utf8');
    const dir = place(where);
    sh({ dir }, 'mkdir -p w/old; for i in 1 2 3; do echo $i > w/old/$i; done');
    let run: Run;
    try {
      writeFileSync(sysctl, '8');
      // The queue's length is settled when it's opened.
      run = await watch(dir, { ...options, coalesceMs: 200 });
    } finally {
      writeFileSync(sysctl, before);
    }
    // By one process that goes on and on: for those that come and go the reader hurries.
    let made = 0;
    for (; made < 500 || (run.source.counters().overflows === 0 && made < 20_000); made++) {
      mkdirSync(join(dir, `w/d${made}`));
      writeFileSync(join(dir, `w/d${made}/f`), '');
    }
    sh(run, 'echo 4 >> w/old/1; chmod 600 w/old/2; rm w/old/3');
    const seen = short(run, await quiet(run));
    expect(run.losses[0]).toMatchObject({ reason: 'queue', unit: 'events', upperBound: false });
    // Where only the creation was lost, and not the closing, that is what is told of it.
    expect(new Set(seen.map(line => line.split(' ')[1])).size).toBe(2 * made + 3);
    expect(seen).toContain('modified w/old/1');
    expect(seen).toContain('attributes_modified w/old/2');
    expect(seen).toContain('deleted w/old/3');
    // With so short a queue other programs' events may fill it again, but it's told all the same.
    expect(await does(run, 'echo x >> w/d499/f; sleep 1')).toEqual(['modified w/d499/f']);
  }, 20_000);

  test('an agent that is too slow: told, and everything is found', async () => {
    const run = await begin('', { ringBytes: 4096 });
    sh(run, 'i=0; while [ $i -lt 500 ]; do echo $i > w/$i; i=$((i+1)); done');
    const seen = await quiet(run);
    expect(run.losses[0]).toMatchObject({ reason: 'ring' });
    expect(run.losses[0]!.count).toBe(run.source.counters().dropped);
    expect(new Set(seen.map(one => one.path)).size).toBe(500);
  });

  test('a large directory that changes while it is compared: what changed is told, and nothing else', async () => {
    const setup =
      'for i in $(seq 60); do mkdir w/old$i w/moved$i; : > w/old$i/in; : > w/moved$i/in; : > w/gone$i; done';
    const run = await begin(`seq -f w/stays%g 3000 | xargs touch; ${setup}`, { ringBytes: 4096 });
    // The agent, which waits here, loses something; what is done then is done while it compares.
    sh(run, 'seq -f w/lost%g 300 | xargs touch; rm w/gone60; rm -r w/old60');
    const script =
      'for i in $(seq 59); do : > w/made$i; mkdir w/new$i; : > w/new$i/in; rm w/gone$i; mv w/moved$i w/there$i; done';
    expect(await Bun.spawn(['sh', '-ec', script], { cwd: run.dir }).exited).toBe(0);
    const seen = await quiet(run);
    expect(run.source.counters().dropped).toBeGreaterThan(0);
    const told = (...kinds: string[]): Set<string> =>
      new Set(seen.flatMap(({ kind, path }) => (kinds.includes(kind) ? path.slice(run.dir.length + 3) : [])));
    const all = (...names: string[]): string[] =>
      Array.from({ length: 59 }, (_, i) => names.map(name => name.replace('%', String(i + 1)))).flat();
    const [deleted, made] = [told('deleted'), told('created', 'renamed', 'modified')];
    const removed = ['old60', 'old60/in', 'gone60', ...all('gone%')];
    expect(removed.filter(path => !deleted.has(path))).toEqual([]);
    const moved = new Set([...removed, ...all('moved%', 'moved%/in')]);
    expect([...deleted].filter(path => !moved.has(path))).toEqual([]);
    expect(all('lost%', 'made%', 'new%', 'new%/in', 'there%').filter(path => !made.has(path))).toEqual([]);
    expect([...made].filter(path => /^(stays|old|moved|gone)/.test(path))).toEqual([]);
  }, 20_000);
});

describe.each(BACKENDS)('%s: mounts', (_, options) => {
  test('what is mounted is watched, unmounting is not held up, what is beneath is watched again', async () => {
    const dir = place('disk');
    sh({ dir }, 'mkdir -p w/m; echo x > w/m/below');
    const run = await watch(dir, options);
    mounted.push(join(dir, 'w/m'));
    execFileSync('mount', ['-t', 'tmpfs', 'none', join(dir, 'w/m')]);
    expect(await quiet(run)).toEqual([]);
    expect(await does(run, 'echo x > w/m/above')).toEqual(['created w/m/above']);
    execFileSync('umount', [join(dir, 'w/m')]);
    mounted.pop();
    expect(await quiet(run)).toEqual([]);
    expect(await does(run, 'echo x >> w/m/below')).toEqual(['modified w/m/below']);
    expect(run.told).toEqual(
      ['mounted over', 'unmounted'].map(what => `files: ${dir}/w/m, which is watched, was ${what}`),
    );
  });

  test('a bind mount of a directory into itself is no loop; its other path is told as the first', async () => {
    const dir = place('disk');
    sh({ dir }, 'mkdir -p w/a/loop; echo x > w/a/f');
    mounted.push(join(dir, 'w/a/loop'));
    execFileSync('mount', ['--bind', join(dir, 'w'), join(dir, 'w/a/loop')]);
    const run = await watch(dir, options);
    expect(run.source.counters().aliases).toBe(1);
    expect(await does(run, 'echo y >> w/a/loop/a/f')).toEqual(['modified w/a/f']);
  });

  test('a link on the way to a path is followed at the start, a link within never', async () => {
    const dir = place('disk');
    sh({ dir }, 'mkdir -p real/w other; ln -s real link; ln -s ../../other real/w/inner');
    const run = await watch(dir, { ...options, paths: [`${dir}/link/w/**`] });
    expect(await does(run, 'echo x > link/w/f; echo x > link/w/inner/g')).toEqual(['created real/w/f']);
  });
});

describe('where the kernel refuses', () => {
  const program = join(import.meta.dir, '../fsnotify/programs/watch.ts');

  /** Runs the program in a user namespace of its own, with at most so many inotify watches, while `action` happens. */
  async function confined(dir: string, watches: number, action: () => void): Promise<[string, unknown][]> {
    const script = `echo ${watches} > /proc/sys/user/max_inotify_watches; exec "$@"`;
    const command = ['unshare', '-Ur', 'sh', '-ec', script, 'sh', process.execPath, program, `${dir}/w/**`];
    const child = Bun.spawn(command, { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' });
    const lines: [string, unknown][] = [];
    let rest = '';
    for await (const piece of child.stdout) {
      const whole = (rest + Buffer.from(piece).toString()).split('\n');
      rest = whole.pop()!;
      for (const line of whole) lines.push(JSON.parse(line));
      if (whole.some(line => line.startsWith('["ready"'))) {
        action();
        setTimeout(() => void child.stdin.end(), 500);
      }
    }
    return lines;
  }

  test('fanotify: inotify stands in, and it’s told what is missing', async () => {
    const dir = place('tmpfs');
    sh({ dir }, 'mkdir w');
    const lines = await confined(dir, 100, () => writeFileSync(join(dir, 'w/a'), ''));
    expect(lines.slice(0, 1)).toEqual([
      ['note', "files: fanotify can't be used (CAP_SYS_ADMIN is missing): inotify, which can't say who"],
    ]);
    expect(lines).toContainEqual(['change', ['created', `${dir}/w/a`, 'inotify']]);
  });

  test('more watches: the limit to raise is told once, what is watched goes on', async () => {
    const dir = place('tmpfs');
    sh({ dir }, 'mkdir w; echo x > w/a; for i in 1 2 3 4 5 6 7 8 9; do mkdir w/$i; done');
    const lines = await confined(dir, 8, () => writeFileSync(join(dir, 'w/a'), 'y'));
    const notes = lines.filter(([what, text]) => what === 'note' && String(text).includes('no more watches'));
    expect(notes.length).toBe(1);
    expect(notes[0]![1]).toEndWith(': raise fs.inotify.max_user_watches, or watch less');
    expect(lines).toContainEqual(['change', ['modified', `${dir}/w/a`, 'inotify']]);
    expect(lines.at(-1)![1]).toBeGreaterThanOrEqual(5);
  });
});

test('reads, where they are asked for', async () => {
  const dir = place('disk');
  sh({ dir }, 'mkdir w; echo x > w/secret');
  const run = await watch(dir, { accesses: true });
  expect(await does(run, 'cat w/secret')).toEqual(['accessed w/secret']);
});
