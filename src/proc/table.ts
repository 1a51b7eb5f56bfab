// The processes of the host, in the order of events: who a pid was at an event's time. Asks the host only through HostFacts.
//
// The law: never mix two processes. A pid names different processes over time, and exec records show neither fork nor exit. The kernel
// gives pids out in turn: one is free again only after all others were given out. At 10 forks per millisecond (more than a large host
// does for long) pid_max = 32,768 lasts 3.2 s, and systemd's 4,194,304 seven minutes: a process *younger* than that owns its pid, dead
// or alive (the first event is taken for its birth: few wait long between fork and first event). An older one's pid can be another's as soon as it ends, if the turn has just come to it. So an entry is used where
// - it is young; or
// - its last sign of life is at most 1 s before the event: it would have to end, and its pid's turn to come, within that second (at 1,000
//   forks per second one end in thirty-three with 32,768 pids, one in four thousand with 4,194,304), and its successor would have to be
//   met before it executes anything: a second exec of an old process is always checked; or
// - /proc has a process with that pid which had started by the time of the first sign: start times decide. One that started after
//   it but before the event is another process: the entry is dropped, and /proc read anew; or
// - the source itself tells when the process started (met.ts): that alone decides.
// Where it is gone from /proc and old, a parent is told with `parent_unverified`, an actor only if the record agrees with what is known of
// it (`process_unverified`), and an exec begins a new process.
// (Root can choose a pid, by clone3's set_tid or ns_last_pid: then only a different executable shows it.)

import type { Container, ContainerEvent, Process, ProcessImage } from '../core/event.ts';
import type { ExecObservation, TaskFacts } from '../core/observation.ts';
import { EventClock } from './clock.ts';
import { type ContainerCounters, Containers } from './containers.ts';
import { CredentialStore } from './credentials.ts';
import { covers, type Entry, type Lineage, lineageBelow, makeProcess, newEntry } from './entry.ts';
import type { BootFacts, HostFacts } from './facts.ts';
import { boundedImage, commAgrees, executableAgrees, makeImage, runsSameExecutable } from './image.ts';
import { imageFromProc, imageFromTask, imageOfFork, withTask } from './images.ts';
import { Met } from './met.ts';
import { procAgrees, Resolver, startedBy } from './resolve.ts';
import { FileJudge, type RootVerdict } from './roots.ts';
import { EntryStore } from './store.ts';
import { Sweeper } from './sweep.ts';

export interface ProcessTableOptions {
  readonly capacity?: number;
  /** Bound of the accounted memory of all entries. */
  readonly maxBytes?: number;
}

export interface ProcessTableCounters extends ContainerCounters {
  readonly entries: number;
  readonly bytes: number;
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

export class ProcessTable {
  readonly credentials: CredentialStore;
  readonly #facts: HostFacts;
  readonly #boot: BootFacts | undefined;
  readonly #clock: EventClock;
  readonly #files: FileJudge;
  readonly #containers: Containers;
  readonly #store: EntryStore;
  readonly #resolver: Resolver;
  readonly #met: Met;
  readonly #sweeper: Sweeper;
  readonly #imageMaxBytes: number;

  constructor(facts: HostFacts, options: ProcessTableOptions = {}) {
    const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
    this.#facts = facts;
    this.#boot = facts.boot();
    this.#clock = new EventClock(this.#boot);
    this.#files = new FileJudge(facts);
    this.#containers = new Containers(facts);
    this.credentials = new CredentialStore(facts);
    this.#imageMaxBytes = Math.max(2_048, Math.floor(maxBytes / IMAGE_SHARE));
    this.#store = new EntryStore(options.capacity ?? DEFAULT_CAPACITY, maxBytes);
    this.#resolver = new Resolver({
      facts,
      boot: this.#boot,
      clock: this.#clock,
      store: this.#store,
      credentials: this.credentials,
      containers: this.#containers,
      imageMaxBytes: this.#imageMaxBytes,
    });
    this.#met = new Met({
      boot: this.#boot,
      clock: this.#clock,
      store: this.#store,
      resolver: this.#resolver,
      credentials: this.credentials,
      containers: this.#containers,
      imageMaxBytes: this.#imageMaxBytes,
    });
    this.#sweeper = new Sweeper(this.#store, pid => this.#resolver.readTicks(pid));
  }

  /** What was odd about the last call's answer; valid until the next call. */
  get warnings(): readonly string[] {
    return this.#resolver.warnings;
  }

  get counters(): ProcessTableCounters {
    return {
      entries: this.#store.size,
      bytes: this.#store.bytes,
      evicted: this.#store.evicted,
      reused: this.#resolver.reused,
      unverified: this.#resolver.unverified,
      procReads: this.#resolver.procReads,
      sweeps: this.#sweeper.passes,
      ...this.#containers.counters,
    };
  }

  /** Reads all processes that run now. */
  seed(nowMs: number): void {
    this.#clock.sync(nowMs, this.#facts.uptimeMs());
    this.credentials.refresh(nowMs);
    const t = this.#clock.wall(nowMs);
    this.#containers.seed(nowMs);
    for (const pid of this.#facts.listPids() ?? []) {
      if (this.#store.size >= this.#store.capacity) break;
      if (!this.#store.has(pid)) this.#resolver.fromProc(pid, t);
    }
  }

  /**
   * Once a second or so: follows the clock and the account files, and looks at a slice of the table for what has ended. Gives the
   * containers that came and went.
   */
  tick(nowMs: number): ContainerEvent[] {
    this.#clock.sync(nowMs, this.#facts.uptimeMs());
    this.credentials.refresh(nowMs);
    this.#sweeper.slice(this.#clock, nowMs, this.#facts);
    return this.#containers.tick(nowMs, (pid, container) => this.#join(pid, container));
  }

  /** The container with an id, as far as it's known. */
  container(id: string): Container {
    return this.#containers.withId(id);
  }

  /** A log without its host goes on after a boot: no pid is who it was. (A live agent can't see a boot of its own host.) */
  hostBooted(): void {
    if (this.#boot === undefined) this.#clear();
  }

  /** A process executed a program: its new image, with the parent and the ancestors of now. */
  exec(o: ExecObservation): Process {
    const { pid } = o.task;
    const t = this.#begin(o.timeMs);
    const parent = this.#resolver.parent(o.task, t);
    const lineage = lineageBelow(parent);
    const old = this.#store.get(pid);
    const state = old === undefined ? 'other' : this.#resolver.resolve(old, t, true);
    if (old !== undefined && state === 'before') {
      return this.#image(o, old.prior !== undefined && covers(old.prior, t) ? old.prior : undefined, parent, lineage)
        .process;
    }
    const isSame = old !== undefined && (state === 'same' || (state === 'gone' && this.#resolver.isYoung(old, t)));
    const { process, foreign, privateMounts } = this.#image(o, isSame ? old : undefined, parent, lineage);
    const image = boundedImage(process.image, this.#imageMaxBytes);
    const kept = image === process.image ? process : makeProcess(image, process.ancestors, process.parentPid);
    if (isSame) {
      old.foreign = foreign;
      old.imageMs = t;
      if (t > old.aliveMs) old.aliveMs = t;
      this.#store.setFormer(old, old.process);
      this.#store.setProcess(old, kept, lineage);
    } else {
      if (old !== undefined) this.#resolver.reused++;
      this.#store.add(
        newEntry({
          process: kept,
          lineage,
          firstMs: t,
          // It may be the same process after all.
          givenMs: state === 'gone' ? old?.givenMs : undefined,
          aliveMs: t,
          startTicks: undefined,
          foreign,
          privateMounts,
        }),
      );
    }
    return process;
  }

  /** The process that a record names as its task, as it was then. */
  actor(task: TaskFacts, timeMs: number, stamp: string): Process {
    return this.#actor(task, this.#begin(timeMs), timeMs, stamp).process;
  }

  /**
   * The process that did what a file event tells, as it was then. `task` and `startTicks` are what was read of it at once. Without
   * `startTicks`, `task` is an audit record's, or the pid alone of one that was gone by then.
   */
  teller(task: TaskFacts, startTicks: number | undefined, timeMs: number, stamp: string): Process {
    const t = this.#begin(timeMs);
    if (startTicks !== undefined) return this.#met.process(task, startTicks, t);
    return task.euid !== undefined ? this.#actor(task, t, timeMs, stamp).process : this.#met.gone(task.pid, t, stamp);
  }

  /** Learns of a process that events will name, while it is there. */
  meet(task: TaskFacts, startTicks: number, timeMs: number): void {
    this.#met.process(task, startTicks, this.#begin(timeMs));
  }

  /** As {@link actor}, and it ended with that. Its entry stays a while, for late events. */
  exit(task: TaskFacts, timeMs: number, stamp: string): Process {
    const t = this.#begin(timeMs);
    const entry = this.#actor(task, t, timeMs, stamp);
    entry.endedMs = entry.endedMs === undefined ? t : Math.min(entry.endedMs, t);
    return entry.process;
  }

  /** Processes in containers, as far as it's known that they run. */
  *contained(): Generator<number> {
    for (const { pid, endedMs, process } of this.#store.entries()) {
      if (endedMs === undefined && process.image.container !== undefined) yield pid;
    }
  }

  /** Who had this pid at that time, for sources that know no more than the pid. */
  find(pid: number, timeMs: number): Process | undefined {
    const t = this.#begin(timeMs);
    const entry = this.#store.get(pid);
    if (entry === undefined) return this.#resolver.fromProc(pid, t)?.process;
    switch (this.#resolver.resolve(entry, t)) {
      case 'same':
        return entry.process;
      case 'before':
        return entry.prior !== undefined && covers(entry.prior, t) ? entry.prior.process : undefined;
      case 'gone':
        return this.#resolver.isYoung(entry, t) ? entry.process : undefined;
      case 'other':
        return this.#resolver.fromProc(pid, t)?.process;
    }
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
    const { image, ancestors, parentPid } = process;
    const entry = this.#store.get(image.pid);
    if (entry === undefined || entry.process !== process) return;
    if (change !== 'root') entry.privateMounts = true;
    if (change === 'mounts') return;
    const host = root === undefined ? undefined : this.#facts.hostFile('/');
    if (host !== undefined && host.dev === root?.dev && host.inode === root.inode) entry.foreign = false;
    else {
      const isHost = this.#resolver.compareStart(entry) === 'same' && this.#facts.processRoot(image.pid) === 'host';
      entry.foreign = !isHost;
    }
    if (entry.foreign === (image.foreignRoot === true)) return;
    const container = image.container ?? (entry.foreign ? this.#containers.read(image.pid, undefined) : undefined);
    const now = makeImage({ ...image, container, foreignRoot: entry.foreign });
    this.#store.setProcess(entry, makeProcess(now, ancestors, parentPid));
  }

  /** A process is in a container that was met only now. */
  #join(pid: number, container: Container): void {
    const entry = this.#store.peek(pid);
    if (entry === undefined || this.#resolver.compareStart(entry) !== 'same') return;
    const { image, ancestors, parentPid } = entry.process;
    if (image.container !== undefined) return;
    const now = makeImage({ ...image, container, foreignRoot: entry.foreign });
    this.#store.setProcess(entry, makeProcess(now, ancestors, parentPid));
  }

  #clear(): void {
    this.#store.clear();
    this.#sweeper.reset();
    this.credentials.forgetSessions();
    this.#clock.restart();
  }

  #begin(timeMs: number): number {
    const { warnings } = this.#resolver;
    if (warnings.length > 0) warnings.length = 0;
    this.credentials.refresh(timeMs);
    // Without a host to compare with, a clock that went back may be another boot.
    if (this.#boot === undefined && this.#clock.isBreak(timeMs)) this.#clear();
    return this.#clock.event(timeMs);
  }

  #image(o: ExecObservation, same: Entry | undefined, parent: Entry | undefined, lineage: Lineage) {
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
    const container = this.#containers.ofExec(o, same?.process.image, lineage, foreign && base?.foreign !== true);
    if (container !== undefined) this.#containers.refresh(container, o.timeMs);
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
      container,
      drift: container !== undefined && this.#containers.isDrift(container, o),
      origin: 'audit',
    });
    return { process: makeProcess(image, lineage.images, task.ppid), foreign, privateMounts };
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
    const entry = this.#store.get(task.pid);
    if (entry === undefined) return this.#unknown(task, t, timeMs, stamp, true);
    const state = this.#resolver.resolve(entry, t);
    if (state === 'before') {
      const { prior } = entry;
      return prior !== undefined && covers(prior, t) ? prior : this.#unknown(task, t, timeMs, stamp, false);
    }
    const agrees = executableAgrees(task, entry.process.image);
    let isSame = state === 'same';
    let proven = true;
    if (isSame && !agrees) {
      const found = this.#resolver.compareStart(entry);
      isSame = typeof found === 'string' || !startedBy(found.startedMs, t);
    } else if (state === 'gone') {
      proven = this.#resolver.isYoung(entry, t);
      isSame = proven || (agrees && commAgrees(task, entry.process.image));
      if (isSame && !proven) this.#resolver.warn('process_unverified');
    }
    if (!isSame) {
      this.#resolver.reused++;
      return this.#unknown(task, t, timeMs, stamp, true, state === 'gone' ? entry.givenMs : undefined);
    }
    if (proven && t > entry.aliveMs) entry.aliveMs = t;
    const { image, ancestors, parentPid } = entry.process;
    const now = withTask(agrees ? image : this.#unseenExec(task, entry), task, this.credentials);
    if (now !== image) this.#store.setProcess(entry, makeProcess(now, ancestors, parentPid));
    return entry;
  }

  /** The same process with another executable: its exec wasn't seen (lost, or excluded by a rule). */
  #unseenExec(task: TaskFacts, entry: Entry): ProcessImage {
    this.#resolver.warn('exec_unseen');
    const { entitySeed, startMs, container } = entry.process.image;
    const facts = this.#resolver.readProcess(task.pid);
    if (facts !== undefined && facts.startTimeTicks === entry.startTicks && procAgrees(task, facts)) {
      const found = imageFromProc(facts, entitySeed, startMs, entry.foreign, container, this.credentials);
      return boundedImage(found, this.#imageMaxBytes);
    }
    return imageFromTask(task, entitySeed, startMs, entry.foreign, container, this.credentials);
  }

  /** A record of a pid that nothing is known of: a fork of its parent, else as /proc has it, else what the record says. */
  #unknown(task: TaskFacts, t: number, timeMs: number, stamp: string, keep: boolean, givenMs?: number): Entry {
    const parent = this.#resolver.parent(task, t);
    const entitySeed = `${task.pid}:${stamp}`;
    const foreign = parent?.foreign === true;
    const isFork =
      parent !== undefined &&
      runsSameExecutable(task, parent.process.image) &&
      this.#resolver.mayBeForkOf(parent, task.pid);
    const forkOf = isFork ? parent.process.image : undefined;
    if (forkOf === undefined && keep) {
      const found = this.#resolver.fromProc(task.pid, t, task);
      if (found !== undefined) return found;
    }
    const image =
      forkOf === undefined
        ? imageFromTask(task, entitySeed, timeMs, foreign, parent?.process.image.container, this.credentials)
        : imageOfFork(forkOf, task.pid, entitySeed, timeMs);
    const lineage = lineageBelow(parent);
    const entry = newEntry({
      process: makeProcess(withTask(image, task, this.credentials), lineage.images, task.ppid),
      lineage,
      firstMs: t,
      givenMs,
      aliveMs: t,
      startTicks: undefined,
      foreign,
      privateMounts: parent?.privateMounts === true,
    });
    if (keep) this.#store.add(entry);
    return entry;
  }
}
