// Things in order of time: most arrive at the end, a late one finds its place, old ones leave at the front. Pure.

export class TimeQueue<T extends { readonly timeMs: number }> {
  #items: T[] = [];
  /** What lies before has left. */
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  first(): T | undefined {
    return this.#items[this.#head];
  }

  startsBefore(timeMs: number): boolean {
    const first = this.first();
    return first !== undefined && first.timeMs < timeMs;
  }

  at(index: number): T | undefined {
    return index < 0 ? undefined : this.#items[this.#head + index];
  }

  /** The number of things that aren't later than `timeMs`. */
  upTo(timeMs: number): number {
    let low = this.#head;
    let high = this.#items.length;
    if (high > low && this.#items[high - 1]!.timeMs <= timeMs) return high - low;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#items[middle]!.timeMs <= timeMs) low = middle + 1;
      else high = middle;
    }
    return low - this.#head;
  }

  add(item: T): void {
    this.insert(this.upTo(item.timeMs), item);
  }

  /** The caller keeps the order. */
  insert(index: number, item: T): void {
    if (index === this.length) this.#items.push(item);
    else this.#items.splice(this.#head + index, 0, item);
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head++];
    // Moved down when half of it is gone: each thing moves once on average.
    if (this.#head * 2 >= this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Keeps those that `keep` wants. */
  filter(keep: (item: T) => boolean): void {
    this.#items = this.#items.slice(this.#head).filter(keep);
    this.#head = 0;
  }

  *[Symbol.iterator](): Generator<T> {
    for (let i = this.#head; i < this.#items.length; i++) yield this.#items[i]!;
  }
}
