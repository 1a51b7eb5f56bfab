// The numbers of a window in order of size, for percentiles. Pure.

import { TimeQueue } from './time-queue.ts';

interface Entry {
  readonly timeMs: number;
  readonly number: number;
}

export const NUMBERS_MAX = 4_096;

export class Sample {
  readonly #entries = new TimeQueue<Entry>();
  readonly #sorted: number[] = [];

  get count(): number {
    return this.#sorted.length;
  }

  /** True if there was no room and the oldest number had to go. */
  add(timeMs: number, number: number): boolean {
    this.#entries.add({ timeMs, number });
    this.#sorted.splice(this.#place(number), 0, number);
    if (this.#sorted.length <= NUMBERS_MAX) return false;
    this.#shift();
    return true;
  }

  /** Numbers before `cutoffMs` leave. */
  expire(cutoffMs: number): void {
    while (this.#entries.startsBefore(cutoffMs)) this.#shift();
  }

  /** The number below which `percent` of them lie, between two of them where it falls there; 50 is the median. */
  percentile(percent: number): number | undefined {
    if (this.#sorted.length === 0) return undefined;
    const place = ((this.#sorted.length - 1) * percent) / 100;
    const below = this.#sorted[Math.floor(place)]!;
    const above = this.#sorted[Math.ceil(place)]!;
    return below + (above - below) * (place - Math.floor(place));
  }

  #shift(): void {
    const entry = this.#entries.shift();
    if (entry !== undefined) this.#sorted.splice(this.#place(entry.number), 1);
  }

  /** Of the first number that isn't smaller. */
  #place(number: number): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#sorted[middle]! < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
