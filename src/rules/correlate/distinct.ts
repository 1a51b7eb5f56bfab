// How many different values a window has. Pure.

import { TimeQueue } from './time-queue.ts';

interface Entry {
  readonly timeMs: number;
  readonly value: string;
}

export class Distinct {
  /** When each value was last seen. */
  readonly #newest = new Map<string, number>();
  /** All sightings; those that aren't a value's newest any more are passed over. */
  readonly #entries = new TimeQueue<Entry>();
  readonly #max: number;
  #chars = 0;

  /** The newest `max` values are kept. */
  constructor(max: number) {
    this.#max = max;
  }

  get count(): number {
    return this.#newest.size;
  }

  get entries(): number {
    return this.#entries.length;
  }

  /** Of the values that are kept. */
  get chars(): number {
    return this.#chars;
  }

  /** True if there was no room and the oldest value had to go. */
  add(timeMs: number, value: string): boolean {
    const known = this.#newest.get(value);
    if (known !== undefined && known >= timeMs) return false;
    if (known === undefined) this.#chars += value.length;
    this.#newest.set(value, timeMs);
    this.#entries.add({ timeMs, value });
    if (this.#entries.length > 2 * this.#newest.size + 16) {
      this.#entries.filter(entry => this.#newest.get(entry.value) === entry.timeMs);
    }
    if (this.#newest.size <= this.#max) return false;
    while (!this.#shift());
    return true;
  }

  /** Sightings before `cutoffMs` leave. */
  expire(cutoffMs: number): void {
    while (this.#entries.startsBefore(cutoffMs)) this.#shift();
  }

  /** True if a value went with its newest sighting. */
  #shift(): boolean {
    const entry = this.#entries.shift();
    if (entry === undefined) return true;
    if (this.#newest.get(entry.value) !== entry.timeMs) return false;
    this.#newest.delete(entry.value);
    this.#chars -= entry.value.length;
    return true;
  }
}
