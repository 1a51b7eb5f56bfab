// The baseline's file (edge: SQLite): of each watched path the last known state, and the accepted one where that is another. The agent
// and the command line may have it open at the same time. Every method may throw: SQLite's own errors.

import type { SQLQueryBindings, Statement } from 'bun:sqlite';
import type { FileState } from '../core/event.ts';
import { isSame } from './baseline-differences.ts';
import { COLUMN_NAMES, COLUMNS, columnsOf, stateOf } from './baseline-rows.ts';
import { OwnDatabase } from './database.ts';

export const BASELINE_FILE = 'baseline.db';

const columns = Object.entries(COLUMNS)
  .map(([name, type]) => `${name} ${type}`)
  .join(', ');
const KIND = {
  /** `pupb` */
  applicationId: 0x70757062,
  version: 1,
  schema: `
    CREATE TABLE known (path TEXT PRIMARY KEY, ${columns}) STRICT, WITHOUT ROWID;
    -- Where the accepted state isn't the known one; is_there 0: accepted is that there is nothing.
    CREATE TABLE accepted (path TEXT PRIMARY KEY, is_there INTEGER NOT NULL, ${columns}) STRICT, WITHOUT ROWID;
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;`,
};
const NAMES = COLUMN_NAMES.join(', ');
const MARKS = COLUMN_NAMES.map((_, i) => `?${i + 2}`).join(', ');
const NOTHING = COLUMN_NAMES.map(() => null);

/** What the baseline was filled with. */
export interface BaselineMeta {
  /** As configured, without links resolved. */
  readonly paths: readonly string[];
  readonly excludes: readonly string[];
  /** When it was filled or last compared, milliseconds since the epoch. */
  readonly timeMs: number;
}

export interface BaselineEntry {
  readonly path: string;
  readonly state: FileState;
}

export class BaselineFile {
  /** How many paths are known; another process may have added some since. */
  size: number;
  /** New paths that had no place. */
  refused = 0;
  readonly #db: OwnDatabase;
  readonly #maxPaths: number;
  readonly #getKnown: Statement<unknown, SQLQueryBindings[]>;
  readonly #putKnown: Statement;
  readonly #dropKnown: Statement;
  readonly #getAccepted: Statement<unknown, SQLQueryBindings[]>;
  readonly #putAccepted: Statement;
  readonly #dropAccepted: Statement;
  readonly #knownFrom: Statement<unknown, SQLQueryBindings[]>;
  readonly #acceptedFrom: Statement<unknown, SQLQueryBindings[]>;
  readonly #pathsFrom: Statement<unknown, SQLQueryBindings[]>;

  /** Throws as {@link OwnDatabase} does. */
  constructor(path: string, { busyMs, maxPaths }: { readonly busyMs: number; readonly maxPaths: number }) {
    this.#maxPaths = maxPaths;
    const db = new OwnDatabase(path, KIND, { exclusive: false, busyMs });
    this.#db = db;
    try {
      this.size = db.values('SELECT count(*) FROM known')[0]![0] as number;
      this.#getKnown = db.statement(`SELECT ${NAMES} FROM known WHERE path = ?1`);
      this.#putKnown = db.statement(`INSERT OR REPLACE INTO known (path, ${NAMES}) VALUES (?1, ${MARKS})`);
      this.#dropKnown = db.statement('DELETE FROM known WHERE path = ?1');
      this.#getAccepted = db.statement(`SELECT is_there, ${NAMES} FROM accepted WHERE path = ?1`);
      this.#putAccepted = db.statement(
        `INSERT OR REPLACE INTO accepted (path, ${NAMES}, is_there) VALUES (?1, ${MARKS}, ?${COLUMN_NAMES.length + 2})`,
      );
      this.#dropAccepted = db.statement('DELETE FROM accepted WHERE path = ?1');
      this.#knownFrom = db.statement(`SELECT path, ${NAMES} FROM known WHERE path > ?1 ORDER BY path LIMIT ?2`);
      this.#acceptedFrom = db.statement(
        `SELECT path, ${NAMES} FROM accepted WHERE path > ?1 AND is_there
          UNION ALL SELECT path, ${NAMES} FROM known
            WHERE path > ?1 AND NOT EXISTS (SELECT 1 FROM accepted WHERE accepted.path = known.path)
          ORDER BY path LIMIT ?2`,
      );
      this.#pathsFrom = db.statement(
        `SELECT path FROM known WHERE path > ?1 UNION SELECT path FROM accepted WHERE path > ?1 ORDER BY path LIMIT ?2`,
      );
    } catch (error) {
      this.close();
      throw error;
    }
  }

  known(path: string): FileState | undefined {
    const row = this.#getKnown.values(path)[0];
    return row === undefined ? undefined : stateOf(row);
  }

  accepted(path: string): FileState | undefined {
    const other = this.#otherAccepted(path);
    return other === undefined ? this.known(path) : other.state;
  }

  /** The known ones behind a path, in their order. */
  knownFrom(path: string, most: number): BaselineEntry[] {
    return this.#knownFrom.values(path, most).map(entryOf);
  }

  acceptedFrom(path: string, most: number): BaselineEntry[] {
    return this.#acceptedFrom.values(path, most).map(entryOf);
  }

  /** All of which anything is kept. */
  pathsFrom(path: string, most: number): string[] {
    return this.#pathsFrom.values(path, most).map(row => row[0] as string);
  }

  /** Last known from now on; undefined: gone. What was known is still the accepted one, until it is as that again. */
  note(path: string, state: FileState | undefined): void {
    const before = this.known(path);
    if (before === undefined && state === undefined) return;
    const other = this.#otherAccepted(path);
    if (!this.#put(path, before, state)) return;
    const accepted = other === undefined ? before : other.state;
    if (isSame(accepted, state)) {
      if (other !== undefined) this.#dropAccepted.run(path);
    } else if (other === undefined) {
      this.#putAccepted.run(
        path,
        ...(before === undefined ? NOTHING : columnsOf(before)),
        before === undefined ? 0 : 1,
      );
    }
  }

  /** The same, where nothing was known: then it is the accepted one too. */
  fill(path: string, state: FileState | undefined): void {
    const isNew = this.known(path) === undefined && this.#otherAccepted(path) === undefined;
    if (isNew) this.#put(path, undefined, state);
    else this.note(path, state);
  }

  accept(path: string, state: FileState | undefined): void {
    this.#put(path, this.known(path), state);
    this.#dropAccepted.run(path);
  }

  /** Without a word of it left. */
  forget(path: string): void {
    this.accept(path, undefined);
  }

  meta(): BaselineMeta | undefined {
    const [row] = this.#db.values("SELECT value FROM meta WHERE name = 'filled'");
    if (row === undefined) return undefined;
    try {
      return JSON.parse(row[0] as string) as BaselineMeta;
    } catch {
      // Not as we write it: it's filled anew.
      return undefined;
    }
  }

  setMeta(meta: BaselineMeta): void {
    this.#db.values("INSERT OR REPLACE INTO meta (name, value) VALUES ('filled', ?1)", JSON.stringify(meta));
  }

  /** All that `work` writes, or nothing of it. */
  transaction(work: () => void): void {
    const { size } = this;
    try {
      this.#db.transaction(work);
    } catch (error) {
      this.size = size;
      throw error;
    }
  }

  /** For many questions and no change: {@link OwnDatabase.freeze}. */
  freeze(): void {
    this.#db.freeze();
  }

  close(): void {
    this.#db.close();
  }

  #otherAccepted(path: string): { readonly state: FileState | undefined } | undefined {
    const row = this.#getAccepted.values(path)[0];
    if (row === undefined) return undefined;
    return { state: row[0] === 0 ? undefined : stateOf(row.slice(1)) };
  }

  #put(path: string, before: FileState | undefined, state: FileState | undefined): boolean {
    if (state === undefined) {
      if (before !== undefined) this.size--;
      this.#dropKnown.run(path);
      return true;
    }
    if (before === undefined && this.size >= this.#maxPaths) {
      this.refused++;
      return false;
    }
    this.#putKnown.run(path, ...columnsOf(state));
    if (before === undefined) this.size++;
    return true;
  }
}

const entryOf = (row: unknown[]): BaselineEntry => ({ path: row[0] as string, state: stateOf(row.slice(1)) });
