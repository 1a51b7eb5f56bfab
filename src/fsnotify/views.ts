// Whose a path is: the host's own, or a container's, which the host has beneath a directory of another name. Each container's files are
// watched by the paths that they have in it; all else here goes by the host's paths. Pure.

import { WatchSet } from './watch-set.ts';

/** A directory of the host's that a container has at a path of its own. */
export interface Root {
  readonly containerId: string;
  /** Somebody else than root runs the container. */
  readonly ofUser: boolean;
  /** Real, or beneath the /proc/PID/root of one of its processes. */
  readonly path: string;
  /** Where the container has it: `` for its root directory, else `/data`. */
  readonly at: string;
  /** Of the directory only these files are the container's: their names, and the container's paths of them. */
  readonly files?: ReadonlyMap<string, string>;
  /** Its file system's. */
  readonly type: string;
  /** Where in the container something else is mounted, which is a root of its own or isn't watched. */
  readonly mounts: ReadonlySet<string>;
  /** Directories of the host's that have the same files another time: the layers that an overlay writes to. */
  readonly stores: readonly string[];
}

/** A file's names: `hostPath` and `containerId` where it's a container's. */
export interface Named {
  readonly path: string;
  readonly hostPath?: string;
  readonly containerId?: string;
}

interface View {
  /** Absent where another root tells what happens there. */
  readonly root: Root | undefined;
  readonly set: WatchSet;
}

const HIDDEN: View = { root: undefined, set: new WatchSet([]) };

export class Views {
  private readonly host: WatchSet;
  private readonly byPath = new Map<string, View>();
  /** How long the paths in it are, longest first. */
  private lengths: readonly number[] = [];

  constructor(host: WatchSet) {
    this.host = host;
  }

  has(path: string): boolean {
    return this.byPath.has(path);
  }

  add(root: Root, set: WatchSet): void {
    for (const store of root.stores) this.byPath.set(store, HIDDEN);
    this.byPath.set(root.path, { root, set });
    this.measure();
  }

  remove(root: Root): void {
    for (const path of [...root.stores, root.path]) this.byPath.delete(path);
    this.measure();
  }

  /** The roots of one container. */
  of(containerId: string): Root[] {
    return [...this.byPath.values()].flatMap(({ root }) => (root?.containerId === containerId ? [root] : []));
  }

  /** Whether the host's own watching reaches a directory. */
  isHosts(path: string): boolean {
    return this.find(path) === undefined && (this.host.descends(path) || this.host.covers(path));
  }

  name(path: string): Named {
    const found = this.find(path);
    if (found?.inside === undefined) return { path };
    return { path: found.inside, hostPath: path, containerId: found.root.containerId };
  }

  covers(path: string): boolean {
    const found = this.find(path);
    if (found === undefined) return this.host.covers(path);
    return found.inside !== undefined && found.set.covers(found.inside);
  }

  descends(path: string): boolean {
    const found = this.find(path);
    if (found === undefined) return this.host.descends(path);
    const { root, inside, set } = found;
    // From above nobody comes into a root.
    return inside !== undefined && path !== root.path && !root.mounts.has(inside) && set.descends(inside);
  }

  coversIn(path: string): boolean {
    const found = this.find(path);
    if (found === undefined) return this.host.coversIn(path);
    if (found.root?.files !== undefined) return path === found.root.path;
    return found.inside !== undefined && found.set.coversIn(found.inside);
  }

  coversAllIn(path: string): boolean {
    const found = this.find(path);
    if (found === undefined) return this.host.coversAllIn(path);
    return found.inside !== undefined && found.set.coversAllIn(found.inside);
  }

  /** The root that a path lies in and the container's name for it; undefined: the host's own. */
  private find(path: string): Found | undefined {
    for (const length of this.lengths) {
      if (path.length < length || (path.length > length && path[length] !== '/')) continue;
      const view = this.byPath.get(path.slice(0, length));
      if (view === undefined) continue;
      const { root, set } = view;
      return root === undefined ? { root, set, inside: undefined } : { root, set, inside: insideOf(root, path) };
    }
    return undefined;
  }

  private measure(): void {
    this.lengths = [...new Set([...this.byPath.keys()].map(path => path.length))].sort((a, b) => b - a);
  }
}

type Found =
  | { readonly root: Root; readonly set: WatchSet; readonly inside: string | undefined }
  | { readonly root: undefined; readonly set: WatchSet; readonly inside: undefined };

/** The container's path of what is at or beneath a root; none where only some files are the container's. */
function insideOf({ path: root, at, files }: Root, path: string): string | undefined {
  if (files !== undefined) return files.get(path.slice(root.length + 1));
  return at + path.slice(root.length) || '/';
}
