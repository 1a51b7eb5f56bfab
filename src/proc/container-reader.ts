// Which container a process is in, and which containers there are: the host's cgroups and mounts, as /proc and the cgroup file systems
// show them. Nothing here believes a file that somebody inside a container can write.
//
// Who may name a container? A cgroup's path ends in names that whoever made the cgroups chose: root, mostly; but a user in the part
// that systemd gave over to him, and a container with a writable cgroup file system below its own. So a name that could be guessed
// counts only where root alone can have made it, and an id from elsewhere is told with its owner, or with the container around it.

import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { LRUCache } from 'lru-cache';
import { parseMounts } from '../fsnotify/mounts.ts';
import { RUNTIME_PATHS } from './container-details.ts';
import { cgroupMounts, containerOfMounts, isPlainPath, parseCgroup, upperDirectory } from './container-parse.ts';
import { matchPath } from './container-patterns.ts';
import type { ContainerRef } from './facts.ts';
import type { Procfs } from './procfs.ts';

const REFS_MAX = 4_096;
/** Directories looked at in one listing. */
const LISTED_MAX = 8_192;
const LISTED_OF_USERS_MAX = 512;
const DEPTH_MAX = 12;
const PATH_PARTS_MAX = 64;
const PIDS_MAX = 1_024;
/** A container's own. */
const CGROUPS_MAX = 64;
/** Processes asked for the directory that their container writes to, until one has told. */
const UPPER_ATTEMPTS = 5;
/** What a user has of systemd's cgroups, where their owner can't be looked up. */
const USERS_PATH = /^\/user\.slice\//;

interface Known {
  readonly ref: ContainerRef;
  readonly hierarchy: string;
  upper: string | undefined;
  attempts: number;
}

export interface ContainerReader {
  ofProcess(pid: number): ContainerRef | 'host' | undefined;
  list(): ContainerRef[] | undefined;
  processes(scope: string): number[] | undefined;
  /** Who is in it or, where nobody is, in a cgroup below its own. */
  members(scope: string): number[];
  ref(scope: string): ContainerRef | undefined;
  /** The directory, in the host's own root, that takes what the container writes. */
  upper(scope: string): string | undefined;
  isDrift(scope: string, pid: number, path: string): boolean | undefined;
}

export function openContainers(procfs: Procfs, bundles = RUNTIME_PATHS.bundles): ContainerReader {
  const hierarchies = cgroupMounts(parseMounts(procfs.mountinfo('self') ?? ''));
  const hostUsers = procfs.userNamespace('self');
  const known = new LRUCache<string, Known>({ max: REFS_MAX });
  const listed = new Set<string>([...hierarchies.keys()].filter(name => name === '' || name === 'name=systemd'));
  // Without systemd's: any one that every process is in.
  if (!listed.has('name=systemd'))
    for (const name of ['pids', 'memory', 'cpu']) if (hierarchies.has(name)) listed.add(name);

  /** Who can make cgroups in this one; 0 for root. */
  const ownerOf = (hierarchy: string, path: string): number => {
    const mount = hierarchies.get(hierarchy);
    const owner = mount === undefined ? undefined : statOf(mount + path)?.uid;
    return owner ?? (USERS_PATH.test(path) ? Number(/\/user-(\d{1,10})\.slice/.exec(path)?.[1] ?? 65_534) : 0);
  };

  const remember = (hierarchy: string, ref: ContainerRef): ContainerRef => {
    known.set(ref.scope, { ref, hierarchy, upper: undefined, attempts: 0 });
    return ref;
  };

  const refOf = (hierarchy: string, path: string): ContainerRef | undefined => {
    const found = matchPath(path);
    if (found.length === 0) return bundleRef(hierarchy, path);
    const before = known.get(found.at(-1)!.scope)?.ref;
    if (before !== undefined) return before;
    const owner = ownerOf(hierarchy, dirname(found[0]!.scope));
    const [outermost, ...inner] = found.filter((match, i) => !match.isName || (i === 0 && owner === 0));
    if (outermost === undefined) return undefined;
    const { id, runtime, podUid, scope } = inner.at(-1) ?? outermost;
    const isInner = inner.length > 0;
    return remember(hierarchy, {
      id,
      ...(runtime !== undefined && { runtime }),
      ...(podUid !== undefined && !isInner && { podUid }),
      scope,
      ...(isInner && { outer: outermost.id }),
      ...(owner !== 0 && { owner }),
    });
  };

  /** containerd's own client: `/NAMESPACE/NAME`, if containerd says that it runs. */
  const bundleRef = (hierarchy: string, path: string): ContainerRef | undefined => {
    const [, namespace, id] = /^\/([\w-]{1,76})\/([\w.-]{1,128})$/.exec(path) ?? [];
    if (namespace === undefined || id === undefined || /\.(?:slice|scope|service)$/.test(id)) return undefined;
    const before = known.get(path)?.ref;
    if (before !== undefined) return before;
    if (
      !bundles.some(root => statOf(`${root}/${namespace}/${id}`)?.uid === 0) ||
      ownerOf(hierarchy, `/${namespace}`) !== 0
    )
      return undefined;
    return remember(hierarchy, { id, runtime: 'containerd', scope: path });
  };

  /** By mounts, where the cgroup is the host's: only those that root alone can have made. */
  const mountRef = (pid: number): ContainerRef | undefined => {
    if (procfs.processRoot(pid) !== 'foreign' || hostUsers === undefined || procfs.userNamespace(pid) !== hostUsers)
      return undefined;
    const found = containerOfMounts(parseMounts(procfs.mountinfo(pid) ?? ''));
    if (found === undefined) return undefined;
    // The same container as its cgroup names, where one was seen.
    for (const { ref } of known.values())
      if (ref.id === found.id && ref.owner === undefined && ref.outer === undefined) return ref;
    return remember('', { ...found, scope: `mounts:${found.id}` });
  };

  const upperOf = (scope: string, pid: number): string | undefined => {
    const entry = known.get(scope);
    if (entry === undefined || entry.upper !== undefined || entry.attempts >= UPPER_ATTEMPTS) return entry?.upper;
    entry.attempts++;
    if (procfs.processRoot(pid) === 'foreign') entry.upper = upperDirectory(parseMounts(procfs.mountinfo(pid) ?? ''));
    return entry.upper;
  };

  let lastList: string | undefined;
  const list = (): ContainerRef[] | undefined => {
    const found = new Map<string, ContainerRef>();
    let left = LISTED_MAX;
    let leftOfUsers = LISTED_OF_USERS_MAX;
    const walk = (hierarchy: string, mount: string, path: string, depth: number): void => {
      const stat = statOf(mount + path);
      // Two links: no directory inside.
      if (stat === undefined || stat.nlink <= 2 || depth === DEPTH_MAX) return;
      for (const name of directoriesIn(mount + path)) {
        // What a user makes must not hide what is root's.
        if (--left < 0 || (stat.uid !== 0 && --leftOfUsers < 0)) return;
        const below = `${path}/${name}`;
        const ref = refOf(hierarchy, below);
        if (ref === undefined) walk(hierarchy, mount, below, depth + 1);
        else found.set(ref.scope, ref);
      }
    };
    for (const hierarchy of listed) walk(hierarchy, hierarchies.get(hierarchy)!, '', 0);
    const key = [...found.keys()].sort().join('\0');
    if (listed.size === 0 || left < 0 || key === lastList) return undefined;
    lastList = key;
    return [...found.values()];
  };

  const processes = (scope: string): number[] | undefined => {
    const hierarchy = known.get(scope)?.hierarchy;
    return hierarchy === undefined ? undefined : pidsIn(hierarchies.get(hierarchy), scope);
  };

  const members = (scope: string): number[] => {
    const mount = hierarchies.get(known.get(scope)?.hierarchy ?? '');
    const scopes = [scope];
    for (let i = 0; i < scopes.length && i < CGROUPS_MAX; i++) {
      const at = scopes[i]!;
      const pids = pidsIn(mount, at) ?? [];
      if (pids.length > 0) return pids;
      for (const name of mount === undefined ? [] : directoriesIn(mount + at)) scopes.push(`${at}/${name}`);
    }
    return [];
  };

  return {
    list,
    processes,
    members,
    upper(scope) {
      const [pid] = processes(scope) ?? [];
      return pid === undefined ? known.get(scope)?.upper : upperOf(scope, pid);
    },
    ofProcess(pid) {
      const text = procfs.cgroup(pid);
      if (text === undefined) return undefined;
      for (const { hierarchy, path } of parseCgroup(text)) {
        const ref = refOf(hierarchy, path);
        if (ref === undefined) continue;
        if (hierarchies.has(hierarchy)) listed.add(hierarchy);
        return ref;
      }
      return mountRef(pid) ?? 'host';
    },
    ref: scope => known.get(scope)?.ref,
    isDrift(scope, pid, path) {
      const directory = upperOf(scope, pid);
      if (directory === undefined || !isPlainPath(path)) return undefined;
      return isWritten(directory, path);
    },
  };
}

/** Whether a path is there below `directory`, all of it real: a symbolic link in it would lead out of the container. */
function isWritten(directory: string, path: string): boolean | undefined {
  let at = directory;
  const parts = path.split('/').slice(1);
  if (parts.length > PATH_PARTS_MAX) return undefined;
  for (const [i, part] of parts.entries()) {
    at += `/${part}`;
    const stat = lstatOf(at);
    if (stat === undefined || !(i === parts.length - 1 ? stat.isFile() : stat.isDirectory())) return false;
  }
  return true;
}

function pidsIn(mount: string | undefined, scope: string): number[] | undefined {
  if (mount === undefined || !scope.startsWith('/')) return undefined;
  try {
    const text = readFileSync(`${mount}${scope}/cgroup.procs`, 'latin1');
    return text
      .split('\n', PIDS_MAX)
      .map(Number)
      .filter(pid => pid > 0);
  } catch {
    return undefined;
  }
}

/** None where it has gone: then so have those in it. */
function directoriesIn(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap(entry => (entry.isDirectory() ? [entry.name] : []));
  } catch {
    return [];
  }
}

function statOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function lstatOf(path: string) {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
