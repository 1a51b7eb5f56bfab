// Windows that wait for their end, the next to end first: a heap. Pure.

import type { Group } from './group.ts';

export interface Deadline<T> {
  readonly timeMs: number;
  readonly group: Group;
  readonly of: T;
}

interface Waiting<T> extends Deadline<T> {
  /** Of two that end at once, the one that was there first is first. */
  readonly order: number;
}

const before = (a: Waiting<unknown>, b: Waiting<unknown>): boolean =>
  a.timeMs !== b.timeMs ? a.timeMs < b.timeMs : a.order < b.order;

export class Deadlines<T> {
  #heap: Waiting<T>[] = [];
  #added = 0;
  #gone = 0;

  add(deadline: Deadline<T>): void {
    const added = { ...deadline, order: this.#added++ };
    let at = this.#heap.length;
    this.#heap.push(added);
    for (let up = (at - 1) >>> 1; at > 0 && before(added, this.#heap[up]!); up = (at - 1) >>> 1) {
      this.#heap[at] = this.#heap[up]!;
      at = up;
    }
    this.#heap[at] = added;
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
    this.#heap = this.#heap.filter(deadline => !deadline.group.gone).sort((a, b) => (before(a, b) ? -1 : 1));
  }

  #takeFirst(): void {
    const moved = this.#heap.pop();
    if (moved === undefined || this.#heap.length === 0) return;
    let at = 0;
    for (let down = 1; down < this.#heap.length; down = 2 * at + 1) {
      if (down + 1 < this.#heap.length && before(this.#heap[down + 1]!, this.#heap[down]!)) down++;
      if (before(moved, this.#heap[down]!)) break;
      this.#heap[at] = this.#heap[down]!;
      at = down;
    }
    this.#heap[at] = moved;
  }
}
