// Wildcards over a sequence, be it a name's characters or a path's names. Pure.

/** Greedy: after an `any` the shortest piece that lets the rest go on; at most given × pattern steps. */
export function matchSequence(
  pattern: ArrayLike<string>,
  given: ArrayLike<string>,
  any: string,
  fits: (wanted: string, one: string) => boolean,
): boolean {
  let [p, n, star, from] = [0, 0, -1, 0];
  while (n < given.length) {
    if (pattern[p] === any) {
      star = p++;
      from = n;
    } else if (p < pattern.length && fits(pattern[p]!, given[n]!)) {
      p++;
      n++;
    } else if (star >= 0) {
      p = star + 1;
      n = ++from;
    } else return false;
  }
  while (pattern[p] === any) p++;
  return p === pattern.length;
}

const isCharacter = (wanted: string, one: string): boolean => wanted === '?' || wanted === one;

/** `*` is any number of characters, `?` is one. */
export const matchName = (pattern: string, name: string): boolean => matchSequence(pattern, name, '*', isCharacter);
