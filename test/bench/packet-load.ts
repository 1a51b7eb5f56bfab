// The part `packets`: the decoders alone, the agent under a flood of SYNs from another network namespace, and its CPU at a fixed rate of
// connections, each beside `tcpdump -w` with the same filter.

import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kernelFilter } from '../../src/pcap/filter.ts';
import { cpuSeconds, peakRssMib, rssMib, settled } from './measure.ts';
import { AGENT, BUILD, runWorkload } from './programs.ts';
import { type Agent, end, heartbeatCounters, startAgent, stopAgent, textOf, tracked, until } from './readers.ts';

const TCPDUMP = Bun.which('tcpdump');
const SYNS_PER_SECOND = 50_000;
const CONNECTIONS_PER_SECOND = 1_000;
const EXEC_EVERY_MS = 50;
const NAMES = ['agent', 'agent, no packets', 'tcpdump -w'] as const;
type Name = (typeof NAMES)[number];
type Load = 'SYNs' | 'connections';

const FILTER = kernelFilter(
  { dns: true, connections: true, tls: false, icmp: true },
  { ...{ lan: true, udp: true, addresses: [], excludeAddresses: [], ports: [], excludePorts: [], own: [] } },
).filter;

export interface PacketLoadSample {
  readonly reader: Name;
  readonly load: Load;
  /** Sent, or made. */
  readonly count: number;
  readonly elapsedSeconds: number;
  readonly cpuSeconds: number;
  readonly rssBeforeMib: number;
  readonly peakRssMib: number;
  /** Read; absent where it isn't told. */
  readonly packets?: number;
  /** By the kernel's ring and by the reader's own. */
  readonly dropped?: number;
  /** Between each exec and its event, ms. */
  readonly execDelaysMs?: readonly number[];
}

export interface PacketResults {
  /** By what, in microseconds: test/bench/packets.ts. */
  readonly decoders: Readonly<Record<string, number>>;
  readonly samples: readonly PacketLoadSample[];
}

export interface PacketOptions {
  readonly isQuick: boolean;
  readonly rules: readonly string[];
  readonly progress: (text: string) => void;
}

export async function measurePackets(options: PacketOptions): Promise<PacketResults> {
  const { isQuick, progress } = options;
  progress('packets: the decoders alone');
  const alone = spawnSync(process.execPath, [join(import.meta.dir, 'packets.ts'), '--json'], { encoding: 'utf8' });
  if (alone.status !== 0) throw new Error(`the decoders alone: ${alone.stderr.trim()}`);
  if (TCPDUMP === null) console.error('bench: tcpdump is not installed, left out');
  const samples: PacketLoadSample[] = [];
  const namespace = new Namespace();
  try {
    for (const name of NAMES) {
      if (name === 'tcpdump -w' && TCPDUMP === null) continue;
      progress(`packets: ${name}, connections`);
      samples.push(await connections(name, isQuick ? 4 : 20, options.rules));
      progress(`packets: ${name}, SYNs`);
      samples.push(await noise(name, isQuick ? 4 : 20, options.rules, namespace));
    }
  } finally {
    namespace.delete();
  }
  return { decoders: JSON.parse(alone.stdout) as Record<string, number>, samples };
}

/** One that is joined to this host by a pair of interfaces, and to which all of 198.18.0.0/15 is routed. */
class Namespace {
  readonly name = `bench${process.pid % 100_000}`;
  readonly here = '10.255.254.1';
  readonly #near = `${this.name}a`;
  readonly #far = `${this.name}b`;

  constructor() {
    const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    ip('netns', 'add', this.name);
    ip('link', 'add', this.#near, 'type', 'veth', 'peer', 'name', this.#far, 'netns', this.name);
    ip('address', 'add', `${this.here}/30`, 'dev', this.#near);
    ip('-n', this.name, 'address', 'add', '10.255.254.2/30', 'dev', this.#far);
    ip('-n', this.name, 'link', 'set', this.#far, 'up');
    ip('link', 'set', this.#near, 'up');
    ip('route', 'add', '198.18.0.0/15', 'via', '10.255.254.2');
  }

  async flood(seconds: number): Promise<{ sent: number; elapsedSeconds: number }> {
    const mac = readFileSync(`/sys/class/net/${this.#near}/address`, 'latin1').trim();
    const args = [this.#far, String(SYNS_PER_SECOND), String(seconds), mac, this.here];
    const child = tracked(
      Bun.spawn(['ip', 'netns', 'exec', this.name, join(BUILD, 'syns'), ...args], { stdout: 'pipe' }),
    );
    const text = await new Response(child.stdout).text();
    if ((await child.exited) !== 0) throw new Error('syns failed');
    return JSON.parse(text) as { sent: number; elapsedSeconds: number };
  }

  delete(): void {
    spawnSync('ip', ['netns', 'delete', this.name]);
  }
}

interface Reader {
  readonly pid: number;
  /** Since its start. */
  counts(): Promise<{ packets?: number; dropped?: number }>;
  stop(): Promise<{ packets?: number; dropped?: number; lines?: string }>;
}

async function start(name: Name, load: Load, rules: readonly string[]): Promise<Reader> {
  if (name === 'tcpdump -w') return startTcpdump();
  const packets = name === 'agent' ? 'enabled: true' : 'enabled: false';
  const agent = await startAgent({
    rules,
    // Who is told when of an exec is read from the events.
    command: [AGENT, 'run', ...(load === 'SYNs' ? ['--events'] : [])],
    config: `pcap: {${packets}}\nfsnotify: {enabled: false}\nlogs: {enabled: false}\n`,
  });
  await settled(agent.child.pid);
  const counts = () => agentCounts(agent);
  return {
    pid: agent.child.pid,
    counts,
    stop: async () => {
      await stopAgent(agent);
      return { lines: agent.lines() };
    },
  };
}

async function agentCounts(agent: Agent): Promise<{ packets?: number; dropped?: number }> {
  const { packets } = await heartbeatCounters(agent);
  if (packets === undefined) return {};
  return { packets: packets.packets, dropped: packets.dropped + packets.ring_dropped };
}

async function startTcpdump(): Promise<Reader> {
  const errors = join(BUILD, 'tcpdump.stderr');
  const child = tracked(
    Bun.spawn([TCPDUMP!, '-i', 'any', '-p', '-s', '1536', '-n', '-w', join(BUILD, 'tcpdump.pcap'), FILTER], {
      stdout: 'ignore',
      stderr: Bun.file(errors),
    }),
  );
  await until('starting tcpdump', () => (textOf(errors).includes('listening') ? true : undefined));
  return {
    pid: child.pid,
    counts: async () => ({}),
    stop: async () => {
      await end(child);
      const number = (what: RegExp) => Number(what.exec(textOf(errors))?.[1]);
      return { packets: number(/(\d+) packets captured/), dropped: number(/(\d+) packets dropped by kernel/) };
    },
  };
}

/** A load under a reader, from before it begins until the reader has nothing more to do. */
async function measure(
  reader: Name,
  load: Load,
  rules: readonly string[],
  run: () => Promise<{ count: number; elapsedSeconds: number }>,
): Promise<PacketLoadSample> {
  const started = await start(reader, load, rules);
  const before = await started.counts();
  const cpu = cpuSeconds(started.pid);
  const rssBeforeMib = rssMib(started.pid);
  const { count, elapsedSeconds } = await run();
  await settled(started.pid);
  const used = cpuSeconds(started.pid) - cpu;
  const peak = peakRssMib(started.pid);
  const after = await started.counts();
  const last = await started.stop();
  const since = (pick: 'packets' | 'dropped') => {
    const value = last[pick] ?? after[pick];
    return value === undefined ? {} : { [pick]: value - (before[pick] ?? 0) };
  };
  const lines = last.lines === undefined ? undefined : last.lines.split('\n');
  return {
    ...{ reader, load, count, elapsedSeconds, cpuSeconds: used, rssBeforeMib, peakRssMib: peak },
    ...since('packets'),
    ...since('dropped'),
    ...(lines !== undefined && { execDelaysMs: execDelays(lines) }),
  };
}

const MARK = '--exec-of-the-benchmark';

/** Of the execs that were made beside the load. */
function execDelays(lines: readonly string[]): number[] {
  return lines
    .filter(line => line.includes(MARK) && line.includes('"action":"exec"'))
    .map(line => {
      const event = JSON.parse(line) as { '@timestamp': string; event: { created: string } };
      return Date.parse(event.event.created) - Date.parse(event['@timestamp']);
    });
}

function connections(name: Name, seconds: number, rules: readonly string[]): Promise<PacketLoadSample> {
  return measure(name, 'connections', rules, async () => {
    const count = CONNECTIONS_PER_SECOND * seconds;
    const { elapsedSeconds } = await runWorkload('tcp', CONNECTIONS_PER_SECOND, count);
    return { count, elapsedSeconds };
  });
}

function noise(name: Name, seconds: number, rules: readonly string[], namespace: Namespace): Promise<PacketLoadSample> {
  return measure(name, 'SYNs', rules, async () => {
    const timer = setInterval(
      () => void Bun.spawn(['/bin/true', MARK], { stdio: ['ignore', 'ignore', 'ignore'] }),
      EXEC_EVERY_MS,
    );
    const { sent, elapsedSeconds } = await namespace.flood(seconds);
    clearInterval(timer);
    return { count: sent, elapsedSeconds };
  });
}
