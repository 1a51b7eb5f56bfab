// The file of `new_terms` rules (edge: SQLite): its schema, what it takes and gives, and what is wrong with it. Policy is terms.ts'.

import { Database, type SQLQueryBindings, type Statement } from 'bun:sqlite';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

/** `pupp`: whose file it is. */
const APPLICATION_ID = 0x70757070;
const VERSION = 1;
const SCHEMA = `
  CREATE TABLE rule (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, learning_since_ms INTEGER NOT NULL) STRICT;
  CREATE TABLE term (rule INTEGER NOT NULL, hash TEXT NOT NULL, seen_ms INTEGER NOT NULL, PRIMARY KEY (rule, hash))
    STRICT, WITHOUT ROWID;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${VERSION};
`;
const RULES_MAX = 1_000;
const TERMS_MAX = 200_000;

export interface KeptRule {
  readonly key: string;
  readonly learningSinceMs: number;
  /** The oldest first. */
  readonly seen: readonly (readonly [hash: string, seenMs: number])[];
}

/** The file isn't one of ours, or not whole. */
class WrongFile extends Error {}

export class TermFile {
  readonly #db: Database;
  readonly #statements: Statement[] = [];
  readonly #putRule: Statement<{ id: number }, SQLQueryBindings[]>;
  readonly #dropRule: Statement;
  readonly #put: Statement;
  readonly #drop: Statement;
  readonly #dropAll: Statement;

  /** Throws where there is no place for it, another process has it, or it isn't ours ({@link isDamage}). */
  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    closeSync(openSync(path, 'a', 0o600));
    this.#db = new Database(path, { readwrite: true });
    try {
      // One agent alone: a second one goes on in memory, rather than both writing what the other doesn't know.
      this.#db.run('PRAGMA locking_mode = EXCLUSIVE');
      this.#db.run('PRAGMA busy_timeout = 0');
      this.#prepare();
      this.#putRule = this.#statement(
        'INSERT INTO rule (key, learning_since_ms) VALUES (?1, ?2) ' +
          'ON CONFLICT (key) DO UPDATE SET learning_since_ms = ?2 RETURNING id',
      ) as Statement<{ id: number }, SQLQueryBindings[]>;
      this.#dropRule = this.#statement('DELETE FROM rule WHERE id = ?1');
      this.#put = this.#statement('INSERT OR REPLACE INTO term (rule, hash, seen_ms) VALUES (?1, ?2, ?3)');
      this.#drop = this.#statement('DELETE FROM term WHERE rule = ?1 AND hash = ?2');
      this.#dropAll = this.#statement('DELETE FROM term WHERE rule = ?1');
    } catch (error) {
      this.close();
      throw error;
    }
  }

  read(): KeptRule[] {
    const rules = this.#values(`SELECT id, key, learning_since_ms FROM rule ORDER BY id DESC LIMIT ${RULES_MAX}`);
    return rules.map(([id, key, learningSinceMs]) => {
      const seen = this.#values(
        `SELECT hash, seen_ms FROM term WHERE rule = ?1 ORDER BY seen_ms DESC LIMIT ${TERMS_MAX}`,
        id as number,
      );
      return {
        key: key as string,
        learningSinceMs: learningSinceMs as number,
        seen: (seen as [string, number][]).reverse(),
      };
    });
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

  putRule(key: string, learningSinceMs: number): number {
    return this.#putRule.get(key, Math.trunc(learningSinceMs))!.id;
  }

  dropRule(id: number): void {
    this.dropTerms(id);
    this.#dropRule.run(id);
  }

  putTerm(rule: number, hash: string, seenMs: number): void {
    this.#put.run(rule, hash, Math.trunc(seenMs));
  }

  dropTerm(rule: number, hash: string): void {
    this.#drop.run(rule, hash);
  }

  dropTerms(rule: number): void {
    this.#dropAll.run(rule);
  }

  /** The lock goes only with the last statement. */
  close(): void {
    for (const statement of this.#statements) statement.finalize();
    this.#db.close();
  }

  #statement(sql: string): Statement {
    const statement = this.#db.prepare(sql);
    this.#statements.push(statement);
    return statement;
  }

  #values(sql: string, ...bindings: SQLQueryBindings[]): unknown[][] {
    const statement = this.#db.prepare<unknown, SQLQueryBindings[]>(sql);
    try {
      return statement.values(...bindings) as unknown[][];
    } finally {
      statement.finalize();
    }
  }

  #prepare(): void {
    const value = (sql: string): unknown => this.#values(sql)[0]?.[0];
    const isEmpty = value('SELECT count(*) FROM sqlite_schema') === 0;
    if (!isEmpty) {
      if (value('PRAGMA application_id') !== APPLICATION_ID) throw new WrongFile("it is another program's database");
      const version = value('PRAGMA user_version');
      if (version !== VERSION) throw new WrongFile(`it is of version ${String(version)}, not ${VERSION}`);
      const found = value('PRAGMA quick_check(1)');
      if (found !== 'ok') throw new WrongFile(`it is damaged: ${String(found)}`);
    }
    this.#db.run('PRAGMA journal_mode = WAL');
    this.#db.run('PRAGMA synchronous = NORMAL');
    if (isEmpty) this.transaction(() => this.#db.run(SCHEMA));
  }
}

const codeOf = (error: unknown): string => String((error as { code?: unknown }).code ?? '');

/** The file itself is wrong, not what is around it: trying again will not help. */
export function isDamage(error: unknown): boolean {
  return error instanceof WrongFile || /^SQLITE_(CORRUPT|NOTADB|ERROR|MISMATCH|CONSTRAINT)/.test(codeOf(error));
}

export const isFull = (error: unknown): boolean => codeOf(error) === 'SQLITE_FULL';

export function reasonOf(error: unknown): string {
  if (codeOf(error) === 'SQLITE_BUSY') return 'another agent uses it';
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ');
}
