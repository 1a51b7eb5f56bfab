// The reader against this machine's own /proc.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { readHost } from '../../src/proc/host.ts';
import { DEFAULT_ARGV_MAX_BYTES, fileIdentity, openProcfs, readBootId } from '../../src/proc/procfs.ts';

const procfs = openProcfs();
let dir: string;
const children: Bun.Subprocess[] = [];

beforeAll(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'puppy-procfs-'));
});

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

function spawn(cmd: string[]): Bun.Subprocess {
  const child = Bun.spawn(cmd, { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' });
  children.push(child);
  return child;
}

/** The facts of `pid` once they are what is waited for. */
async function until<T>(read: () => T | undefined, holds: (value: T) => boolean): Promise<T> {
  for (let i = 0; i < 500; i++) {
    const value = read();
    if (value !== undefined && holds(value)) return value;
    await Bun.sleep(10);
  }
  throw new Error('did not come to be');
}

describe('readProcess', () => {
  test('this process', () => {
    const facts = procfs.readProcess(process.pid);
    expect(facts).toMatchObject({
      pid: process.pid,
      ppid: process.ppid,
      exe: process.execPath,
      cwd: process.cwd(),
      uid: process.getuid?.(),
      egid: process.getegid?.(),
    });
    expect(facts?.args?.length).toBeGreaterThan(1);
    expect(facts?.argsTruncated).toBeUndefined();
    expect(facts?.startTimeTicks).toBe(procfs.startTicks(process.pid));
    const uptimeMs = procfs.uptimeMs() ?? 0;
    expect((facts?.startTimeTicks ?? 0) * (1000 / (procfs.boot()?.ticksPerSecond ?? 0))).toBeLessThanOrEqual(
      uptimeMs + 10,
    );
  });

  test('a pid that nobody has', () => {
    const free = (procfs.boot()?.pidMax ?? 0) + 1;
    expect(procfs.readProcess(free)).toBeUndefined();
    expect(procfs.startTicks(free)).toBeUndefined();
    expect(procfs.processRoot(free)).toBeUndefined();
  });

  test('a kernel thread has no executable and no arguments', () => {
    const thread = procfs
      .listPids()
      ?.map(pid => procfs.readProcess(pid))
      .find(facts => facts?.kernelThread);
    // In a container there may be none to see.
    if (thread === undefined) expect(existsSync('/proc/2/comm')).toBe(false);
    else {
      expect(thread.exe).toBeUndefined();
      expect(thread.args).toBeUndefined();
      expect(thread.cwd).toBeUndefined();
    }
  });

  test('a name that looks like the fields after it', async () => {
    const program = path.join(dir, ') R 1 (');
    copyFileSync('/bin/sleep', program);
    const child = spawn([program, '60']);
    const facts = await until(
      () => procfs.readProcess(child.pid),
      f => f.exe === program,
    );
    expect(facts).toMatchObject({ comm: ') R 1 (', ppid: process.pid, args: [program, '60'] });
  });

  test('a name that looks like a line of status', async () => {
    const program = path.join(dir, 'a\nUid:\t7\t7');
    copyFileSync('/bin/sleep', program);
    const child = spawn([program, '60']);
    const facts = await until(
      () => procfs.readProcess(child.pid),
      f => f.exe === program,
    );
    expect(facts).toMatchObject({ comm: 'a\nUid:\t7\t7', uid: process.getuid?.() });
  });

  test('a deleted executable', async () => {
    const program = path.join(dir, 'gone');
    copyFileSync('/bin/sleep', program);
    const child = spawn([program, '60']);
    await until(
      () => procfs.readProcess(child.pid),
      f => f.exe === program,
    );
    unlinkSync(program);
    expect(procfs.readProcess(child.pid)).toMatchObject({ exe: program, exeDeleted: true });
  });

  test('an executable that never had a name (memfd)', async () => {
    const script = `
      import { dlopen, FFIType, ptr } from 'bun:ffi';
      import { readFileSync, writeFileSync } from 'node:fs';
      const libc = dlopen('libc.so.6', {
        memfd_create: { args: [FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
        execv: { args: [FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
      }).symbols;
      const text = s => Buffer.from(s + '\\0');
      const name = text('evil');
      const fd = libc.memfd_create(ptr(name), 0);
      writeFileSync('/proc/self/fd/' + fd, readFileSync('/bin/sleep'));
      const file = text('/proc/self/fd/' + fd), arg0 = text('[kworker]'), arg1 = text('60');
      const argv = new BigUint64Array([BigInt(ptr(arg0)), BigInt(ptr(arg1)), 0n]);
      libc.execv(ptr(file), ptr(argv));
    `;
    const file = path.join(dir, 'memfd.ts');
    writeFileSync(file, script);
    const child = spawn([process.execPath, file]);
    const facts = await until(
      () => procfs.readProcess(child.pid),
      f => f.args?.[0] === '[kworker]',
    );
    expect(facts).toMatchObject({ exe: '/memfd:evil', exeDeleted: true, args: ['[kworker]', '60'] });
  });

  test('megabytes of arguments are cut at the bound', async () => {
    const args = Array.from({ length: 10 }, () => 'x'.repeat(100_000));
    const child = spawn(['/bin/sh', '-c', 'sleep 60; :', ...args]);
    const facts = await until(
      () => procfs.readProcess(child.pid),
      f => f.args?.[0] === '/bin/sh',
    );
    expect(facts.argsTruncated).toBe(true);
    expect(facts.args?.join('\0').length).toBe(DEFAULT_ARGV_MAX_BYTES);
    const small = openProcfs({ argvMaxBytes: 10 }).readProcess(child.pid);
    expect(small?.args).toEqual(['/bin/sh', '-c']);
    expect(small?.argsTruncated).toBe(true);
  });

  test.skipIf(process.getuid?.() !== 0)('a process in another root (needs root)', async () => {
    const script = `
      import { dlopen, FFIType, ptr } from 'bun:ffi';
      const libc = dlopen('libc.so.6', { chroot: { args: [FFIType.ptr], returns: FFIType.i32 } }).symbols;
      if (libc.chroot(ptr(Buffer.from(${JSON.stringify(dir)} + '\\0'))) !== 0) process.exit(1);
      setInterval(() => {}, 1000);
    `;
    const file = path.join(dir, 'chroot.ts');
    writeFileSync(file, script);
    const child = spawn([process.execPath, file]);
    const facts = await until(
      () => procfs.readProcess(child.pid),
      f => f.root === 'foreign',
    );
    expect(facts.root).toBe('foreign');
    expect(procfs.processRoot(child.pid)).toBe('foreign');
    expect(procfs.readProcess(process.pid)?.root).toBe('host');
  });

  test('a process that exits while it is read is absent or whole', () => {
    let whole = 0;
    for (let i = 0; i < 30; i++) {
      const child = spawn(['/bin/true']);
      for (let k = 0; k < 30; k++) {
        const facts = procfs.readProcess(child.pid);
        if (facts !== undefined && facts.exe === undefined) expect(facts.args).toBeUndefined();
        if (facts !== undefined) whole++;
      }
    }
    expect(whole).toBeGreaterThan(0);
  });
});

test('listPids holds this process and its parent', () => {
  const pids = procfs.listPids();
  expect(pids).toContain(process.pid);
  expect(pids?.every(pid => Number.isSafeInteger(pid) && pid > 0)).toBe(true);
});

test('boot facts', () => {
  const boot = procfs.boot();
  expect(boot?.bootId).toBe(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  expect(boot?.ticksPerSecond).toBe(100);
  expect(boot?.pidMax).toBe(Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8')));
});

test('a file at a path', () => {
  const found = fileIdentity(process.execPath);
  expect(found?.inode).toMatch(/^\d+$/);
  expect(found?.dev).toMatch(/^[0-9a-f]{2,}:[0-9a-f]{2,}$/);
  expect(fileIdentity(path.join(dir, 'absent'))).toBeUndefined();
  expect(fileIdentity('/etc/passwd/x')).toBeUndefined();
});

describe('the identity of the host', () => {
  test('the machine id, else dbus, else the boot id, with the reason', () => {
    const good = path.join(dir, 'good');
    const bad = path.join(dir, 'bad');
    writeFileSync(good, '0123456789abcdef0123456789abcdef\n');
    writeFileSync(bad, 'uninitialized\n');
    const absent = path.join(dir, 'absent');
    expect(readHost({ machineId: good })).toMatchObject({
      id: '0123456789abcdef0123456789abcdef',
      idSource: 'machine_id',
    });
    expect(readHost({ machineId: bad, dbusMachineId: good })).toMatchObject({
      id: '0123456789abcdef0123456789abcdef',
      idSource: 'dbus_machine_id',
      idReason: `${bad}: holds no machine id`,
    });
    const last = readHost({ machineId: absent, dbusMachineId: bad });
    expect(last).toMatchObject({ idSource: 'boot_id', id: readBootId()?.replaceAll('-', '') ?? '' });
    expect(last?.idReason).toContain('ENOENT');
    expect(last?.hostname).toBe(os.hostname());
    expect(last?.architecture).toBe(os.machine());
  });
});
