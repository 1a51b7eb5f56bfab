// From what the watcher saw to what happened: a change waits until it is known what the file is now and until all else that happened
// by then has been read, and is told in order, with what the file was before. Pure: files, clocks and stores are the parts'.

import type { FileFacts, FilePackage, FileState } from '../core/event.ts';
import type { FileObservation, TaskFacts } from '../core/observation.ts';
import type { FileChange } from './change.ts';

/** What a look at a file found; `state` is absent where nothing is there. */
export interface Found {
  readonly state?: FileState;
  /** Of small text files, where it was asked for. */
  readonly content?: Uint8Array;
  readonly warnings: readonly string[];
}

export interface DescriberParts {
  /** Looks at what a change is about and answers once, at once or later. */
  inspect(change: FileChange, done: (found: Found) => void): void;
  /** What was last known of a path of the host. */
  previous(hostPath: string): FileState | undefined;
  /** What is known of it from now on; undefined: nothing is there. */
  note(hostPath: string, state: FileState | undefined): void;
  /** What was found by comparing, and the watcher itself has told meanwhile. */
  isTold(change: FileChange): boolean;
  /** A directory's name, and so those of all beneath it. */
  moved(from: string, to: string): void;
  packageOf(change: FileChange, state: FileState | undefined): FilePackage | undefined;
  /** What changed in a text since the last time. */
  diff(hostPath: string, content: Uint8Array | undefined): string | undefined;
  /** Who did it, where the watcher couldn't say. */
  who(change: FileChange): TaskFacts | undefined;
  /** Whether all that happened until then has been read. */
  isPast(timeMs: number): boolean;
  tell(observation: FileObservation): void;
}

interface Waiting {
  readonly change: FileChange;
  found: Found | undefined;
}

const NOTHING: Found = { warnings: [] };
const UNSEEN: Found = { warnings: ['not_inspected'] };

export class Describer {
  told = 0;
  /** Told without having been looked at: too many waited. */
  hurried = 0;
  private readonly parts: DescriberParts;
  private readonly maxWaiting: number;
  private waiting: Waiting[] = [];
  /** Of `waiting`: what was told already. */
  private head = 0;

  constructor(parts: DescriberParts, maxWaiting: number) {
    this.parts = parts;
    this.maxWaiting = maxWaiting;
  }

  get size(): number {
    return this.waiting.length - this.head;
  }

  push(change: FileChange): void {
    const waiting: Waiting = { change, found: undefined };
    this.waiting.push(waiting);
    if (change.kind === 'deleted') waiting.found = NOTHING;
    else {
      this.parts.inspect(change, found => {
        waiting.found ??= found;
      });
    }
    if (this.size > this.maxWaiting) this.take();
  }

  /** Tells what is ready, in order. */
  release(): void {
    while (this.size > 0) {
      const { change, found } = this.waiting[this.head]!;
      if (found === undefined || !this.parts.isPast(change.timeMs)) return;
      this.take();
    }
  }

  /** Tells all, ready or not. */
  releaseAll(): void {
    while (this.size > 0) this.take();
  }

  private take(): void {
    const waiting = this.waiting[this.head++]!;
    if (this.head > 1_024 && this.head * 2 > this.waiting.length) {
      this.waiting = this.waiting.slice(this.head);
      this.head = 0;
    }
    if (waiting.found === undefined) {
      waiting.found = UNSEEN;
      this.hurried++;
    }
    this.tell(waiting.change, waiting.found);
  }

  private tell(change: FileChange, found: Found): void {
    const { parts } = this;
    if (parts.isTold(change)) return;
    const { kind, path, hostPath, previousPath, movedTo, containerId, dev, timeMs, teller } = change;
    const at = hostPath ?? path;
    const former = kind === 'renamed' && containerId === undefined ? previousPath : undefined;
    const previous =
      change.previous ?? parts.previous(at) ?? (former === undefined ? undefined : parts.previous(former));
    // Where nobody looked, what the watcher saw is all that is known.
    const isUnknown = found.state === undefined && found.warnings.length > 0;
    const state = isUnknown ? seenOf(change) : found.state;
    if (former !== undefined) parts.note(former, undefined);
    if (former !== undefined && state?.type === 'dir') parts.moved(former, at);
    if (kind === 'deleted') parts.note(at, undefined);
    else if (!isUnknown) parts.note(at, state);
    const owner = parts.packageOf(change, state);
    const diff = parts.diff(at, found.content);
    const file: FileFacts = {
      path,
      ...(kind === 'deleted' ? seenOf(change) : state),
      ...(hostPath !== undefined && { hostPath }),
      ...(previousPath !== undefined && { previousPath }),
      ...(movedTo !== undefined && { movedTo }),
      ...(dev !== undefined && { dev }),
      ...(previous !== undefined && { previous }),
      ...(owner !== undefined && { package: owner }),
      ...(diff !== undefined && { diff }),
    };
    const task = change.task ?? parts.who(change);
    this.told++;
    parts.tell({
      kind,
      module: 'fsnotify',
      timeMs,
      createdMs: timeMs,
      // The kernel gives these events no number: theirs is the order in which they are told.
      stamp: String(timeMs),
      ordinal: this.told,
      warnings: found.warnings.length === 0 ? change.warnings : [...new Set([...change.warnings, ...found.warnings])],
      file,
      teller,
      ...(task !== undefined && { task }),
      ...(change.startTicks !== undefined && { startTicks: change.startTicks }),
      ...(containerId !== undefined && { containerId }),
    });
  }
}

const seenOf = ({ type, inode }: FileChange): FileState => ({
  ...(type !== undefined && { type }),
  ...(inode !== undefined && { inode }),
});
