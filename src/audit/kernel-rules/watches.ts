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
  isSocket(path: string): boolean;
}

export interface FileNeed {
  /** A path, with `*` and `?` where the rule has a pattern. */
  readonly path: string;
  /** `open`: its content is opened to be read, or a socket is connected to; `read` is all that `-p r` stands for. */
  readonly access: 'any' | 'read' | 'write' | 'open';
}

export interface Watch {
  readonly kind: 'path' | 'dir';
  readonly path: string;
  /** As `-F perm` takes it. */
  readonly perm: string;
  /** Of `open`: which calls are asked for. */
  readonly by?: 'open' | 'connect';
  /** Of a file that is watched for `open`: how rules call it. */
  readonly names?: readonly string[];
}

export interface WatchPlan {
  readonly watches: readonly Watch[];
  /** What can't be watched, or costs much, and why. */
  readonly notes: readonly string[];
  /** What is watched as soon as its folder, or of a pattern anything, is there. */
  readonly absent: readonly string[];
}

export const WATCHES_MAX = 256;
/** Folders that patterns lead to, of all needs together. */
const FOLDERS_MAX = 1024;
const PERM: Readonly<Record<FileNeed['access'], string>> = { read: 'r', open: 'r', write: 'wa', any: 'rwa' };

/** Files that rules know by their last part alone. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  '*/sysctl.conf': ['/etc/sysctl.conf'],
  '*/sysrq': ['/proc/sys/kernel/sysrq'],
  '*/sysrq-trigger': ['/proc/sysrq-trigger'],
};
const HOMES = ['/root', '/home/*'];
/** What no watch takes. */
const UNFIT = /[\\\0-\x1f]/;
/** Its files are made anew whenever somebody looks. */
const OF_A_PROCESS = /^\/proc\/(?:\d+|self|thread-self)\//;

interface Found {
  readonly kind: Watch['kind'];
  readonly path: string;
  readonly perm: Set<string>;
  readonly by: Watch['by'] | undefined;
  readonly names: Set<string>;
}

export function planWatches(needs: readonly FileNeed[], host: HostFiles): WatchPlan {
  const plan = new Planner(host);
  for (const need of needs) plan.add(need);
  return plan.done();
}

class Planner {
  private readonly host: HostFiles;
  private readonly found = new Map<string, Found>();
  private readonly notes = new Set<string>();
  private readonly absent = new Set<string>();
  private folders = FOLDERS_MAX;
  /** Whether anything became of the present need. */
  private isAnswered = false;

  constructor(host: HostFiles) {
    this.host = host;
  }

  add(need: FileNeed): void {
    this.isAnswered = false;
    this.find(need);
    if (!this.isAnswered) this.absent.add(need.path);
  }

  private find(need: FileNeed): void {
    const { path } = need;
    if (UNFIT.test(path)) {
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
    const isWithin = (watch: Found): boolean =>
      folders.some(
        dir =>
          (dir.by === undefined) === (watch.by === undefined) &&
          watch.path.startsWith(`${dir.path}/`) &&
          watch.perm.isSubsetOf(dir.perm),
      );
    const files = all.filter(watch => watch.kind === 'path' && !isWithin(watch));
    // Folders first: they stand for most.
    const needed = [...folders.filter(dir => !isWithin(dir)), ...files];
    if (needed.length > WATCHES_MAX)
      this.note(`${needed.length - WATCHES_MAX} files aren't watched: ${WATCHES_MAX} watches are the most`);
    // A file that is watched by its name is told by whichever it is opened, if there is room for that.
    needed.push(...all.filter(watch => watch.kind === 'path' && watch.by !== undefined && isWithin(watch)));
    const watches = needed.slice(0, WATCHES_MAX).map(({ kind, path, perm, by, names }) => ({
      kind,
      path,
      perm: [...'rwa'].filter(letter => perm.has(letter)).join(''),
      ...(by !== undefined && { by, names: [...names].sort() }),
    }));
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
      this.note(
        `"${need.path}" isn't watched: processes come and go, and audit has no watch for what they leave in /proc`,
      );
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
    if (need.access === 'read' || need.access === 'open') {
      // Only what is there can be read.
      for (const name of this.host.list(folder)) {
        if (!matches(name) || (need.access === 'open' && this.host.isDirectory(`${folder}/${name}`))) continue;
        if (UNFIT.test(name)) this.note(`"${need.path}": a file whose name no watch takes is left out`);
        else this.file(`${folder}/${name}`, need);
      }
      if (need.access === 'open' && pattern === '*') this.opensIn(folder, need);
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

  /** What lies deeper or comes later: a folder's watch costs every open, so only those have one that a rule names without wildcards. */
  private opensIn(folder: string, need: FileNeed): void {
    if (!need.path.startsWith(`${folder}/`) || isBusyTree(folder))
      this.note(`"${need.path}": only files directly in ${folder} are watched, new ones within 30 s`);
    else this.folder(folder, need);
  }

  private folder(path: string, { access }: FileNeed): void {
    const real = this.host.realPath(path);
    if (real === undefined || !this.host.isDirectory(real)) {
      this.miss(path);
      return;
    }
    this.put('dir', real, access);
  }

  private file(path: string, need: FileNeed): void {
    const { access } = need;
    if (access === 'open' && OF_A_PROCESS.test(path)) {
      this.note(`"${need.path}" isn't watched: audit has no watch for what processes leave in /proc`);
      return;
    }
    const slash = path.lastIndexOf('/');
    const parent = this.host.realPath(path.slice(0, slash) || '/');
    if (parent === undefined || !this.host.isDirectory(parent)) {
      this.miss(path);
      return;
    }
    const own = `${parent === '/' ? '' : parent}/${path.slice(slash + 1)}`;
    const real = this.host.realPath(own);
    // Inodes below /proc/sys are made anew again and again: only a tree's watch holds on to one.
    const kind = own.startsWith('/proc/sys/') ? 'dir' : 'path';
    if (kind === 'dir' && real === undefined) return;
    // A link may be replaced, and what it leads to be changed; it is read only through what it leads to.
    const isRead = access === 'read' || access === 'open';
    if (real === undefined || real === own || !isRead) this.put(kind, own, access, path);
    if (real !== undefined && real !== own) this.put(kind, real, access, path);
  }

  /** `name`: what rules call a file. */
  private put(kind: Watch['kind'], path: string, access: FileNeed['access'], name?: string): void {
    const by = access !== 'open' ? undefined : kind === 'path' && this.isSocket(path) ? 'connect' : 'open';
    const id = `${kind} ${path} ${by}`;
    const watch = this.found.get(id) ?? { kind, path, perm: new Set<string>(), by, names: new Set<string>() };
    this.isAnswered = true;
    for (const letter of PERM[access]) watch.perm.add(letter);
    if (name !== undefined) watch.names.add(name);
    this.found.set(id, watch);
  }

  /** Or will be one, by its name. */
  private isSocket(path: string): boolean {
    return this.host.isSocket(path) || (path.endsWith('.sock') && this.host.realPath(path) === undefined);
  }

  private miss(path: string): void {
    this.isAnswered = true;
    this.absent.add(path);
  }

  private note(text: string): void {
    this.isAnswered = true;
    this.notes.add(text);
  }
}

/** Of one name of a path, whatever its case. */
function matcher(pattern: string): (name: string) => boolean {
  const wanted = pattern.toLowerCase();
  return name => matchName(wanted, name.toLowerCase());
}
