// The directories that are watched and what was last seen in them, so that a number of the kernel's becomes a path, and a loss can be
// made good by comparing. Kept by events in their order: a path is the one at the time of the event. Pure.

import { Entries, type Entry } from './entries.ts';
import type { Doing, Pending } from './pending.ts';

/** Where a directory was before a rename, until what that means for its entries was told. */
export interface Former {
  readonly path: string;
  readonly doing: Doing;
}

/** How much may be known below one top directory, and is: one container's files take no room from another's, nor from the host's. */
export class Share {
  readonly maxEntries: number;
  readonly maxDirectories: number;
  entries = 0;
  directories = 0;
  /** Not kept, because there were too many. */
  refusedEntries = 0;
  /** What it is a part of. */
  private readonly whole: Share | undefined;

  constructor(maxEntries: number, maxDirectories: number, whole?: Share) {
    this.maxEntries = maxEntries;
    this.maxDirectories = maxDirectories;
    this.whole = whole;
  }

  get isFullOfEntries(): boolean {
    return this.entries >= this.maxEntries || this.whole?.isFullOfEntries === true;
  }

  get isFullOfDirectories(): boolean {
    return this.directories >= this.maxDirectories || this.whole?.isFullOfDirectories === true;
  }

  add(entries: number, directories: number): void {
    this.entries += entries;
    this.directories += directories;
    this.whole?.add(entries, directories);
  }
}

export class DirectoryNode {
  /** The reader's number; 0 while nothing watches it. */
  id = 0;
  /** Of a top directory. */
  readonly base: string;
  share: Share;
  parent: DirectoryNode | undefined;
  name: string;
  former: Former | undefined;
  readonly children = new Map<string, DirectoryNode>();
  readonly entries = new Entries();
  /** Absent where there are none, as in most. */
  pending: Map<string, Pending> | undefined;

  constructor(parent: DirectoryNode | undefined, name: string, share: Share, base = '') {
    this.parent = parent;
    this.name = name;
    this.share = share;
    this.base = base;
  }

  get top(): DirectoryNode {
    let node: DirectoryNode = this;
    while (node.parent !== undefined) node = node.parent;
    return node;
  }

  /** Empty for the root directory. */
  get prefix(): string {
    const names: string[] = [];
    let node: DirectoryNode = this;
    for (; node.parent !== undefined; node = node.parent) names.push(node.name);
    return names.length === 0 ? node.base : `${node.base}/${names.reverse().join('/')}`;
  }

  get path(): string {
    return this.prefix || '/';
  }

  pathOf(name: string): string {
    return `${this.prefix}/${name}`;
  }

  /** It and all beneath, parents first. */
  all(): DirectoryNode[] {
    const nodes: DirectoryNode[] = [this];
    for (let i = 0; i < nodes.length; i++) for (const child of nodes[i]!.children.values()) nodes.push(child);
    return nodes;
  }
}

export class DirectoryTree {
  readonly root: DirectoryNode;
  /** The directories without a parent: the root directory, and those of containers. */
  private readonly tops = new Map<string, DirectoryNode>();
  private readonly byId = new Map<number, DirectoryNode>();

  constructor(maxEntries: number, maxDirectories = Number.POSITIVE_INFINITY) {
    this.root = new DirectoryNode(undefined, '', new Share(maxEntries, maxDirectories));
    this.tops.set('', this.root);
  }

  get directories(): number {
    return this.byId.size;
  }

  get entries(): number {
    return this.sum(({ entries }) => entries);
  }

  get refusedEntries(): number {
    return this.sum(({ refusedEntries }) => refusedEntries);
  }

  get(id: number): DirectoryNode | undefined {
    return this.byId.get(id);
  }

  setId(node: DirectoryNode, id: number): void {
    if (node.id !== 0) this.byId.delete(node.id);
    node.id = id;
    if (id !== 0) this.byId.set(id, node);
  }

  add(id: number, parent: DirectoryNode, name: string): DirectoryNode {
    const node = new DirectoryNode(parent, name, parent.share);
    parent.children.set(name, node);
    node.share.add(0, 1);
    this.setId(node, id);
    return node;
  }

  addTop(id: number, path: string, share: Share): DirectoryNode {
    const node = new DirectoryNode(undefined, '', share, path);
    this.tops.set(path, node);
    node.share.add(0, 1);
    this.setId(node, id);
    return node;
  }

  top(path: string): DirectoryNode | undefined {
    return this.tops.get(path);
  }

  allTops(): IterableIterator<DirectoryNode> {
    return this.tops.values();
  }

  /** Whether it's still where it says. */
  has(node: DirectoryNode): boolean {
    return node.parent === undefined ? this.tops.get(node.base) === node : node.parent.children.get(node.name) === node;
  }

  /** Takes a directory out of its place, with all beneath. */
  detach(node: DirectoryNode): void {
    if (node.parent?.children.get(node.name) === node) node.parent.children.delete(node.name);
  }

  attach(node: DirectoryNode, parent: DirectoryNode, name: string): void {
    node.parent = parent;
    node.name = name;
    parent.children.set(name, node);
    if (node.share === parent.share) return;
    for (const one of node.all()) {
      this.count(one, -1);
      one.share = parent.share;
      this.count(one, 1);
    }
  }

  /** Forgets it and all beneath; the numbers that nobody needs any more. */
  remove(node: DirectoryNode): number[] {
    this.detach(node);
    if (node.parent === undefined && this.tops.get(node.base) === node) this.tops.delete(node.base);
    const ids: number[] = [];
    for (const one of node.all()) {
      if (one.id !== 0) ids.push(one.id);
      this.setId(one, 0);
      this.count(one, -1);
      one.entries.clear();
      one.children.clear();
    }
    return ids;
  }

  setEntry(node: DirectoryNode, name: string, entry: Entry): void {
    const { share } = node;
    if (!node.entries.has(name)) {
      if (share.isFullOfEntries) {
        share.refusedEntries++;
        return;
      }
      share.add(1, 0);
    }
    node.entries.set(name, entry);
  }

  deleteEntry(node: DirectoryNode, name: string): void {
    if (node.entries.delete(name)) node.share.add(-1, 0);
  }

  /** The node at a path of the host's, if it's known. */
  find(names: readonly string[]): DirectoryNode | undefined {
    let node: DirectoryNode | undefined = this.root;
    for (const name of names) node = node?.children.get(name);
    return node;
  }

  private count({ share, entries }: DirectoryNode, sign: 1 | -1): void {
    share.add(sign * entries.size, sign);
  }

  private sum(of: (share: Share) => number): number {
    let total = 0;
    for (const share of new Set([...this.tops.values()].map(top => top.share))) total += of(share);
    return total;
  }
}
