// Who the reader of file events met. A pid and its start time name one process for as long as the host is up, be it alive or gone, young
// or old: nothing has to be guessed. Asks the host only through HostFacts.

import type { Process, ProcessImage } from '../core/event.ts';
import type { TaskFacts } from '../core/observation.ts';
import type { EventClock } from './clock.ts';
import type { CredentialStore } from './credentials.ts';
import { type Entry, lineageBelow, makeProcess, newEntry, TIME_SLACK_MS } from './entry.ts';
import type { BootFacts } from './facts.ts';
import { boundedImage, executableAgrees, makeImage, runsSameExecutable } from './image.ts';
import { imageFromProc, imageFromTask, imageOfFork, withTask } from './images.ts';
import { procAgrees, type Resolver, startSeed } from './resolve.ts';
import type { EntryStore } from './store.ts';

export interface MetParts {
  readonly boot: BootFacts | undefined;
  readonly clock: EventClock;
  readonly store: EntryStore;
  readonly resolver: Resolver;
  readonly credentials: CredentialStore;
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
    const agrees = executableAgrees(task, image);
    if (!agrees && entry.imageMs > t - TIME_SLACK_MS) return this.#beforeExec(entry, task, startTicks, t);
    const now = withTask(agrees ? image : this.#unseenExec(task, entry, t), task, credentials);
    if (now === image) return entry.process;
    const process = makeProcess(now, ancestors, parentPid);
    if (isNewest) store.setProcess(entry, process);
    return process;
  }

  /** Its last exec came after: what it was until then. */
  #beforeExec(entry: Entry, task: TaskFacts, startTicks: number, t: number): Process {
    const { former, process } = entry;
    const { entitySeed, startMs } = process.image;
    const isFormer = former !== undefined && executableAgrees(task, former.image);
    const forkOf = isFormer ? undefined : this.#forkOf(this.#parts.resolver.parent(task, t), task, startTicks);
    const image = isFormer ? former.image : this.#image(task, entitySeed, startMs, entry, forkOf);
    return makeProcess(withTask(image, task, this.#parts.credentials), process.ancestors, process.parentPid);
  }

  /** What the task runs, if it's a fork of this parent's. */
  #forkOf(parent: Entry | undefined, task: TaskFacts, startTicks: number): ProcessImage | undefined {
    const isFork =
      parent !== undefined &&
      runsSameExecutable(task, parent.process.image) &&
      this.#parts.resolver.mayBeForkOf(parent, task.pid, startTicks);
    return isFork ? parent.process.image : undefined;
  }

  /** The same process with another executable, and no event said so. */
  #unseenExec(task: TaskFacts, entry: Entry, t: number): ProcessImage {
    const { resolver, credentials, imageMaxBytes } = this.#parts;
    resolver.warn('exec_unseen');
    entry.imageMs = t;
    const { entitySeed, startMs, container } = entry.process.image;
    const facts = resolver.readProcess(task.pid);
    if (facts === undefined || facts.startTimeTicks !== entry.startTicks || !procAgrees(task, facts))
      return this.#image(task, entitySeed, startMs, entry, undefined);
    const found = imageFromProc(facts, entitySeed, startMs, entry.foreign, container, credentials);
    return boundedImage(found, imageMaxBytes);
  }

  /** A process that nothing is known of: a fork of its parent, else as /proc still has it, else what was read of it. */
  #first(task: TaskFacts, startTicks: number, t: number, keep: boolean, givenMs: number | undefined): Process {
    const { boot, clock, store, resolver, credentials } = this.#parts;
    const { pid, ppid } = task;
    const parent = resolver.parent(task, t);
    const forkOf = this.#forkOf(parent, task, startTicks);
    if (forkOf === undefined && keep && resolver.readTicks(pid) === startTicks) {
      const found = resolver.fromProc(pid, t, task);
      if (found?.startTicks === startTicks) return found.process;
    }
    const seed = startSeed(pid, boot, startTicks);
    const image = this.#image(task, seed, clock.startWall(startTicks), parent, forkOf);
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

  /** `root`: whose root directory and container are its own. */
  #image(
    task: TaskFacts,
    seed: string,
    startMs: number | undefined,
    root: Entry | undefined,
    forkOf: ProcessImage | undefined,
  ): ProcessImage {
    if (forkOf !== undefined) return imageOfFork(forkOf, task.pid, seed, startMs);
    const { container } = root?.process.image ?? {};
    return imageFromTask(task, seed, startMs, root?.foreign === true, container, this.#parts.credentials, 'fanotify');
  }
}

function startedAfter(entry: Entry, startTicks: number, startedMs: number): boolean {
  return entry.startTicks === undefined ? startedMs > entry.firstMs + TIME_SLACK_MS : startTicks > entry.startTicks;
}
