// Tells the file watcher which directories are containers': as soon as a container's root directory is mounted, before anything runs in
// it, by what its runtime keeps; and once a process is in it, by that process's own mounts (edge: cgroups, /proc, runtimes' files).

import type { Note } from '../core/source.ts';
import { type Mount, mountsByPoint, parseMounts } from '../fsnotify/mounts.ts';
import { look } from '../fsnotify/reader.ts';
import type { FsSource } from '../fsnotify/source.ts';
import type { Root } from '../fsnotify/views.ts';
import { rootOfMount, rootsOf } from './container-mounts.ts';
import { openContainers } from './container-reader.ts';
import { ContainerStorage } from './container-storage.ts';
import type { ContainerRef } from './facts.ts';
import { openProcfs } from './procfs.ts';

const CONTAINERS_MAX = 256;
/** Of those at most so many that others than root run. */
const OF_USERS_MAX = 32;
const MOUNTINFO_MAX_BYTES = 1024 * 1024;
/** The first one stays as long as the container: it's looked for among so many. */
const MEMBERS_MAX = 64;
/** After a container's root directory was mounted: how often its cgroup and a process in it are looked for. */
const LOOKS_MAX = 40;
const LOOK_EVERY_MS = 50;

export interface ContainerRootsOptions {
  readonly source: Pick<FsSource, 'addRoots' | 'removeRoot'>;
  note(note: Note): void;
  readonly containersMax?: number;
}

/** By a mount of the host's: the container whose root directory it is; no id where it's no container's. */
interface Mounted {
  readonly mount: Mount;
  readonly id: string | undefined;
}

/** By the container's cgroup: what one of its processes sees. */
interface Seen {
  readonly pid: number;
  readonly startTicks: number;
  readonly roots: readonly Root[];
  /** What the host has its root directory by. */
  readonly mount: Mount | undefined;
}

/** What the watcher was asked to watch, and in which life of it. */
interface Wanted {
  readonly root: Root;
  readonly life: string;
}

export class ContainerRoots {
  readonly #options: ContainerRootsOptions;
  readonly #procfs = openProcfs({ argvMaxBytes: MOUNTINFO_MAX_BYTES });
  readonly #reader = openContainers(this.#procfs);
  readonly #storage = new ContainerStorage();
  #table: readonly Mount[] = [];
  #points: ReadonlyMap<string, Mount> = new Map();
  /** Overlays of the host's, by the mount's id. */
  #mounted: ReadonlyMap<string, Mounted> = new Map();
  /** Those that have a cgroup, and what is seen in them. */
  readonly #running = new Map<string, { readonly ref: ContainerRef; seen: Seen | undefined }>();
  /** By path. */
  #wanted = new Map<string, Wanted>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looksLeft = 0;
  #isFullTold = false;

  constructor(options: ContainerRootsOptions) {
    this.#options = options;
  }

  /** How many containers are watched. */
  get size(): number {
    return new Set([...this.#wanted.values()].map(({ root }) => root.containerId)).size;
  }

  /** The host's mount table, at the start and whenever it changed. */
  mounts(table: readonly Mount[]): void {
    this.#table = table;
    this.#points = mountsByPoint(table);
    const mounted = new Map<string, Mounted>();
    for (const mount of this.#points.values()) {
      if (mount.type !== 'overlay') continue;
      const known = this.#mounted.get(mount.id);
      mounted.set(mount.id, known ?? { mount, id: this.#storage.containerOf(mount) });
      if (known === undefined) this.#looksLeft = LOOKS_MAX;
    }
    this.#mounted = mounted;
    for (const one of this.#running.values()) {
      const { mount } = one.seen ?? {};
      // Its root directory is gone, and so is what was mounted in it; or it's that of the next life.
      if (mount !== undefined && this.#points.get(mount.point)?.id !== mount.id) one.seen = undefined;
    }
    this.#settle();
    this.#lookSoon();
  }

  /** Once a second. */
  tick(): void {
    for (const one of this.#running.values())
      if (one.seen !== undefined && this.#procfs.startTicks(one.seen.pid) !== one.seen.startTicks) one.seen = undefined;
    this.#look();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#looksLeft = 0;
  }

  /** Which containers there are, and what is in those of which that isn't known yet. */
  #look(): void {
    const refs = this.#reader.list();
    if (refs !== undefined) {
      // One within another has its files within that one's.
      const found = new Map(refs.filter(({ outer }) => outer === undefined).map(ref => [ref.scope, ref]));
      for (const scope of this.#running.keys()) if (!found.has(scope)) this.#running.delete(scope);
      for (const [scope, ref] of found)
        if (!this.#running.has(scope)) this.#running.set(scope, { ref, seen: undefined });
    }
    for (const one of this.#running.values()) one.seen ??= this.#see(one.ref);
    this.#settle();
  }

  /** A container's first process comes some hundred milliseconds after the mount. */
  #lookSoon(): void {
    if (this.#timer !== undefined || this.#looksLeft === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#looksLeft === 0) return;
      this.#looksLeft--;
      this.#look();
      const seen = new Set([...this.#running.values()].map(({ ref, seen }) => (seen === undefined ? '' : ref.id)));
      const isMissing = [...this.#mounted.values()].some(({ id }) => id !== undefined && !seen.has(id));
      if (!isMissing) this.#looksLeft = 0;
      this.#lookSoon();
    }, LOOK_EVERY_MS);
    this.#timer.unref();
  }

  #see({ id, scope, owner }: ContainerRef): Seen | undefined {
    const [oldest] = this.#reader
      .members(scope)
      .slice(0, MEMBERS_MAX)
      .map(pid => ({ pid, startTicks: this.#procfs.startTicks(pid) ?? Number.POSITIVE_INFINITY }))
      .sort((a, b) => a.startTicks - b.startTicks);
    // What its runtime starts it with is in the host's own root directory at first.
    if (oldest === undefined || this.#procfs.processRoot(oldest.pid) !== 'foreign') return undefined;
    const { pid, startTicks } = oldest;
    const text = this.#procfs.mountinfo(pid);
    if (text === undefined) return undefined;
    const ofUser = owner !== undefined;
    const inside = { containerId: id, ofUser, through: this.#procfs.rootPath(pid), mounts: parseMounts(text) };
    const roots = rootsOf(inside, this.#table, look);
    const top = roots.find(({ at, files }) => at === '' && files === undefined);
    return top === undefined ? undefined : { pid, startTicks, roots, mount: this.#points.get(top.path) };
  }

  /** Makes the watcher watch what there is to watch now. */
  #settle(): void {
    const { source } = this.#options;
    const wanted = this.#want();
    for (const [path, before] of this.#wanted) {
      const next = wanted.get(path);
      if (next?.life === before.life && next.root.containerId === before.root.containerId) wanted.set(path, before);
      else source.removeRoot(path);
    }
    const added = new Map<string, Root[]>();
    for (const [path, one] of wanted) {
      if (this.#wanted.get(path) === one) continue;
      const { containerId } = one.root;
      added.set(containerId, [...(added.get(containerId) ?? []), one.root]);
    }
    this.#wanted = wanted;
    for (const [containerId, roots] of added) source.addRoots(containerId, roots);
  }

  /** A directory that two containers share is the first one's. */
  #want(): Map<string, Wanted> {
    const wanted = new Map<string, Wanted>();
    const add = (root: Root, life: string): void => {
      if (!wanted.has(root.path)) wanted.set(root.path, { root, life });
    };
    const hasRoom = this.#room();
    for (const { mount, id } of this.#mounted.values())
      if (id !== undefined && hasRoom(id, undefined))
        add(rootOfMount({ containerId: id, ofUser: false }, mount, new Set()), mount.id);
    for (const isUsers of [false, true]) {
      for (const { ref, seen } of this.#running.values()) {
        if (seen === undefined || isUsers !== (ref.owner !== undefined) || !hasRoom(ref.id, ref.owner)) continue;
        const through = this.#procfs.rootPath(seen.pid);
        for (const root of seen.roots) {
          const life = root.path.startsWith(through) ? String(seen.startTicks) : this.#points.get(root.path)?.id;
          add(root, life ?? '');
        }
      }
    }
    return wanted;
  }

  /** Whether a container is among those that are watched. A user's has no id that another's has: he can choose it. */
  #room(): (id: string, owner: number | undefined) => boolean {
    const { containersMax = CONTAINERS_MAX, note } = this.#options;
    const owners = new Map<string, number | undefined>();
    let ofUsers = 0;
    return (id, owner) => {
      if (owners.has(id)) return owners.get(id) === owner;
      if (owners.size >= containersMax || (owner !== undefined && ofUsers >= OF_USERS_MAX)) {
        const message = `files: more than ${containersMax} containers run, or ${OF_USERS_MAX} of users: those of the others aren't watched`;
        if (!this.#isFullTold) note({ code: 'fs_containers', level: 'warning', message });
        this.#isFullTold = true;
        return false;
      }
      owners.set(id, owner);
      if (owner !== undefined) ofUsers++;
      return true;
    };
  }
}
