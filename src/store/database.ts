// A SQLite file of the agent's (edge: SQLite): opened as one of ours or refused, its statements ended with it, and what its errors mean.

import { Database, type SQLQueryBindings, type Statement } from 'bun:sqlite';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

export interface DatabaseKind {
  /** Four letters: whose file it is, and what for. */
  readonly applicationId: number;
  readonly version: number;
  readonly schema: string;
}

export interface DatabaseOptions {
  /** Nobody else may open it. */
  readonly exclusive: boolean;
  /** How long a write waits for another process's. */
  readonly busyMs: number;
}

/** The file isn't one of ours, or not whole. */
class WrongFile extends Error {}

export class OwnDatabase {
  readonly #db: Database;
  readonly #statements: Statement[] = [];

  /** Throws where there is no place for it, another process has it, or it isn't ours ({@link isDamage}). */
  constructor(path: string, kind: DatabaseKind, { exclusive, busyMs }: DatabaseOptions) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    closeSync(openSync(path, 'a', 0o600));
    this.#db = new Database(path, { readwrite: true });
    try {
      if (exclusive) this.#db.run('PRAGMA locking_mode = EXCLUSIVE');
      this.#db.run(`PRAGMA busy_timeout = ${busyMs}`);
      this.#prepare(kind);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  statement<Row = unknown>(sql: string): Statement<Row, SQLQueryBindings[]> {
    const statement = this.#db.prepare<Row, SQLQueryBindings[]>(sql);
    this.#statements.push(statement as Statement);
    return statement;
  }

  /** The rows of a statement that is needed once. */
  values(sql: string, ...bindings: SQLQueryBindings[]): unknown[][] {
    const statement = this.#db.prepare<unknown, SQLQueryBindings[]>(sql);
    try {
      return statement.values(...bindings) as unknown[][];
    } finally {
      statement.finalize();
    }
  }

  /** All that `work` writes, or nothing of it. */
  transaction(work: () => void): void {
    this.#db.run('BEGIN IMMEDIATE');
    try {
      work();
      this.#db.run('COMMIT');
    } catch (error) {
      // Some errors have rolled it back already.
      if (this.#db.inTransaction) this.#db.run('ROLLBACK');
      throw error;
    }
  }

  /** Whatever others write, it answers with what is there now, and faster; until it is closed nothing can be written. */
  freeze(): void {
    this.#db.run('BEGIN');
  }

  /** A lock goes only with the last statement. */
  close(): void {
    for (const statement of this.#statements) statement.finalize();
    this.#db.close();
  }

  #prepare({ applicationId, version, schema }: DatabaseKind): void {
    const value = (sql: string): unknown => this.values(sql)[0]?.[0];
    const isEmpty = value('SELECT count(*) FROM sqlite_schema') === 0;
    if (!isEmpty) {
      if (value('PRAGMA application_id') !== applicationId) throw new WrongFile("it is another program's database");
      const found = value('PRAGMA user_version');
      if (found !== version) throw new WrongFile(`it is of version ${String(found)}, not ${version}`);
      const check = value('PRAGMA quick_check(1)');
      if (check !== 'ok') throw new WrongFile(`it is damaged: ${String(check)}`);
    }
    this.#db.run('PRAGMA journal_mode = WAL');
    this.#db.run('PRAGMA synchronous = NORMAL');
    if (!isEmpty) return;
    this.transaction(() => {
      // Another process may have been first.
      if (value('SELECT count(*) FROM sqlite_schema') !== 0) return;
      this.#db.run(`${schema} PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${version};`);
    });
  }
}

const codeOf = (error: unknown): string => String((error as { code?: unknown }).code ?? '');

/** The file itself is wrong, not what is around it: trying again will not help. */
export function isDamage(error: unknown): boolean {
  return error instanceof WrongFile || /^SQLITE_(CORRUPT|NOTADB|ERROR|MISMATCH|CONSTRAINT)/.test(codeOf(error));
}

export const isFull = (error: unknown): boolean => codeOf(error) === 'SQLITE_FULL';

export const isBusy = (error: unknown): boolean => codeOf(error).startsWith('SQLITE_BUSY');

export function reasonOf(error: unknown): string {
  if (isBusy(error)) return 'another agent uses it';
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ');
}
