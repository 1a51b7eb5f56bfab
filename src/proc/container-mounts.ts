// What a container sees of the host's files: its root directory, volumes, bind mounts and tmpfs, each by a path by which the host reaches
// it. From two mount tables; whether two paths lead to the same is asked. Pure.

import { basename, dirname } from 'node:path';
import { holdsFiles, isWalked, type Mount, mountsByPoint } from '../fsnotify/mounts.ts';
import type { Root } from '../fsnotify/views.ts';
import { layersOf } from './container-parse.ts';

const INSIDE_MAX = 1_024;
const MOUNTS_MAX = 256;
const CANDIDATES_MAX = 4;

/** What is at a path, symbolic links not followed. */
export type Look = (path: string) => Found | undefined;

interface Found {
  readonly mode: number;
  readonly inode: number;
  readonly major: number;
  readonly minor: number;
}

export interface Inside {
  readonly containerId: string;
  readonly ofUser: boolean;
  /** /proc/PID/root of one of its processes: through it everything is reached, for as long as the process is there. */
  readonly through: string;
  readonly mounts: readonly Mount[];
}

/**
 * The root directory of a container by the mount that the host has it by. Only the host's own table is believed about layers, and
 * nothing of a user's takes what the host watches.
 */
export function rootOfMount(
  { containerId, ofUser }: Pick<Root, 'containerId' | 'ofUser'>,
  mount: Mount,
  mounts: ReadonlySet<string>,
): Root {
  const { point: path, type } = mount;
  const stores = ofUser ? [] : Object.values(layersOf(mount));
  return { containerId, ofUser, path, at: '', type, mounts, stores };
}

/** All that it has of directories, and single files that are mounted over its own. */
export function rootsOf({ containerId, ofUser, through, mounts }: Inside, host: readonly Mount[], look: Look): Root[] {
  const points = mountsByPoint(mounts.slice(0, INSIDE_MAX));
  const holding = [...points.values()].filter(({ type }) => holdsFiles(type));
  const isBehindSlow = behindSlow(holding);
  const onHost = finder(host, look);
  const roots: Root[] = [];
  const files = new Map<string, Map<string, string>>();
  for (const mount of holding.slice(0, MOUNTS_MAX)) {
    const { point, type } = mount;
    if (isBehindSlow(point)) continue;
    const at = point === '/' ? '' : point;
    const within = new Set([...points.keys()].filter(one => one !== point && one.startsWith(`${at}/`)));
    const seen = { containerId, ofUser, path: through + at, at, type, mounts: within, stores: [] };
    // Nobody waits for its server: that it isn't watched is told by its name.
    if (!isWalked(type)) {
      roots.push(seen);
      continue;
    }
    const there = look(seen.path);
    const found = there && onHost(mount, there);
    if (isKind(there, DIRECTORY)) {
      const { path } = found ?? seen;
      // Not the host's own root directory: that is no container's.
      if (path === '/') continue;
      const isTop = at === '' && found?.mount.point === path;
      roots.push(isTop ? rootOfMount({ containerId, ofUser }, found.mount, within) : { ...seen, path });
    } else if (isKind(there, FILE) && found !== undefined) {
      const folder = dirname(found.path);
      files.set(folder, (files.get(folder) ?? new Map<string, string>()).set(basename(found.path), point));
    }
  }
  for (const [path, names] of files)
    roots.push({ containerId, ofUser, path, at: '', type: 'file', files: names, mounts: new Set(), stores: [] });
  return roots;
}

interface OnHost {
  readonly path: string;
  readonly mount: Mount;
}

/** Finds the host's name for what is mounted: a mount of the same file system that has it, and has it there indeed. */
function finder(host: readonly Mount[], look: Look): (mount: Mount, there: Found) => OnHost | undefined {
  const isBehindSlow = behindSlow(host);
  return ({ dev, root }, there) => {
    let candidates = 0;
    for (const mount of host) {
      if (mount.dev !== dev) continue;
      const base = mount.root === '/' ? '' : mount.root;
      if (root !== mount.root && !root.startsWith(`${base}/`)) continue;
      const below = root === '/' ? '' : root.slice(base.length);
      const path = `${mount.point === '/' ? '' : mount.point}${below}` || '/';
      if (isBehindSlow(path)) continue;
      const found = look(path);
      if (found?.inode === there.inode && found.major === there.major && found.minor === there.minor)
        return { path, mount };
      if (++candidates === CANDIDATES_MAX) return undefined;
    }
    return undefined;
  };
}

/** Whether the way to a path leads through a file system whose server may be gone. */
function behindSlow(mounts: readonly Mount[]): (path: string) => boolean {
  const slow = mounts.filter(({ type }) => holdsFiles(type) && !isWalked(type)).map(({ point }) => point);
  return path => slow.some(point => path !== point && path.startsWith(point === '/' ? '/' : `${point}/`));
}

const DIRECTORY = 0o040000;
const FILE = 0o100000;
const isKind = (found: Found | undefined, kind: number): boolean =>
  found !== undefined && (found.mode & 0o170000) === kind;
