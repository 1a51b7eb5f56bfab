// A sum that forgets exactly what is taken back: one huge number that passes through a window leaves nothing behind. Pure.

/** Larger numbers aren't summed: a million of these still stay finite. */
export const SUMMAND_MAX = 1e290;

export class ExactSum {
  /** Parts that don't overlap, smallest first: their exact sum is the total (J. R. Shewchuk, 1997). */
  #parts: number[] = [];

  add(x: number): void {
    let used = 0;
    let rest = x;
    for (const part of this.#parts) {
      const [large, small] = Math.abs(rest) < Math.abs(part) ? [part, rest] : [rest, part];
      const sum = large + small;
      const lost = small - (sum - large);
      if (lost !== 0) this.#parts[used++] = lost;
      rest = sum;
    }
    this.#parts.length = used;
    if (rest !== 0) this.#parts.push(rest);
  }

  get value(): number {
    let sum = 0;
    for (const part of this.#parts) sum += part;
    return sum;
  }
}
