// A queue in the order in which its members were touched last, through links in the members themselves: moving one costs nothing.

export interface Aged {
  older: Aged | undefined;
  newer: Aged | undefined;
}

export class AgeQueue<T extends Aged> {
  #oldest: Aged | undefined;
  #newest: Aged | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get oldest(): T | undefined {
    return this.#oldest as T | undefined;
  }

  /** Makes it the newest; it's in no queue yet. */
  add(member: T): void {
    member.older = this.#newest;
    member.newer = undefined;
    if (this.#newest === undefined) this.#oldest = member;
    else this.#newest.newer = member;
    this.#newest = member;
    this.#size++;
  }

  /** It's in this queue. */
  remove(member: T): void {
    if (member.older === undefined) this.#oldest = member.newer;
    else member.older.newer = member.newer;
    if (member.newer === undefined) this.#newest = member.older;
    else member.newer.older = member.older;
    member.older = member.newer = undefined;
    this.#size--;
  }
}
