// Compiles the programs of the benchmark, and runs them.

import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dir, '../..');
export const BUILD = join(ROOT, 'build/bench');
/** Another build can be measured in its place. */
export const AGENT = process.env.PUPPY_BENCH_AGENT ?? join(ROOT, 'puppy-hids');
export const AUDITD = ['/usr/sbin/auditd', '/sbin/auditd'].find(path => Bun.file(path).size > 0);

const PROGRAMS = ['workload', 'reader', 'tiny', 'syns'] as const;

/** Throws with what the compiler says. */
export function compilePrograms(): void {
  mkdirSync(BUILD, { recursive: true });
  for (const name of PROGRAMS) {
    const source = join(import.meta.dir, `${name}.c`);
    const r = spawnSync('cc', ['-O2', '-Wall', '-Wextra', '-o', join(BUILD, name), source], {
      encoding: 'utf8',
    });
    if (r.error) throw r.error;
    if (r.status !== 0) throw new Error(`cc ${source}: ${r.stderr}`);
  }
}

export type Operation = 'exec' | 'tcp' | 'udp' | 'file' | 'create';

export interface WorkloadResult {
  readonly count: number;
  readonly elapsedSeconds: number;
  readonly medianUs: number;
  readonly p99Us: number;
  readonly longestUs: number;
}

/** `rate` 0: flat out. `target` is the program that `exec` runs, or the directory of `file` and `create`. */
export async function runWorkload(
  operation: Operation,
  rate: number,
  count: number,
  target = join(BUILD, 'tiny'),
): Promise<WorkloadResult> {
  const command = [join(BUILD, 'workload'), operation, String(rate), String(count), target];
  const child = Bun.spawn(command, { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`${command.join(' ')} failed`);
  return JSON.parse(text) as WorkloadResult;
}
