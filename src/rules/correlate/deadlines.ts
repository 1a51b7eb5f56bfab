// Windows that wait for their end, the next to end first: a heap. Pure.

import type { Group } from './group.ts';

export interface Deadline<T> {
  readonly timeMs: number;
  readonly group: Group;
  readonly of: T;
}

export class Deadlines<T> {
  #heap: Deadline<T>[] = [];
  #gone = 0;

  add(deadline: Deadline<T>): void {
    let at = this.#heap.length;
    this.#heap.push(deadline);
    for (let up = (at - 1) >>> 1; at > 0 && this.#heap[up]!.timeMs > deadline.timeMs; up = (at - 1) >>> 1) {
      this.#heap[at] = this.#heap[up]!;
      at = up;
    }
    this.#heap[at] = deadline;
  }

  /** The next one before `timeMs`, taken out. The caller drops its group, and calls {@link forget} for that one too. */
  due(timeMs: number): Deadline<T> | undefined {
    for (let first = this.#heap[0]; first !== undefined && first.timeMs < timeMs; first = this.#heap[0]) {
      this.#takeFirst();
      this.#gone--;
      if (!first.group.gone) return first;
    }
    return undefined;
  }

  /** A group that waited here is gone: when half of them are, they are thrown out. */
  forget(): void {
    if (++this.#gone * 2 <= this.#heap.length) return;
    this.#gone = 0;
    // A sorted list is a heap.
    this.#heap = this.#heap.filter(deadline => !deadline.group.gone).sort((a, b) => a.timeMs - b.timeMs);
  }

  #takeFirst(): void {
    const moved = this.#heap.pop();
    if (moved === undefined || this.#heap.length === 0) return;
    let at = 0;
    for (let down = 1; down < this.#heap.length; down = 2 * at + 1) {
      if (down + 1 < this.#heap.length && this.#heap[down + 1]!.timeMs < this.#heap[down]!.timeMs) down++;
      if (this.#heap[down]!.timeMs >= moved.timeMs) break;
      this.#heap[at] = this.#heap[down]!;
      at = down;
    }
    this.#heap[at] = moved;
  }
}
