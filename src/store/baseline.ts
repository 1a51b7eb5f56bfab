// What the agent last knew of each watched file, kept over restarts. Changes are written beside the stream of events, in slices; a crash
// loses a second or two. Nothing that happens to the file stops the agent: it is told, and what changes is kept in memory (edge: files).

import { existsSync, renameSync, rmSync } from 'node:fs';
import type { FileState } from '../core/event.ts';
import { type BaselineEntry, BaselineFile, type BaselineMeta } from './baseline-file.ts';
import { isBusy, isDamage, isFull, reasonOf } from './database.ts';

export interface BaselineStoreOptions {
  readonly path: string;
  /** How many paths are kept. */
  readonly maxPaths?: number;
  /** What a person should know: when trouble begins, and when it is over. */
  readonly onNote: (level: 'info' | 'warning', message: string) => void;
}

export const MAX_PATHS = 1_000_000;
/** Not written yet: some minutes' changes, should the disk be full. */
const UNWRITTEN_MAX = 50_000;
const SLICE_MS = 10;
/** The command line writes in short transactions: for one of them it is waited for. */
const BUSY_MS = 20;
/** After so many it's no short transaction. */
const BUSY_MAX = 60;
/** Renamed directories of which the files wait for their new names. */
const MOVES_MAX = 1_000;
const PAGE = 250;
/** For what is left at the end. */
const CLOSE_MS = 2_000;
/** Between looks whether the file is there, or can be had now. */
const LOOK_MS = 60_000;

const EVERYWHERE = (): boolean => true;
const NOWHERE = (): boolean => false;

/** What is to be done with a path; of `fill` the state is the accepted one too, if nothing was known. */
interface Change {
  readonly how: 'note' | 'fill' | 'forget';
  readonly state: FileState | undefined;
}

/** Of what is beneath a directory; the prefixes end with a slash. */
interface Move {
  readonly from: string;
  readonly to: string;
  /** The last path that was moved. */
  at: string;
}

export class BaselineStore {
  /** Where the baseline isn't whole yet: what is noted there of an unknown path is accepted with it. */
  isFilling: (path: string) => boolean;
  readonly #options: BaselineStoreOptions;
  readonly #unwritten = new Map<string, Change>();
  readonly #moves: Move[] = [];
  #file: BaselineFile | undefined;
  #meta: BaselineMeta | undefined;
  #metaUnwritten = false;
  #lookedMs: number | undefined;
  #isTroubled = false;
  #isFullTold = false;
  #writing: ReturnType<typeof setImmediate> | undefined;
  /** Writes in a row that another process kept from being done. */
  #busy = 0;
  #failures = 0;
  #dropped = 0;

  /** Never throws: what is wrong with the file is told. */
  constructor(options: BaselineStoreOptions) {
    this.#options = options;
    this.#open();
    this.isFilling = this.isNew ? EVERYWHERE : NOWHERE;
  }

  /** It was never filled. */
  get isNew(): boolean {
    return this.#meta === undefined;
  }

  get meta(): BaselineMeta | undefined {
    return this.#meta;
  }

  /** The last known state; undefined: there was nothing, or it isn't known. */
  previous(path: string): FileState | undefined {
    const change = this.#unwritten.get(path);
    return change === undefined ? this.#ask(file => file.known(path), undefined) : change.state;
  }

  /** Last known from now on; undefined: gone. */
  note(path: string, state: FileState | undefined): void {
    this.#change(path, { how: this.isFilling(path) ? 'fill' : 'note', state });
  }

  /** The same of a path that is new to the watch set: as it is now it is accepted. */
  fill(path: string, state: FileState): void {
    this.#change(path, { how: 'fill', state });
  }

  /** It is no longer watched. */
  forget(path: string): void {
    this.#change(path, { how: 'forget', state: undefined });
  }

  /** A directory has another name now, and what is beneath with it: that is done beside everything else. */
  moved(from: string, to: string): void {
    if (this.#moves.length >= MOVES_MAX) this.#dropped++;
    else this.#moves.push({ from: `${from}/`, to: `${to}/`, at: `${from}/` });
  }

  /** What the file has behind a path, in the order of paths; what was noted a moment ago may be missing. */
  knownFrom(path: string, most: number): BaselineEntry[] {
    return this.#ask(file => file.knownFrom(path, most), []);
  }

  /** Everything that is watched is in it. */
  filled(meta: BaselineMeta): void {
    this.isFilling = NOWHERE;
    this.#meta = meta;
    this.#metaUnwritten = true;
    this.#writeBeside();
  }

  tick(nowMs: number): void {
    this.#lookedMs ??= nowMs;
    if (Math.abs(nowMs - this.#lookedMs) >= LOOK_MS) {
      this.#lookedMs = nowMs;
      this.#look();
    }
    this.#writeBeside();
  }

  close(): void {
    if (this.#writing !== undefined) clearImmediate(this.#writing);
    const endMs = performance.now() + CLOSE_MS;
    while (this.#write(endMs - performance.now()) && this.#moveSome() && performance.now() < endMs);
    this.#dropped += this.#unwritten.size;
    this.#release();
  }

  counters(): Readonly<Record<string, number>> {
    return {
      paths: this.#file?.size ?? 0,
      refused: this.#file?.refused ?? 0,
      unwritten: this.#unwritten.size,
      dropped: this.#dropped,
      failures: this.#failures,
    };
  }

  #change(path: string, change: Change): void {
    const before = this.#unwritten.get(path);
    // What was filled is the accepted one: it has to be there before what came after it.
    const isAhead = before?.how === 'fill' && change.how === 'note' && !this.#writeOne(path, before);
    // Written in the order in which it came.
    this.#unwritten.delete(path);
    this.#unwritten.set(path, isAhead ? { how: 'fill', state: change.state } : change);
    if (this.#unwritten.size <= UNWRITTEN_MAX) return;
    // Where the last try failed, the next is the tick's.
    if (this.#busy === 0 && !this.#isTroubled) this.#write(SLICE_MS);
    const [oldest] = this.#unwritten.size > UNWRITTEN_MAX ? this.#unwritten.keys() : [];
    if (oldest === undefined) return;
    this.#unwritten.delete(oldest);
    this.#dropped++;
  }

  #writeOne(path: string, change: Change): boolean {
    return this.#try(file => file.transaction(() => apply(file, path, change)));
  }

  /** Now, and as long as there is more; after a failure not before the next tick. */
  #writeBeside(): void {
    if (this.#writing !== undefined || !this.#write(SLICE_MS) || !(this.#moveSome() || this.#unwritten.size > 0))
      return;
    this.#writing = setImmediate(() => {
      this.#writing = undefined;
      this.#writeBeside();
    });
  }

  /** Once all else is written, so that the file has what is to be moved. False where there is nothing to do. */
  #moveSome(): boolean {
    const [move] = this.#moves;
    if (move === undefined || this.#unwritten.size > 0) return false;
    const { from, to, at } = move;
    const page = this.knownFrom(at, PAGE).filter(({ path }) => path.startsWith(from));
    for (const { path, state } of page) {
      const target = to + path.slice(from.length);
      // What was noted there since is newer.
      if (this.previous(target) === undefined) this.note(target, state);
      this.note(path, undefined);
      move.at = path;
    }
    if (page.length < PAGE) this.#moves.shift();
    return true;
  }

  /** Whether nothing kept it from being done. */
  #write(forMs: number): boolean {
    if (this.#file === undefined) return false;
    if (this.#unwritten.size === 0 && !this.#metaUnwritten) return true;
    const end = performance.now() + forMs;
    const written: [string, Change][] = [];
    let isMetaWritten = false;
    const isDone = this.#try(file =>
      file.transaction(() => {
        for (const [path, change] of this.#unwritten) {
          if (performance.now() >= end) return;
          apply(file, path, change);
          written.push([path, change]);
        }
        // Only once all that it says is written.
        if (this.#metaUnwritten && this.#meta !== undefined) file.setMeta(this.#meta);
        isMetaWritten = true;
      }),
    );
    if (!isDone) return false;
    this.#busy = 0;
    for (const [path, change] of written) if (this.#unwritten.get(path) === change) this.#unwritten.delete(path);
    if (isMetaWritten) this.#metaUnwritten = false;
    if (this.#isTroubled) this.#options.onNote('info', `${this.#options.path}: the baseline is written again`);
    this.#isTroubled = false;
    this.#tellRefused();
    return true;
  }

  #tellRefused(): void {
    if (this.#isFullTold || (this.#file?.refused ?? 0) === 0) return;
    this.#isFullTold = true;
    const { path, maxPaths = MAX_PATHS } = this.#options;
    this.#options.onNote(
      'warning',
      `${path}: more than ${maxPaths} files are watched: of the others it isn't known what they were before; watch less`,
    );
  }

  #ask<T>(question: (file: BaselineFile) => T, otherwise: T): T {
    let answer = otherwise;
    this.#try(file => {
      answer = question(file);
    });
    return answer;
  }

  /** Whether it was done. */
  #try(work: (file: BaselineFile) => void): boolean {
    const file = this.#file;
    if (file === undefined) return false;
    try {
      work(file);
      return true;
    } catch (error) {
      // Another process writes just now, a full disk may have room again; whatever else it is, the file is opened anew.
      if (!isFull(error) && !isBusy(error)) this.#release();
      if (!isBusy(error) || ++this.#busy > BUSY_MAX) this.#failed(error);
      return false;
    }
  }

  #look(): void {
    if (this.#file !== undefined) {
      if (existsSync(this.#options.path)) return;
      this.#release();
      this.#begunAnew();
      this.#tellAnew('it was removed');
    }
    this.#open();
  }

  #open(): void {
    try {
      this.#openFile();
    } catch (error) {
      this.#failed(error);
    }
  }

  #openFile(): void {
    const { path, maxPaths = MAX_PATHS } = this.#options;
    this.#file = new BaselineFile(path, { busyMs: BUSY_MS, maxPaths });
    if (!this.#metaUnwritten) this.#meta = this.#file.meta();
  }

  #release(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #failed(error: unknown): void {
    this.#failures++;
    if (isDamage(error)) this.#putAside(error);
    else this.#trouble(error);
  }

  #trouble(error: unknown): void {
    if (this.#isTroubled) return;
    this.#isTroubled = true;
    const { path, onNote } = this.#options;
    onNote('warning', `${path}: ${reasonOf(error)}; what changes is kept in memory until it can be written`);
  }

  /** A file that isn't readable as ours is kept for whoever wants to look. */
  #putAside(error: unknown): void {
    const { path } = this.#options;
    const aside = `${path}.aside`;
    try {
      this.#release();
      for (const end of ['-wal', '-shm']) rmSync(path + end, { force: true });
      renameSync(path, aside);
      this.#begunAnew();
      this.#openFile();
    } catch (again) {
      this.#release();
      this.#trouble(again);
      return;
    }
    this.#tellAnew(`${reasonOf(error)}; it is put aside as ${aside}`);
  }

  #begunAnew(): void {
    this.#meta = undefined;
    this.#metaUnwritten = false;
    this.isFilling = EVERYWHERE;
  }

  #tellAnew(why: string): void {
    const { path, onNote } = this.#options;
    onNote(
      'warning',
      `${path}: ${why}, and a new one is begun: what changed while no agent ran can't be told this time`,
    );
  }
}

function apply(file: BaselineFile, path: string, { how, state }: Change): void {
  if (how === 'forget') file.forget(path);
  else if (how === 'fill') file.fill(path, state);
  else file.note(path, state);
}
