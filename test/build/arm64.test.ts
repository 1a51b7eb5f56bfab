// The cross-built executable: it is what it says, and under emulation gives the same lines as the one for this machine.

import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { comparable, executable, REPLAY, root, run } from '../binary/executable.ts';

const EM_AARCH64 = 183;
const scratch = mkdtempSync(join(tmpdir(), 'puppy-arm64-'));
const other = join(scratch, 'puppy-hids');
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test('builds for arm64 with the distribution’s cross compiler', () => {
  const r = run(process.execPath, ['run', 'build.ts', '--target', 'linux-arm64', '--outfile', other], { cwd: root });
  expect(r.err).toBe('');
  expect(r.status).toBe(0);
  const header = Buffer.alloc(20);
  readSync(openSync(other, 'r'), header);
  expect(header.readUInt16LE(18)).toBe(EM_AARCH64);
}, 120_000);

test('gives the same lines', () => {
  const emulated = ['-L', '/usr/aarch64-linux-gnu', other, ...REPLAY];
  const r = process.arch === 'arm64' ? run(other, REPLAY) : run('qemu-aarch64', emulated);
  expect(r.err).toBe('');
  expect(comparable(r.out)).toEqual(comparable(run(executable, REPLAY).out));
}, 120_000);
