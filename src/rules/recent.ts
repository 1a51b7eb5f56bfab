// What was worked out for texts seen before: executables, parents, whole command lines and records come again and again, and a
// look-up costs less than the work. Bounded in entries and in the length of what it keeps. Pure.

/** Of the newer half; the older half is as large, and goes when the newer one is full. */
const HALF = 1_024;

export class Recent<V> {
  readonly #maxChars: number;
  #newer = new Map<string, V>();
  #older = new Map<string, V>();

  /** Longer texts aren't kept. */
  constructor(maxChars: number) {
    this.#maxChars = maxChars;
  }

  get(text: string): V | undefined {
    const known = this.#newer.get(text);
    if (known !== undefined) return known;
    const old = this.#older.get(text);
    if (old !== undefined) this.set(text, old);
    return old;
  }

  set(text: string, value: V): void {
    if (text.length > this.#maxChars) return;
    if (this.#newer.size >= HALF) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(text, value);
  }
}
