// Everything that a watch set covers, looked at once without watching anything: in slices, never following a link or entering a file
// system that may not answer (edge: looks at directories).

import { Listing } from './listing.ts';
import { isWalked, mountsByPoint } from './mounts.ts';
import { isDirectoryMode, type Seen } from './pending.ts';
import { look, mounts, type Stat } from './reader.ts';
import { realPattern } from './roots.ts';
import { Slices } from './slices.ts';
import { WatchSet } from './watch-set.ts';

const SLICE_MS = 10;
/** Whoever takes what is found may be slow with each. */
const STEPS = 4;
const LIST_MAX = 65_536;
/** The kernel takes no longer path. */
const PATH_MAX = 4_095;
const DIRECTORIES_MAX = 1_000_000;
/** So many names are sorted at once. */
const RUN = 4_096;
const ENOENT = 2;
const ENOTDIR = 20;
const ELOOP = 40;
const GONE = new Set([ENOENT, ENOTDIR, ELOOP]);

export interface SurveyOptions {
  /** As {@link WatchSet} takes them; links on the way to them are followed once. */
  readonly paths: readonly string[];
  readonly excludes: readonly string[];
  /** Only these and what is beneath. */
  readonly within?: readonly string[];
  /** A directory that can't be read (`errno`), or not as a whole (undefined). */
  readonly onUnread?: (path: string, errno: number | undefined) => void;
  readonly signal?: AbortSignal;
}

export interface Surveyed {
  readonly path: string;
  readonly seen: Seen;
}

/** What a survey would come to, as far as paths and mounts say. */
export class SurveyArea {
  readonly set: WatchSet;
  private readonly mounts = mountsByPoint(mounts());
  private readonly within: readonly string[];

  constructor({ paths, excludes, within = [] }: SurveyOptions) {
    this.set = new WatchSet(
      paths.map(path => realPattern(path)),
      excludes.map(path => realPattern(path)),
    );
    this.within = within.map(path => realPattern(path));
  }

  covers(path: string): boolean {
    return this.set.covers(path) && (this.within.length === 0 || this.within.some(top => isIn(path, top)));
  }

  /** Whether a directory is to be entered. */
  enters(path: string): boolean {
    if (!this.set.descends(path) || path.length > PATH_MAX || !this.isWalked(path)) return false;
    return this.within.length === 0 || this.within.some(top => isIn(path, top) || isIn(top, path));
  }

  /** What is there; never asks a file system that isn't walked. */
  look(path: string): Stat | undefined {
    for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1))
      if (!this.isWalked(path.slice(0, at))) return undefined;
    return look(path);
  }

  private isWalked(path: string): boolean {
    const mount = this.mounts.get(path);
    return mount === undefined || isWalked(mount.type);
  }
}

const isIn = (path: string, top: string): boolean => path === top || top === '/' || path.startsWith(`${top}/`);

export async function* survey(options: SurveyOptions): AsyncGenerator<Surveyed, void, undefined> {
  const { onUnread, signal } = options;
  const area = new SurveyArea(options);
  const slices = new Slices(SLICE_MS, STEPS);
  /** A directory that is reached twice, by a bind mount, is entered once: always by the first of its paths. */
  const entered = new Set<string>();
  const stack = ['/'];
  for (let path = stack.pop(); path !== undefined; path = stack.pop()) {
    if (slices.isOver) await slices.pause();
    if (signal?.aborted === true) return;
    const at = look(path);
    if (at === undefined || !isDirectoryMode(at.mode)) continue;
    const identity = `${at.major}:${at.minor}:${at.inode}`;
    if (entered.has(identity)) continue;
    if (entered.size >= DIRECTORIES_MAX) {
      onUnread?.(path, undefined);
      return;
    }
    entered.add(identity);
    const listing = Listing.open(path);
    if (typeof listing === 'number') {
      if (!GONE.has(listing)) onUnread?.(path, listing);
      continue;
    }
    const entries = new Map<string, Seen>();
    const runs: string[][] = [[]];
    try {
      while (listing.isOpen && entries.size < LIST_MAX) {
        for (const { name, ...seen } of listing.next()) {
          if (!entries.has(name)) runs.at(-1)!.push(name);
          entries.set(name, seen);
        }
        if (runs.at(-1)!.length >= RUN) {
          runs.at(-1)!.sort();
          runs.push([]);
        }
        await slices.pause();
      }
    } finally {
      listing.close();
    }
    if (!listing.isWhole) onUnread?.(path, undefined);
    runs.at(-1)!.sort();
    const below: string[] = [];
    for (const name of inOrder(runs)) {
      if (slices.isOver) await slices.pause();
      const seen = entries.get(name)!;
      const child = path === '/' ? `/${name}` : `${path}/${name}`;
      if (isDirectoryMode(seen.mode) && area.enters(child)) below.push(child);
      if (area.covers(child)) yield { path: child, seen };
    }
    stack.push(...below.reverse());
  }
}

/** The names of all runs, each of which is in order. */
function* inOrder(runs: readonly (readonly string[])[]): Generator<string> {
  const at = runs.map(() => 0);
  for (;;) {
    let first = -1;
    for (let i = 0; i < runs.length; i++) {
      const name = runs[i]![at[i]!];
      if (name !== undefined && (first < 0 || name < runs[first]![at[first]!]!)) first = i;
    }
    if (first < 0) return;
    yield runs[first]![at[first]!++]!;
  }
}
