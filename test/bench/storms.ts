// The storms: every workload under every configuration, interleaved over several rounds so that what else the machine does meets all alike.

import type { KernelState } from './kernel.ts';
import { cpuSeconds, cpuSplit, kauditd, peakRssMib, rssMib, settled } from './measure.ts';
import { type Operation, runWorkload, type WorkloadResult } from './programs.ts';
import type { Configuration, Reader, Seen } from './readers.ts';

export interface Workload {
  readonly operation: Operation;
  /** Operations a second; 0: flat out. */
  readonly rate: number;
  readonly count: number;
}

export function workloadName({ operation, rate }: Workload): string {
  return `${operation} ${rate === 0 ? 'flat out' : `${rate}/s`}`;
}

/** One workload under one configuration in one round. */
export interface Sample extends WorkloadResult {
  readonly configuration: string;
  readonly workload: string;
  readonly round: number;
  readonly operationsPerSecond: number;
  /** Of the reader, all threads, until it had nothing more to do; absent without a reader. */
  readonly cpuSeconds?: number;
  readonly userSeconds?: number;
  readonly systemSeconds?: number;
  readonly kauditdCpuSeconds?: number;
  readonly events?: number;
  /** Serials that never came and events that came incomplete. */
  readonly lostEvents?: number;
  readonly kernelLostRecords?: number;
  readonly alerts?: number;
  readonly rssMib?: number;
  readonly peakRssMib?: number;
}

export interface StormOptions {
  readonly rounds: number;
  /** What a reader that is compiled while it runs sees before anything is measured. */
  readonly warmUp: readonly Workload[];
  readonly workloads: readonly Workload[];
  readonly progress: (text: string) => void;
}

export async function runStorms(
  kernel: KernelState,
  configurations: readonly Configuration[],
  options: StormOptions,
): Promise<{ samples: Sample[]; kernelRules: Record<string, number> }> {
  const samples: Sample[] = [];
  const kernelRules: Record<string, number> = {};
  for (let round = 0; round < options.rounds; round++) {
    // Another one begins each round.
    const order = configurations.map((_, i) => configurations[(i + round) % configurations.length]!);
    for (const configuration of order) {
      options.progress(`round ${round + 1} of ${options.rounds}: ${configuration.name}`);
      try {
        const reader = await configuration.start(kernel);
        if (reader !== undefined) kernelRules[configuration.name] = reader.kernelRules;
        if (configuration.isCompiledWhileRunning)
          for (const workload of options.warmUp) await measure(workload, reader);
        for (const workload of options.workloads) {
          const sample = await measure(workload, reader);
          samples.push({ configuration: configuration.name, workload: workloadName(workload), round, ...sample });
        }
        await reader?.stop();
      } finally {
        kernel.restore();
      }
    }
  }
  return { samples, kernelRules };
}

async function measure(
  workload: Workload,
  reader: Reader | undefined,
): Promise<Omit<Sample, 'configuration' | 'workload' | 'round'>> {
  const before = reader && (await snapshot(reader));
  const result = await runWorkload(workload.operation, workload.rate, workload.count);
  const operationsPerSecond = result.count / result.elapsedSeconds;
  if (reader === undefined || before === undefined) return { ...result, operationsPerSecond };
  await settled(reader.pid);
  const cpu = cpuSeconds(reader.pid);
  const split = cpuSplit(reader.pid);
  const kauditdCpu = kauditdSeconds();
  const after = await reader.seen();
  return {
    ...result,
    operationsPerSecond,
    cpuSeconds: cpu - before.cpu,
    userSeconds: split.user - before.split.user,
    systemSeconds: split.system - before.split.system,
    kauditdCpuSeconds: kauditdCpu - before.kauditd,
    events: after.events - before.seen.events,
    lostEvents: after.missing + after.incomplete - before.seen.missing - before.seen.incomplete,
    kernelLostRecords: after.kernelLost - before.seen.kernelLost,
    alerts: after.alerts - before.seen.alerts,
    rssMib: rssMib(reader.pid),
    peakRssMib: peakRssMib(reader.pid),
  };
}

async function snapshot(
  reader: Reader,
): Promise<{ seen: Seen; cpu: number; split: ReturnType<typeof cpuSplit>; kauditd: number }> {
  const seen = await reader.seen();
  await settled(reader.pid, 2_000);
  return { seen, cpu: cpuSeconds(reader.pid), split: cpuSplit(reader.pid), kauditd: kauditdSeconds() };
}

let kauditdPid: number | undefined;

function kauditdSeconds(): number {
  kauditdPid ??= kauditd();
  return kauditdPid === undefined ? 0 : cpuSeconds(kauditdPid);
}
