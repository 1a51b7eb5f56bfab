// What a container sees of the host's files: its root directory, volumes, bind mounts and tmpfs, each by a path by which the host reaches
// it. From two mount tables; whether two paths lead to the same is asked. Pure.

import { basename, dirname } from 'node:path';
import { holdsFiles, type Mount, mountsByPoint } from '../fsnotify/mounts.ts';
import type { Root } from '../fsnotify/views.ts';
import { layersOf } from './container-parse.ts';

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

/** The root directory of a container by the mount that the host has it by. Only the host's own table is believed about layers. */
export function rootOfMount(
  { containerId, ofUser }: Pick<Root, 'containerId' | 'ofUser'>,
  mount: Mount,
  mounts: ReadonlySet<string>,
): Root {
  const { point: path, type } = mount;
  return { containerId, ofUser, path, at: '', type, mounts, stores: Object.values(layersOf(mount)) };
}

export function rootsOf({ containerId, ofUser, through, mounts }: Inside, host: readonly Mount[], look: Look): Root[] {
  const points = mountsByPoint(mounts);
  const roots: Root[] = [];
  const files = new Map<string, Map<string, string>>();
  const holding = [...points.values()].filter(({ type }) => holdsFiles(type)).slice(0, MOUNTS_MAX);
  for (const mount of holding) {
    const { point, type } = mount;
    const at = point === '/' ? '' : point;
    const there = look(through + at);
    if (there === undefined) continue;
    const onHost = hostPath(mount, there, host, look);
    if (isKind(there, 'directory')) {
      // What is mounted in it, and not in what the host has there.
      const within = [...points.keys()].filter(one => one !== point && one.startsWith(`${at}/`));
      const path = onHost?.path ?? through + at;
      // Not the host's own root directory: that is no container's.
      if (path === '/') continue;
      if (at === '' && onHost?.mount.point === path)
        roots.push(rootOfMount({ containerId, ofUser }, onHost.mount, new Set(within)));
      else roots.push({ containerId, ofUser, path, at, type, mounts: new Set(within), stores: [] });
    } else if (isKind(there, 'file') && onHost !== undefined) {
      const folder = dirname(onHost.path);
      const names = files.get(folder) ?? new Map<string, string>();
      files.set(folder, names.set(basename(onHost.path), point));
    }
  }
  const ofFiles = [...files].map(([path, names]) => ({
    ...{ containerId, ofUser, path, at: '', type: 'file', files: names, mounts: new Set<string>(), stores: [] },
  }));
  return [...roots, ...ofFiles];
}

interface OnHost {
  readonly path: string;
  readonly mount: Mount;
}

/** The host's name for what is mounted: a mount of the same file system that has it, and has it there indeed. */
function hostPath({ dev, root }: Mount, there: Found, host: readonly Mount[], look: Look): OnHost | undefined {
  let candidates = 0;
  for (const mount of host) {
    if (mount.dev !== dev) continue;
    const base = mount.root === '/' ? '' : mount.root;
    if (root !== mount.root && !root.startsWith(`${base}/`)) continue;
    const below = root === '/' ? '' : root.slice(base.length);
    const path = `${mount.point === '/' ? '' : mount.point}${below}` || '/';
    const found = look(path);
    if (found?.inode === there.inode && found.major === there.major && found.minor === there.minor)
      return { path, mount };
    if (++candidates === CANDIDATES_MAX) return undefined;
  }
  return undefined;
}

const isKind = ({ mode }: Found, kind: 'directory' | 'file'): boolean =>
  (mode & 0o170000) === (kind === 'directory' ? 0o040000 : 0o100000);
