// Finds directories and what they hold: at the start silently, later to tell what no event told. In slices, beside the stream of events
// (edge: looks at directories).

import type { Changes } from './changes.ts';
import { type ListedEntry, Listing } from './listing.ts';
import { isWalked, type Mount } from './mounts.ts';
import { type Doing, differs, entryOf, isDirectoryMode, MASK } from './pending.ts';
import { type FsReader, look } from './reader.ts';
import type { DirectoryNode, DirectoryTree, Former, Share } from './tree.ts';
import type { Views } from './views.ts';

const SLICE_MS = 10;
const LIST_MAX = 65_536;
/** Names that are compared before others get their turn. */
const STEPS = 256;
/** Of so many directories is known that their numbers were forgotten. */
const FORGOTTEN_MAX = 16_384;
/** The kernel takes no longer path. */
const PATH_MAX = 4_095;

const ENOENT = 2;
const EEXIST = 17;
const ENOTDIR = 20;
const ENOSPC = 28;
const ELOOP = 40;
const GONE = new Set([ENOENT, ENOTDIR, ELOOP]);

/** `event`: the kernel told of it; `found`: a look did, so that what it holds wasn't told; `silent`: it's the state to begin with. */
export type Appearance = 'event' | 'found' | 'silent';

interface Parts {
  readonly reader: FsReader;
  readonly set: Views;
  readonly tree: DirectoryTree;
  readonly changes: Changes;
  readonly accesses: boolean;
  note(code: string, message: string): void;
}

/** A look at a directory, piece by piece: events come between two pieces. */
interface Scan {
  readonly node: DirectoryNode;
  readonly listing: Listing;
  readonly steps: Generator<undefined, void>;
}

/** Which numbers to raise when the kernel has no more room, by what watches. */
const SYSCTLS = { fanotify: 'fs.fanotify.max_user_marks', inotify: 'fs.inotify.max_user_watches' };

export class Walk {
  mounts: ReadonlyMap<string, Mount> = new Map();
  /** Reached by a second path, and told by the first. */
  aliases = 0;
  /** Directories that can't be watched. */
  unwatched = 0;
  /** Looks that compared. */
  rescans = 0;
  private readonly parts: Parts;
  /** To be looked at, in this order; silently or not. */
  private readonly queue = new Map<DirectoryNode, boolean>();
  /** Those in containers, in turns with the others: neither waits for all of the other. */
  private readonly inContainers = new Map<DirectoryNode, boolean>();
  private isContainersTurn = true;
  private scan: Scan | undefined;
  /** Numbers that are no longer in use, though an event that was read before may have one: the directory has another by now. */
  private readonly forgotten = new Set<number>();

  constructor(parts: Parts) {
    this.parts = parts;
  }

  get isDone(): boolean {
    return this.scan === undefined && this.queue.size + this.inContainers.size === 0;
  }

  /** Its entries are looked at when there's time, and those of what is beneath. */
  enqueue(node: DirectoryNode, isSilent: boolean): void {
    const queue = node.share === this.parts.tree.root.share ? this.queue : this.inContainers;
    queue.set(node, isSilent && (queue.get(node) ?? true));
  }

  /** Begins at the root directory. */
  start(): void {
    const { reader, tree } = this.parts;
    const watched = reader.watch('/', this.maskOf('/'));
    if (typeof watched === 'number') this.cannot('/', watched);
    else tree.setId(tree.root, watched.id);
    this.enqueue(tree.root, true);
  }

  /** Begins at a container's directory: what is there is the state to begin with. 0 or an error number. */
  startAt(path: string, share: Share): number {
    const { reader, tree } = this.parts;
    const watched = reader.watch(path, this.maskOf(path));
    if (typeof watched === 'number') return watched;
    // The container before has it, or the host.
    if (tree.get(watched.id) !== undefined) return EEXIST;
    this.enqueue(tree.addTop(watched.id, path, share), true);
    return 0;
  }

  /** A container may have ended: then another, or nothing, is where its root was, or the next life of the same. */
  isThere(top: DirectoryNode): boolean {
    const { reader, tree } = this.parts;
    if (top === tree.root) return true;
    const watched = reader.watch(top.base, this.maskOf(top.base));
    if (typeof watched === 'number') return false;
    if (watched.id === top.id) return !watched.isNew;
    if (tree.get(watched.id) === undefined) reader.forget(watched.id);
    return false;
  }

  /** Whether what is at its path is this directory. */
  isPresent(node: DirectoryNode): boolean {
    const watched = this.parts.reader.watch(node.path, this.maskOf(node.path));
    return typeof watched !== 'number' && watched.id === node.id;
  }

  /** Works for a while. */
  slice(nowMs: () => number): void {
    const end = nowMs() + SLICE_MS;
    while (!this.isDone && nowMs() < end) {
      this.scan ??= this.begin(nowMs);
      if (this.scan?.steps.next().done === true) this.scan = undefined;
    }
  }

  /** Nothing more is looked at. */
  end(): void {
    this.scan?.listing.close();
  }

  /** The look at the next directory, if it's there. */
  private begin(nowMs: () => number): Scan | undefined {
    const turn = this.isContainersTurn ? this.inContainers : this.queue;
    this.isContainersTurn = !this.isContainersTurn;
    for (const [node, isSilent] of turn) {
      turn.delete(node);
      if (!this.parts.tree.has(node) || !this.isThere(node.top)) return undefined;
      const listing = Listing.open(node.path);
      // Gone: whoever tells of its parent tells so.
      if (typeof listing === 'number') return undefined;
      return { node, listing, steps: this.compare(node, listing, isSilent, nowMs) };
    }
    return undefined;
  }

  /** A directory is at this name; `target` is its number where the event told it. Its node, if it's to be watched. */
  appear(parent: DirectoryNode, name: string, target: number, how: Appearance): DirectoryNode | undefined {
    const { reader, set, tree } = this.parts;
    const path = parent.pathOf(name);
    if (!set.descends(path) || path.length > PATH_MAX || !this.isWalkable(path) || this.isFull(parent, name)) {
      if (target !== 0) reader.ignore(target);
      return undefined;
    }
    const watched = reader.watch(path, this.maskOf(path));
    if (typeof watched === 'number' && !GONE.has(watched)) this.cannot(path, watched);
    const isTold = target !== 0 && !this.forgotten.has(target);
    const id = isTold ? target : typeof watched === 'number' ? 0 : watched.id;
    if (id === 0) return undefined;
    const existing = parent.children.get(name);
    if (existing?.id === id) return existing;
    if (existing !== undefined) this.forget(existing);
    const other = tree.get(id);
    if (other !== undefined) {
      if (this.isPresent(other)) {
        this.aliases++;
        return undefined;
      }
      // It's this one, moved: its number stays in use.
      tree.setId(other, 0);
      this.forget(other);
    }
    const node = tree.add(id, parent, name);
    const isWhole = typeof watched !== 'number' && watched.id === id && watched.isWhole;
    if (how !== 'event' || !isWhole) this.enqueue(node, how === 'silent');
    return node;
  }

  /** A directory is no more, and what was known to be in it neither. */
  gone(node: DirectoryNode, doing: Doing, warning: string, moved?: string): void {
    const { set, changes } = this.parts;
    const path = node.path;
    for (const one of node.all()) {
      changes.flushDirectory(one);
      for (const [name, entry] of one.entries) {
        const was = one.pathOf(name);
        const to = moved === undefined ? undefined : `${moved}${was.slice(path.length)}`;
        if (set.covers(was)) changes.movedAway(was, to, entry, doing, [warning]);
      }
    }
    this.forget(node);
  }

  /** Forgets a directory and what is beneath, without a word. */
  forget(node: DirectoryNode): void {
    for (const one of node.all()) {
      this.parts.changes.flushDirectory(one);
      if (this.scan?.node === one) this.scan.listing.close();
    }
    for (const id of this.parts.tree.remove(node)) {
      this.parts.reader.forget(id);
      this.forgotten.add(id);
    }
    for (const id of this.forgotten) {
      if (this.forgotten.size <= FORGOTTEN_MAX) break;
      this.forgotten.delete(id);
    }
  }

  /** Whether a container has no room for one more directory. */
  private isFull(parent: DirectoryNode, name: string): boolean {
    if (!parent.share.isFullOfDirectories || parent.children.has(name)) return false;
    this.unwatched++;
    const top = parent.top.base;
    const message = `there are too many directories in containers, ${top} has ${parent.share.directories} that are watched: what happens in its others goes unseen`;
    this.parts.note('fs_container_directories', message);
    return true;
  }

  /** Whether its file system is one that holds files and answers. */
  private isWalkable(path: string): boolean {
    const mount = this.mounts.get(path);
    return mount === undefined || isWalked(mount.type);
  }

  private maskOf(path: string): number {
    const { set, accesses } = this.parts;
    // One of which only directories matter needs no more than what is always told.
    const changes = set.coversIn(path) ? MASK.modify | MASK.closeWrite | MASK.attrib : 0;
    // A file system is marked with the first of its directories.
    return changes | (accesses ? MASK.access : 0);
  }

  /**
   * What is there is compared with what is known. Each piece is compared as soon as it's read, and what is missing at the end was perhaps
   * made meanwhile: that it's gone is for a look at it to say.
   */
  private *compare(
    node: DirectoryNode,
    listing: Listing,
    isSilent: boolean,
    nowMs: () => number,
  ): Generator<undefined, void> {
    const { changes } = this.parts;
    if (!isSilent) this.rescans++;
    const there = new Map<string, boolean>();
    while (listing.isOpen && there.size < LIST_MAX) {
      if (node.former !== undefined) this.settle(node, node.former);
      for (const entry of listing.next()) {
        there.set(entry.name, isDirectoryMode(entry.mode));
        this.compareEntry(node, entry, isSilent, nowMs());
      }
      if (listing.isOpen) yield;
    }
    if (listing.isOpen) {
      listing.close();
      this.parts.note(
        'fs_large',
        `${node.path} has more than ${LIST_MAX} entries: after a loss, changes in it may go unseen`,
      );
    }
    if (isSilent || !listing.isWhole) return;
    const found = foundNow();
    for (const child of [...node.children.values()])
      if (there.get(child.name) !== true && !isDirectoryAt(child.path)) this.gone(child, found, 'rescanned');
    let steps = 0;
    for (const name of node.entries.keys()) {
      if (!there.has(name)) changes.touch(node, name, MASK.vanished, found, nowMs());
      if (++steps % STEPS === 0) yield;
    }
  }

  private compareEntry(node: DirectoryNode, entry: ListedEntry, isSilent: boolean, nowMs: number): void {
    const { tree, set, changes } = this.parts;
    const { name } = entry;
    if (isDirectoryMode(entry.mode)) this.compareDirectory(node, entry, isSilent);
    if (!set.covers(node.pathOf(name))) return;
    const known = node.entries.get(name);
    if (isSilent) {
      if (known === undefined) tree.setEntry(node, name, entryOf(entry, false));
    } else if (known === undefined) changes.touch(node, name, MASK.found, foundNow(), nowMs);
    else if (differs(known, entryOf(entry, false))) changes.touch(node, name, MASK.changed, foundNow(), nowMs);
  }

  /** A directory above was renamed: what became of these entries is told where the directory's own rename wasn't, or isn't all. */
  private settle(node: DirectoryNode, { path: former, doing }: Former): void {
    const { tree, set, changes } = this.parts;
    node.former = undefined;
    const isTold = set.covers(node.path);
    for (const [name, entry] of node.entries) {
      const path = node.pathOf(name);
      const isCovered = set.covers(path);
      if (isCovered && !isTold) changes.renamed(path, `${former}/${name}`, entry, doing, look(path));
      if (isCovered) continue;
      changes.movedAway(`${former}/${name}`, path, entry, doing, ['moved_away']);
      tree.deleteEntry(node, name);
    }
    for (const child of node.children.values()) child.former ??= { path: `${former}/${child.name}`, doing };
  }

  private compareDirectory(node: DirectoryNode, { name }: ListedEntry, isSilent: boolean): void {
    const child = node.children.get(name);
    if (child === undefined) {
      this.appear(node, name, 0, isSilent ? 'silent' : 'found');
      return;
    }
    if (!this.isWalkable(child.path)) return;
    if (!this.parts.set.descends(child.path)) {
      this.forget(child);
      return;
    }
    const watched = this.parts.reader.watch(child.path, this.maskOf(child.path));
    if (typeof watched === 'number') return;
    if (child.id === 0 && this.parts.tree.get(watched.id) === undefined) this.parts.tree.setId(child, watched.id);
    if (watched.id === child.id) {
      this.enqueue(child, isSilent);
      return;
    }
    // Another directory in its place.
    this.gone(child, foundNow(), 'rescanned');
    this.appear(node, name, 0, isSilent ? 'silent' : 'found');
  }

  private cannot(path: string, errno: number): void {
    this.unwatched++;
    if (errno === ENOSPC) {
      const { fanotify } = this.parts.reader.features;
      const sysctl = fanotify ? `${SYSCTLS.fanotify} or ${SYSCTLS.inotify}` : SYSCTLS.inotify;
      this.parts.note(
        'fs_watch_limit',
        `the kernel has no more watches, from ${path} on: raise ${sysctl}, or watch less`,
      );
      return;
    }
    this.parts.note('fs_unwatched', `${path} can't be watched: error ${errno}`);
  }
}

const foundNow = (): Doing => ({ pid: 0, timeMs: Date.now(), teller: 'scan' });

function isDirectoryAt(path: string): boolean {
  const now = look(path);
  return now !== undefined && isDirectoryMode(now.mode);
}
