// Who the reader of file events met. A pid and its start time name one process for as long as the host is up, be it alive or gone, young
// or old: nothing has to be guessed. Asks the host only through HostFacts.

import type { Process, ProcessImage } from '../core/event.ts';
import type { TaskFacts } from '../core/observation.ts';
import type { EventClock } from './clock.ts';
import type { Containers } from './containers.ts';
import type { CredentialStore } from './credentials.ts';
import { type Entry, lineageBelow, makeProcess, newEntry, TIME_SLACK_MS } from './entry.ts';
import type { BootFacts } from './facts.ts';
import { boundedImage, commAgrees, executableAgrees, makeImage, runsSameExecutable } from './image.ts';
import { imageFromProc, imageFromTask, imageOfFork, withTask } from './images.ts';
import { procAgrees, type Resolver, startSeed } from './resolve.ts';
import type { EntryStore } from './store.ts';

export interface MetParts {
  readonly boot: BootFacts | undefined;
  readonly clock: EventClock;
  readonly store: EntryStore;
  readonly resolver: Resolver;
  readonly credentials: CredentialStore;
  readonly containers: Containers;
  readonly imageMaxBytes: number;
}

export class Met {
  readonly #parts: MetParts;

  constructor(parts: MetParts) {
    this.#parts = parts;
  }

  /** The process that started at `startTicks` and was `task` at the table's time `t`. */
  process(task: TaskFacts, startTicks: number, t: number): Process {
    const { store, clock, resolver } = this.#parts;
    const startedMs = clock.start(startTicks);
    const entry = store.get(task.pid);
    for (const known of [entry, entry?.prior])
      if (known !== undefined && this.#is(known, startTicks, startedMs, t))
        return this.#again(known, task, startTicks, t);
    // What is told late, of one whose pid is another's by now, is kept nowhere.
    const isNewest = entry === undefined || startedAfter(entry, startTicks, startedMs ?? t);
    if (isNewest && entry !== undefined) resolver.reused++;
    // Without a clock it may be the one that is known after all, which had the pid long before.
    const isUnsure = startedMs === undefined && entry !== undefined && entry.startTicks === undefined;
    return this.#first(task, startTicks, t, isNewest, isUnsure ? entry.givenMs : undefined);
  }

  /** The process that had the pid, and that was gone at `t`: whoever /proc has by now is another. */
  gone(pid: number, t: number, stamp: string): Process {
    const { store, resolver } = this.#parts;
    const entry = store.get(pid);
    for (const known of [entry, entry?.prior])
      if (known !== undefined && resolver.endedJustBefore(known, t)) return known.process;
    const image = makeImage({ pid, entitySeed: `${pid}:${stamp}`, foreignRoot: false, origin: 'fanotify' });
    return makeProcess(image, [], undefined);
  }

  #is(entry: Entry, startTicks: number, startedMs: number | undefined, t: number): boolean {
    if (entry.startTicks !== undefined) return entry.startTicks === startTicks;
    // It was met by its events alone: one that had started by then, and still ran at a time after, is it.
    if (entry.firstMs > t + TIME_SLACK_MS) return false;
    if (startedMs === undefined) return this.#parts.resolver.isYoung(entry, t);
    if (startedMs > entry.firstMs + TIME_SLACK_MS) return false;
    entry.startTicks = startTicks;
    return true;
  }

  /** A process that is known: as it was then. */
  #again(entry: Entry, task: TaskFacts, startTicks: number, t: number): Process {
    const { store, credentials } = this.#parts;
    const { image, ancestors, parentPid } = entry.process;
    const isNewest = t >= entry.aliveMs;
    if (isNewest) entry.aliveMs = t;
    const agrees = this.#isImageOf(image, task);
    // When an exec was seen is known by a clock of another source; what was read, in the order in which it was.
    const wasBefore = image.origin === 'audit' ? entry.imageMs > t - TIME_SLACK_MS : !isNewest;
    if (!agrees && wasBefore) return this.#beforeExec(entry, task, startTicks, t);
    const now = withTask(agrees ? image : this.#unseenExec(task, entry, t), task, credentials);
    if (now === image) return entry.process;
    const process = makeProcess(now, ancestors, parentPid);
    if (isNewest && !agrees) store.setFormer(entry, entry.process);
    if (isNewest) store.setProcess(entry, process);
    return process;
  }

  /** Whether the image still holds. One whose exec was seen does, unless its program is another. */
  #isImageOf(image: ProcessImage, task: TaskFacts): boolean {
    if (!executableAgrees(task, image)) return false;
    if (image.origin === 'audit') return true;
    // The same program executed anew (a shell, busybox) mostly gives another name; one that is ending has no more than that.
    return commAgrees(task, image) && (task.exe === undefined || image.executable !== undefined);
  }

  /** Its last exec came after: what it was until then. */
  #beforeExec(entry: Entry, task: TaskFacts, startTicks: number, t: number): Process {
    const { former, process } = entry;
    const { entitySeed, startMs } = process.image;
    const isFormer = former !== undefined && executableAgrees(task, former.image);
    const forkOf = isFormer ? undefined : this.#forkOf(this.#parts.resolver.parent(task, t), task, startTicks);
    const image = isFormer ? former.image : this.#image(task, entitySeed, startMs, entry, forkOf, undefined, t);
    return makeProcess(withTask(image, task, this.#parts.credentials), process.ancestors, process.parentPid);
  }

  /** What the task runs, if it's a fork of this parent's: one that has executed the same program anew mostly has another name. */
  #forkOf(parent: Entry | undefined, task: TaskFacts, startTicks: number): ProcessImage | undefined {
    const isFork =
      parent !== undefined &&
      runsSameExecutable(task, parent.process.image) &&
      commAgrees(task, parent.process.image) &&
      this.#parts.resolver.mayBeForkOf(parent, task.pid, startTicks);
    return isFork ? parent.process.image : undefined;
  }

  /** The same process with another executable, and no event said so. */
  #unseenExec(task: TaskFacts, entry: Entry, t: number): ProcessImage {
    const { resolver, credentials, imageMaxBytes } = this.#parts;
    const { entitySeed, startMs, container } = entry.process.image;
    if (!executableAgrees(task, entry.process.image)) resolver.warn('exec_unseen');
    entry.imageMs = t;
    const facts = resolver.readProcess(task.pid);
    const parent = container === undefined ? resolver.parent(task, t) : undefined;
    if (facts === undefined || facts.startTimeTicks !== entry.startTicks || !procAgrees(task, facts))
      return this.#image(task, entitySeed, startMs, entry, undefined, parent, t);
    // A runtime goes into its container, and to that one's root directory, before it becomes what runs there.
    if (facts.root !== undefined) entry.foreign = facts.root === 'foreign';
    const now = container ?? resolver.containerOf(facts, undefined, parent, task, t);
    const found = imageFromProc(facts, entitySeed, startMs, entry.foreign, now, credentials);
    return boundedImage(found, imageMaxBytes);
  }

  /** A process that nothing is known of: as /proc still has it, else a fork of its parent, else what was read of it. */
  #first(task: TaskFacts, startTicks: number, t: number, keep: boolean, givenMs: number | undefined): Process {
    const { boot, clock, store, resolver, credentials } = this.#parts;
    const { pid, ppid } = task;
    const parent = resolver.parent(task, t);
    if (keep && resolver.readTicks(pid) === startTicks) {
      const found = resolver.fromProc(pid, t, task);
      if (found?.startTicks === startTicks) return found.process;
    }
    const forkOf = this.#forkOf(parent, task, startTicks);
    const seed = startSeed(pid, boot, startTicks);
    const image = this.#image(task, seed, clock.startWall(startTicks), parent, forkOf, parent, t);
    const lineage = lineageBelow(parent);
    const entry = newEntry({
      process: makeProcess(withTask(image, task, credentials), lineage.images, ppid),
      lineage,
      firstMs: Math.min(clock.start(startTicks) ?? t, t),
      givenMs,
      aliveMs: t,
      startTicks,
      foreign: parent?.foreign === true,
      privateMounts: parent?.privateMounts === true,
    });
    if (keep) store.add(entry);
    return entry.process;
  }

  /** `root`: whose root directory and container are its own, if it has one; else it may be where `parent` brought it. */
  #image(
    task: TaskFacts,
    seed: string,
    startMs: number | undefined,
    root: Entry | undefined,
    forkOf: ProcessImage | undefined,
    parent: Entry | undefined,
    t: number,
  ): ProcessImage {
    if (forkOf !== undefined) return imageOfFork(forkOf, task.pid, seed, startMs);
    const { containers, credentials } = this.#parts;
    const container = root?.process.image.container ?? containers.below(parent?.process.image, task, t);
    return imageFromTask(task, seed, startMs, root?.foreign === true, container, credentials, 'fanotify');
  }
}

function startedAfter(entry: Entry, startTicks: number, startedMs: number): boolean {
  return entry.startTicks === undefined ? startedMs > entry.firstMs + TIME_SLACK_MS : startTicks > entry.startTicks;
}
