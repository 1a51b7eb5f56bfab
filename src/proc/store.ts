// The table's memory: entries by pid, the least recently used evicted, bounded in number and in (accounted) bytes. Asks nobody.

import { LRUCache } from 'lru-cache';
import type { Process } from '../core/event.ts';
import type { Entry, Lineage } from './entry.ts';
import { imageBytes } from './image.ts';

export class EntryStore {
  readonly #lru: LRUCache<number, Entry>;
  readonly #maxBytes: number;
  #bytes = 0;
  evicted = 0;

  constructor(capacity: number, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#lru = new LRUCache<number, Entry>({
      max: capacity,
      dispose: (entry, _pid, reason) => {
        // One that was replaced is released by `add`, unless it stays as the predecessor.
        if (reason === 'set') return;
        if (reason === 'evict') this.evicted++;
        this.#release(entry);
      },
    });
  }

  get size(): number {
    return this.#lru.size;
  }

  get capacity(): number {
    return this.#lru.max;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The entry, which is in use again. */
  get(pid: number): Entry | undefined {
    return this.#lru.get(pid);
  }

  peek(pid: number): Entry | undefined {
    return this.#lru.peek(pid);
  }

  has(pid: number): boolean {
    return this.#lru.has(pid);
  }

  pids(): number[] {
    return Array.from(this.#lru.keys());
  }

  delete(pid: number): void {
    this.#lru.delete(pid);
  }

  clear(): void {
    this.#lru.clear();
  }

  /** Adds the entry in place of the one that its pid had, which stays as its predecessor (for late events). */
  add(entry: Entry): void {
    const old = this.#lru.peek(entry.pid);
    if (old !== undefined) {
      this.dropPrior(old);
      entry.prior = old;
    }
    this.#bytes += imageBytes(entry.process.image);
    this.#retain(entry.lineage);
    this.#lru.set(entry.pid, entry);
    this.#trim();
  }

  /** Gives an entry another image, and other ancestors. */
  setProcess(entry: Entry, process: Process, lineage: Lineage = entry.lineage): void {
    this.#bytes += imageBytes(process.image) - imageBytes(entry.process.image);
    if (lineage !== entry.lineage) {
      this.#releaseLineage(entry.lineage);
      this.#retain(lineage);
      entry.lineage = lineage;
    }
    entry.process = process;
    entry.childLineage = undefined;
    this.#trim();
  }

  dropPrior(entry: Entry): void {
    if (entry.prior === undefined) return;
    this.#release(entry.prior);
    entry.prior = undefined;
  }

  #trim(): void {
    while (this.#bytes > this.#maxBytes && this.#lru.size > 1) this.#lru.pop();
  }

  #retain(lineage: Lineage): void {
    if (lineage.users++ === 0) this.#bytes += lineage.bytes;
  }

  #releaseLineage(lineage: Lineage): void {
    if (--lineage.users === 0) this.#bytes -= lineage.bytes;
  }

  #release(entry: Entry): void {
    this.#bytes -= imageBytes(entry.process.image);
    this.#releaseLineage(entry.lineage);
    this.dropPrior(entry);
  }
}
