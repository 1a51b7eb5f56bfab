// Watching directories as large as a system's: what it costs to begin, while nothing happens, and when files change. Every
// configuration in turn, several rounds, so that what else the machine does meets all alike.

import { mkdirSync, rmSync } from 'node:fs';
import { type FilesSeen, kernelMarks, slabMib, type WatchConfiguration, type Watcher } from './files-watchers.ts';
import type { KernelState } from './kernel.ts';
import { cpuSeconds, cpuSplit, peakRssMib, rssMib, settled, wakeUps, wakeUpsBetween } from './measure.ts';
import { runWorkload, type WorkloadResult } from './programs.ts';
import type { Workload } from './storms.ts';

const DRAIN_LIMIT_MS = 60_000;
/** What starting left to do, and the first collections of garbage. */
const REST_MS = 2_000;

export interface WatchOptions {
  readonly rounds: number;
  /** Empty, and watched. */
  readonly directory: string;
  readonly idleMs: number;
  /** Not measured: what is compiled while it runs, and read the first time something changes. */
  readonly warmUp: Workload;
  readonly workloads: readonly (Workload & { readonly name: string })[];
  readonly progress: (text: string) => void;
  /** What was measured until then, and the other configurations, are still told. */
  readonly failed: (error: unknown) => void;
}

/** One beginning of one configuration. */
export interface WatchSample {
  readonly configuration: string;
  readonly round: number;
  readonly watchedMs?: number;
  readonly files?: number;
  readonly directories?: number;
  readonly marks: number;
  /** By which the whole machine's unreclaimable slab grew meanwhile. */
  readonly slabMib: number;
  readonly rssMib: number;
  readonly peakRssMib: number;
  readonly idleCpuPercent: number;
  readonly idleWakeUpsPerSecond: number;
  /** What others on this machine did meanwhile. */
  readonly idleTold: number;
}

/** One workload under one configuration in one round. */
export interface ChangeSample extends WorkloadResult {
  readonly configuration: string;
  readonly round: number;
  readonly workload: string;
  /** Of the watcher, all threads, until it had nothing more to do; absent where nobody watched. */
  readonly cpuSeconds?: number;
  readonly userSeconds?: number;
  readonly systemSeconds?: number;
  readonly told?: number;
  readonly lost?: number;
  readonly hashed?: number;
  /** That the agent read meanwhile: also what others on this machine did. */
  readonly auditEvents?: number;
  readonly rssMib?: number;
}

export interface WatchResults {
  readonly watching: readonly WatchSample[];
  readonly changes: readonly ChangeSample[];
}

export async function measureWatching(
  kernel: KernelState,
  configurations: readonly WatchConfiguration[],
  options: WatchOptions,
): Promise<WatchResults> {
  const watching: WatchSample[] = [];
  const changes: ChangeSample[] = [];
  for (let round = 0; round < options.rounds; round++) {
    // Another one begins each round.
    const order = configurations.map((_, i) => configurations[(i + round) % configurations.length]!);
    for (const configuration of order) {
      const at = { configuration: configuration.name, round };
      options.progress(`files, round ${round + 1} of ${options.rounds}: ${configuration.name}`);
      empty(options.directory);
      const slabBefore = slabMib();
      let watcher: Watcher | undefined;
      try {
        watcher = await configuration.start(kernel);
        if (watcher !== undefined) watching.push({ ...at, ...(await beginning(watcher, slabBefore, options.idleMs)) });
        await change(options.warmUp, watcher, options.directory);
        empty(options.directory);
        for (const workload of options.workloads) {
          changes.push({ ...at, workload: workload.name, ...(await change(workload, watcher, options.directory)) });
          empty(options.directory);
        }
      } catch (error) {
        options.failed(error);
      } finally {
        await watcher?.stop();
        kernel.restore();
      }
    }
  }
  return { watching, changes };
}

/** The directory stays the same one, which is watched. */
function empty(directory: string): void {
  mkdirSync(directory, { recursive: true });
  for (const name of new Bun.Glob('*').scanSync({ cwd: directory, dot: true })) rmSync(`${directory}/${name}`);
}

async function beginning(
  watcher: Watcher,
  slabBefore: number,
  idleMs: number,
): Promise<Omit<WatchSample, 'configuration' | 'round'>> {
  const { pid, watchedMs, files, directories } = watcher;
  await Bun.sleep(REST_MS);
  const before = await watcher.seen();
  await settled(pid, REST_MS);
  const slabGrown = slabMib() - slabBefore;
  const cpu = cpuSeconds(pid);
  const woken = wakeUps(pid);
  await Bun.sleep(idleMs);
  const idleCpuPercent = ((cpuSeconds(pid) - cpu) / (idleMs / 1000)) * 100;
  const idleWakeUpsPerSecond = wakeUpsBetween(woken, wakeUps(pid)) / (idleMs / 1000);
  const after = await watcher.seen();
  return {
    ...(watchedMs !== undefined && { watchedMs }),
    ...(files !== undefined && { files }),
    ...(directories !== undefined && { directories }),
    marks: kernelMarks(pid),
    slabMib: slabGrown,
    rssMib: rssMib(pid),
    peakRssMib: peakRssMib(pid),
    idleCpuPercent,
    idleWakeUpsPerSecond,
    idleTold: after.told - before.told,
  };
}

async function change(
  { operation, rate, count }: Workload,
  watcher: Watcher | undefined,
  directory: string,
): Promise<Omit<ChangeSample, 'configuration' | 'round' | 'workload'>> {
  if (watcher === undefined) return await runWorkload(operation, rate, count, directory);
  const { pid } = watcher;
  // Of the last workload's files, which went.
  const before = await quiet(watcher);
  await settled(pid, REST_MS);
  const cpu = cpuSeconds(pid);
  const split = cpuSplit(pid);
  const result = await runWorkload(operation, rate, count, directory);
  const after = await quiet(watcher);
  const { user, system } = cpuSplit(pid);
  const told = after.told - before.told;
  return {
    ...result,
    cpuSeconds: cpuSeconds(pid) - cpu,
    userSeconds: user - split.user,
    systemSeconds: system - split.system,
    told,
    lost: after.lost - before.lost + Math.max(0, (watcher.least?.(operation) ?? 0) * count - told),
    hashed: after.hashed - before.hashed,
    auditEvents: after.auditEvents - before.auditEvents,
    rssMib: rssMib(pid),
  };
}

/** Everything was told: it has nothing more to do, nothing waits, and nothing was added. */
async function quiet(watcher: Watcher): Promise<FilesSeen> {
  const end = performance.now() + DRAIN_LIMIT_MS;
  for (let last: FilesSeen | undefined; ; ) {
    await settled(watcher.pid, 5_000);
    const now = await watcher.seen();
    if (!now.isBehind && now.told === last?.told) return now;
    if (performance.now() > end) throw new Error(`files were still being told after ${DRAIN_LIMIT_MS / 1000} s`);
    last = now;
  }
}
