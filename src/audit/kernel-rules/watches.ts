// Files that rules name by patterns, as watches of the kernel. A watch of a file is found by its inode and costs other files nothing;
// a watch of a folder costs each call that opens or changes any file. So patterns become files where the files can be told, and
// folders only where new ones may come. Pure: what is on the host is asked of `host`.

import { matchName } from '../../core/wildcards.ts';
import { isBusyTree } from './cost.ts';

/** What is on this host; links are followed. */
export interface HostFiles {
  isDirectory(path: string): boolean;
  /** Names in a folder, sorted, a bounded number; none where it can't be read. */
  list(path: string): readonly string[];
  /** Where a path leads; undefined where there is nothing. */
  realPath(path: string): string | undefined;
}

export interface FileNeed {
  /** A path, with `*` and `?` where the rule has a pattern. */
  readonly path: string;
  readonly access: 'any' | 'read' | 'write';
}

export interface Watch {
  readonly kind: 'path' | 'dir';
  readonly path: string;
  /** As `-F perm` takes it. */
  readonly perm: string;
}

export interface WatchPlan {
  readonly watches: readonly Watch[];
  /** What can't be watched, or costs much, and why. */
  readonly notes: readonly string[];
  /** What is watched as soon as its folder is there. */
  readonly absent: readonly string[];
}

export const WATCHES_MAX = 256;
/** Folders that patterns lead to, of all needs together. */
const FOLDERS_MAX = 1024;
const PERM: Readonly<Record<FileNeed['access'], string>> = { read: 'r', write: 'wa', any: 'rwa' };

/** Files that rules know by their last part alone. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  '*/sysctl.conf': ['/etc/sysctl.conf'],
  '*/sysrq': ['/proc/sys/kernel/sysrq'],
  '*/sysrq-trigger': ['/proc/sysrq-trigger'],
};
const HOMES = ['/root', '/home/*'];

export function planWatches(needs: readonly FileNeed[], host: HostFiles): WatchPlan {
  const plan = new Planner(host);
  for (const need of needs) plan.add(need);
  return plan.done();
}

class Planner {
  private readonly host: HostFiles;
  private readonly found = new Map<string, { kind: Watch['kind']; path: string; perm: Set<string> }>();
  private readonly notes = new Set<string>();
  private readonly absent = new Set<string>();
  private folders = FOLDERS_MAX;

  constructor(host: HostFiles) {
    this.host = host;
  }

  add(need: FileNeed): void {
    const { path } = need;
    if (/[\\\0-\x1f]/.test(path)) {
      this.note(`"${path}" isn't watched: it has a character that no watch takes`);
      return;
    }
    if (path.startsWith('/')) {
      // A folder's own name with a slash is what a change in it is recorded with.
      const whole = path.endsWith('/') ? `${path}*` : path;
      this.expand('', whole.slice(1).split('/'), need);
      return;
    }
    // A hidden name is looked for in the homes.
    const places = /^\*?\/\.[^*?/]/.test(path)
      ? HOMES.map(home => home + path.replace(/^\*/, ''))
      : Object.hasOwn(PLACES, path)
        ? PLACES[path]!
        : [];
    for (const place of places) this.expand('', place.slice(1).split('/'), need);
    if (places.length === 0)
      this.note(`"${path}" isn't watched: it begins with a wildcard, so that no folder is known`);
    else this.note(`"${path}" is watched at ${places.join(', ')} only`);
  }

  done(): WatchPlan {
    const all = [...this.found.values()].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
    const folders = all.filter(watch => watch.kind === 'dir');
    const isWithin = (watch: { path: string; perm: Set<string> }): boolean =>
      folders.some(dir => watch.path.startsWith(`${dir.path}/`) && watch.perm.isSubsetOf(dir.perm));
    const needed = all.filter(watch => !isWithin(watch));
    // Folders first: they stand for most.
    needed.sort((a, b) => (a.kind === b.kind ? 0 : a.kind === 'dir' ? -1 : 1));
    if (needed.length > WATCHES_MAX)
      this.note(`${needed.length - WATCHES_MAX} files aren't watched: ${WATCHES_MAX} watches are the most`);
    const watches = needed
      .slice(0, WATCHES_MAX)
      .map(({ kind, path, perm }) => ({ kind, path, perm: [...'rwa'].filter(letter => perm.has(letter)).join('') }));
    return { watches, notes: [...this.notes].sort(), absent: [...this.absent].sort() };
  }

  /** `parts` are what follows `base`, a folder without wildcards. */
  private expand(base: string, parts: readonly string[], need: FileNeed): void {
    const at = parts.findIndex(part => /[*?]/.test(part));
    if (at < 0) {
      this.file([base, ...parts].join('/'), need);
      return;
    }
    const folder = [base, ...parts.slice(0, at)].join('/');
    const rest = parts.slice(at + 1);
    if (rest.length === 0) {
      this.inFolder(folder === '' ? '/' : folder, parts[at]!, need);
      return;
    }
    if (folder === '') {
      this.note(`"${need.path}" isn't watched: that would be a watch of everything`);
      return;
    }
    if (folder === '/proc') {
      this.note(`"${need.path}" isn't watched: processes come and go`);
      return;
    }
    // `*` stands for one name here, where in a rule it may stand for several.
    const matches = matcher(parts[at]!);
    const folders = this.host.list(folder).filter(name => matches(name) && this.host.isDirectory(`${folder}/${name}`));
    for (const name of folders) {
      if (this.folders-- <= 0) {
        this.note(`"${need.path}": too many folders match, not all are watched`);
        return;
      }
      this.expand(`${folder}/${name}`, rest, need);
    }
  }

  private inFolder(folder: string, pattern: string, need: FileNeed): void {
    const matches = matcher(pattern);
    if (need.access === 'read') {
      // Only what is there can be read.
      for (const name of this.host.list(folder)) if (matches(name)) this.file(`${folder}/${name}`, need);
      return;
    }
    if (folder === '/' || (need.access === 'any' && isBusyTree(folder))) {
      this.note(`"${need.path}" isn't watched: nearly every program opens files there`);
      return;
    }
    if (isBusyTree(folder))
      this.note(`"${need.path}": every change below ${folder} becomes an event, which may be many`);
    this.folder(folder, need);
  }

  private folder(path: string, { access }: FileNeed): void {
    const real = this.host.realPath(path);
    if (real === undefined || !this.host.isDirectory(real)) {
      this.absent.add(path);
      return;
    }
    this.put('dir', real, access);
  }

  private file(path: string, { access }: FileNeed): void {
    const slash = path.lastIndexOf('/');
    const parent = this.host.realPath(path.slice(0, slash) || '/');
    if (parent === undefined || !this.host.isDirectory(parent)) {
      this.absent.add(path);
      return;
    }
    const own = `${parent === '/' ? '' : parent}/${path.slice(slash + 1)}`;
    const real = this.host.realPath(own);
    // Inodes below /proc/sys are made anew again and again: only a tree's watch holds on to one.
    const kind = own.startsWith('/proc/sys/') ? 'dir' : 'path';
    if (kind === 'dir' && real === undefined) return;
    // A link may be replaced, and what it leads to be changed; it is read only through what it leads to.
    if (real === undefined || real === own || access !== 'read') this.put(kind, own, access);
    if (real !== undefined && real !== own) this.put(kind, real, access);
  }

  private put(kind: Watch['kind'], path: string, access: FileNeed['access']): void {
    const id = `${kind} ${path}`;
    const watch = this.found.get(id) ?? { kind, path, perm: new Set<string>() };
    for (const letter of PERM[access]) watch.perm.add(letter);
    this.found.set(id, watch);
  }

  private note(text: string): void {
    this.notes.add(text);
  }
}

/** Of one name of a path, whatever its case. */
function matcher(pattern: string): (name: string) => boolean {
  const wanted = pattern.toLowerCase();
  return name => matchName(wanted, name.toLowerCase());
}
