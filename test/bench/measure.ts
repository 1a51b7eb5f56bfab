// What a process costs, as the kernel tells (edge: /proc, the process's CPU clock), and statistics over rounds.

import { dlopen, FFIType, ptr } from 'bun:ffi';
import { readdirSync, readFileSync } from 'node:fs';

const libc = dlopen('libc.so.6', { clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 } });
const CPUCLOCK_SCHED = 2;

/** Seconds of CPU that a process used, all its threads together, also those that ended, in nanosecond resolution. */
export function cpuSeconds(pid: number): number {
  const time = new BigInt64Array(2);
  // clock_getcpuclockid(3): the process's pid, inverted, and which clock.
  if (libc.symbols.clock_gettime((~pid << 3) | CPUCLOCK_SCHED, ptr(time)) !== 0)
    throw new Error(`process ${pid} is gone`);
  return Number(time[0]) + Number(time[1]) / 1e9;
}

export interface CpuSplit {
  readonly user: number;
  readonly system: number;
}

/** The same in user and system time, in ticks of 10 ms. */
export function cpuSplit(pid: number): CpuSplit {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { user: Number(fields[11]) / 100, system: Number(fields[12]) / 100 };
}

function statusKib(pid: number, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return match === null ? 0 : Number(match[1]);
}

export function rssMib(pid: number): number {
  return statusKib(pid, 'VmRSS') / 1024;
}

export function peakRssMib(pid: number): number {
  return statusKib(pid, 'VmHWM') / 1024;
}

/** How often each of its threads went to sleep and was woken. */
export function wakeUps(pid: number): ReadonlyMap<string, number> {
  const tasks = readdirSync(`/proc/${pid}/task`);
  return new Map(tasks.map(task => [task, statusKib(Number(task), 'voluntary_ctxt_switches')]));
}

/** Wake-ups between two readings; those of threads that ended meanwhile are not known. */
export function wakeUpsBetween(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): number {
  return [...after].reduce((sum, [task, count]) => sum + count - (before.get(task) ?? 0), 0);
}

/** kauditd, which sends the records: a kernel thread. Undefined in a pid namespace that doesn't show it. */
export function kauditd(): number | undefined {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      if (readFileSync(`/proc/${entry}/comm`, 'latin1') === 'kauditd\n') return Number(entry);
    } catch {
      // gone
    }
  }
  return undefined;
}

/** Returns when the process has nothing more to do: two windows of 100 ms with less than 3 % of a CPU, at most `limitMs`. */
export async function settled(pid: number, limitMs = 20_000): Promise<void> {
  const end = performance.now() + limitMs;
  let quiet = 0;
  let last = cpuSeconds(pid);
  while (quiet < 2 && performance.now() < end) {
    await Bun.sleep(100);
    const now = cpuSeconds(pid);
    quiet = now - last < 0.003 ? quiet + 1 : 0;
    last = now;
  }
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

export function loadAverage(): number {
  return Number(readFileSync('/proc/loadavg', 'latin1').split(' ')[0]);
}
