// Sigma's string values: text with the wildcards `*` and `?` and the specification's backslash rules. Pure.

export const ANY = Symbol('*');
export const ONE = Symbol('?');
export type Part = string | typeof ANY | typeof ONE;
/** Neighbouring strings are merged, neighbouring `*` are one. */
export type Glob = readonly Part[];

/** `\*` and `\?` are plain, `\\` is one backslash, any other backslash stands for itself. */
export function parseGlob(text: string): Glob {
  const parts: Part[] = [];
  let literal = '';
  const flush = (): void => {
    if (literal !== '') parts.push(literal);
    literal = '';
  };
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    const next = text[i + 1];
    if (c === '\\' && (next === '*' || next === '?' || next === '\\')) {
      literal += next;
      i++;
    } else if (c === '*') {
      flush();
      if (parts.at(-1) !== ANY) parts.push(ANY);
    } else if (c === '?') {
      flush();
      parts.push(ONE);
    } else literal += c;
  }
  flush();
  return parts;
}

/** The glob that a text without wildcards stands for. */
export const literalGlob = (text: string): Glob => (text === '' ? [] : [text]);

/** One behind the other. */
export function joinGlobs(a: Glob, b: Glob): Glob {
  const last = a.at(-1);
  const [first] = b;
  if (typeof last === 'string' && typeof first === 'string') return [...a.slice(0, -1), last + first, ...b.slice(1)];
  return last === ANY && first === ANY ? [...a, ...b.slice(1)] : [...a, ...b];
}

export function withAny(glob: Glob, before: boolean, after: boolean): Glob {
  const parts = [...glob];
  if (before && parts[0] !== ANY) parts.unshift(ANY);
  if (after && parts.at(-1) !== ANY) parts.push(ANY);
  return parts;
}

export const mapLiterals = (glob: Glob, f: (text: string) => string): Glob =>
  glob.map(part => (typeof part === 'string' ? f(part) : part));

/** The text as a rule would write it. */
export function globText(glob: Glob): string {
  const written = glob.map((part, i) => {
    if (part === ANY) return '*';
    if (part === ONE) return '?';
    const escaped = part.replace(/[*?]|\\(?=[*?\\])/g, '\\$&');
    // Before a wildcard a backslash would escape it.
    return escaped.endsWith('\\') && i < glob.length - 1 ? `${escaped}\\` : escaped;
  });
  return written.join('');
}

/** The shape decides how a pattern is matched; `glob` is what no simple comparison can do. */
export type Shape =
  | { readonly kind: 'exact' | 'prefix' | 'suffix' | 'contains'; readonly text: string }
  | { readonly kind: 'anything' }
  | { readonly kind: 'glob'; readonly glob: Glob };

export function shapeOf(glob: Glob): Shape {
  const [a, b, c] = glob;
  if (glob.length === 0) return { kind: 'exact', text: '' };
  if (glob.length === 1 && typeof a === 'string') return { kind: 'exact', text: a };
  if (glob.length === 1 && a === ANY) return { kind: 'anything' };
  if (glob.length === 2 && typeof a === 'string' && b === ANY) return { kind: 'prefix', text: a };
  if (glob.length === 2 && a === ANY && typeof b === 'string') return { kind: 'suffix', text: b };
  if (glob.length === 3 && a === ANY && typeof b === 'string' && c === ANY) return { kind: 'contains', text: b };
  return { kind: 'glob', glob };
}

/** A longest literal of the pattern: a value that doesn't contain it can't match. */
export function longestLiteral(glob: Glob): string | undefined {
  let best: string | undefined;
  for (const part of glob) if (typeof part === 'string' && part.length > (best?.length ?? 0)) best = part;
  return best;
}

/**
 * Whole-value match, at most value length × pattern length steps: between two `*` the first place where the segment fits is as good
 * as any later one, so that nothing is tried twice.
 */
export function matchGlob(glob: Glob, value: string): boolean {
  const firstAny = glob.indexOf(ANY);
  if (firstAny < 0) return matchHere(glob, 0, glob.length, value, 0) === value.length;
  let at = matchHere(glob, 0, firstAny, value, 0);
  if (at < 0) return false;
  let segment = firstAny + 1;
  for (;;) {
    const next = glob.indexOf(ANY, segment);
    if (next < 0) return matchesAtEnd(glob, segment, value, at);
    at = findSegment(glob, segment, next, value, at);
    if (at < 0) return false;
    segment = next + 1;
  }
}

/** Length of the character at `i`: `?` is one character, also where that takes two UTF-16 units. */
function characterLength(value: string, i: number): number {
  const c = value.charCodeAt(i);
  if (c < 0xd800 || c > 0xdbff || i + 1 >= value.length) return 1;
  const next = value.charCodeAt(i + 1);
  return next >= 0xdc00 && next <= 0xdfff ? 2 : 1;
}

/** The offset behind parts `from` to `to` (no `*` among them) matched at `at`, or -1. */
function matchHere(glob: Glob, from: number, to: number, value: string, at: number): number {
  let i = at;
  for (let p = from; p < to; p++) {
    const part = glob[p]!;
    if (typeof part === 'string') {
      if (!value.startsWith(part, i)) return -1;
      i += part.length;
    } else {
      if (i >= value.length) return -1;
      i += characterLength(value, i);
    }
  }
  return i;
}

function findSegment(glob: Glob, from: number, to: number, value: string, at: number): number {
  const first = glob[from]!;
  if (typeof first === 'string') {
    for (let i = value.indexOf(first, at); i >= 0; i = value.indexOf(first, i + 1)) {
      const end = matchHere(glob, from, to, value, i);
      if (end >= 0) return end;
    }
    return -1;
  }
  for (let i = at; i <= value.length; i += i < value.length ? characterLength(value, i) : 1) {
    const end = matchHere(glob, from, to, value, i);
    if (end >= 0) return end;
  }
  return -1;
}

/** The last segment must end where the value ends; its length in units depends on surrogates only through `?`. */
function matchesAtEnd(glob: Glob, from: number, value: string, at: number): boolean {
  let i = value.length;
  for (let p = glob.length - 1; p >= from; p--) {
    const part = glob[p]!;
    if (typeof part === 'string') {
      if (!value.endsWith(part, i)) return false;
      i -= part.length;
    } else {
      if (i <= at) return false;
      i -= i - 2 >= at && characterLength(value, i - 2) === 2 ? 2 : 1;
    }
    if (i < at) return false;
  }
  return true;
}

/**
 * Case folding of rules and values alike: lower case, and one form of the Greek sigma, whose lower case depends on its place in a word.
 */
export function fold(text: string): string {
  const lower = text.toLowerCase();
  return lower.includes('\u03c2') ? lower.replaceAll('\u03c2', '\u03c3') : lower;
}

const isWordUnit = (c: number): boolean =>
  (c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a) || (c >= 0x30 && c <= 0x39) || c === 0x5f;

/** Whether `word` stands in `value` between characters that aren't letters, digits or `_`. */
export function containsWord(value: string, word: string): boolean {
  for (let i = value.indexOf(word); i >= 0; i = value.indexOf(word, i + 1)) {
    const end = i + word.length;
    if (i > 0 && isWordUnit(value.charCodeAt(i - 1))) continue;
    if (end < value.length && isWordUnit(value.charCodeAt(end))) continue;
    return true;
  }
  return false;
}

/** A keyword this short and plain must stand as a word of its own (or `init` would be found in `git init`… and in `initial`). */
export const isWord = (text: string): boolean => /^[A-Za-z0-9_]{1,16}$/.test(text);
