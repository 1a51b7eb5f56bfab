// The first half of a rename, until the second is heard of: inotify joins them by a cookie, fanotify before Linux 5.17 not at all, so
// that the process and the inode must do. Pure.

import type { Entry } from './entries.ts';
import type { Doing } from './pending.ts';
import type { DirectoryNode } from './tree.ts';

/** Both halves are in one queue, one behind the other. */
const WAIT_MS = 100;
const MOVES_MAX = 1_024;

export interface Move {
  readonly cookie: number;
  readonly doing: Doing;
  readonly path: string;
  readonly entry: Entry | undefined;
  /** Of a directory that is watched. */
  readonly node: DirectoryNode | undefined;
  readonly isDirectory: boolean;
  readonly sinceMs: number;
}

export class Moves {
  private moves: Move[] = [];

  get size(): number {
    return this.moves.length;
  }

  add(move: Move): Move | undefined {
    this.moves.push(move);
    return this.moves.length > MOVES_MAX ? this.moves.shift() : undefined;
  }

  /** The half that this one belongs to. */
  take(cookie: number, pid: number, isDirectory: boolean, inode: number | undefined): Move | undefined {
    const fits = (move: Move): boolean =>
      cookie !== 0
        ? move.cookie === cookie
        : move.cookie === 0 &&
          move.doing.pid === pid &&
          move.isDirectory === isDirectory &&
          (move.entry === undefined || inode === undefined || move.entry.inode === inode);
    const at = this.moves.findIndex(fits);
    return at < 0 ? undefined : this.moves.splice(at, 1)[0];
  }

  /** Those whose other half lies outside. */
  expired(nowMs: number): Move[] {
    const old = this.moves.filter(move => nowMs - move.sinceMs >= WAIT_MS);
    if (old.length > 0) this.moves = this.moves.filter(move => nowMs - move.sinceMs < WAIT_MS);
    return old;
  }

  all(): Move[] {
    const { moves } = this;
    this.moves = [];
    return moves;
  }
}
