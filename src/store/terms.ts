// What `new_terms` rules have learned, kept over restarts. It is answered from memory; changes are written once a tick, so that a crash
// loses a second at most. Nothing that happens to the file stops the agent: it is told, and memory goes on (edge: files).

import { existsSync, renameSync, rmSync } from 'node:fs';
import type { TermRule, TermStore, TermVerdict } from '../core/terms.ts';
import { type TermState, TermTable, type TermTableOptions } from '../rules/gates/term-table.ts';
import { isDamage, isFull, reasonOf } from './database.ts';
import { TermFile } from './term-file.ts';

export interface SqliteTermsOptions extends Pick<TermTableOptions, 'perRuleMax' | 'totalMax'> {
  readonly path: string;
  /** What a person should know: when trouble begins, and when it is over. */
  readonly onNote: (level: 'info' | 'warning', message: string) => void;
}

const ROWS_PER_TICK = 10_000;
/** While the disk is full, what comes and goes would gather without end: then all of the rule is written anew. */
const CHANGED_MAX = 200_000;
/** Between looks whether the file is there, or can be had now. */
const LOOK_MS = 60_000;

/** What of a rule isn't written yet. */
interface Pending {
  readonly changed: Set<string>;
  /** What the file has of it is to go first. */
  anew: boolean;
}

export class SqliteTerms implements TermStore {
  readonly #path: string;
  readonly #onNote: SqliteTermsOptions['onNote'];
  readonly #table: TermTable;
  readonly #pending = new Map<TermState, Pending>();
  #file: TermFile | undefined;
  /** The file is opened when a rule first asks: where none does there is no file. */
  #isAsked = false;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #isTroubled = false;
  #failures = 0;

  constructor({ path, onNote, ...bounds }: SqliteTermsOptions) {
    this.#path = path;
    this.#onNote = onNote;
    this.#table = new TermTable({ ...bounds, onChange: (state, hash) => this.#changed(state, hash) });
  }

  see(rule: TermRule, terms: readonly string[], timeMs: number): TermVerdict {
    if (!this.#isAsked) {
      this.#isAsked = true;
      this.#open();
    }
    return this.#table.see(rule, terms, timeMs);
  }

  tick(nowMs: number): void {
    if (!this.#isAsked) return;
    this.#table.tick(nowMs);
    if (Math.abs(nowMs - this.#lookedMs) >= LOOK_MS) {
      this.#lookedMs = nowMs;
      this.#look();
    }
    this.#write(ROWS_PER_TICK);
  }

  close(): void {
    this.#write(Number.POSITIVE_INFINITY);
    this.#release();
  }

  counters(): Readonly<Record<string, number>> {
    let unwritten = 0;
    for (const { changed } of this.#pending.values()) unwritten += changed.size;
    return { ...this.#table.counters(), unwritten, failures: this.#failures };
  }

  #changed(state: TermState, hash?: string): void {
    const pending = this.#pending.get(state) ?? { changed: new Set(), anew: false };
    this.#pending.set(state, pending);
    if (hash === undefined) return;
    pending.changed.add(hash);
    if (pending.changed.size > CHANGED_MAX) this.#anew(state);
  }

  #anew(state: TermState): void {
    this.#pending.set(state, { changed: new Set(state.seen.keys()), anew: true });
  }

  #look(): void {
    if (this.#file !== undefined) {
      if (existsSync(this.#path)) return;
      this.#release();
      this.#onNote('warning', `${this.#path} was removed: it is begun anew with what is in memory`);
    }
    this.#open();
  }

  #release(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #open(): void {
    // What was learned while there was no file is newer than what it has.
    const before = [...this.#table.states.values()];
    try {
      this.#file = new TermFile(this.#path);
      for (const { key, learningSinceMs, seen } of this.#file.read()) this.#table.restore(key, learningSinceMs, seen);
    } catch (error) {
      this.#failed(error);
    }
    for (const state of before) this.#anew(state);
  }

  #write(rowsMax: number): void {
    const file = this.#file;
    if (file === undefined || this.#pending.size === 0) return;
    const written: (() => void)[] = [];
    try {
      file.transaction(() => {
        let left = rowsMax;
        for (const [state, pending] of this.#pending) {
          if (left <= 0) break;
          left -= 1 + this.#writeRule(file, state, pending, left, written);
        }
      });
    } catch (error) {
      // A full disk may have room again; whatever else it is, the file is opened anew.
      if (!isFull(error)) this.#release();
      this.#failed(error);
      return;
    }
    for (const done of written) done();
    if (this.#isTroubled) this.#onNote('info', `${this.#path}: what new_terms rules learn is written again`);
    this.#isTroubled = false;
  }

  /** Gives how many rows; what is to be forgotten once they are written is added to `written`. */
  #writeRule(file: TermFile, state: TermState, pending: Pending, most: number, written: (() => void)[]): number {
    const id = file.putRule(state.key, state.learningSinceMs);
    if (this.#table.states.get(state.key) !== state) {
      file.dropRule(id);
      written.push(() => this.#pending.delete(state));
      return 1;
    }
    if (pending.anew) file.dropTerms(id);
    const rows = [...pending.changed].slice(0, most);
    for (const hash of rows) {
      const seenMs = state.seen.get(hash);
      if (seenMs === undefined) file.dropTerm(id, hash);
      else file.putTerm(id, hash, seenMs);
    }
    written.push(() => {
      pending.anew = false;
      for (const hash of rows) pending.changed.delete(hash);
      if (pending.changed.size === 0) this.#pending.delete(state);
    });
    return rows.length;
  }

  #failed(error: unknown): void {
    this.#failures++;
    if (isDamage(error)) this.#putAside(error);
    else this.#trouble(error);
  }

  #trouble(error: unknown): void {
    if (this.#isTroubled) return;
    this.#isTroubled = true;
    this.#onNote(
      'warning',
      `${this.#path}: ${reasonOf(error)}; what new_terms rules learn is kept in memory until it can be written`,
    );
  }

  /** A file that isn't readable as ours is kept for whoever wants to look, and begun anew with what memory has. */
  #putAside(error: unknown): void {
    const aside = `${this.#path}.aside`;
    try {
      this.#release();
      for (const end of ['-wal', '-shm']) rmSync(this.#path + end, { force: true });
      renameSync(this.#path, aside);
      this.#file = new TermFile(this.#path);
    } catch (again) {
      this.#trouble(again);
      return;
    }
    for (const state of this.#table.states.values()) this.#anew(state);
    this.#onNote('warning', `${this.#path}: ${reasonOf(error)}; it is put aside as ${aside}, and a new one is begun`);
  }
}
