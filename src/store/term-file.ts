// The file of `new_terms` rules (edge: SQLite): its schema, what it takes and gives. Policy is terms.ts'.

import type { Statement } from 'bun:sqlite';
import { OwnDatabase } from './database.ts';

const KIND = {
  /** `pupp` */
  applicationId: 0x70757070,
  version: 1,
  schema: `
    CREATE TABLE rule (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, learning_since_ms INTEGER NOT NULL) STRICT;
    CREATE TABLE term (rule INTEGER NOT NULL, hash TEXT NOT NULL, seen_ms INTEGER NOT NULL, PRIMARY KEY (rule, hash))
      STRICT, WITHOUT ROWID;`,
};
const RULES_MAX = 1_000;
const TERMS_MAX = 200_000;

export interface KeptRule {
  readonly key: string;
  readonly learningSinceMs: number;
  /** The oldest first. */
  readonly seen: readonly (readonly [hash: string, seenMs: number])[];
}

export class TermFile {
  readonly #db: OwnDatabase;
  readonly #putRule: Statement<{ id: number }>;
  readonly #dropRule: Statement;
  readonly #put: Statement;
  readonly #drop: Statement;
  readonly #dropAll: Statement;

  /** Throws as {@link OwnDatabase} does. */
  constructor(path: string) {
    // One agent alone: a second one goes on in memory, rather than both writing what the other doesn't know.
    this.#db = new OwnDatabase(path, KIND, { exclusive: true, busyMs: 0 });
    try {
      this.#putRule = this.#db.statement<{ id: number }>(
        'INSERT INTO rule (key, learning_since_ms) VALUES (?1, ?2) ' +
          'ON CONFLICT (key) DO UPDATE SET learning_since_ms = ?2 RETURNING id',
      );
      this.#dropRule = this.#db.statement('DELETE FROM rule WHERE id = ?1');
      this.#put = this.#db.statement('INSERT OR REPLACE INTO term (rule, hash, seen_ms) VALUES (?1, ?2, ?3)');
      this.#drop = this.#db.statement('DELETE FROM term WHERE rule = ?1 AND hash = ?2');
      this.#dropAll = this.#db.statement('DELETE FROM term WHERE rule = ?1');
    } catch (error) {
      this.close();
      throw error;
    }
  }

  read(): KeptRule[] {
    const rules = this.#db.values(`SELECT id, key, learning_since_ms FROM rule ORDER BY id DESC LIMIT ${RULES_MAX}`);
    return rules.map(([id, key, learningSinceMs]) => {
      const seen = this.#db.values(
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
    this.#db.transaction(work);
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

  close(): void {
    this.#db.close();
  }
}
