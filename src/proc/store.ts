// The table's memory: entries by pid, the least recently used evicted, bounded in number and in (accounted) bytes. Asks nobody.

import { AgedMap } from '../core/aged-map.ts';
import type { Process } from '../core/event.ts';
import type { Entry, Lineage } from './entry.ts';
import { imageBytes } from './image.ts';

/**
 * An entry is made the youngest of the map, where the most recently used are, only when a share of the table was used since it was moved
 * last: moving costs more than looking up, and who is evicted needn't be exact. (Measured against lru-cache, which is general: 1 µs
 * less for each event.)
 */
const MOVE_SHARE = 8;

export class EntryStore {
  /** Least recently used first, about. */
  readonly #entries = new AgedMap<Entry, number>();
  readonly #maxBytes: number;
  readonly #moveAfter: number;
  readonly capacity: number;
  #uses = 0;
  #bytes = 0;
  evicted = 0;

  constructor(capacity: number, maxBytes: number) {
    this.capacity = capacity;
    this.#maxBytes = maxBytes;
    this.#moveAfter = Math.floor(capacity / MOVE_SHARE);
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The entry, which is in use again. */
  get(pid: number): Entry | undefined {
    const entry = this.#entries.get(pid);
    if (entry !== undefined && ++this.#uses - entry.movedAt > this.#moveAfter) {
      this.#entries.set(pid, entry);
      entry.movedAt = this.#uses;
    }
    return entry;
  }

  peek(pid: number): Entry | undefined {
    return this.#entries.get(pid);
  }

  has(pid: number): boolean {
    return this.#entries.has(pid);
  }

  pids(): number[] {
    return Array.from(this.#entries.keys());
  }

  entries(): IterableIterator<Entry> {
    return this.#entries.values();
  }

  delete(pid: number): void {
    const entry = this.#entries.get(pid);
    if (entry === undefined) return;
    this.#entries.delete(pid);
    this.#release(entry);
  }

  clear(): void {
    for (const entry of this.#entries.values()) this.#release(entry);
    this.#entries.clear();
  }

  /** Adds the entry in place of the one that its pid had, which stays as its predecessor (for late events). */
  add(entry: Entry): void {
    const old = this.#entries.get(entry.pid);
    if (old !== undefined) {
      this.dropPrior(old);
      entry.prior = old;
    }
    this.#bytes += imageBytes(entry.process.image);
    this.#retain(entry.lineage);
    entry.movedAt = ++this.#uses;
    this.#entries.set(entry.pid, entry);
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

  /** Keeps what the entry was before an exec, or keeps it no longer. */
  setFormer(entry: Entry, former: Process | undefined): void {
    if (entry.former !== undefined) this.#bytes -= imageBytes(entry.former.image);
    if (former !== undefined) this.#bytes += imageBytes(former.image);
    entry.former = former;
  }

  dropPrior(entry: Entry): void {
    if (entry.prior === undefined) return;
    this.#release(entry.prior);
    entry.prior = undefined;
  }

  #trim(): void {
    while (this.size > this.capacity || (this.#bytes > this.#maxBytes && this.size > 1)) {
      this.delete(this.#entries.oldest()!);
      this.evicted++;
    }
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
    this.setFormer(entry, undefined);
    this.dropPrior(entry);
  }
}
