// The agent by itself: how fast it starts, what it costs when nothing happens, and how much memory a million events leave it with.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { execLog } from './log.ts';
import { cpuSeconds, peakRssMib, rssMib, type Spread, spread, wakeUps, wakeUpsBetween } from './measure.ts';
import { AGENT, BUILD } from './programs.ts';
import { type Agent, filesCompared, heartbeat, startAgent, stopAgent } from './readers.ts';

const IDLE_MS = 10_000;
const REPLAY_LIMIT_MS = 240_000;

export interface StartResult {
  readonly rules: string;
  /** From exec to the line `agent_started`. */
  readonly readyMs: Spread;
}

export async function measureStart(name: string, rules: readonly string[], times: number): Promise<StartResult> {
  const taken: number[] = [];
  for (let i = 0; i < times; i++) {
    const agent = await startAgent({ rules });
    taken.push(agent.readyMs);
    await stopAgent(agent);
  }
  return { rules: name, readyMs: spread(taken) };
}

export interface IdleResult {
  readonly rules: string;
  readonly cpuPercent: number;
  readonly wakeUpsPerSecond: number;
  readonly rssMib: number;
  /** What others on this machine did meanwhile. */
  readonly events: number;
}

export async function measureIdle(name: string, rules: readonly string[]): Promise<IdleResult> {
  const agent: Agent = await startAgent({ rules, config: 'fsnotify: {hash_rate: 65536MiB}\n' });
  try {
    await filesCompared(agent);
    const { pid } = agent.child;
    // What starting left to do, and the first collections of garbage.
    await Bun.sleep(3_000);
    const before = await heartbeat(agent);
    const cpu = cpuSeconds(pid);
    const woken = wakeUps(pid);
    await Bun.sleep(IDLE_MS);
    const cpuPercent = ((cpuSeconds(pid) - cpu) / (IDLE_MS / 1000)) * 100;
    const wakeUpsPerSecond = wakeUpsBetween(woken, wakeUps(pid)) / (IDLE_MS / 1000);
    const after = await heartbeat(agent);
    return { rules: name, cpuPercent, wakeUpsPerSecond, rssMib: rssMib(pid), events: after.events - before.events };
  } finally {
    await stopAgent(agent);
  }
}

export interface ReplayResult {
  readonly rules: string;
  readonly events: number;
  readonly eventsPerSecond: number;
  readonly cpuMicrosecondsPerEvent: number;
  readonly halfRssMib: number;
  readonly endRssMib: number;
  readonly peakRssMib: number;
}

/** Replays process starts from a pipe: the writer goes as fast as the agent reads. */
export async function measureReplay(name: string, rules: readonly string[], events: number): Promise<ReplayResult> {
  const out = join(BUILD, 'replay.jsonl');
  rmSync(out, { force: true });
  const paths = rules.flatMap(path => ['--rules', path]);
  const child = Bun.spawn([AGENT, 'replay', '--quiet', ...paths, '--output', `file:${out}`, '-'], {
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'ignore',
  });
  // One that hangs must not keep the benchmark, and the kernel's audit with it.
  const limit = setTimeout(() => child.kill('SIGKILL'), REPLAY_LIMIT_MS);
  const start = performance.now();
  const feed = async (from: number, to: number): Promise<void> => {
    for (const piece of execLog(from, to)) {
      child.stdin.write(piece);
      await child.stdin.flush();
    }
  };
  const half = events >> 1;
  await feed(0, half);
  const halfRssMib = rssMib(child.pid);
  await feed(half, events);
  const endRssMib = rssMib(child.pid);
  const cpu = cpuSeconds(child.pid);
  const peak = peakRssMib(child.pid);
  await child.stdin.end();
  const code = await child.exited;
  clearTimeout(limit);
  if (code !== 0) throw new Error(`the replay ended with ${code}, or took longer than ${REPLAY_LIMIT_MS / 1000} s`);
  const seconds = (performance.now() - start) / 1000;
  rmSync(out, { force: true });
  return {
    rules: name,
    events,
    eventsPerSecond: events / seconds,
    cpuMicrosecondsPerEvent: (cpu / events) * 1e6,
    halfRssMib,
    endRssMib,
    peakRssMib: peak,
  };
}
