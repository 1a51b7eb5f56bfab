// What the file watcher saw, before anything is known of the file's content or of who it was. Pure.

import type { FileKind, FileState, FileTeller, FileType } from '../core/event.ts';
import type { TaskFacts } from '../core/observation.ts';

/** A `teller` of its own: audit tells in another way. */
export type Teller = Exclude<FileTeller, 'audit'>;

export interface FileChange {
  readonly kind: FileKind;
  /** As the watch set sees it; of `renamed` the new one. Bytes that aren't UTF-8 are `\xNN`. */
  readonly path: string;
  /** The host's name for a container's file: `path` is then the container's own. */
  readonly hostPath?: string;
  readonly containerId?: string;
  /** Of `renamed`: where it was, absent when that was outside of what is watched and couldn't be learned. */
  readonly previousPath?: string;
  /** Of `deleted`: it was moved out of what is watched, to here. */
  readonly movedTo?: string;
  /** Absent where nothing was there to be looked at. */
  readonly type?: FileType;
  /**
   * Who did it, as /proc had it when the event was read; the pid alone where the process had gone before that. Absent from inotify and
   * scans, which can't tell.
   */
  readonly task?: TaskFacts;
  /** When that process started, since boot in USER_HZ; absent where the pid is alone. */
  readonly startTicks?: number;
  readonly inode?: string;
  /** `major:minor` in hex, as audit records have it. */
  readonly dev?: string;
  /** When the first of its events was read, milliseconds since the epoch. */
  readonly timeMs: number;
  /** When the last of them was, by the same clock; absent where there was one. */
  readonly untilMs?: number;
  readonly teller: Teller;
  /** What the file was, where the teller knows. */
  readonly previous?: FileState;
  /**
   * `merged`: the kernel put several events into one, whose order is unknown; `gone`: it was no longer there to be looked at;
   * `rescanned`: found by a look after a loss or in a new directory; `moved_away`: its directory left what is watched.
   */
  readonly warnings: readonly string[];
}
