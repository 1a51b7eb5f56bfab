// The processes of the host, in the order of events: who a pid was at an event's time. Asks the host only through HostFacts.
//
// The law: never mix two processes. A pid names different processes over time, and exec records show neither fork nor exit. So what is
// known of a pid is used only while it must be the same process:
// - Its last sign of life is at most `recheckMs` (1 s) before the event: the kernel gives pids out in turn, so one can't come round.
// - Or /proc has a process with that pid which had started by the time of the first sign: start times decide. One that started after
//   it but before the event is another process: the entry is dropped, and /proc read anew.
// - Or it is gone from /proc, but its last sign of life is at most `reuseMs` before the event. A pid is free again only after all others
//   were given out: at 10 forks per millisecond (more than a large host does for long) pid_max = 32,768 lasts 3.2 s, and systemd's
//   4,194,304 seven minutes. Beyond that a parent is told with `parent_unverified`, an actor only if the record agrees with what is
//   known of it (`process_unverified`), and an exec begins a new process.
// (Root can choose a pid, by clone3's set_tid or ns_last_pid: within `recheckMs` that shows by a different executable alone.)

import { LRUCache } from 'lru-cache';
import type { Process, ProcessImage } from '../core/event.ts';
import type { ExecObservation, TaskFacts } from '../core/observation.ts';
import { EventClock } from './clock.ts';
import { CredentialStore } from './credentials.ts';
import {
  ANCESTORS_MAX,
  ancestorsBelow,
  type Entry,
  makeProcess,
  newEntry,
  setProcess,
  standing,
  TIME_SLACK_MS,
} from './entry.ts';
import type { BootFacts, HostFacts, ProcFacts } from './facts.ts';
import { boundedImage, makeImage, sameExecutable } from './image.ts';
import { imageFromProc, imageFromTask, withTask } from './images.ts';
import { FileJudge, type RootVerdict } from './roots.ts';
import { Sweeper } from './sweep.ts';

export interface ProcessTableOptions {
  readonly capacity?: number;
  /** Bound of the accounted memory of all entries. */
  readonly maxBytes?: number;
}

export interface ProcessTableCounters {
  readonly entries: number;
  readonly evicted: number;
  readonly reused: number;
  readonly unverified: number;
  readonly procReads: number;
  readonly sweeps: number;
}

const DEFAULT_CAPACITY = 65_536;
const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;
/** One image in the table is at most this share of the whole, so that seventeen of them fit easily. */
const IMAGE_SHARE = 512;
const RECHECK_MS = 1_000;
const FORKS_PER_MS = 10;
/** The kernel's default, and the least that a log without its host can be from. */
const DEFAULT_PID_MAX = 32_768;

export class ProcessTable {
  /** What was odd about the last call's answer. */
  readonly warnings: string[] = [];
  readonly credentials: CredentialStore;
  readonly #facts: HostFacts;
  readonly #boot: BootFacts | undefined;
  readonly #clock: EventClock;
  readonly #files: FileJudge;
  readonly #entries: LRUCache<number, Entry>;
  readonly #sweeper: Sweeper;
  readonly #recheckMs: number;
  readonly #reuseMs: number;
  readonly #imageMaxBytes: number;
  #evicted = 0;
  #reused = 0;
  #unverified = 0;
  #procReads = 0;

  constructor(facts: HostFacts, options: ProcessTableOptions = {}) {
    const maxSize = options.maxBytes ?? DEFAULT_MAX_BYTES;
    this.#facts = facts;
    this.#boot = facts.boot();
    this.#clock = new EventClock(this.#boot);
    this.#files = new FileJudge(facts);
    this.credentials = new CredentialStore(facts);
    this.#imageMaxBytes = Math.max(2_048, Math.floor(maxSize / IMAGE_SHARE));
    this.#reuseMs = (this.#boot?.pidMax ?? DEFAULT_PID_MAX) / FORKS_PER_MS;
    this.#recheckMs = Math.min(RECHECK_MS, this.#reuseMs);
    this.#entries = new LRUCache<number, Entry>({
      max: options.capacity ?? DEFAULT_CAPACITY,
      maxSize,
      dispose: (_entry, _pid, reason) => {
        if (reason === 'evict') this.#evicted++;
      },
    });
    this.#sweeper = new Sweeper(this.#entries, pid => this.#readTicks(pid));
  }

  get counters(): ProcessTableCounters {
    return {
      entries: this.#entries.size,
      evicted: this.#evicted,
      reused: this.#reused,
      unverified: this.#unverified,
      procReads: this.#procReads,
      sweeps: this.#sweeper.passes,
    };
  }

  /** Reads all processes that run now. */
  seed(nowMs: number): void {
    this.#clock.sync(nowMs, this.#facts.uptimeMs());
    this.credentials.refresh(nowMs);
    const t = this.#clock.wall(nowMs);
    for (const pid of this.#facts.listPids() ?? []) {
      if (this.#entries.size >= this.#entries.max) break;
      if (!this.#entries.has(pid)) this.#fromProc(pid, t, ANCESTORS_MAX);
    }
  }

  /** Once a second or so: follows the clock and the account files, and looks at a slice of the table for what has ended. */
  tick(nowMs: number): void {
    this.#clock.sync(nowMs, this.#facts.uptimeMs());
    this.credentials.refresh(nowMs);
    this.#sweeper.slice(this.#clock, nowMs, this.#facts);
  }

  /** A log without its host goes on after a boot: no pid is who it was. (A live agent can't see a boot of its own host.) */
  hostBooted(): void {
    if (this.#boot === undefined) this.#clear();
  }

  #clear(): void {
    this.#entries.clear();
    this.#sweeper.reset();
    this.#clock.restart();
  }

  /** A process executed a program: its new image, with the parent and the ancestors of now. */
  exec(o: ExecObservation): Process {
    const { task } = o;
    const t = this.#begin(o.timeMs);
    const parent = this.#parent(task, t);
    const old = this.#entries.get(task.pid);
    let same: Entry | undefined;
    if (old !== undefined) {
      const state = this.#resolve(old, t);
      if (state === 'before')
        return this.#image(o, old.prior !== undefined && covers(old.prior, t) ? old.prior : undefined, parent).process;
      if (state === 'same' || (state === 'gone' && t - old.aliveMs <= this.#reuseMs)) same = old;
      else this.#reused++;
    }
    const { process, foreign, privateMounts } = this.#image(o, same, parent);
    const kept = this.#bounded(process);
    if (same !== undefined) {
      same.foreign = foreign;
      this.#update(same, kept, t, parent?.childAncestorBytes ?? 0);
    } else {
      const entry = newEntry({
        process: kept,
        parent,
        firstMs: t,
        aliveMs: t,
        startTicks: undefined,
        foreign,
        privateMounts,
        prior: old,
      });
      this.#entries.set(task.pid, entry, { size: entry.bytes });
    }
    return process;
  }

  /** The process that a record names as its task, as it was then. */
  actor(task: TaskFacts, timeMs: number, stamp: string): Process {
    return this.#actor(task, this.#begin(timeMs), timeMs, stamp).process;
  }

  /** The same, and it ended with that. Its entry stays a while, for late events. */
  exit(task: TaskFacts, timeMs: number, stamp: string): Process {
    const t = this.#begin(timeMs);
    const entry = this.#actor(task, t, timeMs, stamp);
    entry.endedMs = entry.endedMs === undefined ? t : Math.min(entry.endedMs, t);
    return entry.process;
  }

  /** Who had this pid at that time, for sources that know no more than the pid. */
  find(pid: number, timeMs: number): Process | undefined {
    const t = this.#begin(timeMs);
    const old = this.#entries.get(pid);
    if (old !== undefined) {
      const state = this.#resolve(old, t);
      if (state === 'same' || (state === 'gone' && t - old.aliveMs <= this.#reuseMs)) return old.process;
      if (state === 'before') return old.prior !== undefined && covers(old.prior, t) ? old.prior.process : undefined;
      if (state === 'gone') return undefined;
    }
    return this.#fromProc(pid, t, ANCESTORS_MAX)?.process;
  }

  /**
   * A process changed its root directory or mount namespace. `root` is what the record itself tells of the new root; where it doesn't,
   * /proc is asked, and where that can't tell, the root is taken for a foreign one. `process` is what {@link actor} gave for the record.
   */
  changeRoot(
    process: Process,
    change: 'root' | 'mounts' | 'entered',
    root: { dev: string; inode: string } | undefined,
  ): void {
    const { pid } = process.image;
    const entry = this.#entries.get(pid);
    if (entry === undefined || entry.process !== process) return;
    if (change !== 'root') entry.privateMounts = true;
    if (change === 'mounts') return;
    const host = root === undefined ? undefined : this.#facts.hostFile('/');
    if (host !== undefined && host.dev === root?.dev && host.inode === root.inode) entry.foreign = false;
    else entry.foreign = !(this.#compareStart(entry) === 'same' && this.#facts.processRoot(pid) === 'host');
    const { image, ancestors, parentPid } = entry.process;
    if (entry.foreign !== (image.foreignRoot === true)) {
      this.#update(
        entry,
        makeProcess(makeImage({ ...image, foreignRoot: entry.foreign }), ancestors, parentPid),
        entry.aliveMs,
      );
    }
  }

  #begin(timeMs: number): number {
    if (this.warnings.length > 0) this.warnings.length = 0;
    this.credentials.refresh(timeMs);
    // Without a host to compare with, a clock that went back may be another boot.
    if (this.#boot === undefined && this.#clock.isBreak(timeMs)) this.#clear();
    return this.#clock.event(timeMs);
  }

  #warn(code: string): void {
    this.#unverified++;
    if (!this.warnings.includes(code)) this.warnings.push(code);
  }

  #readTicks(pid: number): number | undefined {
    this.#procReads++;
    return this.#facts.startTicks(pid);
  }

  #startOf(entry: Entry): number | undefined {
    return entry.startTicks === undefined ? undefined : this.#clock.start(entry.startTicks);
  }

  /** Whether the process that /proc has under this pid now is the entry's. Learns its start time if it is. */
  #compareStart(entry: Entry): 'same' | 'gone' | { startedMs: number | undefined } {
    const ticks = this.#readTicks(entry.pid);
    if (ticks === undefined) return 'gone';
    const startedMs = this.#clock.start(ticks);
    if (entry.startTicks === undefined) {
      if (startedMs === undefined || startedMs > entry.firstMs + TIME_SLACK_MS) return { startedMs };
      entry.startTicks = ticks;
      return 'same';
    }
    return entry.startTicks === ticks ? 'same' : { startedMs };
  }

  /** Who the pid was at `t`: this entry; a later one (`before`); another one; or nobody can tell any more (`gone`). */
  #resolve(entry: Entry, t: number): 'same' | 'before' | 'other' | 'gone' {
    switch (standing(entry, t, this.#recheckMs, this.#startOf(entry))) {
      case 'alive':
        return 'same';
      case 'before':
        return 'before';
      case 'ended':
        return 'other';
      case 'unsure': {
        const found = this.#compareStart(entry);
        if (found === 'same') {
          entry.aliveMs = t;
          return 'same';
        }
        // One that started only after the event says no more than that the entry's has ended.
        if (found === 'gone' || found.startedMs === undefined || found.startedMs > t + TIME_SLACK_MS) return 'gone';
        return 'other';
      }
    }
  }

  #update(entry: Entry, process: Process, t: number, ancestorBytes = entry.ancestorBytes): void {
    setProcess(entry, process, ancestorBytes);
    if (t > entry.aliveMs) entry.aliveMs = t;
    this.#entries.set(entry.pid, entry, { size: entry.bytes });
  }

  #bounded(process: Process): Process {
    const image = boundedImage(process.image, this.#imageMaxBytes);
    return image === process.image ? process : makeProcess(image, process.ancestors, process.parentPid);
  }

  #parent(task: TaskFacts, t: number): Entry | undefined {
    const { ppid } = task;
    if (ppid === undefined || ppid <= 0 || ppid === task.pid) return undefined;
    const entry = this.#entries.get(ppid);
    if (entry === undefined) return this.#fromProc(ppid, t, ANCESTORS_MAX);
    switch (this.#resolve(entry, t)) {
      case 'same':
        if (t > entry.aliveMs) entry.aliveMs = t;
        return entry;
      case 'before':
        return entry.prior !== undefined && covers(entry.prior, t) ? entry.prior : undefined;
      case 'other':
        this.#reused++;
        return this.#fromProc(ppid, t, ANCESTORS_MAX);
      case 'gone':
        if (t - entry.aliveMs > this.#reuseMs) this.#warn('parent_unverified');
        return entry;
    }
  }

  #image(o: ExecObservation, same: Entry | undefined, parent: Entry | undefined) {
    const { task } = o;
    const base = same ?? parent;
    const privateMounts = base?.privateMounts === true;
    let foreign = base?.foreign === true;
    let foreignImage = foreign;
    if (!foreign && o.file !== undefined) {
      const verdict = this.#judge(o, o.file);
      foreign = verdict === 'foreign';
      foreignImage = foreign || (privateMounts && verdict === 'unknown');
    }
    const image = makeImage({
      pid: task.pid,
      entitySeed: same?.process.image.entitySeed ?? `${task.pid}:${o.stamp}`,
      executable: task.exe,
      invoked: o.invoked,
      comm: task.comm,
      args: o.args,
      argsCount: o.argsCount,
      cwd: o.cwd,
      startMs: same?.process.image.startMs ?? o.timeMs,
      tty: task.tty,
      credentials: this.credentials.credentials(task),
      login: this.credentials.login(task.auid, task.session),
      foreignRoot: foreignImage,
      origin: 'audit',
    });
    return { process: makeProcess(image, ancestorsBelow(parent), task.ppid), foreign, privateMounts };
  }

  #judge(o: ExecObservation, file: { readonly dev: string; readonly inode: string }): RootVerdict {
    // An event with pieces missing may have another file's item first.
    const path = o.invoked[0];
    if (path === undefined || o.warnings.length > 0) return 'unknown';
    const verdict = this.#files.judge(path, file, o.timeMs);
    // The path as invoked may be a symbolic link that was turned just now; the executable's has none.
    if (verdict !== 'foreign' || o.task.exe === undefined || o.task.exe === path) return verdict;
    return this.#files.judge(o.task.exe, file, o.timeMs) === 'host' ? 'host' : 'foreign';
  }

  #actor(task: TaskFacts, t: number, timeMs: number, stamp: string): Entry {
    const entry = this.#entries.get(task.pid);
    if (entry === undefined) return this.#unknown(task, t, timeMs, stamp, undefined, true);
    let state = this.#resolve(entry, t);
    let proven = true;
    if (state === 'before') {
      const { prior } = entry;
      if (prior !== undefined && covers(prior, t)) return prior;
      return this.#unknown(task, t, timeMs, stamp, undefined, false);
    }
    const agrees = executableAgrees(task, entry.process.image);
    if (state === 'same' && !agrees) {
      const found = this.#compareStart(entry);
      if (typeof found === 'object' && found.startedMs !== undefined && found.startedMs <= t + TIME_SLACK_MS)
        state = 'other';
    } else if (state === 'gone') {
      if (t - entry.aliveMs <= this.#reuseMs) state = 'same';
      else if (agrees && commAgrees(task, entry.process.image)) {
        this.#warn('process_unverified');
        proven = false;
        state = 'same';
      } else state = 'other';
    }
    if (state !== 'same') {
      this.#reused++;
      return this.#unknown(task, t, timeMs, stamp, entry, true);
    }
    const before = entry.process;
    const image = agrees ? before.image : this.#unseenExec(task, entry);
    const now = withTask(image, task, this.credentials);
    if (proven && t > entry.aliveMs) entry.aliveMs = t;
    if (now !== before.image) this.#update(entry, makeProcess(now, before.ancestors, before.parentPid), entry.aliveMs);
    return entry;
  }

  /** The same process with another executable: its exec wasn't seen (lost, or excluded by a rule). */
  #unseenExec(task: TaskFacts, entry: Entry): ProcessImage {
    this.#warn('exec_unseen');
    const { image } = entry.process;
    const facts = this.#readProcess(task.pid);
    if (facts !== undefined && facts.startTimeTicks === entry.startTicks && procAgrees(task, facts)) {
      const found = imageFromProc(facts, image.entitySeed, image.startMs, entry.foreign, this.credentials);
      return boundedImage(found, this.#imageMaxBytes);
    }
    return imageFromTask(task, image.entitySeed, image.startMs, entry.foreign, this.credentials);
  }

  /** A record of a pid that nothing is known of: a fork of its parent, else as /proc has it, else what the record says. */
  #unknown(task: TaskFacts, t: number, timeMs: number, stamp: string, prior: Entry | undefined, keep: boolean): Entry {
    const parent = this.#parent(task, t);
    const seed = `${task.pid}:${stamp}`;
    let image: ProcessImage | undefined;
    if (parent !== undefined && task.exe !== undefined && parent.process.image.executable !== undefined) {
      const from = parent.process.image;
      if (executableAgrees(task, from)) {
        image = makeImage({
          ...from,
          pid: task.pid,
          entitySeed: seed,
          startMs: timeMs,
          foreignRoot: parent.foreign,
          origin: 'cache',
        });
      }
    }
    if (image === undefined && keep) {
      const found = this.#fromProc(task.pid, t, ANCESTORS_MAX, task);
      if (found !== undefined) return found;
    }
    image ??= imageFromTask(task, seed, timeMs, parent?.foreign === true, this.credentials);
    const process = makeProcess(withTask(image, task, this.credentials), ancestorsBelow(parent), task.ppid);
    const entry = newEntry({
      process,
      parent,
      firstMs: t,
      aliveMs: t,
      startTicks: undefined,
      foreign: parent?.foreign === true,
      privateMounts: parent?.privateMounts === true,
      prior,
    });
    if (keep) this.#entries.set(task.pid, entry, { size: entry.bytes });
    return entry;
  }

  #readProcess(pid: number): ProcFacts | undefined {
    this.#procReads++;
    return this.#facts.readProcess(pid);
  }

  /**
   * The process that /proc has now, if it had started by `t`; its ancestors too, up to `depth`. What `task` (the record that asks) says
   * of it wins.
   */
  #fromProc(pid: number, t: number, depth: number, task?: TaskFacts): Entry | undefined {
    const facts = this.#readProcess(pid);
    if (facts === undefined) return undefined;
    const startMs = this.#clock.start(facts.startTimeTicks);
    if (startMs !== undefined && startMs > t + TIME_SLACK_MS) return undefined;
    const old = this.#entries.get(pid);
    const parent = depth > 0 ? this.#parentNow(facts, t, depth - 1) : undefined;
    const foreign = facts.root === undefined ? parent?.foreign === true : facts.root === 'foreign';
    const seed = `${pid}@${this.#boot?.bootId ?? ''}/${facts.startTimeTicks}`;
    const startWall = this.#clock.startWall(facts.startTimeTicks);
    let image =
      task === undefined || procAgrees(task, facts)
        ? imageFromProc(facts, seed, startWall, foreign, this.credentials)
        : imageFromTask(task, seed, startWall, foreign, this.credentials);
    if (task !== undefined) image = withTask(image, task, this.credentials);
    const entry = newEntry({
      parent,
      process: makeProcess(boundedImage(image, this.#imageMaxBytes), ancestorsBelow(parent), facts.ppid),
      firstMs: Math.min(startMs ?? t, t),
      aliveMs: t,
      startTicks: facts.startTimeTicks,
      foreign,
      privateMounts: parent?.privateMounts === true,
      prior: old,
    });
    this.#entries.set(pid, entry, { size: entry.bytes });
    return entry;
  }

  /** The parent of a process just read: both are of now, so that start times alone decide. */
  #parentNow(child: ProcFacts, t: number, depth: number): Entry | undefined {
    const { ppid } = child;
    if (ppid <= 0 || ppid === child.pid) return undefined;
    const known = this.#entries.get(ppid);
    const entry = known !== undefined && this.#compareStart(known) === 'same' ? known : this.#fromProc(ppid, t, depth);
    // Nobody is younger than its child: the pid was given out anew between the two reads.
    if (entry?.startTicks === undefined || entry.startTicks > child.startTimeTicks) return undefined;
    return entry;
  }
}

/** Whether a predecessor was this pid's process at `t`, by its own signs alone. */
function covers(entry: Entry, t: number): boolean {
  return t >= entry.firstMs - TIME_SLACK_MS && t <= (entry.endedMs ?? entry.aliveMs) + TIME_SLACK_MS;
}

function executableAgrees(task: TaskFacts, image: ProcessImage): boolean {
  return task.exe === undefined || image.executable === undefined || sameExecutable(task.exe, image.executable);
}

function commAgrees(task: TaskFacts, image: ProcessImage): boolean {
  return task.comm === undefined || image.comm === undefined || task.comm === image.comm;
}

function procAgrees(task: TaskFacts, facts: ProcFacts): boolean {
  return task.exe === undefined || facts.exe === undefined || sameExecutable(task.exe, facts.exe);
}
