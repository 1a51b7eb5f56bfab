// How often each rule alerted since the agent started. Pure.

export interface FiredRule {
  readonly id: string;
  readonly count: number;
}

export class FiredCounts {
  #counts = new Map<string, number>();

  add(id: string): void {
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
  }

  of(id: string): number {
    return this.#counts.get(id) ?? 0;
  }

  /** The rules that alerted most, most first. */
  top(most: number): FiredRule[] {
    return [...this.#counts]
      .map(([id, count]) => ({ id, count }))
      .sort((a, b) => b.count - a.count || (a.id < b.id ? -1 : 1))
      .slice(0, most);
  }

  /** Forgets rules that are no longer there. */
  keep(ids: ReadonlySet<string>): void {
    this.#counts = new Map([...this.#counts].filter(([id]) => ids.has(id)));
  }
}
