// What was found in values seen before: executables, parents and whole command lines come again and again, and a look-up costs less
// than a search. Bounded in entries and in the length of what it keeps. Pure.

const VALUE_MAX_CHARS = 256;
/** Of the newer half; the older half is as large, and goes when the newer one is full. */
const HALF = 1_024;
const NOTHING: readonly number[] = [];

export class FoundCache {
  #newer = new Map<string, readonly number[]>();
  #older = new Map<string, readonly number[]>();

  /** The atoms that were found in the value, or undefined where it isn't known. */
  get(value: string): readonly number[] | undefined {
    const found = this.#newer.get(value);
    if (found !== undefined) return found;
    const old = this.#older.get(value);
    if (old !== undefined) this.#put(value, old);
    return old;
  }

  /** `atoms` is copied. A long value isn't kept. */
  set(value: string, atoms: readonly number[]): void {
    if (value.length <= VALUE_MAX_CHARS) this.#put(value, atoms.length === 0 ? NOTHING : [...new Set(atoms)]);
  }

  #put(value: string, atoms: readonly number[]): void {
    if (this.#newer.size >= HALF) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(value, atoms);
  }
}
