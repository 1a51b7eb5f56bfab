// Texts of /proc about cgroups and mounts: text in, facts out. Pure.

import { type Mount, unescapeOctal } from '../fsnotify/mounts.ts';
import { withoutDeleted } from './parse.ts';

/** A line of /proc/PID/cgroup. */
export interface CgroupLine {
  /** `` for the one of version 2, else the controllers or `name=systemd`. */
  readonly hierarchy: string;
  readonly path: string;
}

/** All lines, version 2 first: it alone keeps its path when a process has ended but isn't waited for. */
export function parseCgroup(text: string): CgroupLine[] {
  const lines: CgroupLine[] = [];
  for (const line of text.split('\n', 64)) {
    const first = line.indexOf(':');
    const second = line.indexOf(':', first + 1);
    if (first < 1 || second < 0) continue;
    const entry = { hierarchy: line.slice(first + 1, second), path: withoutDeleted(line.slice(second + 1)) };
    if (entry.hierarchy === '') lines.unshift(entry);
    else lines.push(entry);
  }
  return lines;
}

/** Where each cgroup hierarchy is mounted whole, by its name as in {@link CgroupLine}. */
export function cgroupMounts(mounts: readonly Mount[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const { root, point, type, options } of mounts) {
    if (root !== '/') continue;
    if (type === 'cgroup2') found.set('', found.get('') ?? point);
    else if (type === 'cgroup') {
      // `rw,cpu,cpuacct`, `rw,xattr,name=systemd`: the controllers are those that /proc/PID/cgroup names, in the kernel's order.
      const names = options
        .split(',')
        .filter(word => !/^(?:rw|ro|xattr|release_agent=.*|noprefix|clone_children)$/.test(word));
      found.set(names.join(','), point);
    }
  }
  return found;
}

/** The directories that take what is written in an overlay: what is there, and what is on its way there. */
export function layersOf({ type, options }: Mount): { upper?: string; work?: string } {
  const layers: { upper?: string; work?: string } = {};
  if (type !== 'overlay') return layers;
  for (const option of options.split(',')) {
    const [, name, escaped] = /^(upper|work)dir=(.+)$/.exec(option) ?? [];
    const path = unescapeOctal(escaped ?? '');
    if (isPlainPath(path)) layers[name === 'upper' ? 'upper' : 'work'] = path;
  }
  return layers;
}

/** The directory that takes what is written in a root directory made of layers; absent for any other root. */
export function upperDirectory(mounts: readonly Mount[]): string | undefined {
  const root = mounts.findLast(mount => mount.point === '/');
  return root === undefined ? undefined : layersOf(root).upper;
}

/** Absolute, and what it seems to be. */
export function isPlainPath(path: string): boolean {
  return path.startsWith('/') && path.length < 4_096 && !/\/\.{1,2}(?:\/|$)|\0/.test(path);
}

/** Files that runtimes lay over a container's own: `<root>/containers/<id>/hostname`, `…/overlay-containers/<id>/userdata/hostname`. */
const BOUND =
  /\/(?:containers\/([0-9a-f]{64})|overlay-containers\/([0-9a-f]{64})\/userdata)\/(?:hosts|hostname|resolv\.conf)$/;

/** The container by its mounts, where no cgroup names it. */
export function containerOfMounts(mounts: readonly Mount[]): { id: string; runtime: string } | undefined {
  for (const { root, point } of mounts) {
    if (point !== '/etc/hosts' && point !== '/etc/hostname' && point !== '/etc/resolv.conf') continue;
    const found = BOUND.exec(root);
    if (found === null) continue;
    return found[1] !== undefined ? { id: found[1], runtime: 'docker' } : { id: found[2]!, runtime: 'podman' };
  }
  return undefined;
}
