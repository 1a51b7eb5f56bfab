// The directories of containers beside the host's own tree: added when a container comes, taken away when it ends, each with the same
// patterns, read by the container's names (edge: files, through the walk).

import { holdsFiles, isWalked } from './mounts.ts';
import { type Reach, realPattern } from './roots.ts';
import { type DirectoryTree, Share } from './tree.ts';
import type { Root, Views } from './views.ts';
import type { Walk } from './walk.ts';
import { namesOf, WatchSet } from './watch-set.ts';

/** Remembered and watched of one container, which can make as many as it likes, of all, and of all that users run. */
const FILES_MAX = 50_000;
const DIRECTORIES_MAX = 20_000;
const FILES_OF_ALL_MAX = 250_000;
const DIRECTORIES_OF_ALL_MAX = 100_000;
const FILES_OF_USERS_MAX = 50_000;
const DIRECTORIES_OF_USERS_MAX = 20_000;

const ENOENT = 2;
const EEXIST = 17;

interface Parts {
  readonly paths: readonly string[];
  readonly excludes: readonly string[];
  readonly views: Views;
  readonly tree: DirectoryTree;
  readonly walk: Walk;
  note(code: string, message: string): void;
}

export class AddedRoots {
  private readonly parts: Parts;
  private readonly roots = new Map<string, { readonly root: Root; readonly set: WatchSet }>();
  private readonly all = new Share(FILES_OF_ALL_MAX, DIRECTORIES_OF_ALL_MAX);
  private readonly ofUsers = new Share(FILES_OF_USERS_MAX, DIRECTORIES_OF_USERS_MAX);
  private readonly shares = new Map<string, Share>();

  constructor(parts: Parts) {
    this.parts = parts;
  }

  get size(): number {
    return this.roots.size;
  }

  /** The roots of one container, as far as patterns lead into them and nobody else has them already. */
  add(containerId: string, roots: readonly Root[]): void {
    const { paths, excludes, views } = this.parts;
    const reach = reachOf([...views.of(containerId), ...roots]);
    const real = (pattern: string): string => realPattern(pattern, reach);
    const set = new WatchSet(paths.map(real), excludes.map(real));
    for (const root of roots) this.addOne(root, set);
  }

  /** Nothing is told of it as deleted. */
  remove(path: string): void {
    const { views, tree, walk } = this.parts;
    const root = this.roots.get(path)?.root;
    if (root === undefined) return;
    const top = tree.top(path);
    // What was gathered is told by the container's names.
    if (top !== undefined) walk.forget(top);
    views.remove(root);
    this.roots.delete(path);
    const { containerId } = root;
    if (views.of(containerId).length === 0) this.shares.delete(containerId);
  }

  /** Says of which containers not every file is remembered. */
  tick(): void {
    for (const [containerId, { entries, refusedEntries }] of this.shares) {
      if (refusedEntries === 0) continue;
      const message = `container ${containerId} has more than the ${entries} files that are remembered: after a loss, changes of the others may go unseen`;
      this.parts.note('fs_container_files', message);
      return;
    }
  }

  /** Begins anew with those whose file system was unmounted and mounted again, which may look the same. */
  renew(): void {
    const { tree, walk } = this.parts;
    for (const [path, { root, set }] of [...this.roots]) {
      const top = tree.top(path);
      if (top !== undefined && walk.isThere(top)) continue;
      this.remove(path);
      this.addOne(root, set);
    }
  }

  private addOne(root: Root, set: WatchSet): void {
    const { views, tree, walk, note } = this.parts;
    const { containerId, ofUser, path, at, files, type } = root;
    const isReached =
      files === undefined
        ? set.descends(at || '/') || set.covers(at)
        : [...files.values()].some(one => set.covers(one));
    if (!isReached || !holdsFiles(type) || views.has(path)) return;
    // What a container has of the host's watched files is told as the host's; what is made of layers is its own.
    if (root.stores.length === 0 && views.isHosts(path)) {
      if (!views.coversAllIn(path))
        note(
          'fs_container_shared',
          `${path} is watched as the host's, not as ${at || 'a part'} of container ${containerId}`,
        );
      return;
    }
    if (!isWalked(type)) {
      note(
        'fs_container_mount',
        `${at || '/'} of container ${containerId} isn't watched: ${type} may be slow to answer`,
      );
      return;
    }
    for (const known of [path, ...root.stores]) {
      const node = tree.find(namesOf(known));
      if (node !== undefined && node !== tree.root) walk.forget(node);
    }
    views.add(root, set);
    this.roots.set(path, { root, set });
    const whole = ofUser ? this.ofUsers : this.all;
    const share = this.shares.get(containerId) ?? new Share(FILES_MAX, DIRECTORIES_MAX, whole);
    this.shares.set(containerId, share);
    const failed = walk.startAt(path, share);
    if (failed === 0) return;
    this.remove(path);
    if (failed !== ENOENT && failed !== EEXIST)
      note('fs_container_root', `${at || '/'} of container ${containerId} can't be watched: error ${failed}`);
  }
}

/** A container's path by the root that has it: the deepest. */
function reachOf(roots: readonly Root[]): Reach {
  const byDepth = roots.filter(({ files }) => files === undefined).sort((a, b) => b.at.length - a.at.length);
  return path => {
    const root = byDepth.find(({ at }) => path === at || path.startsWith(`${at}/`));
    return root === undefined ? undefined : root.path + path.slice(root.at.length);
  };
}
