// The file watcher: fanotify, and inotify where that isn't possible. Watches what the configuration names, tells what happened to it and
// by whom, and after a loss looks at everything again, so that nothing that changed stays unknown (edge: the kernel, files).

import type { Loss, Note, SourceSinks } from '../core/source.ts';
import { AddedRoots } from './added-roots.ts';
import type { FileChange } from './change.ts';
import { Changes } from './changes.ts';
import { Dispatch } from './dispatch.ts';
import { MountNotes } from './mount-notes.ts';
import { type Mount, mountsByPoint } from './mounts.ts';
import { entryOf, MASK } from './pending.ts';
import { FsReader, look, mounts, type RawEvent } from './reader.ts';
import { realPattern } from './roots.ts';
import type { Who } from './task.ts';
import { DirectoryTree } from './tree.ts';
import { type Root, Views } from './views.ts';
import { Walk } from './walk.ts';
import { namesOf, WatchSet } from './watch-set.ts';

const FLUSH_MS = 25;
/** Between two looks at the mount table: not long, since a container begins with a mount, and so long that it's little of the time. */
const MOUNTS_PAUSE_MS = 5;
const MOUNTS_PAUSES = 10;
const NOTES_MAX = 64;
const EMFILE = 24;
const EPERM = 1;

export interface FsSourceOptions {
  /** Files, directories, `dir/**`, globs: {@link WatchSet}. */
  readonly paths: readonly string[];
  readonly excludes: readonly string[];
  /** The agent's own files and folders, by which its own writing would otherwise come back to it. */
  readonly ownPaths: readonly string[];
  readonly backend: 'auto' | 'fanotify' | 'inotify';
  /** This process: what fanotify says of it isn't told. 0: nothing is left out. */
  readonly pid: number;
  /** Reads as well. */
  readonly accesses?: boolean;
  /** How many files are remembered, to compare with after a loss. */
  readonly maxFiles?: number;
  readonly ringBytes?: number;
  readonly coalesceMs?: number;
  /** Only what fanotify could before Linux 5.17. */
  readonly plain?: boolean;
}

export interface FsSourceSinks extends SourceSinks {
  /** A process that changes are told of from here on, as it is met: it may be gone when they are. */
  met?(who: Who): void;
  change(change: FileChange): void;
  /** Too many changes wait already: what comes next stays in the reader's ring. */
  isBusy?(): boolean;
  /** The host's mount table, at the start and when it changed: containers come and go with it. */
  mounts?(mounts: readonly Mount[]): void;
}

export interface FsCounters {
  readonly events: number;
  /** Changes that were told. */
  readonly told: number;
  /** The agent's own. */
  readonly own: number;
  /** Overflows of the kernel's queue, and events that the agent was too slow to take. */
  readonly overflows: number;
  readonly dropped: number;
  readonly directories: number;
  readonly files: number;
  /** Not remembered: there were too many. */
  readonly filesRefused: number;
  readonly unwatched: number;
  readonly aliases: number;
  /** Directories of containers that are watched as their roots, volumes and the like. */
  readonly containerRoots: number;
  /** Directories that were compared after a loss, or looked at because they were new. */
  readonly looks: number;
}

/** One opened reader and what belongs to it. */
interface Running {
  readonly reader: FsReader;
  readonly tree: DirectoryTree;
  readonly changes: Changes;
  readonly walk: Walk;
  readonly dispatch: Dispatch;
  readonly roots: AddedRoots;
}

export class FsSource {
  private readonly options: FsSourceOptions;
  private readonly sinks: FsSourceSinks;
  private running: Running | undefined;
  private flushTimer: ReturnType<typeof setTimeout> | undefined;
  private walkTimer: ReturnType<typeof setImmediate> | undefined;
  /** When the mount table, which changed, is compared; and when at the earliest. */
  private mountsAtMs: number | undefined;
  private mountsNotBeforeMs = 0;
  private lossFromMs = 0;
  /** What was told of already. */
  private told = { overflows: 0, ringDropped: 0 };
  private comparedDropped = 0;
  private readonly mountNotes = new MountNotes();
  private notes = 0;
  private readonly noted = new Set<string>();
  private isDown = false;
  private final: FsCounters | undefined;
  private whenReady: (() => void) | undefined;

  constructor(options: FsSourceOptions, sinks: FsSourceSinks) {
    this.options = options;
    this.sinks = sinks;
  }

  /** Whether it can tell who did something: fanotify can. */
  get saysWho(): boolean {
    return this.running?.reader.features.fanotify !== false;
  }

  /** Never throws: what can't be watched is told. The promise holds once everything that is watched was looked at. */
  start(nowMs: number): Promise<void> {
    this.lossFromMs = nowMs;
    const { backend, plain = false, coalesceMs = 20, ringBytes = 16 * 1024 * 1024 } = this.options;
    const reader = FsReader.open({ backend, plain, coalesceMs, ringBytes });
    if (typeof reader === 'number') {
      this.setDown(openingFailed(reader, backend));
      return Promise.resolve();
    }
    if (reader.features.refused !== 0) {
      this.note(
        'fs_backend',
        'info',
        `fanotify can't be used (${reasonOf(reader.features.refused)}): inotify, which can't say who`,
      );
    }
    this.running = this.assemble(reader);
    const table = mounts();
    this.running.walk.mounts = mountsByPoint(table);
    const failed = reader.start({
      met: who => this.sinks.met?.(who),
      event: raw => this.event(raw),
      batchEnd: () => this.batchEnd(),
      isBusy: () => this.sinks.isBusy?.() === true,
    });
    if (failed !== 0) {
      this.setDown(`the reader can't be started: error ${failed}`);
      return Promise.resolve();
    }
    this.running.walk.start();
    this.sinks.mounts?.(table);
    return new Promise(resolve => {
      this.whenReady = resolve;
      this.keepWalking();
    });
  }

  /** Watches directories of a container too, as far as the patterns lead into them; their changes are told by its names. */
  addRoots(containerId: string, roots: readonly Root[]): void {
    this.running?.roots.add(containerId, roots);
    this.keepWalking();
  }

  /** A container's directory, by the host's path of it, is no longer watched. Nothing is told of what was in it. */
  removeRoot(path: string): void {
    this.running?.roots.remove(path);
  }

  /** Once a second. */
  tick(nowMs: number): void {
    const { running } = this;
    if (running === undefined) return;
    this.account();
    const stats = running.reader.stats();
    const queue = stats.overflows - this.told.overflows;
    const ring = stats.ringDropped - this.told.ringDropped;
    // An overflow is one event of its own that stands for at least one other.
    if (queue > 0) this.sinks.loss(lossOf('queue', queue), this.lossFromMs, nowMs);
    if (ring > 0) this.sinks.loss(lossOf('ring', ring), this.lossFromMs, nowMs);
    if (stats.refusedNumbers > 0) {
      this.note(
        'fs_directories',
        'warning',
        'there are more directories than the agent watches: watch less, or exclude some',
      );
    }
    running.roots.tick();
    this.mountNote(this.mountNotes.tick(nowMs));
    if (running.tree.root.share.refusedEntries > 0) {
      this.note(
        'fs_files',
        'warning',
        `more than ${running.tree.root.share.maxEntries} files are watched: after a loss, changes of the others may go unseen`,
      );
    }
    this.told = stats;
    this.lossFromMs = nowMs;
    if (stats.error !== 0) this.setDown(`reading file events failed: error ${stats.error}; restart the agent`);
  }

  stop(): void {
    const { running } = this;
    if (running === undefined) return;
    running.reader.stop();
    running.walk.end();
    running.dispatch.expire(running.dispatch.moves.all());
    running.changes.flushAll();
    this.sinks.batchEnd();
    clearTimeout(this.flushTimer);
    if (this.walkTimer !== undefined) clearImmediate(this.walkTimer);
    this.tick(Date.now());
    this.final = this.counters();
    running.reader.close();
    this.running = undefined;
    this.whenReady?.();
  }

  counters(): FsCounters {
    const { running, final } = this;
    if (running === undefined && final !== undefined) return final;
    const stats = running?.reader.stats();
    return {
      events: stats?.events ?? 0,
      told: running?.changes.told ?? 0,
      own: running?.changes.own ?? 0,
      overflows: stats?.overflows ?? 0,
      dropped: stats?.ringDropped ?? 0,
      directories: running?.tree.directories ?? 0,
      files: running?.tree.entries ?? 0,
      filesRefused: running?.tree.refusedEntries ?? 0,
      unwatched: running?.walk.unwatched ?? 0,
      aliases: running?.walk.aliases ?? 0,
      containerRoots: running?.roots.size ?? 0,
      looks: running?.walk.rescans ?? 0,
    };
  }

  private assemble(reader: FsReader): Running {
    const { paths, excludes, ownPaths, pid, accesses = false, maxFiles = 500_000 } = this.options;
    const set = new WatchSet(
      paths.map(path => realPattern(path)),
      [...excludes, ...ownPaths].map(path => realPattern(path)),
    );
    const views = new Views(set);
    const tree = new DirectoryTree(maxFiles);
    const changes = new Changes(views, tree, pid, change => this.sinks.change(change));
    const note = (code: string, message: string): void => this.note(code, 'warning', message);
    const walk = new Walk({ reader, set: views, tree, changes, accesses, note });
    const roots = new AddedRoots({ paths, excludes, views, tree, walk, note });
    return { reader, tree, changes, walk, dispatch: new Dispatch(reader, views, tree, changes, walk), roots };
  }

  private event(raw: RawEvent): void {
    const { running } = this;
    if (running === undefined) return;
    if ((raw.mask & MASK.overflow) !== 0) this.compareAll();
    else if ((raw.mask & MASK.mounts) !== 0) this.mountsAtMs ??= Math.max(performance.now(), this.mountsNotBeforeMs);
    else running.dispatch.event(raw, performance.now());
  }

  private batchEnd(): void {
    this.account();
    this.compareMounts();
    this.sinks.batchEnd();
    this.keepFlushing();
    this.keepWalking();
  }

  /** What the ring had no room for is found by looking. */
  private account(): void {
    const dropped = this.running?.reader.stats().ringDropped ?? 0;
    if (dropped > this.comparedDropped) this.compareAll();
    this.comparedDropped = dropped;
  }

  private compareAll(): void {
    const { running } = this;
    if (running === undefined) return;
    for (const top of running.tree.allTops()) running.walk.enqueue(top, false);
  }

  private keepFlushing(): void {
    const { running } = this;
    if (running === undefined || this.flushTimer !== undefined) return;
    if (running.changes.size === 0 && running.dispatch.moves.size === 0 && this.mountsAtMs === undefined) return;
    this.flushTimer = setTimeout(() => {
      this.flushTimer = undefined;
      this.flush();
    }, FLUSH_MS);
  }

  private flush(): void {
    const { running } = this;
    if (running === undefined) return;
    const now = performance.now();
    running.dispatch.expire(running.dispatch.moves.expired(now));
    running.changes.flushQuiet(now);
    this.compareMounts();
    this.sinks.batchEnd();
    this.keepFlushing();
    this.keepWalking();
  }

  private keepWalking(): void {
    const { running } = this;
    if (running === undefined || this.walkTimer !== undefined) return;
    if (running.walk.isDone) {
      this.whenReady?.();
      this.whenReady = undefined;
      return;
    }
    this.walkTimer = setImmediate(() => {
      this.walkTimer = undefined;
      running.walk.slice(() => performance.now());
      this.keepFlushing();
      this.keepWalking();
    });
  }

  /** What is mounted or unmounted isn't created or deleted: it's what there is from now on. */
  private compareMounts(): void {
    const { running } = this;
    const now = performance.now();
    if (running === undefined || this.mountsAtMs === undefined || now < this.mountsAtMs) return;
    this.mountsAtMs = undefined;
    const { walk, tree, roots } = running;
    const before = walk.mounts;
    const table = mounts();
    const after = mountsByPoint(table);
    walk.mounts = after;
    this.sinks.mounts?.(table);
    roots.renew();
    const points = new Set([...before.keys(), ...after.keys()]);
    for (const point of points)
      if (before.get(point)?.id !== after.get(point)?.id) this.remounted(running, point, after.has(point));
    const end = performance.now();
    this.mountsNotBeforeMs = end + Math.max(MOUNTS_PAUSE_MS, MOUNTS_PAUSES * (end - now));
    if (tree.root.id === 0) this.note('fs_root', 'warning', 'the root directory is no longer watched');
  }

  private remounted({ walk, tree, changes }: Running, point: string, isMounted: boolean): void {
    const names = namesOf(point);
    const name = names.pop();
    const parent = tree.find(names);
    if (name === undefined || parent === undefined) return;
    const node = parent.children.get(name);
    if (node !== undefined) {
      this.mountNote(this.mountNotes.add(point, isMounted));
      walk.forget(node);
    }
    changes.flushName(parent, name);
    const now = look(point);
    if (now !== undefined && parent.entries.has(name)) tree.setEntry(parent, name, entryOf(now, false));
    if (now !== undefined) walk.appear(parent, name, 0, 'silent');
  }

  private mountNote(message: string | undefined): void {
    if (message !== undefined) this.sinks.note({ code: 'fs_mount', level: 'info', message: `files: ${message}` });
  }

  private note(code: string, level: Note['level'], message: string): void {
    if (this.notes >= NOTES_MAX || this.noted.has(code + message)) return;
    // A limit is told once, not for each directory beyond it; what holds for containers, for one of them.
    if ((code === 'fs_watch_limit' || code.startsWith('fs_container')) && this.noted.has(code)) return;
    this.noted.add(code).add(code + message);
    this.notes++;
    this.sinks.note({ code, level, message: `files: ${message}` });
  }

  private setDown(message: string): void {
    if (this.isDown) return;
    this.isDown = true;
    this.sinks.availability(false, `files: ${message}`);
  }
}

const lossOf = (reason: string, count: number): Loss => ({ reason, count, unit: 'events', upperBound: false });

function reasonOf(errno: number): string {
  if (errno === EPERM) return 'CAP_SYS_ADMIN is missing';
  return errno === EMFILE ? 'no group is left, see fs.fanotify.max_user_groups' : `error ${errno}`;
}

function openingFailed(errno: number, backend: string): string {
  if (backend === 'fanotify') return `fanotify can't be used: ${reasonOf(errno)}`;
  return errno === EMFILE
    ? 'inotify has no instance left: raise fs.inotify.max_user_instances'
    : `inotify can't be used: error ${errno}`;
}
