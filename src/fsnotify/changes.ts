// Events of files become changes: gathered while they come in a burst, decided by what is there when it's quiet, told once
// (edge: looks at files). Renames are told at once, since everything after them has another path.

import { fileTypeOf } from '../core/file-type.ts';
import type { FileChange } from './change.ts';
import type { Entry } from './entries.ts';
import { type Doing, decide, entryOf, MASK, type Pending } from './pending.ts';
import { look, type RawEvent, type Stat } from './reader.ts';
import type { DirectoryNode, DirectoryTree } from './tree.ts';
import type { Views } from './views.ts';

/** After the last event of a name it's quiet; what is written on and on is told at least so often. */
const QUIET_MS = 50;
/** A file that is still open for writing. */
const OPEN_QUIET_MS = 1_000;
const MOST_MS = 2_000;
const PENDING_MAX = 10_000;
/** How long is told at once, with what is behind it. */
const SLICE_MS = 10;

const hex = (n: number): string => n.toString(16).padStart(2, '0');

export const doingOf = (raw: RawEvent): Doing => ({
  pid: raw.pid,
  ...(raw.who !== undefined && { who: raw.who }),
  timeMs: raw.timeMs,
  teller: raw.isFanotify ? 'fanotify' : 'inotify',
});

/** Several actions in one event of fanotify's. */
const ACTIONS = [MASK.create, MASK.delete, MASK.attrib, MASK.modify | MASK.closeWrite];
const isMerged = (mask: number): boolean => ACTIONS.filter(bits => (mask & bits) !== 0).length > 1;

export class Changes {
  told = 0;
  own = 0;
  private readonly set: Views;
  private readonly tree: DirectoryTree;
  private readonly ownPid: number;
  private readonly sink: (change: FileChange) => void;
  /** In the order of their first events. */
  private readonly pending = new Set<Pending>();

  constructor(set: Views, tree: DirectoryTree, ownPid: number, sink: (change: FileChange) => void) {
    this.set = set;
    this.tree = tree;
    this.ownPid = ownPid;
    this.sink = sink;
  }

  get size(): number {
    return this.pending.size;
  }

  /** Something happened to a name, if it's covered. */
  touch(node: DirectoryNode, name: string, mask: number, doing: Doing, nowMs: number): void {
    if (!this.set.covers(node.pathOf(name))) return;
    let pending = node.pending?.get(name);
    if (pending !== undefined && pending.doing.pid !== doing.pid && pending.doing.pid !== 0 && doing.pid !== 0) {
      this.flush(pending);
      pending = undefined;
    }
    // What is removed and made anew, or the other way round, are two stories.
    if (pending !== undefined && (mask & MASK.create) !== 0 && (pending.mask & MASK.delete) !== 0) {
      this.flush(pending, 'unseen');
      pending = undefined;
    }
    if (pending === undefined) {
      pending = { node, name, mask: 0, doing, merged: false, firstMs: nowMs, lastMs: nowMs };
      node.pending ??= new Map();
      node.pending.set(name, pending);
      this.pending.add(pending);
    } else if (pending.doing.teller === 'scan' && doing.teller !== 'scan') {
      pending.doing = { ...doing, timeMs: pending.doing.timeMs };
    }
    if (doing.teller === 'fanotify' && isMerged(mask)) pending.merged = true;
    pending.mask |= mask;
    pending.lastMs = nowMs;
    const [oldest] = this.pending.size > PENDING_MAX ? this.pending : [];
    if (oldest !== undefined) this.flush(oldest);
  }

  /** Tells what is quiet, or as much of it as a while allows. */
  flushQuiet(nowMs: number): void {
    const endMs = performance.now() + SLICE_MS;
    for (const pending of this.pending) {
      const isOpen = (pending.mask & (MASK.modify | MASK.closeWrite | MASK.create)) === MASK.modify;
      const quietMs = isOpen ? OPEN_QUIET_MS : QUIET_MS;
      if (nowMs - pending.lastMs < quietMs && nowMs - pending.firstMs < MOST_MS) continue;
      this.flush(pending);
      if (performance.now() >= endMs) return;
    }
  }

  flushAll(): void {
    for (const pending of this.pending) this.flush(pending);
  }

  flushDirectory(node: DirectoryNode): void {
    if (node.pending !== undefined) for (const pending of node.pending.values()) this.flush(pending);
  }

  flushName(node: DirectoryNode, name: string, now?: Stat | 'unseen'): void {
    const pending = node.pending?.get(name);
    if (pending !== undefined) this.flush(pending, now);
  }

  /** `now`: what was there, where the name is already another's. */
  private flush(pending: Pending, given?: Stat | 'unseen'): void {
    const { node, name, mask, doing } = pending;
    this.pending.delete(pending);
    node.pending?.delete(name);
    if (node.pending?.size === 0) node.pending = undefined;
    const path = node.pathOf(name);
    const now = given === 'unseen' ? undefined : (given ?? look(path));
    const before = node.entries.get(name);
    const kinds = decide(mask, before, now);
    const forMs = Math.ceil(pending.lastMs - pending.firstMs);
    if (now !== undefined) {
      const isOld = before?.told === true && before.inode === now.inode && (mask & MASK.delete) === 0;
      const isTold = isOld || kinds.some(kind => kind === 'created' || kind === 'linked');
      this.tree.setEntry(node, name, entryOf(now, isTold));
    } else if (kinds.includes('deleted')) this.tree.deleteEntry(node, name);
    for (const kind of kinds) {
      const warnings: string[] = [];
      if (pending.merged && kinds.length > 1) warnings.push('merged');
      if (now === undefined && kind !== 'deleted') warnings.push('gone');
      if (doing.teller === 'scan') warnings.push('rescanned');
      const seen = kind === 'deleted' ? undefined : now;
      const fact = {
        kind,
        path,
        ...(kind === 'deleted' && gone(before)),
        ...(forMs > 0 && { untilMs: doing.timeMs + forMs }),
      };
      this.tell(fact, doing, seen, warnings);
    }
  }

  /** A name moved within what is watched; `before` is what was last seen of it. */
  renamed(
    path: string,
    previousPath: string | undefined,
    before: Entry | undefined,
    doing: Doing,
    now: Stat | undefined,
  ): void {
    const isCovered = this.set.covers(path);
    const wasCovered = previousPath !== undefined && this.set.covers(previousPath);
    if (isCovered) {
      const warnings = now === undefined ? ['gone'] : [];
      this.tell({ kind: 'renamed', path, ...(previousPath !== undefined && { previousPath }) }, doing, now, warnings);
    } else if (wasCovered) {
      this.movedAway(previousPath, path, before, doing, []);
    }
  }

  /** A covered path left what is watched. */
  movedAway(
    path: string,
    movedTo: string | undefined,
    before: Entry | undefined,
    doing: Doing,
    warnings: readonly string[],
  ): void {
    const fact = { kind: 'deleted' as const, path, ...(movedTo !== undefined && { movedTo }), ...gone(before) };
    this.tell(fact, doing, undefined, warnings);
  }

  private tell(
    fact: Pick<FileChange, 'kind' | 'path' | 'previousPath' | 'movedTo' | 'inode' | 'untilMs'>,
    doing: Doing,
    now: Stat | undefined,
    warnings: readonly string[],
  ): void {
    const { pid, who, timeMs, teller } = doing;
    if (pid !== 0 && pid === this.ownPid) {
      this.own++;
      return;
    }
    this.told++;
    const { path, previousPath, movedTo, ...rest } = fact;
    const named = this.set.name(path);
    const likewise = (other: string): string => {
      const { containerId, path: inside } = this.set.name(other);
      return containerId === named.containerId ? inside : other;
    };
    const type = now === undefined ? undefined : fileTypeOf(now.mode);
    this.sink({
      ...named,
      ...rest,
      ...(previousPath !== undefined && { previousPath: likewise(previousPath) }),
      ...(movedTo !== undefined && { movedTo: likewise(movedTo) }),
      ...(type !== undefined && { type }),
      ...(pid !== 0 && { task: who?.task ?? { pid } }),
      ...(who !== undefined && { startTicks: who.startTicks }),
      ...(now !== undefined && { inode: String(now.inode), dev: `${hex(now.major)}:${hex(now.minor)}` }),
      ...{ timeMs, teller, warnings },
    });
  }
}

const gone = (before: Entry | undefined): { inode?: string } =>
  before === undefined ? {} : { inode: String(before.inode) };
