// One raw event after the other: keeps the tree as the kernel tells it, and hands what concerns files to `Changes` (edge: looks at files).

import { type Changes, doingOf } from './changes.ts';
import { type Move, Moves } from './moves.ts';
import { type Doing, entryOf, MASK } from './pending.ts';
import { type FsReader, look, type RawEvent } from './reader.ts';
import type { DirectoryNode, DirectoryTree } from './tree.ts';
import type { Views } from './views.ts';
import type { Walk } from './walk.ts';

const MOVED = MASK.movedFrom | MASK.movedTo;

export class Dispatch {
  readonly moves = new Moves();
  private readonly reader: FsReader;
  private readonly set: Views;
  private readonly tree: DirectoryTree;
  private readonly changes: Changes;
  private readonly walk: Walk;

  constructor(reader: FsReader, set: Views, tree: DirectoryTree, changes: Changes, walk: Walk) {
    this.reader = reader;
    this.set = set;
    this.tree = tree;
    this.changes = changes;
    this.walk = walk;
  }

  event(raw: RawEvent, nowMs: number): void {
    const node = raw.directory === 0 ? undefined : this.tree.get(raw.directory);
    if ((raw.mask & MASK.rename) !== 0) {
      this.rename(raw, node);
      return;
    }
    if (node === undefined) {
      if (raw.isFanotify && raw.directory !== 0) this.reader.ignore(raw.directory);
      return;
    }
    if ((raw.mask & MASK.ignored) !== 0) this.tree.setId(node, 0);
    else if (raw.name === '' || raw.name === '.') this.self(node, raw, nowMs);
    else this.entry(node, raw, nowMs);
  }

  /** First halves of renames whose second lies outside of what is watched. */
  expire(moves: readonly Move[]): void {
    for (const move of moves) this.movedOut(move, undefined);
  }

  /** The directory itself: its parent has it as an entry. */
  private self(node: DirectoryNode, raw: RawEvent, nowMs: number): void {
    const mask = raw.mask & MASK.attrib;
    if (node.parent !== undefined && mask !== 0) this.changes.touch(node.parent, node.name, mask, doingOf(raw), nowMs);
  }

  private entry(node: DirectoryNode, raw: RawEvent, nowMs: number): void {
    const { mask, name } = raw;
    const isDirectory = (mask & MASK.isDirectory) !== 0;
    const doing = doingOf(raw);
    if (isDirectory && (mask & MASK.delete) !== 0) {
      const child = node.children.get(name);
      if (child !== undefined) this.walk.gone(child, doing, 'gone');
    }
    const rest = mask & ~(MOVED | MASK.isDirectory | (isDirectory ? MASK.access : 0));
    if (rest !== 0) this.changes.touch(node, name, rest, doing, nowMs);
    // Made and removed in one event: it's there, or its number means nothing.
    const target = (mask & MASK.delete) !== 0 ? 0 : raw.target;
    if (isDirectory && (mask & MASK.create) !== 0) this.walk.appear(node, name, target, 'event');
    if ((mask & MASK.movedTo) !== 0) this.movedTo(node, raw, doing);
    if ((mask & MASK.movedFrom) !== 0) this.movedFrom(node, raw, doing, nowMs);
  }

  private movedFrom(node: DirectoryNode, raw: RawEvent, doing: Doing, nowMs: number): void {
    const move = this.takeOut(node, raw.name, raw, doing, nowMs);
    const oldest = this.moves.add(move);
    if (oldest !== undefined) this.movedOut(oldest, undefined);
  }

  private movedTo(node: DirectoryNode, raw: RawEvent, doing: Doing): void {
    const isDirectory = (raw.mask & MASK.isDirectory) !== 0;
    const now = look(node.pathOf(raw.name));
    const move = this.moves.take(raw.cookie, raw.pid, isDirectory, now?.inode);
    this.putIn(node, raw.name, raw.target, isDirectory, doing, move, move?.path);
  }

  /** Both ends at once. */
  private rename(raw: RawEvent, from: DirectoryNode | undefined): void {
    const to = raw.renamedTo === 0 ? undefined : this.tree.get(raw.renamedTo);
    const isDirectory = (raw.mask & MASK.isDirectory) !== 0;
    const doing = doingOf(raw);
    const tells = (node: DirectoryNode | undefined, name: string): boolean =>
      node !== undefined &&
      (this.set.covers(node.pathOf(name)) || (isDirectory && this.set.descends(node.pathOf(name))));
    if (tells(from, raw.name) || tells(to, raw.newName)) {
      const fromPath = this.pathOf(from, raw.directory, raw.name);
      const toPath = this.pathOf(to, raw.renamedTo, raw.newName);
      const move = from === undefined ? undefined : this.takeOut(from, raw.name, raw, doing, 0, toPath);
      if (to === undefined) this.movedOut(move!, toPath);
      else this.putIn(to, raw.newName, raw.target, isDirectory, doing, move, fromPath);
    }
    if (from === undefined && raw.directory !== 0) this.reader.ignore(raw.directory);
    if (to === undefined && raw.renamedTo !== 0) this.reader.ignore(raw.renamedTo);
  }

  /** Also in a directory that isn't watched, as far as it can be named. */
  private pathOf(node: DirectoryNode | undefined, id: number, name: string): string | undefined {
    if (node !== undefined) return node.pathOf(name);
    const path = id === 0 ? undefined : this.reader.pathOf(id);
    return path === undefined ? undefined : `${path === '/' ? '' : path}/${name}`;
  }

  /** A name leaves its directory. What was gathered of it is told as what it is now. */
  private takeOut(
    node: DirectoryNode,
    name: string,
    raw: RawEvent,
    doing: Doing,
    nowMs: number,
    newPath?: string,
  ): Move {
    const isDirectory = (raw.mask & MASK.isDirectory) !== 0;
    const child = isDirectory ? node.children.get(name) : undefined;
    if (child !== undefined) this.changes.flushAll();
    else this.changes.flushName(node, name, (newPath === undefined ? undefined : look(newPath)) ?? 'unseen');
    const path = node.pathOf(name);
    const entry = node.entries.get(name);
    this.tree.deleteEntry(node, name);
    if (child !== undefined) this.tree.detach(child);
    return { cookie: raw.cookie, doing, path, entry, node: child, isDirectory, sinceMs: nowMs };
  }

  /** A name arrives in a directory, from within what is watched (`move`) or from outside. */
  private putIn(
    node: DirectoryNode,
    name: string,
    target: number,
    isDirectory: boolean,
    doing: Doing,
    move: Move | undefined,
    previousPath: string | undefined,
  ): void {
    const path = node.pathOf(name);
    const replaced = node.children.get(name);
    // A look may have found it already.
    const isKnown = replaced !== undefined && isDirectory && this.walk.isPresent(replaced);
    if (replaced !== undefined && !isKnown) this.walk.gone(replaced, doing, 'gone');
    this.changes.flushName(node, name, 'unseen');
    const now = look(path);
    this.changes.renamed(path, previousPath, move?.entry, doing, now);
    if (now !== undefined && this.set.covers(path)) this.tree.setEntry(node, name, entryOf(now, true));
    else this.tree.deleteEntry(node, name);
    if (!isDirectory) return;
    const child = move?.node;
    if (child === undefined) {
      this.walk.appear(node, name, target, 'found');
    } else if (this.set.descends(path)) {
      const former = child.path;
      this.tree.attach(child, node, name);
      if (this.set.coversAllIn(former) && this.set.coversAllIn(path)) return;
      // Some of what is beneath may be covered now, or no longer.
      child.former ??= { path: former, doing };
      this.walk.enqueue(child, false);
    } else this.walk.gone(child, doing, 'moved_away', path);
  }

  private movedOut(move: Move, to: string | undefined): void {
    if (this.set.covers(move.path)) this.changes.movedAway(move.path, to, move.entry, move.doing, []);
    // Its node still knows its old place.
    if (move.node !== undefined) this.walk.gone(move.node, move.doing, 'moved_away', to);
  }
}
