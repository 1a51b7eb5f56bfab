// The sinks on real descriptors: pipes that stall or close, sockets, files, a file system that is full.

import { describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileSink } from '../../src/output/file.ts';

const PROGRAM = join(import.meta.dir, 'programs/stdout.ts');
const BUN = process.execPath;

interface Report {
  written: number;
  bytes: number;
  dropped: number;
  whole: boolean;
  closed: boolean;
  longestTickMs: number;
  peakRssMiB: number;
  reported: number;
}

async function shell(command: string): Promise<{ out: string; report: Report }> {
  const child = Bun.spawn(['/bin/sh', '-c', command], {
    env: { ...process.env, BUN, PROGRAM },
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  return { out, report: JSON.parse(err.trim().split('\n').at(-1)!) };
}

function numbers(text: string): number[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map(line => Number(line.slice(0, 10)));
}

describe('stdout', () => {
  test('a pipe gets everything, in order, also what was written just before the exit', async () => {
    const { out, report } = await shell('"$BUN" "$PROGRAM" 50000 0 100 | cat');
    expect(numbers(out)).toEqual(Array.from({ length: 50_000 }, (_, i) => i));
    expect(report).toMatchObject({ written: 50_000, dropped: 0, whole: true });
    expect(out.length).toBe(report.bytes);
  });

  test('a reader that stalls: the thread goes on, memory stays, the newest are dropped and counted, the rest arrives', async () => {
    const { out, report } = await shell('"$BUN" "$PROGRAM" 200000 1 200 | (sleep 4; cat)');
    const got = numbers(out);
    expect(report.dropped).toBeGreaterThan(0);
    expect(report.written + report.dropped).toBe(200_000);
    expect(report.reported).toBe(report.dropped);
    expect(got.length).toBe(report.written);
    expect(got).toEqual([...got].sort((a, b) => a - b));
    expect(new Set(got).size).toBe(got.length);
    expect(report.longestTickMs).toBeLessThan(1_000);
    expect(report.peakRssMiB).toBeLessThan(250);
  }, 60_000);

  test('a reader that never reads: the end comes within the deadline of the flush', async () => {
    const started = performance.now();
    const { report } = await shell('"$BUN" "$PROGRAM" 5000 0 1000 300 | sleep 3');
    expect(report).toMatchObject({ whole: false });
    expect(report.written + report.dropped).toBe(5_000);
    expect(performance.now() - started).toBeLessThan(6_000);
  }, 20_000);

  test('head -1: closed, told, no crash', async () => {
    const { out, report } = await shell('"$BUN" "$PROGRAM" 2000000 0 100 | head -1');
    expect(numbers(out)).toEqual([0]);
    expect(report.closed).toBe(true);
  }, 20_000);

  test('a file gets everything, and what stderr writes to the same file is not overwritten', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'puppy-stdout-'));
    const file = join(dir, 'both');
    const child = Bun.spawn(['/bin/sh', '-c', `echo before; "$BUN" "$PROGRAM" 1000 0 100; echo after`], {
      env: { ...process.env, BUN, PROGRAM },
      stdout: Bun.file(file),
      stderr: 'ignore',
    });
    await child.exited;
    const lines = readFileSync(file, 'utf8').split('\n');
    expect([lines.length, lines[0], lines[1]?.slice(0, 10), lines[1001]]).toEqual([
      1_003,
      'before',
      '0000000000',
      'after',
    ]);
    const merged = Bun.spawn(['/bin/sh', '-c', `"$BUN" "$PROGRAM" 1000 0 100 > "${file}" 2>&1`], {
      env: { ...process.env, BUN, PROGRAM },
    });
    await merged.exited;
    const both = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(both).toHaveLength(1_001);
    expect(JSON.parse(both.at(-1)!).written).toBe(1_000);
    rmSync(dir, { recursive: true });
  });

  test('a socket (as systemd gives) gets everything; one that is never read does not hold up the exit', async () => {
    const python = `
import socket, subprocess, sys, os
a, b = socket.socketpair()
p = subprocess.Popen([os.environ['BUN'], os.environ['PROGRAM'], sys.argv[1], '0', '100', '300'], stdout=b.fileno())
b.close()
n = 0
if sys.argv[2] == 'read':
    while True:
        d = a.recv(65536)
        if not d: break
        n += d.count(b'\\n')
p.wait(10)
print(n)
`;
    const read = await shell(`/usr/bin/python3 -c '${python.replaceAll("'", `'"'"'`)}' 20000 read`);
    expect(Number(read.out)).toBe(20_000);
    expect(read.report).toMatchObject({ written: 20_000, dropped: 0 });
    const stuck = await shell(`/usr/bin/python3 -c '${python.replaceAll("'", `'"'"'`)}' 20000 stuck`);
    expect(stuck.report.whole).toBe(false);
    expect(stuck.report.written + stuck.report.dropped).toBe(20_000);
  }, 30_000);
});

function mountTmpfs(path: string): boolean {
  mkdirSync(path, { recursive: true });
  return Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path]).exitCode === 0;
}

describe('a full file system (needs root, to mount a tmpfs of 1 MiB)', () => {
  test('counts, keeps trying, never leaves half a line, and goes on when there is room', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'puppy-full-'));
    if (!mountTmpfs(dir)) {
      console.warn('not run: mounting a tmpfs is not permitted here');
      rmSync(dir, { recursive: true });
      return;
    }
    try {
      const filler = join(dir, 'filler');
      writeFileSync(filler, Buffer.alloc(600_000));
      const path = join(dir, 'out.jsonl');
      const told: string[] = [];
      const sink = fileSink(
        { path },
        {
          queueBytes: 200_000,
          onProblem: (_, error) => told.push(error.message.slice(0, 6)),
          onRecovered: () => told.push('again'),
        },
      );
      const line = (i: number): string => `${String(i).padStart(10, '0')} ${'x'.repeat(500)}`;
      let i = 0;
      for (; i < 2_000; i++) {
        sink.write(line(i));
        if (i % 64 === 0) sink.pump();
      }
      expect(sink.state).toBe('retrying');
      expect(told).toEqual(['ENOSPC']);
      expect(sink.counters.dropped).toBeGreaterThan(0);
      expect(readFileSync(path, 'utf8').endsWith('\n')).toBe(true);
      rmSync(filler);
      expect(await sink.flush(5_000)).toBe(true);
      for (; i < 2_100; i++) sink.write(line(i));
      expect(await sink.close(5_000)).toBe(true);
      const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
      expect(lines.length).toBe(sink.counters.written);
      expect(sink.counters.written + sink.counters.dropped).toBe(2_100);
      for (const text of lines) expect(text).toMatch(/^\d{10} x{500}$/);
      expect(told).toEqual(['ENOSPC', 'again']);
    } finally {
      Bun.spawnSync(['umount', dir]);
      rmSync(dir, { recursive: true });
    }
  }, 20_000);
});
