// The events of one name while they come in a burst, and what they mean together once it's quiet. Pure: what is there now is given.

import type { FileKind } from '../core/event.ts';
import type { Teller } from './change.ts';
import type { Entry } from './entries.ts';
import type { Who } from './task.ts';
import type { DirectoryNode } from './tree.ts';

/** The bits that fanotify and inotify share, and those of a look at the directory. */
export const MASK = {
  access: 0x1,
  modify: 0x2,
  attrib: 0x4,
  closeWrite: 0x8,
  movedFrom: 0x40,
  movedTo: 0x80,
  create: 0x100,
  delete: 0x200,
  overflow: 0x4000,
  /** inotify: the watch is gone. */
  ignored: 0x8000,
  /** The reader's own: a task, and that the mount table changed. */
  task: 0x40_0000,
  mounts: 0x80_0000,
  /** fanotify: both ends of a rename in one event. */
  rename: 0x1000_0000,
  isDirectory: 0x4000_0000,
  /** A look found what wasn't there before, no longer found what was, found it changed. */
  found: 0x1_0000,
  vanished: 0x2_0000,
  changed: 0x4_0000,
} as const;

/** Who did something, and when. */
export interface Doing {
  /** 0: not told. */
  readonly pid: number;
  /** Absent where it had gone before it could be looked at. */
  readonly who?: Who;
  readonly timeMs: number;
  readonly teller: Teller;
}

export interface Pending {
  readonly node: DirectoryNode;
  readonly name: string;
  mask: number;
  doing: Doing;
  /** One event said several things at once. */
  merged: boolean;
  /** Monotonic. */
  readonly firstMs: number;
  lastMs: number;
}

/** A look at a path. */
export interface Seen {
  readonly mode: number;
  readonly inode: number;
  readonly links: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
export const isDirectoryMode = (mode: number): boolean => (mode & S_IFMT) === S_IFDIR;

export function entryOf(seen: Seen, told: boolean): Entry {
  return isDirectoryMode(seen.mode)
    ? { inode: seen.inode, mtimeMs: 0, ctimeMs: seen.mode, told }
    : { inode: seen.inode, mtimeMs: seen.mtimeMs, ctimeMs: seen.ctimeMs, told };
}

export const differs = (a: Entry, b: Entry): boolean =>
  a.inode !== b.inode || a.mtimeMs !== b.mtimeMs || a.ctimeMs !== b.ctimeMs;

const WRITTEN = MASK.modify | MASK.closeWrite;

/**
 * What happened, in the order in which it's told. `before` is what was last seen, `now` what is there. That it's gone is told only by
 * an event (or a look) that says so: another may be on its way that says where it went.
 */
export function decide(mask: number, before: Entry | undefined, now: Seen | undefined): FileKind[] {
  const has = (bits: number): boolean => (mask & bits) !== 0;
  const kinds: FileKind[] = [];
  const entry = now === undefined ? undefined : entryOf(now, true);
  const isSame = before !== undefined && entry !== undefined && before.inode === entry.inode;
  if (entry === undefined) {
    if (before === undefined && has(MASK.create)) kinds.push('created');
    else if (has(MASK.modify)) kinds.push('modified');
    if (has(MASK.delete) || (has(MASK.vanished) && before !== undefined)) kinds.push('deleted');
    return kinds;
  }
  if (has(MASK.delete)) {
    if (!has(MASK.create) || before !== undefined) kinds.push('deleted');
    if (has(MASK.create)) kinds.push('created');
    return kinds;
  }
  if (has(MASK.create) && !(isSame && before.told)) {
    // Of a link nothing is written.
    const isLink = now!.links > 1 && !has(WRITTEN) && !isDirectoryMode(now!.mode);
    return [isLink ? 'linked' : 'created'];
  }
  if (has(MASK.found) && before === undefined) return ['created'];
  const wasWritten = before === undefined || !isSame || before.mtimeMs !== entry.mtimeMs;
  // A descriptor that only could have written, as `touch` has one, or whose file was written through memory.
  const isModified = has(MASK.modify)
    ? !has(MASK.create | MASK.found) || wasWritten
    : has(MASK.closeWrite | MASK.create | MASK.found) && !has(MASK.attrib) && wasWritten;
  if (isModified) kinds.push('modified');
  else if (has(MASK.changed) && !isSame) kinds.push('modified');
  else if (has(MASK.changed) && before?.mtimeMs !== entry.mtimeMs) kinds.push('modified');
  if (has(MASK.attrib) || (has(MASK.changed) && kinds.length === 0 && isSame && differs(before, entry))) {
    kinds.push('attributes_modified');
  }
  if (has(MASK.access)) kinds.push('accessed');
  return kinds;
}
