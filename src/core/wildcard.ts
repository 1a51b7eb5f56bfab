// Wildcards in one name of a path.

/** Whether `*` and `?` in the pattern can stand for what the name has there; at most name × pattern steps. */
export function matchName(pattern: string, name: string): boolean {
  // Greedy: after a `*` the shortest piece that lets the rest go on.
  let [p, n, star, from] = [0, 0, -1, 0];
  while (n < name.length) {
    if (pattern[p] === '*') {
      star = p++;
      from = n;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === name[n])) {
      p++;
      n++;
    } else if (star >= 0) {
      p = star + 1;
      n = ++from;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
