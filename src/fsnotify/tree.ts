// The directories that are watched and what was last seen in them, so that a number of the kernel's becomes a path, and a loss can be
// made good by comparing. Kept by events in their order: a path is the one at the time of the event. Pure.

import type { Doing, Pending } from './pending.ts';

/** What was last seen of a file. */
export interface Entry {
  readonly inode: number;
  /** Of a directory 0: it changes with each entry. */
  readonly mtimeMs: number;
  /** Of a directory its mode, for the same reason. */
  readonly ctimeMs: number;
  /** A change was told of it; else it was there when the watching began. */
  readonly told: boolean;
}

/** Where a directory was before a rename, until what that means for its entries was told. */
export interface Former {
  readonly path: string;
  readonly doing: Doing;
}

export class DirectoryNode {
  /** The reader's number; 0 while nothing watches it. */
  id: number;
  parent: DirectoryNode | undefined;
  name: string;
  former: Former | undefined;
  readonly children = new Map<string, DirectoryNode>();
  readonly entries = new Map<string, Entry>();
  readonly pending = new Map<string, Pending>();

  constructor(id: number, parent: DirectoryNode | undefined, name: string) {
    this.id = id;
    this.parent = parent;
    this.name = name;
  }

  /** Empty for the root directory. */
  get prefix(): string {
    const names: string[] = [];
    for (let node: DirectoryNode = this; node.parent !== undefined; node = node.parent) names.push(node.name);
    return names.length === 0 ? '' : `/${names.reverse().join('/')}`;
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
  readonly root = new DirectoryNode(0, undefined, '');
  private readonly byId = new Map<number, DirectoryNode>();
  readonly maxEntries: number;
  entries = 0;
  /** Not kept, because there were too many. */
  refusedEntries = 0;

  constructor(maxEntries: number) {
    this.maxEntries = maxEntries;
  }

  get directories(): number {
    return this.byId.size;
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
    const node = new DirectoryNode(0, parent, name);
    parent.children.set(name, node);
    this.setId(node, id);
    return node;
  }

  /** Takes a directory out of its place, with all beneath. */
  detach(node: DirectoryNode): void {
    if (node.parent?.children.get(node.name) === node) node.parent.children.delete(node.name);
  }

  attach(node: DirectoryNode, parent: DirectoryNode, name: string): void {
    node.parent = parent;
    node.name = name;
    parent.children.set(name, node);
  }

  /** Forgets it and all beneath; the numbers that nobody needs any more. */
  remove(node: DirectoryNode): number[] {
    this.detach(node);
    const ids: number[] = [];
    for (const one of node.all()) {
      if (one.id !== 0) ids.push(one.id);
      this.setId(one, 0);
      this.entries -= one.entries.size;
      one.entries.clear();
    }
    return ids;
  }

  setEntry(node: DirectoryNode, name: string, entry: Entry): void {
    if (!node.entries.has(name)) {
      if (this.entries >= this.maxEntries) {
        this.refusedEntries++;
        return;
      }
      this.entries++;
    }
    node.entries.set(name, entry);
  }

  deleteEntry(node: DirectoryNode, name: string): void {
    if (node.entries.delete(name)) this.entries--;
  }

  /** The node at a path, if it's known. */
  find(names: readonly string[]): DirectoryNode | undefined {
    let node: DirectoryNode | undefined = this.root;
    for (const name of names) node = node?.children.get(name);
    return node;
  }
}
