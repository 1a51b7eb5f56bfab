// A host made of values, for the process stage's tests: who runs is known exactly, and /proc answers accordingly.

import type { ExecObservation, TaskFacts } from '../../src/core/observation.ts';
import {
  type BootFacts,
  type ContainerDetails,
  type ContainerRef,
  type HostFacts,
  noFacts,
  type ProcFacts,
} from '../../src/proc/facts.ts';

export const BOOT_ID = '00000000-1111-2222-3333-444444444444';
/** The wall-clock time of the model host's boot. */
export const BOOT_MS = 1_700_000_000_000;

export interface FakeProcess {
  readonly pid: number;
  ppid: number;
  startTicks: number;
  exe?: string;
  args?: readonly string[];
  comm?: string;
  cwd?: string;
  root?: 'host' | 'foreign';
  uid?: number;
}

export class FakeHost {
  readonly processes = new Map<number, FakeProcess>();
  readonly files = new Map<string, { dev: string; inode: string; ctimeMs: number }>();
  readonly userNames = new Map<number, string>([[0, 'root']]);
  usersVersion = 1;
  nowMs = BOOT_MS + 100_000;
  /** How far the wall clock was set since boot. */
  clockSetMs = 0;
  pidMax = 32_768;
  calls = 0;

  start(process: FakeProcess): FakeProcess {
    this.processes.set(process.pid, process);
    return process;
  }

  /** Start ticks of a process that starts at this wall-clock time. */
  ticksAt(ms: number): number {
    return Math.floor((ms - this.clockSetMs - BOOT_MS) / 10);
  }

  facts(): HostFacts {
    const boot: BootFacts = { bootId: BOOT_ID, ticksPerSecond: 100, pidMax: this.pidMax };
    return {
      ...noFacts,
      boot: () => boot,
      uptimeMs: () => this.nowMs - this.clockSetMs - BOOT_MS,
      listPids: () => [...this.processes.keys()],
      startTicks: pid => {
        this.calls++;
        return this.processes.get(pid)?.startTicks;
      },
      readProcess: pid => {
        this.calls++;
        return procFacts(this.processes.get(pid));
      },
      processRoot: pid => this.processes.get(pid)?.root,
      hostFile: path => this.files.get(path),
      refreshUsers: () => this.usersVersion,
      userName: uid => this.userNames.get(uid),
    };
  }
}

/** A host with containers, made of values as well. */
export class ContainerHost extends FakeHost {
  readonly where = new Map<number, ContainerRef | 'host'>();
  readonly details = new Map<string, ContainerDetails>();
  readonly written = new Set<string>();
  readonly members = new Map<string, number[]>();
  running: ContainerRef[] | undefined = [];
  asked: number[] = [];
  drifts = 0;

  override facts(): HostFacts {
    return {
      ...super.facts(),
      processContainer: pid => {
        this.asked.push(pid);
        return this.where.get(pid);
      },
      listContainers: () => this.running,
      containerProcesses: scope => this.members.get(scope),
      containerDetails: scope => this.details.get(scope),
      isDrift: (_scope, _pid, path) => {
        this.drifts++;
        return this.written.has(path);
      },
    };
  }
}

export const docker = (id: string, more: Partial<ContainerRef> = {}): ContainerRef => ({
  id,
  runtime: 'docker',
  scope: `/docker/${id}`,
  ...more,
});

function procFacts(process: FakeProcess | undefined): ProcFacts | undefined {
  if (process === undefined) return undefined;
  const uid = process.uid ?? 0;
  return {
    pid: process.pid,
    ppid: process.ppid,
    comm: process.comm ?? commOf(process.exe ?? 'fake'),
    startTimeTicks: process.startTicks,
    sessionLeader: process.pid,
    uid,
    euid: uid,
    suid: uid,
    fsuid: uid,
    ...(process.exe !== undefined && { exe: process.exe }),
    ...(process.args !== undefined && { args: process.args }),
    ...(process.cwd !== undefined && { cwd: process.cwd }),
    ...(process.root !== undefined && { root: process.root }),
  };
}

const commOf = (exe: string): string => exe.slice(exe.lastIndexOf('/') + 1).slice(0, 15);

let serial = 0;

export function nextStamp(timeMs: number): string {
  return `${(timeMs / 1000).toFixed(3)}:${++serial}`;
}

export function task(pid: number, ppid: number, exe: string, more: Partial<TaskFacts> = {}): TaskFacts {
  return {
    pid,
    ppid,
    uid: 0,
    euid: 0,
    suid: 0,
    fsuid: 0,
    gid: 0,
    egid: 0,
    sgid: 0,
    fsgid: 0,
    exe,
    comm: commOf(exe),
    ...more,
  };
}

export function exec(
  timeMs: number,
  pid: number,
  ppid: number,
  exe: string,
  more: Partial<Omit<ExecObservation, 'kind'>> = {},
): ExecObservation {
  const args = more.args ?? [exe];
  return {
    kind: 'exec',
    module: 'audit',
    timeMs,
    createdMs: timeMs,
    stamp: nextStamp(timeMs),
    ordinal: 0,
    outcome: 'success',
    warnings: [],
    task: task(pid, ppid, exe),
    args,
    argsCount: args.length,
    cwd: '/',
    invoked: [exe],
    ...more,
  };
}
