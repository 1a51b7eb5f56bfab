// Who a pid was at an event's time: compares what the table knows with what /proc has, and reads what the table lacks.
// Asks the host only through HostFacts.

import type { Container } from '../core/event.ts';
import type { TaskFacts } from '../core/observation.ts';
import type { EventClock } from './clock.ts';
import type { Containers } from './containers.ts';
import type { CredentialStore } from './credentials.ts';
import {
  ANCESTORS_MAX,
  covers,
  type Entry,
  lineageBelow,
  makeProcess,
  newEntry,
  standing,
  TIME_SLACK_MS,
} from './entry.ts';
import type { BootFacts, HostFacts, ProcFacts } from './facts.ts';
import { boundedImage, sameExecutable } from './image.ts';
import { imageFromProc, imageFromTask, withTask } from './images.ts';
import type { EntryStore } from './store.ts';

const RECHECK_MS = 1_000;
const FORKS_PER_MS = 10;
/** The kernel's default, and the least that a log without its host can be from. */
const DEFAULT_PID_MAX = 32_768;

/** `same`: the entry's process; `before`: a time before it; `other`: another process; `gone`: nobody can tell any more. */
export type Resolution = 'same' | 'before' | 'other' | 'gone';

export interface ResolverParts {
  readonly facts: HostFacts;
  readonly boot: BootFacts | undefined;
  readonly clock: EventClock;
  readonly store: EntryStore;
  readonly credentials: CredentialStore;
  readonly containers: Containers;
  readonly imageMaxBytes: number;
}

export class Resolver {
  /** What was odd about the last answer. */
  readonly warnings: string[] = [];
  readonly #parts: ResolverParts;
  readonly #recheckMs: number;
  readonly #reuseMs: number;
  reused = 0;
  unverified = 0;
  procReads = 0;

  constructor(parts: ResolverParts) {
    this.#parts = parts;
    this.#reuseMs = (parts.boot?.pidMax ?? DEFAULT_PID_MAX) / FORKS_PER_MS;
    this.#recheckMs = Math.min(RECHECK_MS, this.#reuseMs);
  }

  warn(code: string): void {
    this.unverified++;
    if (!this.warnings.includes(code)) this.warnings.push(code);
  }

  readTicks(pid: number): number | undefined {
    this.procReads++;
    return this.#parts.facts.startTicks(pid);
  }

  readProcess(pid: number): ProcFacts | undefined {
    this.procReads++;
    return this.#parts.facts.readProcess(pid);
  }

  /** Whether the pid was given out so short a time ago that it can't have come round since. */
  isYoung(entry: Entry, t: number): boolean {
    return t - entry.givenMs <= this.#reuseMs;
  }

  /**
   * Whether the process that /proc has under this pid now is the entry's; if not, when it started. Learns the entry's start time if it is.
   */
  compareStart(entry: Entry): 'same' | 'gone' | { startedMs: number | undefined } {
    const ticks = this.readTicks(entry.pid);
    if (ticks === undefined) return 'gone';
    const startedMs = this.#parts.clock.start(ticks);
    if (entry.startTicks === undefined) {
      if (startedMs === undefined || startedMs > entry.firstMs + TIME_SLACK_MS) return { startedMs };
      entry.startTicks = ticks;
      return 'same';
    }
    return entry.startTicks === ticks ? 'same' : { startedMs };
  }

  /** Who the entry's pid was at `t`. `strict`: a recent sign of life is not enough, where the pid can have come round. */
  resolve(entry: Entry, t: number, strict = false): Resolution {
    const startMs = entry.startTicks === undefined ? undefined : this.#parts.clock.start(entry.startTicks);
    const state = standing(entry, t, this.#recheckMs, startMs);
    if (state === 'before') return 'before';
    if (state === 'ended') return 'other';
    if (state === 'alive' && (!strict || this.isYoung(entry, t))) return 'same';
    const found = this.compareStart(entry);
    if (found === 'same') {
      if (t > entry.aliveMs) entry.aliveMs = t;
      return 'same';
    }
    return found !== 'gone' && startedBy(found.startedMs, t) ? 'other' : 'gone';
  }

  /** Whether the entry's process is who had its pid just before `t`, when the pid had nobody. */
  endedJustBefore(entry: Entry, t: number): boolean {
    if (t < entry.firstMs - TIME_SLACK_MS) return false;
    return this.isYoung(entry, t) || t <= entry.aliveMs + this.#recheckMs;
  }

  /** Whether a task can have been forked by the entry's process as it is now, and not before its last exec. */
  mayBeForkOf(parent: Entry, pid: number, startTicks?: number): boolean {
    if (parent.imageMs <= parent.firstMs) return true;
    const ticks = startTicks ?? this.readTicks(pid);
    const startedMs = ticks === undefined ? undefined : this.#parts.clock.start(ticks);
    return startedMs !== undefined && startedMs >= parent.imageMs;
  }

  /** The entry that was the task's parent. */
  parent(task: TaskFacts, t: number): Entry | undefined {
    const { ppid } = task;
    if (ppid === undefined || ppid <= 0 || ppid === task.pid) return undefined;
    const entry = this.#parts.store.get(ppid);
    if (entry === undefined) return this.fromProc(ppid, t);
    switch (this.resolve(entry, t)) {
      case 'same':
        if (t > entry.aliveMs) entry.aliveMs = t;
        return entry;
      case 'before':
        return entry.prior !== undefined && covers(entry.prior, t) ? entry.prior : undefined;
      case 'other':
        this.reused++;
        return this.fromProc(ppid, t);
      case 'gone':
        if (!this.isYoung(entry, t)) this.warn('parent_unverified');
        return entry;
    }
  }

  /**
   * The process that /proc has now, if it had started by `t`; its ancestors too, up to `depth`. What `task` (the record that asks) says
   * of it wins.
   */
  fromProc(pid: number, t: number, task?: TaskFacts, depth = ANCESTORS_MAX): Entry | undefined {
    const { clock, credentials, boot, store, imageMaxBytes } = this.#parts;
    const facts = this.readProcess(pid);
    if (facts === undefined) return undefined;
    const startMs = clock.start(facts.startTimeTicks);
    if (startMs !== undefined && startMs > t + TIME_SLACK_MS) return undefined;
    const parent = depth > 0 ? this.#parentNow(facts, t, depth - 1) : undefined;
    const foreign = facts.root === undefined ? parent?.foreign === true : facts.root === 'foreign';
    const inherited = parent?.process.image.container;
    const container = facts.kernelThread ? undefined : this.containerOf(facts, inherited, parent, task, t);
    const seed = startSeed(pid, boot, facts.startTimeTicks);
    const startWall = clock.startWall(facts.startTimeTicks);
    let image =
      task === undefined || (procAgrees(task, facts) && (facts.exe !== undefined || task.exe === undefined))
        ? imageFromProc(facts, seed, startWall, foreign, container, credentials)
        : imageFromTask(task, seed, startWall, foreign, container, credentials);
    if (task !== undefined) image = withTask(image, task, credentials);
    const lineage = lineageBelow(parent);
    const entry = newEntry({
      process: makeProcess(boundedImage(image, imageMaxBytes), lineage.images, facts.ppid),
      lineage,
      firstMs: Math.min(startMs ?? t, t),
      aliveMs: t,
      startTicks: facts.startTimeTicks,
      foreign,
      privateMounts: parent?.privateMounts === true,
    });
    store.add(entry);
    return entry;
  }

  /** In which container /proc has a process; one that is ending is in no cgroup any more. */
  containerOf(
    facts: ProcFacts,
    inherited: Container | undefined,
    parent: Entry | undefined,
    task: TaskFacts | undefined,
    t: number,
  ): Container | undefined {
    const { containers } = this.#parts;
    const found = containers.read(facts.pid, inherited);
    const isEnding = facts.exe === undefined && facts.args === undefined;
    return found ?? (isEnding ? containers.below(parent?.process.image, task ?? { pid: facts.pid }, t) : undefined);
  }

  /** The parent of a process just read: both are of now, so that start times alone decide. */
  #parentNow(child: ProcFacts, t: number, depth: number): Entry | undefined {
    const { ppid } = child;
    if (ppid <= 0 || ppid === child.pid) return undefined;
    const known = this.#parts.store.get(ppid);
    const entry =
      known !== undefined && this.compareStart(known) === 'same' ? known : this.fromProc(ppid, t, undefined, depth);
    // Nobody is younger than its child: the pid was given out anew between the two reads.
    if (entry?.startTicks === undefined || entry.startTicks > child.startTimeTicks) return undefined;
    return entry;
  }
}

/** The seed of the entity id of a process that was met by its start time. */
export function startSeed(pid: number, boot: BootFacts | undefined, startTicks: number): string {
  return `${pid}@${boot?.bootId ?? ''}/${startTicks}`;
}

/** Whether a process that /proc has under a pid was already that pid's at `t`. One that started later says nothing about `t`. */
export function startedBy(startedMs: number | undefined, t: number): boolean {
  return startedMs !== undefined && startedMs <= t + TIME_SLACK_MS;
}

export function procAgrees(task: TaskFacts, facts: ProcFacts): boolean {
  return task.exe === undefined || facts.exe === undefined || sameExecutable(task.exe, facts.exe);
}
