// What small text files said, so that a change can be shown: only where the configuration asks for diffs. Written once a tick. Nothing
// that happens to the file stops the agent: it is told, and changes go without a diff (edge: SQLite).

import type { Statement } from 'bun:sqlite';
import { OwnDatabase, reasonOf } from './database.ts';

export interface TextsOptions {
  readonly path: string;
  /** Of all texts as they are kept, compressed. */
  readonly maxBytes?: number;
  readonly onNote: (level: 'info' | 'warning', message: string) => void;
}

const MAX_BYTES = 64 * 1024 * 1024;
/** Texts that wait for the next tick. */
const PENDING_MAX_BYTES = 8 * 1024 * 1024;
const KIND = {
  applicationId: 0x50757478, // "Putx"
  version: 1,
  schema: 'CREATE TABLE texts (path TEXT PRIMARY KEY, text BLOB NOT NULL) WITHOUT ROWID;',
};

export class TextStore {
  /** Not kept: there was no room. */
  refused = 0;
  readonly #maxBytes: number;
  readonly #onNote: TextsOptions['onNote'];
  #database: OwnDatabase | undefined;
  #get: Statement<{ text: Uint8Array }> | undefined;
  #set: Statement | undefined;
  #delete: Statement | undefined;
  #bytes = 0;
  /** Undefined: to be forgotten. */
  readonly #pending = new Map<string, Uint8Array<ArrayBuffer> | undefined>();
  #pendingBytes = 0;

  constructor({ path, maxBytes = MAX_BYTES, onNote }: TextsOptions) {
    this.#maxBytes = maxBytes;
    this.#onNote = onNote;
    try {
      const database = new OwnDatabase(path, KIND, { exclusive: true, busyMs: 0 });
      this.#database = database;
      this.#get = database.statement<{ text: Uint8Array }>('SELECT text FROM texts WHERE path = ?');
      this.#set = database.statement('INSERT OR REPLACE INTO texts VALUES (?, ?)');
      this.#delete = database.statement('DELETE FROM texts WHERE path = ?');
      this.#bytes = Number(database.values('SELECT coalesce(sum(length(text)), 0) FROM texts')[0]?.[0] ?? 0);
    } catch (error) {
      this.#broken(`${path} can't be used (${reasonOf(error)}): changes are told without a diff`);
    }
  }

  /** The text that was kept last. */
  get(path: string): string | undefined {
    try {
      const packed = this.#pending.has(path) ? this.#pending.get(path) : this.#get?.get(path)?.text;
      return packed && Buffer.from(Bun.gunzipSync(new Uint8Array(packed))).toString('utf8');
    } catch (error) {
      this.#broken(`the texts of files can't be read (${reasonOf(error)}): changes are told without a diff`);
      return undefined;
    }
  }

  set(path: string, text: string | undefined): void {
    if (this.#database === undefined) return;
    const packed = text === undefined ? undefined : Bun.gzipSync(Buffer.from(text));
    const size = packed?.length ?? 0;
    if (this.#bytes + this.#pendingBytes + size > this.#maxBytes) {
      if (this.refused++ === 0) {
        this.#onNote(
          'warning',
          `no more than ${this.#maxBytes} bytes of texts are kept: other files' changes go without a diff`,
        );
      }
      this.#pending.set(path, undefined);
      return;
    }
    this.#pendingBytes += size - (this.#pending.get(path)?.length ?? 0);
    this.#pending.set(path, packed);
    if (this.#pendingBytes > PENDING_MAX_BYTES) this.flush();
  }

  /** Writes what waits. */
  flush(): void {
    const database = this.#database;
    if (database === undefined || this.#pending.size === 0) return;
    try {
      database.transaction(() => {
        for (const [path, packed] of this.#pending) {
          this.#bytes += (packed?.length ?? 0) - (this.#get?.get(path)?.text.length ?? 0);
          if (packed === undefined) this.#delete?.run(path);
          else this.#set?.run(path, packed);
        }
      });
    } catch (error) {
      this.#broken(`the texts of files can't be written (${reasonOf(error)}): changes are told without a diff`);
    }
    this.#pending.clear();
    this.#pendingBytes = 0;
  }

  close(): void {
    this.flush();
    this.#database?.close();
    this.#database = undefined;
  }

  #broken(message: string): void {
    this.#onNote('warning', message);
    this.#database?.close();
    this.#database = undefined;
    this.#get = undefined;
    this.#pending.clear();
    this.#pendingBytes = 0;
  }
}
