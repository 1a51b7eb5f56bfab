// The file that an administrator copies to a host: needs glibc alone, runs where /tmp can't be used, leaves nothing behind, and takes
// nothing from the directory that it is started in.

import { afterAll, describe, expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { comparable, executable, log, REPLAY, run } from './executable.ts';

const scratch = mkdtempSync(join(tmpdir(), 'puppy-build-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const isRoot = process.getuid?.() === 0;
const expected = run(executable, REPLAY);

test('it gives events of a log, so its native part is loaded', () => {
  expect(expected.status).toBe(0);
  expect(expected.out.split('\n').length).toBeGreaterThan(1);
});

describe('libraries', () => {
  const dump = run('objdump', ['-p', executable]).out;

  test('it needs those of glibc and no others', () => {
    const needed = [...dump.matchAll(/NEEDED\s+(\S+)/g)].map(m => m[1]!);
    expect(needed.filter(name => !/^(lib(c|m|dl|pthread)\.so\.\d|ld-linux-.*)$/.test(name))).toEqual([]);
  });

  test('glibc 2.17 is enough, for it and for the addon inside', () => {
    const addon = run('objdump', ['-p', join(executable, '../build/puppy-addon.bin')]).out;
    const minors = [...(dump + addon).matchAll(/GLIBC_2\.(\d+)/g)].map(m => Number(m[1]));
    expect(minors.length).toBeGreaterThan(0);
    expect(Math.max(...minors)).toBeLessThanOrEqual(17);
  });
});

describe('where nothing can be written (needs root)', () => {
  /** In a mount namespace of its own, so that the host keeps its /tmp. */
  const within = (...setup: string[]): string => {
    const command = [...setup, `exec "$@"`].join(' && ');
    const r = run('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', command, 'sh', elsewhere, ...replay], {
      cwd: '/',
    });
    expect(r.err).toBe('');
    expect(r.status).toBe(0);
    return r.out;
  };
  // Not below /tmp, which is mounted over, wherever the project lies.
  const home = mkdtempSync('/var/tmp/puppy-build-');
  afterAll(() => rmSync(home, { recursive: true, force: true }));
  const elsewhere = join(home, 'puppy-hids');
  copyFileSync(executable, elsewhere);
  const replay = REPLAY.map(argument => {
    if (!argument.startsWith('/')) return argument;
    const copy = join(home, basename(argument));
    cpSync(argument, copy, { recursive: true });
    return copy;
  });
  const before = run(elsewhere, replay);
  const same = (out: string) => expect(comparable(out)).toEqual(comparable(before.out));

  test.skipIf(!isRoot)('/tmp and /dev/shm noexec', () => {
    same(within('mount -t tmpfs -o noexec none /tmp', 'mount -t tmpfs -o noexec none /dev/shm'));
  });
  test.skipIf(!isRoot)('/tmp read-only', () => {
    same(within('mount -t tmpfs -o ro none /tmp'));
  });
  test.skipIf(!isRoot)('a read-only root', () => {
    same(within('mount -o bind,ro / /', 'mount -t tmpfs -o ro none /run'));
  });
});

test('nothing is left behind, even after SIGKILL', async () => {
  const home = join(scratch, 'home');
  mkdirSync(home);
  copyFileSync(executable, join(home, 'puppy-hids'));
  const env = { PATH: process.env.PATH, HOME: home, TMPDIR: home };
  const uid = process.getuid?.() ?? 0;
  const traces = () =>
    ['/tmp', '/dev/shm', '/run'].flatMap(directory =>
      readdirSync(directory).filter(name => name.startsWith(`.bun-${uid}-`) || name.includes('puppy-addon')),
    );
  const before = traces();
  const child = spawn('./puppy-hids', ['replay', '-q', '--events', '-'], {
    cwd: home,
    env,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.stdin.write(readFileSync(log));
  const loaded = () => /puppy-addon/.test(readFileSync(`/proc/${child.pid}/maps`, 'latin1'));
  while (!loaded()) await Bun.sleep(10);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(readdirSync(home)).toEqual(['puppy-hids']);
  expect(traces()).toEqual(before);
});

test('nothing in the current directory is run or read as configuration of the runtime', () => {
  const hostile = join(scratch, 'hostile');
  mkdirSync(hostile);
  const touched = join(hostile, 'touched');
  writeFileSync(join(hostile, 'bunfig.toml'), 'preload = ["./evil.ts"]\n');
  writeFileSync(join(hostile, 'evil.ts'), `require('node:fs').writeFileSync(${JSON.stringify(touched)}, 'x');\n`);
  writeFileSync(join(hostile, '.env'), 'PUPPY_HIDS_RULES=/nonexistent\n');
  writeFileSync(join(hostile, 'package.json'), '{"type": "commonjs", "main": "evil.ts"}');
  writeFileSync(join(hostile, 'tsconfig.json'), '{"compilerOptions": {"jsx": "evil"}}');
  const r = run(executable, REPLAY, { cwd: hostile });
  expect(r.status).toBe(0);
  expect(comparable(r.out)).toEqual(comparable(expected.out));
  expect(readdirSync(hostile)).not.toContain('touched');
});
