// The configurations that are measured: nothing, the null reader, auditd, the agent. Each can be started beside a prepared kernel, asked
// what it has seen, and stopped.

import { closeSync, mkdirSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Subprocess } from 'bun';
import type { RuleNeeds } from '../../src/audit/kernel-rules/defaults.ts';
import { AuditReplay } from '../../src/audit/replay.ts';
import { type KernelState, kernelLost } from './kernel.ts';
import { AGENT, AUDITD, BUILD } from './programs.ts';

/** Totals since the reader's start. */
export interface Seen {
  readonly events: number;
  /** Serials that never came. */
  readonly missing: number;
  readonly incomplete: number;
  /** Records that the kernel dropped before they had a serial. */
  readonly kernelLost: number;
  /** Lines of alerts that it wrote; 0 for what has none. */
  readonly alerts: number;
}

export interface Reader {
  readonly pid: number;
  readonly kernelRules: number;
  seen(): Promise<Seen>;
  stop(): Promise<void>;
}

export interface Configuration {
  readonly name: string;
  /** It costs more in its first seconds than ever after. */
  readonly isCompiledWhileRunning?: boolean;
  /** Undefined: there is no reader, and no auditing. */
  start(kernel: KernelState): Promise<Reader | undefined>;
}

const START_LIMIT_MS = 15_000;
const running = new Set<Subprocess>();

/** Killed with the benchmark, if it still runs then. */
export function tracked<T extends Subprocess>(child: T): T {
  running.add(child);
  return child;
}

/** For the end of the benchmark, however it comes. */
export function killReaders(): void {
  for (const child of running) child.kill('SIGKILL');
}

export async function until<T>(what: string, probe: () => T | undefined, limitMs = START_LIMIT_MS): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const value = probe();
    if (value !== undefined) return value;
    if (performance.now() > end) throw new Error(`${what} took longer than ${limitMs / 1000} s`);
    await Bun.sleep(10);
  }
}

export async function end(child: Subprocess): Promise<void> {
  child.kill('SIGTERM');
  const slow = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await child.exited;
  clearTimeout(slow);
  running.delete(child);
}

export function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

export const nothing: Configuration = {
  name: 'nothing',
  start: async kernel => {
    kernel.off();
    return undefined;
  },
};

export function nullReader(needs: RuleNeeds): Configuration {
  return {
    name: 'null reader',
    start: async kernel => {
      const out = join(BUILD, 'reader.out');
      rmSync(out, { force: true });
      const child = Bun.spawn([join(BUILD, 'reader')], { stdin: 'ignore', stdout: Bun.file(out), stderr: 'inherit' });
      running.add(child);
      await until('starting the null reader', () => (textOf(out).includes('ready') ? true : undefined));
      const kernelRules = kernel.prepare(needs, child.pid, 'own');
      const lostBefore = kernelLost();
      return {
        pid: child.pid,
        kernelRules,
        seen: async () => {
          const before = textOf(out).length;
          child.kill('SIGUSR1');
          const line = await until('the null reader', () => {
            const text = textOf(out).slice(before);
            return text.endsWith('\n') ? text : undefined;
          });
          const { events, missing } = JSON.parse(line) as { events: number; missing: number };
          return { events, missing, incomplete: 0, kernelLost: kernelLost() - lostBefore, alerts: 0 };
        },
        stop: () => end(child),
      };
    },
  };
}

/** Debian's settings, without the limits on disk space that would stop it. */
function auditdConfiguration(directory: string, format: 'RAW' | 'ENRICHED'): string {
  return `local_events = yes
write_logs = yes
log_file = ${directory}/audit.log
log_group = root
log_format = ${format}
flush = INCREMENTAL_ASYNC
freq = 50
max_log_file = 4000
num_logs = 2
priority_boost = 4
name_format = NONE
max_log_file_action = IGNORE
space_left = 75
space_left_action = IGNORE
verify_email = no
action_mail_acct = root
admin_space_left = 50
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
distribute_network = no
q_depth = 2000
overflow_action = IGNORE
max_restarts = 10
plugin_dir = ${directory}/plugins.d
end_of_event_timeout = 2
`;
}

export function auditd(format: 'RAW' | 'ENRICHED', needs: RuleNeeds): Configuration {
  const name = format === 'RAW' ? 'auditd raw' : 'auditd enriched';
  return {
    name,
    start: async kernel => {
      if (AUDITD === undefined) throw new Error('auditd is not installed');
      const directory = join(BUILD, 'auditd');
      rmSync(directory, { recursive: true, force: true });
      mkdirSync(join(directory, 'plugins.d'), { recursive: true, mode: 0o750 });
      writeFileSync(join(directory, 'auditd.conf'), auditdConfiguration(directory, format), { mode: 0o640 });
      const child = Bun.spawn([AUDITD, '-n', '-s', 'enable', '-c', directory], {
        stdin: 'ignore',
        stdout: 'ignore',
        stderr: Bun.file(join(directory, 'stderr')),
      });
      running.add(child);
      const log = join(directory, 'audit.log');
      await until('starting auditd', () => (textOf(log).includes('DAEMON_START') ? true : undefined)).catch(error => {
        throw new Error(`${error.message}: ${textOf(join(directory, 'stderr'))}`);
      });
      const kernelRules = kernel.prepare(needs, child.pid, 'share');
      const lostBefore = kernelLost();
      const counter = new LogCounter(log);
      return {
        pid: child.pid,
        kernelRules,
        seen: async () => ({ ...counter.count(), kernelLost: kernelLost() - lostBefore, alerts: 0 }),
        stop: async () => {
          await end(child);
          counter.close();
          rmSync(directory, { recursive: true, force: true });
        },
      };
    },
  };
}

/** Counts the events in a growing log. */
class LogCounter {
  private readonly fd: number;
  private readonly chunk = Buffer.alloc(1 << 20);
  private readonly replay = new AuditReplay({ argvMaxBytes: 65_536 }, () => undefined);

  constructor(path: string) {
    this.fd = openSync(path, 'r');
  }

  count(): { events: number; missing: number; incomplete: number } {
    for (let n = readSync(this.fd, this.chunk); n > 0; n = readSync(this.fd, this.chunk)) {
      this.replay.feed(this.chunk.subarray(0, n));
    }
    const { events, missing } = this.replay.stats();
    return { events, missing, incomplete: 0 };
  }

  close(): void {
    closeSync(this.fd);
    this.replay.close();
  }
}

interface Heartbeat {
  readonly audit: { events: number; missing: number; incomplete: number; kernelLost: number; ringDropped: number };
  readonly pipeline: { alerts: number };
  readonly files?: FileCounters;
  readonly packets?: { readonly packets: number; readonly dropped: number; readonly ring_dropped: number };
}

interface FileCounters {
  readonly told: number;
  readonly overflows: number;
  readonly dropped: number;
  readonly directories: number;
  readonly files: number;
  readonly waiting: number;
  readonly hurried: number;
  readonly inspected: { readonly hashed: number; readonly refused: number };
}

export interface AgentOptions {
  readonly rules: readonly string[];
  /** The executable, with what stands before `--rules`. */
  readonly command?: readonly string[];
  /** More lines for its configuration. */
  readonly config?: string;
  /** Absent: an empty one. */
  readonly stateDir?: string;
}

export interface Agent {
  readonly child: Subprocess;
  /** What it has written. */
  readonly lines: () => string;
  /** Its standard error. */
  readonly log: () => string;
  /** `performance.now()` at its exec. */
  readonly startedMs: number;
  /** From exec to the line that says that it runs. */
  readonly readyMs: number;
}

/** Starts the agent with its output in a file. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const directory = join(BUILD, 'agent');
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const out = join(directory, 'alerts.jsonl');
  const config = join(directory, 'puppy-hids.yaml');
  const { stateDir = join(directory, 'state'), config: more = '' } = options;
  writeFileSync(config, `state_dir: ${stateDir}\nheartbeat: 1h\naudit: {mode: own}\n${more}`);
  const command = options.command ?? [AGENT, 'run'];
  const rules = options.rules.flatMap(path => ['--rules', path]);
  const startedMs = performance.now();
  const child = Bun.spawn([...command, '--config', config, '--output', `file:${out}?max_size=4GiB`, ...rules], {
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: Bun.file(join(directory, 'stderr')),
  });
  running.add(child);
  await until('starting the agent', () => (textOf(out).includes('"agent_started"') ? true : undefined)).catch(error => {
    throw new Error(`${error.message}: ${textOf(join(directory, 'stderr'))}`);
  });
  const readyMs = performance.now() - startedMs;
  return { child, lines: () => textOf(out), log: () => textOf(join(directory, 'stderr')), startedMs, readyMs };
}

export function stopAgent({ child }: Agent): Promise<void> {
  return end(child);
}

/** Returns once everything that is watched was compared with the baseline, or it is filled; at once where no file is watched. */
export async function filesCompared(agent: Agent, limitMs = 300_000): Promise<void> {
  if ((await heartbeatCounters(agent)).files === undefined) return;
  const isOver = (): true | undefined =>
    /files: (?:\d+ compared with|the baseline holds)/.test(agent.log()) ? true : undefined;
  await until('comparing files with the baseline', isOver, limitMs);
}

export function agent(name: string, options: AgentOptions): Configuration {
  return {
    name,
    isCompiledWhileRunning: true,
    start: async () => {
      const started = await startAgent(options);
      const rules = /"audit":\{[^}]*"rules":(\d+)/.exec(started.lines());
      return {
        pid: started.child.pid,
        kernelRules: Number(rules?.[1] ?? 0),
        seen: () => heartbeat(started),
        stop: () => stopAgent(started),
      };
    },
  };
}

/** Asks for a heartbeat, for the counters in it. */
export async function heartbeat(agent: Agent): Promise<Seen> {
  const { audit, pipeline } = await heartbeatCounters(agent);
  const { events, missing, incomplete, kernelLost: lost, ringDropped } = audit;
  return { events, missing: missing + ringDropped, incomplete, kernelLost: lost, alerts: pipeline.alerts };
}

export async function heartbeatCounters({ child, lines }: Agent): Promise<Heartbeat> {
  const count = (text: string): number => text.split('"action":"heartbeat"').length;
  const before = count(lines());
  child.kill('SIGUSR1');
  const text = await until('a heartbeat', () => {
    const now = lines();
    return now.endsWith('\n') && count(now) > before ? now : undefined;
  });
  const line = text.split('\n').findLast(candidate => candidate.includes('"action":"heartbeat"'))!;
  const { puppy } = JSON.parse(line) as { puppy: { heartbeat: Heartbeat } };
  return puppy.heartbeat;
}
