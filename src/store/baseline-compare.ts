// What changed while no agent ran: everything that is watched is compared with the baseline, beside the stream of events (edge: files,
// timers). The first time the baseline is filled, and nothing is told.

import type { FileState, HashAlgorithm } from '../core/event.ts';
import type { FileChange } from '../fsnotify/change.ts';
import { realPattern } from '../fsnotify/roots.ts';
import { Slices } from '../fsnotify/slices.ts';
import { SurveyArea, type SurveyOptions, survey } from '../fsnotify/survey.ts';
import { WatchSet } from '../fsnotify/watch-set.ts';
import type { BaselineStore } from './baseline.ts';
import { differences, isSame, isUntouched, kindOfDifference } from './baseline-differences.ts';
import { InFlight } from './in-flight.ts';

/** What of the configuration decides what the baseline holds. */
export interface Watched {
  readonly paths: readonly string[];
  readonly excludes: readonly string[];
  readonly hashes: readonly HashAlgorithm[];
  readonly hashMaxBytes: number;
}

/** As the inspector looks: it always answers, be it at once; `state` is absent where nothing is there, or nobody could look. */
export type Inspect = (
  request: { readonly path: string; readonly priority: 'event' | 'background' },
  done: (found: { readonly state?: FileState; readonly warnings: readonly string[] }) => void,
) => void;

/** The warning of what is told here. */
export const WHILE_DOWN = 'while_down';

export interface CompareOptions {
  readonly watched: Watched;
  readonly store: BaselineStore;
  readonly inspect: Inspect;
  /**
   * A change of which nobody knows when it was done: its time is that of the look. Whoever is told notes the new state, as for any other
   * change; if that is later, and something else is known of the path by then, the watcher has told it.
   */
  readonly tell: (change: FileChange) => void;
  readonly onUnread?: SurveyOptions['onUnread'];
  readonly signal?: AbortSignal;
  /** So long a difference is held back, so that the watcher can tell first what it saw itself. */
  readonly holdMs?: number;
}

export interface CompareCounters {
  /** Looked at. */
  files: number;
  /** Read, because a look didn't say that they are the same. */
  inspected: number;
  told: number;
  /** New to the watch set, or all of them the first time. */
  filled: number;
}

/** Told by the watcher at last: two seconds of quiet, and reading. */
const HOLD_MS = 4_000;
const HELD_MAX = 10_000;
const IN_FLIGHT_MAX = 32;
const PAGE = 500;
const SLICE_MS = 10;
/** Files between two looks at the clock. */
const STEPS = 4;

interface Held {
  readonly path: string;
  readonly known: FileState | undefined;
  readonly state: FileState | undefined;
  /** Monotonic. */
  readonly dueMs: number;
}

/** Holds once everything was compared and told, or the signal came. Start it when the watcher is ready. */
export async function compareWithBaseline(options: CompareOptions): Promise<CompareCounters> {
  const comparison = new Comparison(options);
  await comparison.run();
  return comparison.counters;
}

class Comparison {
  readonly counters: CompareCounters = { files: 0, inspected: 0, told: 0, filled: 0 };
  private readonly options: CompareOptions;
  /** What was watched when the baseline was last whole. */
  private readonly before: WatchSet | undefined;
  private readonly area: SurveyArea;
  private readonly flying = new InFlight();
  /** In the order in which they are due. */
  private readonly held: Held[] = [];
  private readonly slices = new Slices(SLICE_MS, STEPS);

  constructor(options: CompareOptions) {
    this.options = options;
    const { store, signal } = options;
    const { meta } = store;
    this.before =
      meta &&
      new WatchSet(
        meta.paths.map(path => realPattern(path)),
        meta.excludes.map(path => realPattern(path)),
      );
    this.area = new SurveyArea(this.surveyOptions);
    signal?.addEventListener('abort', () => this.flying.giveUp(), { once: true });
  }

  async run(): Promise<void> {
    const { store, watched } = this.options;
    store.isFilling = path => !this.wasWatched(path);
    await this.present();
    await this.absent();
    await this.release(0);
    if (this.isOver) return;
    const { paths, excludes } = watched;
    store.filled({ paths, excludes, timeMs: Date.now() });
  }

  private wasWatched(path: string): boolean {
    return this.before?.covers(path) === true;
  }

  private get surveyOptions(): SurveyOptions {
    const { watched, onUnread, signal } = this.options;
    const { paths, excludes } = watched;
    return { paths, excludes, ...(onUnread && { onUnread }), ...(signal && { signal }) };
  }

  private get isOver(): boolean {
    return this.options.signal?.aborted === true;
  }

  private async present(): Promise<void> {
    const { store, inspect } = this.options;
    for await (const { path, seen } of survey(this.surveyOptions)) {
      this.counters.files++;
      const known = store.previous(path);
      if (known === undefined || !isUntouched(seen, known) || this.lacksHash(known)) {
        await this.flying.fewerThan(IN_FLIGHT_MAX);
        this.flying.begin();
        this.counters.inspected++;
        inspect({ path, priority: 'background' }, found => {
          this.flying.end();
          if (!this.isOver) this.found(path, known, found.state);
        });
      }
      await this.release(HELD_MAX);
    }
    await this.flying.fewerThan(1);
  }

  /** Those that are known and no longer there; what is no longer watched is forgotten. */
  private async absent(): Promise<void> {
    const { store } = this.options;
    const { area } = this;
    for (let page = store.knownFrom('', PAGE); page.length > 0; page = store.knownFrom(page.at(-1)!.path, PAGE)) {
      for (const { path, state } of page) {
        if (this.isOver) return;
        if (!area.covers(path)) store.forget(path);
        else if (area.look(path) === undefined) this.hold(path, state, undefined);
        if (this.slices.isOver) await this.slices.pause();
      }
      await this.release(HELD_MAX);
    }
  }

  /** Another hash is asked for than last time, or it couldn't be had then. */
  private lacksHash({ type, size = 0, hashes }: FileState): boolean {
    const { watched } = this.options;
    return type === 'file' && size <= watched.hashMaxBytes && watched.hashes.some(a => hashes?.[a] === undefined);
  }

  private found(path: string, known: FileState | undefined, state: FileState | undefined): void {
    const { store } = this.options;
    // It went just now: the watcher saw it go, or it's found absent. Or it can't be looked at.
    if (state === undefined || !isSame(store.previous(path), known)) return;
    if (known === undefined && !this.wasWatched(path)) {
      this.counters.filled++;
      store.fill(path, state);
    } else if (known !== undefined && differences(known, state).length === 0) {
      // A hash that couldn't be had this time is still what it was.
      if (known.hashes === undefined || state.hashes !== undefined) store.note(path, state);
    } else {
      this.hold(path, known, state);
    }
  }

  private hold(path: string, known: FileState | undefined, state: FileState | undefined): void {
    const { holdMs = HOLD_MS } = this.options;
    this.held.push({ path, known, state, dueMs: performance.now() + holdMs });
  }

  /** Tells what is due, and waits until no more than `most` are held back. */
  private async release(most: number): Promise<void> {
    if (this.held.length === 0) return;
    let at = 0;
    for (; at < this.held.length && !this.isOver; at++) {
      const one = this.held[at]!;
      const waitMs = one.dueMs - performance.now();
      if (waitMs > 0 && this.held.length - at <= most) break;
      if (waitMs > 0) await pause(waitMs, this.options.signal);
      if (this.isOver) break;
      this.tell(one);
      if (this.slices.isOver) await this.slices.pause();
    }
    this.held.splice(0, at);
  }

  /** If nobody told it meanwhile. */
  private tell({ path, known, state }: Held): void {
    const { store, tell } = this.options;
    if (!isSame(store.previous(path), known)) return;
    if (state === undefined && this.area.look(path) !== undefined) return;
    this.counters.told++;
    const { type, inode } = state ?? known ?? {};
    tell({
      kind: kindOf(known, state),
      path,
      ...(state !== undefined && type !== undefined && { type }),
      ...(inode !== undefined && { inode }),
      timeMs: Date.now(),
      teller: 'scan',
      ...(known !== undefined && { previous: known }),
      warnings: [WHILE_DOWN],
    });
  }
}

function kindOf(known: FileState | undefined, state: FileState | undefined): FileChange['kind'] {
  if (known === undefined) return 'created';
  return state === undefined ? 'deleted' : kindOfDifference(known, state);
}

/** Ends early with the signal. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise(resolve => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
}
