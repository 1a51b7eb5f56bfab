// What is at a path, asked of real files, real workers and a file system that stops answering.

import { dlopen, FFIType, ptr } from 'bun:ffi';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { safeText } from '../../src/core/text.ts';
import { startWorker } from '../../src/fsnotify/inspect/helper.ts';
import {
  type Found,
  Inspector,
  type InspectorOptions,
  type InspectRequest,
} from '../../src/fsnotify/inspect/inspector.ts';

const libc = dlopen('libc.so.6', {
  setxattr: { args: [FFIType.ptr, FFIType.ptr, FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i32 },
}).symbols;
const CHROOT = `
  import { dlopen, FFIType, ptr } from 'bun:ffi';
  const { chroot } = dlopen('libc.so.6', { chroot: { args: [FFIType.ptr], returns: FFIType.i32 } }).symbols;
  if (chroot(ptr(Buffer.from(process.argv.at(-1) + '\\0'))) === 0) console.log('ready');
  setInterval(() => undefined, 1000);
`;
const scratch = mkdtempSync(join(tmpdir(), 'puppy-inspect-'));
let folder: string;
let folders = 0;
let inspector: Inspector;
const notes: string[] = [];

const open = (options: Partial<InspectorOptions> = {}): void => {
  inspector?.stop();
  notes.length = 0;
  inspector = new Inspector({ hashes: ['sha256'], hashMaxBytes: 64e6, ...options }, note => notes.push(note.code));
};
const ask = (path: string, request: Partial<InspectRequest> = {}): Promise<Found> =>
  new Promise(done => inspector.inspect({ path, priority: 'event', ...request }, done));
const hex = (n: number): string => n.toString(16).padStart(2, '0');
const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const put = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

beforeEach(() => {
  folder = join(scratch, String(folders++));
  mkdirSync(folder);
  open();
});
afterEach(() => inspector.stop());
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('what a file is', () => {
  test('mode, owner, size, times, hashes; its time of access stays', async () => {
    open({ hashes: ['sha256', 'sha1', 'md5'] });
    const path = put('plain', 'hello\n');
    execFileSync('chown', ['12:34', path]);
    execFileSync('chmod', ['4711', path]);
    utimesSync(path, 1000, 2000);
    const stat = statSync(path);
    const { state, content, warnings } = await ask(path, { contentMaxBytes: 6 });
    expect(state).toEqual({
      ...{ type: 'file', inode: String(stat.ino), mode: 0o4711, owner: { id: 12 }, group: { id: 34 }, size: 6 },
      ...{ mtimeMs: 2_000_000, ctimeMs: expect.any(Number) as unknown as number },
      hashes: {
        sha256: sha256('hello\n'),
        sha1: 'f572d396fae9206628714fb2ce00f72e94f2258f',
        md5: 'b1946ac92492d2347c6235b4d2611184',
      },
    });
    expect(Buffer.from(content!).toString()).toBe('hello\n');
    expect(warnings).toEqual([]);
    expect(Math.abs(state!.ctimeMs! - Date.now())).toBeLessThan(10_000);
    expect(statSync(path).atimeMs).toBe(1_000_000);
    expect((await ask(path, { contentMaxBytes: 5 })).content).toBeUndefined();
  });

  test('a FIFO, a socket, a device, a directory and a link are told of, and never opened', async () => {
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    execFileSync('mknod', [join(folder, 'device'), 'c', '10', '130']);
    symlinkSync('/etc/shadow\n', join(folder, 'link'));
    const server = createServer().listen(join(folder, 'socket'));
    await Bun.sleep(20);
    const found = await Promise.all(['fifo', 'socket', 'device', 'link', ''].map(name => ask(join(folder, name))));
    server.close();
    expect(found.map(({ state }) => [state?.type, state?.hashes])).toEqual(
      ['fifo', 'socket', 'device', 'symlink', 'dir'].map(type => [type as never, undefined]),
    );
    expect(found[3]!.state?.target).toBe('/etc/shadow\n');
    expect(await ask(join(folder, 'nothing'))).toEqual({ warnings: [] });
    expect(await ask(join(folder, 'fifo', 'x'))).toEqual({ warnings: [] });
    expect(await ask('')).toEqual({ warnings: ['unreadable_EINVAL'] });
  });

  test('names of any bytes, paths of any length', async () => {
    const name = Buffer.from([0x61, 0x0a, 0xff, 0x5c, 0x78, 0x30, 0x30]);
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), name]) as never, 'x');
    expect((await ask(`${folder}/${safeText(name)}`)).state?.hashes?.sha256).toBe(sha256('x'));
    const deep = `${'d'.repeat(200)}/`.repeat(30);
    execFileSync('sh', [
      '-c',
      `cd ${folder}; for i in $(seq 30); do mkdir $1; cd -P $1; done; echo deep > f; ln -s . l`,
      'sh',
      'd'.repeat(200),
    ]);
    expect((await ask(`${folder}/${deep}f`)).state?.hashes?.sha256).toBe(sha256('deep\n'));
    expect(await ask(`${folder}/${deep}l/f`)).toEqual({ warnings: ['symlinked_path'] });
  });

  test('no link on the way is followed, in the root of another process neither', async () => {
    mkdirSync(join(folder, 'root/etc'), { recursive: true });
    put('root/etc/passwd', 'inside');
    symlinkSync('/etc', join(folder, 'root/out'));
    expect(await ask(join(folder, 'root/out/passwd'))).toEqual({ warnings: ['symlinked_path'] });
    const child = spawn(process.execPath, ['-e', CHROOT, join(folder, 'root')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise(done => child.stdout!.once('data', done));
    const inside = await ask(`/proc/${child.pid}/root/etc/passwd`, { contentMaxBytes: 100 });
    expect(Buffer.from(inside.content!).toString()).toBe('inside');
    expect(await ask(`/proc/${child.pid}/root/out/passwd`)).toEqual({ warnings: ['symlinked_path'] });
    expect((await ask(`/proc/${child.pid}/root`)).state?.inode).toBe(String(statSync(join(folder, 'root')).ino));
    child.kill('SIGKILL');
  });

  test('file capabilities', async () => {
    const path = put('caps', 'x');
    const value = Buffer.from('0100000300200000000000000000000000000000e8030000', 'hex');
    const [file, name] = ['caps', 'security.capability'].map((text, i) => Buffer.from(`${i === 0 ? path : text}\0`));
    expect(libc.setxattr(ptr(file!), ptr(name!), ptr(value), value.length, 0)).toBe(0);
    expect((await ask(path)).state?.capabilities).toBe('cap_net_raw=ep [rootid=1000]');
  });

  test('another file than the one that was seen is told of, unread', async () => {
    const path = put('a', 'secret');
    const { ino, dev } = statSync(path);
    const id = `${hex(Math.floor(dev / 256) & 0xfff)}:${hex(dev & 0xff)}`;
    expect((await ask(path, { inode: String(ino), dev: id })).state?.hashes).toBeDefined();
    for (const other of [{ inode: '1' }, { inode: String(ino), dev: 'ff:ff' }]) {
      const { state, content, warnings } = await ask(path, { ...other, contentMaxBytes: 100 });
      expect([state?.inode, state?.hashes, content, warnings]).toEqual([
        String(ino),
        undefined,
        undefined,
        ['replaced'],
      ]);
    }
    expect(inspector.counters().hashed).toBe(1);
  });
});

describe('what is odd', () => {
  test('a file that is swapped for a link while it is read is never what the link leads to', async () => {
    const path = join(folder, 'x');
    const [good, bad] = ['g', 'b'].map(letter => letter.repeat(3_000_000)) as [string, string];
    put('secret', bad);
    put('good', good);
    put('x', good);
    const swapper = spawn(
      'sh',
      ['-c', 'while :; do ln -s secret l; mv -T l x; cp --reflink=never good g; mv -T g x; done'],
      { cwd: folder },
    );
    const seen = new Set<string>();
    const end = Date.now() + 1_500;
    while (Date.now() < end || seen.size < 2) {
      const { state, warnings } = await ask(path);
      seen.add(state?.type ?? 'nothing');
      if (state?.type === 'symlink') expect(state.target).toBe('secret');
      else if (warnings.length === 0 && state !== undefined) expect(state.hashes?.sha256).toBe(sha256(good));
    }
    swapper.kill('SIGKILL');
    expect([...seen].sort()).toEqual(['file', 'symlink']);
  });

  test('a file that changes while it is read has no hash', async () => {
    const path = put('grows', Buffer.alloc(30_000_000));
    const writer = spawn('sh', ['-c', `while :; do echo x >> ${path}; done`]);
    await Bun.sleep(100);
    const { state, warnings } = await ask(path);
    writer.kill('SIGKILL');
    expect([state?.type, state?.hashes, warnings]).toEqual(['file', undefined, ['changing']]);
    await Bun.sleep(50);
    expect((await ask(path)).state?.hashes?.sha256).toBe(sha256(readFileSync(path)));
    expect((await ask(`/proc/${process.pid}/status`)).warnings).toEqual(['changing']);
    expect((await ask(`/proc/${process.pid}/mem`)).warnings).toEqual(['unreadable_EIO']);
  });

  test('a file of 50 GB is not hashed, or for as long as it may take', async () => {
    const path = join(folder, 'sparse');
    const fd = openSync(path, 'w');
    ftruncateSync(fd, 50e9);
    closeSync(fd);
    expect(await ask(path)).toMatchObject({ state: { size: 50e9 }, warnings: ['not_hashed_size'] });
    open({ hashMaxBytes: 1e12, timeoutMs: 200 });
    expect(await ask(path)).toMatchObject({ state: { size: 50e9 }, warnings: ['hash_timeout'] });
    expect(inspector.counters()).toMatchObject({ workersStuck: 0, workersStarted: 1, timeouts: 1 });
  });

  test('a burst is hashed whole, and the main thread goes on', async () => {
    open({ queueMax: 10_000 });
    const paths = Array.from({ length: 10_000 }, (_, i) => put(`f${i}`, String(i)));
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 1);
    const found = await Promise.all(paths.map(path => ask(path)));
    clearInterval(timer);
    expect(found.filter(({ state }, i) => state?.hashes?.sha256 !== sha256(String(i)))).toEqual([]);
    expect(longest).toBeLessThan(500);
  });

  test('a worker that fails is replaced', async () => {
    const gone = await new Promise<string>(done => {
      const helper = startWorker(
        { hashes: [], hashMaxBytes: 0, timeoutMs: 1 },
        { answer: () => undefined, gone: done },
      );
      helper.send('nonsense' as never);
    });
    expect(gone).toContain('jobs');
  });
});

describe('a file system that does not answer', () => {
  let server: ChildProcess;
  let mounted: string;
  beforeEach(async () => {
    const program = join(scratch, 'stuck');
    execFileSync('cc', ['-O1', '-o', program, join(import.meta.dir, 'programs/stuck.c')]);
    mounted = join(folder, 'mounted');
    mkdirSync(mounted);
    server = spawn(program, [mounted], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise(done => server.stdout!.once('data', done));
  });
  afterEach(() => {
    spawnSync('umount', ['--lazy', mounted]);
    server.kill('SIGKILL');
  });

  test('holds one worker, not the others nor the process', async () => {
    open({ timeoutMs: 200 });
    const path = put('fine', 'fine');
    const [hangs, fine] = await Promise.all([ask(join(mounted, 'hang')), ask(path)]);
    expect(hangs).toMatchObject({ state: { type: 'file', size: 100 }, warnings: ['hash_timeout'] });
    expect(fine.state?.hashes?.sha256).toBe(sha256('fine'));
    expect(inspector.counters()).toMatchObject({ workersStarted: 2, workersStuck: 1 });
    server.kill('SIGUSR1');
    while (inspector.counters().workersStuck > 0) await Bun.sleep(10);
    expect(notes).toEqual(['fs_stuck', 'fs_stuck_end']);
  });

  test.each(['exit', 'end'])('a process with a worker that hangs there can go: %s', how => {
    const program = join(import.meta.dir, 'programs/inspect.ts');
    const run = spawnSync(process.execPath, [program, join(mounted, 'hang'), how], {
      timeout: 10_000,
      killSignal: 'SIGKILL',
      encoding: 'utf8',
    });
    expect([run.stdout, run.status]).toEqual(['hash_timeout\n', how === 'exit' ? 4 : 0]);
  });
});

test('a worker that has nothing to do keeps no process alive; one that is asked does', () => {
  const run = spawnSync(process.execPath, [join(import.meta.dir, 'programs/inspect.ts'), put('x', 'x'), 'end'], {
    timeout: 10_000,
    encoding: 'utf8',
  });
  expect([run.stdout, run.status]).toEqual(['\n', 0]);
});
