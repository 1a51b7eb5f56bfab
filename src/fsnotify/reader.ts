// The native reader as JavaScript sees it: opened, told what to watch, drained in slices; and looks at what is there (edge: files).

import { type FsFeatures, type FsOptions, type FsStats, native, type SourceHandle } from '../../native/index.ts';
import { safeText, textBytes } from '../core/text.ts';
import { type Mount, parseMounts } from './mounts.ts';
import { MASK, type Seen } from './pending.ts';
import { Tasks, type Who } from './task.ts';

/** How long batches are taken before signals, timers and outputs get their turn. */
const SLICE_MS = 20;
/** Between looks whether there is room for more. */
const BUSY_MS = 20;
const BATCH_BYTES = 512 * 1024;
const HEADER_BYTES = 64;
const FLAG_FANOTIFY = 1;

/** What the kernel said once; native/fsnotify.h has the layout. */
export interface RawEvent {
  readonly mask: number;
  readonly directory: number;
  readonly renamedTo: number;
  readonly target: number;
  readonly timeMs: number;
  readonly pid: number;
  readonly cookie: number;
  readonly isFanotify: boolean;
  /** Who had the pid; absent where nobody could say any more. */
  readonly who: Who | undefined;
  readonly name: string;
  readonly newName: string;
}

/** How a directory is watched: with its file system, so that nothing made in it is missed, or alone. */
export interface Watched {
  readonly id: number;
  readonly isWhole: boolean;
  /** Nothing watched it until now: what did, if it was watched before, ended with its file system. Never of a whole one. */
  readonly isNew: boolean;
}

export interface RawVisitor {
  /** Who is told of from here on. */
  met(who: Who): void;
  event(event: RawEvent): void;
  /** After each batch. */
  batchEnd(): void;
  /** Nothing more is to be given for now. */
  isBusy(): boolean;
}

/** What a look at a path gives besides {@link Seen}. */
export interface Stat extends Seen {
  readonly major: number;
  readonly minor: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
}

export class FsReader {
  readonly features: FsFeatures;
  private readonly source: SourceHandle;
  private readonly out = new Float64Array(3);
  private readonly tasks = new Tasks();
  private bytes = Buffer.alloc(BATCH_BYTES);
  private visitor: RawVisitor | undefined;
  private draining = false;
  private stopped = false;

  private constructor(source: SourceHandle) {
    this.source = source;
    this.features = native().fsFeatures(source);
  }

  /** The reader, or the kernel's error number. */
  static open(options: FsOptions): FsReader | number {
    const source = native().fsOpen(options);
    return source < 0 ? -source : new FsReader(source);
  }

  /** 0 or an error number. */
  start(visitor: RawVisitor): number {
    this.visitor = visitor;
    return -native().fsStart(this.source, () => this.wake());
  }

  /** Ends the thread and hands out everything that was read. */
  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    native().stop(this.source);
    while (this.take()) this.visitor?.batchEnd();
  }

  close(): void {
    this.stop();
    native().close(this.source);
  }

  stats(): FsStats {
    return native().stats(this.source) as FsStats;
  }

  /** Watches one directory; the error number if it can't be. */
  watch(path: string, mask: number): Watched | number {
    const result = native().fsWatch(this.source, textBytes(path), mask, this.out);
    return result < 0 ? -result : { id: this.out[0]!, isWhole: this.out[1] === 1, isNew: this.out[2] === 1 };
  }

  forget(directory: number): void {
    native().fsForget(this.source, directory);
  }

  ignore(directory: number): void {
    native().fsIgnore(this.source, directory);
  }

  /** The present path of a directory that nothing else is known of. */
  pathOf(directory: number): string | undefined {
    const bytes = native().fsPath(this.source, directory);
    return typeof bytes === 'number' ? undefined : safeText(Buffer.from(bytes));
  }

  private wake(): void {
    if (this.draining) return;
    this.draining = true;
    this.slice();
  }

  private slice(): void {
    const end = performance.now() + SLICE_MS;
    // What isn't taken waits in the reader's ring, which holds more in less room.
    if (!this.stopped && this.visitor?.isBusy() === true) {
      setTimeout(() => this.slice(), BUSY_MS);
      return;
    }
    while (!this.stopped && this.take()) {
      this.visitor?.batchEnd();
      if (performance.now() > end) {
        setImmediate(() => this.slice());
        return;
      }
    }
    this.draining = false;
    // Also where there was no event: the reader may have ended.
    if (!this.stopped) this.visitor?.batchEnd();
  }

  private take(): boolean {
    let size = native().take(this.source, this.bytes);
    while (size < 0) {
      this.bytes = Buffer.alloc(-size * 2);
      size = native().take(this.source, this.bytes);
    }
    const { bytes, visitor, tasks } = this;
    for (let at = 0; at < size; at += bytes.readInt32LE(at)) {
      if (bytes.readUInt32LE(at + 4) === MASK.task) {
        const who = tasks.add(bytes, at);
        visitor?.met(who);
      } else visitor?.event(rawEvent(bytes, at, tasks));
    }
    return size > 0;
  }
}

function rawEvent(bytes: Buffer, at: number, tasks: Tasks): RawEvent {
  const flags = bytes.readInt32LE(at + 48);
  const nameAt = at + HEADER_BYTES;
  const newNameAt = nameAt + bytes.readInt32LE(at + 52);
  const end = newNameAt + bytes.readInt32LE(at + 56);
  return {
    mask: bytes.readUInt32LE(at + 4),
    directory: bytes.readDoubleLE(at + 8),
    renamedTo: bytes.readDoubleLE(at + 16),
    target: bytes.readDoubleLE(at + 24),
    timeMs: bytes.readDoubleLE(at + 32),
    pid: bytes.readInt32LE(at + 40),
    cookie: bytes.readUInt32LE(at + 44),
    isFanotify: (flags & FLAG_FANOTIFY) !== 0,
    who: tasks.get(bytes.readUInt32LE(at + 60)),
    name: safeText(bytes, nameAt, newNameAt),
    newName: safeText(bytes, newNameAt, end),
  };
}

const numbers = new Float64Array(10);

/** What is at a path; never follows, opens or waits. */
export function look(path: string): Stat | undefined {
  if (native().fsStat(textBytes(path), numbers) < 0) return undefined;
  const [mode, inode, major, minor, links, mtimeMs, ctimeMs, uid, gid, size] = numbers as unknown as readonly number[];
  return {
    ...{ mode: mode!, inode: inode!, major: major!, minor: minor! },
    ...{ links: links!, mtimeMs: mtimeMs!, ctimeMs: ctimeMs!, uid: uid!, gid: gid!, size: size! },
  };
}

export function mounts(): Mount[] {
  const text = native().fsMounts();
  return typeof text === 'number' ? [] : parseMounts(safeText(Buffer.from(text)));
}
