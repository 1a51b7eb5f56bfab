// The containers of the host, as the process table sees them: which one a process is in, what is known of each, which came and went.
// Asks the host only through HostFacts, and for processes of the host hardly ever: a process is where its parent is, unless a runtime
// (or a root directory of its own) may have brought it elsewhere.
//
// The law: what somebody in a container, or a user, can choose never passes for another's container. An id that root's cgroups name
// belongs to that cgroup; the same id from elsewhere is the container around it, or none.

import { LRUCache } from 'lru-cache';
import type { Container, ContainerEvent, ProcessImage } from '../core/event.ts';
import type { Mutable } from '../core/mutable.ts';
import type { ExecObservation, TaskFacts } from '../core/observation.ts';
import { idFromArguments, isRuntime } from './container-patterns.ts';
import type { Lineage } from './entry.ts';
import { type ContainerDetails, type ContainerRef, type HostFacts, TOLD } from './facts.ts';

const CONTAINERS_MAX = 4_096;
const LIST_EVERY_MS = 900;
/** Between two looks for what the runtime answered. */
const POLL_EVERY_MS = 20;
const POLLS_MAX = 1_000;
/** Processes of a new container that are told that they are in it. */
const MEMBERS_MAX = 256;
const INVOKED_MAX = 4;
const ENTERED_MAX = 1_024;
const ENTERED_MS = 2_000;
const DRIFT_MAX = 8_192;
const DRIFT_MAX_CHARS = 2_000_000;
/** An answer older than this, in event time, is asked for again. */
const DRIFT_RECHECK_MS = 10_000;

interface Known {
  readonly container: Mutable<Container>;
  ref: ContainerRef;
  /** Whether it was in the last listing; before the first one that has it, `new`. */
  listed: 'new' | 'running' | 'stopped';
  isPending: boolean;
  polls: number;
  polledMs: number;
}

interface Change {
  readonly kind: ContainerEvent['kind'];
  readonly known: Known;
}

export interface ContainerCounters {
  readonly containers: number;
  readonly containerReads: number;
  /** Ids that somebody else's container has. */
  readonly containersRefused: number;
}

export class Containers {
  readonly #facts: HostFacts;
  readonly #byId = new LRUCache<string, Known>({ max: CONTAINERS_MAX });
  readonly #scopes = new WeakMap<Container, Known>();
  readonly #pending = new Set<Known>();
  readonly #drift = new LRUCache<string, { drift: boolean | undefined; askedMs: number }>({
    max: DRIFT_MAX,
    maxSize: DRIFT_MAX_CHARS,
    sizeCalculation: (_, key) => key.length + 1,
  });
  /** By the pid of a shim: the container that runc was told to bring a process into last; no id where it was several at a time. */
  readonly #entered = new LRUCache<number, { id: string | undefined; timeMs: number }>({ max: ENTERED_MAX });
  #listedMs = Number.NEGATIVE_INFINITY;
  #isSeeded = false;
  #reads = 0;
  #refused = 0;

  constructor(facts: HostFacts) {
    this.#facts = facts;
  }

  get counters(): ContainerCounters {
    return {
      containers: this.#byId.size,
      containerReads: this.#reads,
      containersRefused: this.#refused,
    };
  }

  /** What /proc says of a process; what it is said to have inherited, where that says nothing (it ended, or it was moved out). */
  read(pid: number, inherited: Container | undefined): Container | undefined {
    const found = this.#ask(pid);
    return found === 'host' ? inherited : (found ?? inherited);
  }

  /** The container of a process that is over, or ending, and that nobody saw execute: its parent's, or the one that a runtime brought it into. */
  below(parent: ProcessImage | undefined, task: TaskFacts, timeMs: number): Container | undefined {
    if (parent?.container !== undefined || isRuntime(task.exe)) return parent?.container;
    return this.#told(parent, timeMs);
  }

  /** By its id, as far as it's known; whose it is was asked before. */
  withId(id: string): Container {
    return this.#byId.get(id)?.container ?? { id };
  }

  /** The container of a process that executes a program. `before` is what it was, if it is known. */
  ofExec(
    { task, args, timeMs }: ExecObservation,
    before: ProcessImage | undefined,
    { images: [parent], runtime }: Lineage,
    hasOtherRoot: boolean,
  ): Container | undefined {
    const inherited = before?.container ?? parent?.container;
    if (inherited === undefined ? runtime === 0 && !hasOtherRoot : runtime !== 1) {
      if (!isRuntime(before?.executable)) return inherited;
    }
    const isItself = isRuntime(task.exe);
    if (isItself && task.uid === 0 && parent !== undefined && inherited === undefined) {
      this.#noteEntered(parent.pid, idFromArguments(args), timeMs);
    }
    const found = this.#ask(task.pid);
    if (found !== undefined) return found === 'host' ? inherited : found;
    if (inherited !== undefined || isItself) return inherited;
    return this.#told(parent, timeMs);
  }

  /** Looks for what the runtime has answered meanwhile. */
  refresh(container: Container, timeMs: number): void {
    const known = this.#scopes.get(container);
    if (known?.isPending) this.#poll(known, timeMs);
  }

  /** Whether an executed file isn't in its container's image. */
  isDrift(container: Container, { task, invoked, file, timeMs }: ExecObservation): boolean {
    const scope = this.#scopes.get(container)?.ref.scope;
    if (scope === undefined) return false;
    // A script, and its interpreter: either may be what was brought in.
    const paths = new Set([...(task.exe === undefined ? [] : [task.exe]), ...invoked.slice(0, INVOKED_MAX)]);
    for (const path of paths) {
      if (path.startsWith('/') && this.#isWritten(scope, task.pid, path, file?.inode, timeMs)) return true;
    }
    return false;
  }

  #isWritten(scope: string, pid: number, path: string, inode: string | undefined, timeMs: number): boolean {
    const key = `${scope}\0${inode ?? ''}\0${path}`;
    const before = this.#drift.get(key);
    if (before !== undefined && Math.abs(timeMs - before.askedMs) <= DRIFT_RECHECK_MS) return before.drift === true;
    const drift = this.#facts.isDrift(scope, pid, path);
    // What couldn't be learned is asked for again with the next process.
    if (drift !== undefined) this.#drift.set(key, { drift, askedMs: timeMs });
    return drift === true;
  }

  /** The containers that run already. */
  seed(nowMs: number): void {
    this.#list(nowMs);
    this.#isSeeded = true;
  }

  /** Which containers came and went since the last listing; `join` gets the processes that are in a new one. */
  tick(nowMs: number, join: (pid: number, container: Container) => void): ContainerEvent[] {
    for (const known of this.#pending) this.#poll(known, nowMs);
    if (Math.abs(nowMs - this.#listedMs) < LIST_EVERY_MS) return [];
    const changes = this.#list(nowMs);
    if (!this.#isSeeded) return [];
    for (const { kind, known } of changes) {
      if (kind !== 'container_started') continue;
      const pids = this.#facts.containerProcesses(known.ref.scope) ?? [];
      for (const pid of pids.slice(0, MEMBERS_MAX)) join(pid, known.container);
    }
    return changes.map(({ kind, known: { container, ref } }) => ({
      kind,
      module: 'inventory',
      timeMs: nowMs,
      createdMs: nowMs,
      stamp: `${nowMs}:${ref.scope}`,
      ordinal: 0,
      warnings: [],
      container,
    }));
  }

  #list(nowMs: number): Change[] {
    this.#listedMs = nowMs;
    const refs = this.#facts.listContainers();
    if (refs === undefined) return [];
    const changes: Change[] = [];
    const running = new Set<Known>();
    for (const ref of refs) {
      const known = this.#know(ref);
      // Not the cgroup that it is known by.
      if (known === undefined || known.ref.scope !== ref.scope) continue;
      running.add(known);
      if (known.listed === 'running') continue;
      known.listed = 'running';
      changes.push({ kind: 'container_started', known });
    }
    for (const known of this.#byId.values()) {
      if (known.listed !== 'running' || running.has(known)) continue;
      known.listed = 'stopped';
      changes.push({ kind: 'container_stopped', known });
    }
    return changes;
  }

  #ask(pid: number): Container | 'host' | undefined {
    this.#reads++;
    const ref = this.#facts.processContainer(pid);
    if (ref === undefined || ref === 'host') return ref;
    return this.#know(ref)?.container ?? 'host';
  }

  /** The container that a reference stands for; not the one that it claims to be, where that is another's. */
  #know(ref: ContainerRef): Known | undefined {
    const before = this.#byId.get(ref.id);
    if (before !== undefined) {
      if (before.ref.scope === ref.scope) return before;
      if (ref.outer !== undefined || ref.owner !== undefined) {
        this.#refused++;
        return ref.outer === undefined || ref.outer === ref.id ? undefined : this.#byId.get(ref.outer);
      }
      if (before.ref.outer === undefined && before.ref.owner === undefined) {
        // Root's own, by its mounts or by its runtime's word, and now by its cgroup.
        if (!before.ref.scope.startsWith('/')) before.ref = ref;
        return before;
      }
    }
    const container: Mutable<Container> = { id: ref.id };
    if (ref.runtime !== undefined) container.runtime = ref.runtime;
    if (ref.podUid !== undefined) container.pod = { uid: ref.podUid };
    const known: Known = {
      container,
      ref,
      listed: 'new',
      isPending: true,
      polls: 0,
      polledMs: Number.NEGATIVE_INFINITY,
    };
    this.#byId.set(ref.id, known);
    this.#scopes.set(container, known);
    if (before !== undefined) this.#pending.delete(before);
    if (this.#pending.size < CONTAINERS_MAX) this.#pending.add(known);
    return known;
  }

  /** The container that a runtime which root runs was told to bring the process into, where the process itself is gone already. */
  #told(runtime: ProcessImage | undefined, timeMs: number): Container | undefined {
    if (runtime === undefined || runtime.container !== undefined || runtime.foreignRoot) return undefined;
    if (!isRuntime(runtime.executable) || runtime.credentials?.uid?.id !== 0) return undefined;
    const id = idFromArguments(runtime.args);
    // Docker's shim has one container: also one that was over before anybody saw its cgroup.
    if (id !== undefined && runtime.args?.includes('-id'))
      return this.#know({ id, runtime: 'docker', scope: `${TOLD}${id}` })?.container;
    const entered = this.#entered.get(runtime.pid);
    const isRecent = entered !== undefined && Math.abs(timeMs - entered.timeMs) <= ENTERED_MS;
    const meant = id ?? (isRecent ? entered.id : undefined);
    return meant === undefined ? undefined : this.#byId.get(meant)?.container;
  }

  /** What runc brings into a container is its parent's child: the shim's, which serves all containers of a pod. */
  #noteEntered(shim: number, id: string | undefined, timeMs: number): void {
    if (id === undefined) return;
    const before = this.#entered.get(shim);
    const isMixed = before !== undefined && before.id !== id && Math.abs(timeMs - before.timeMs) <= ENTERED_MS;
    this.#entered.set(shim, { id: isMixed ? undefined : id, timeMs });
  }

  #poll(known: Known, timeMs: number): void {
    if (Math.abs(timeMs - known.polledMs) < POLL_EVERY_MS) return;
    known.polledMs = timeMs;
    const details = this.#facts.containerDetails(known.ref.scope);
    if (details !== undefined) fill(known.container, details);
    else if (++known.polls < POLLS_MAX) return;
    known.isPending = false;
    this.#pending.delete(known);
  }
}

function fill(container: Mutable<Container>, { runtime, name, image, labels, pod }: ContainerDetails): void {
  if (runtime !== undefined) container.runtime ??= runtime;
  if (name !== undefined) container.name = name;
  if (image !== undefined) container.image = image;
  if (labels !== undefined) container.labels = labels;
  if (pod !== undefined) container.pod = { ...pod, ...container.pod };
}
