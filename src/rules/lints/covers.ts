// What can be proved about two tests of one field: that one holds wherever the other does, that no value passes both. "False"
// means "not proved". Pure.

import type { Test, Value } from '../ast.ts';
import { type IpNetwork, inNetwork, parseIp } from '../cidr.ts';
import { ANY, fold, type Glob, mapLiterals, matchGlob, ONE } from '../glob.ts';

type GlobTest = Extract<Test, { op: 'glob' }>;
type CompareTest = Extract<Test, { op: 'compare' }>;

/** Larger patterns aren't compared: it would take too long, and says little. */
const CHARS_MAX = 512;
const PARTS_MAX = 32;
const ANYTHING = '\ufffe';
const ONE_CHARACTER = '\uffff';

/** Every value that matches `b` matches `a`. */
export const valueCovers = (a: Value, b: Value): boolean => anyCovers(a.tests, b.tests);

/** Whatever passes one of `b` passes one of `a`. */
export const anyCovers = (a: readonly Test[], b: readonly Test[]): boolean =>
  b.every(narrow => a.some(wide => covers(wide, narrow)));

function covers(a: Test, b: Test): boolean {
  if (a.op === 'glob' && (b.op === 'glob' || b.op === 'word')) {
    const glob: Glob = b.op === 'glob' ? b.glob : [ANY, b.text, ANY];
    if ((a.cased && !b.cased) || isLarge(a.glob) || isLarge(glob)) return false;
    return a.cased ? globCovers(a.glob, glob) : globCovers(mapLiterals(a.glob, fold), mapLiterals(glob, fold));
  }
  if (a.op === 'word') return b.op === 'word' && (!a.cased || b.cased) && sameText(a.text, b.text, a.cased);
  if (a.op === 'regex') return b.op === 'regex' && a.flags === b.flags && a.regex.source === b.regex.source;
  if (a.op === 'cidr') return b.op === 'cidr' && networkCovers(a.network, b.network);
  if (a.op === 'compare') return b.op === 'compare' && a.part === b.part && rangeCovers(rangeOf(a), rangeOf(b));
  if (a.op === 'exists') return a.wanted ? requiresValue(b) : b.op === 'exists' && !b.wanted;
  if (a.op === 'null') return b.op === 'null' || (b.op === 'exists' && !b.wanted);
  return a.op === 'fieldref' && b.op === 'fieldref' && a.how === b.how && a.field === b.field && (!a.cased || b.cased);
}

const sameText = (a: string, b: string, cased: boolean): boolean => (cased ? a === b : fold(a) === fold(b));

/** The narrower pattern is read as a value in which its wildcards are characters that only a `*` can take. */
function globCovers(a: Glob, b: Glob): boolean {
  if (a.includes(ONE) && b.includes(ANY)) return false;
  const text = b.map(part => (part === ANY ? ANYTHING : part === ONE ? ONE_CHARACTER : part)).join('');
  return matchGlob(a, text);
}

const isLarge = (glob: Glob): boolean =>
  glob.length > PARTS_MAX ||
  glob.reduce((sum, part) => sum + (typeof part === 'string' ? part.length : 1), 0) > CHARS_MAX;

const networkCovers = (a: IpNetwork, b: IpNetwork): boolean =>
  a.version === b.version && (a.mask & b.mask) === a.mask && (b.network & a.mask) === a.network;

/** Holds only where the field has a value. */
const requiresValue = (test: Test): boolean => test.op !== 'null' && !(test.op === 'exists' && !test.wanted);

/** No field passes both; `isSingle` when the field has one value at most. */
export function clash(a: Test, b: Test, isSingle: boolean): boolean {
  // A field that is there may be null.
  const isThere = (test: Test): boolean => test.op === 'exists' && test.wanted;
  if (requiresValue(a) !== requiresValue(b))
    return !(isThere(a) && b.op === 'null') && !(isThere(b) && a.op === 'null');
  if (!isSingle) return false;
  if (a.op === 'glob' && b.op === 'glob') return globsClash(a, b);
  if (a.op === 'cidr' && b.op === 'cidr') {
    return !networkCovers(a.network, b.network) && !networkCovers(b.network, a.network);
  }
  if (a.op === 'compare' && b.op === 'compare') return a.part === b.part && rangesClash(rangeOf(a), rangeOf(b));
  if (a.op === 'glob') return b.op === 'cidr' || b.op === 'compare' ? exactClash(a, b) : false;
  return b.op === 'glob' && (a.op === 'cidr' || a.op === 'compare') ? exactClash(b, a) : false;
}

function globsClash(a: GlobTest, b: GlobTest): boolean {
  if (isLarge(a.glob) || isLarge(b.glob)) return false;
  const [x, y] = a.cased && b.cased ? [a.glob, b.glob] : [mapLiterals(a.glob, fold), mapLiterals(b.glob, fold)];
  const [left, right] = [exactOf(x), exactOf(y)];
  if (left !== undefined) return !matchGlob(y, left);
  if (right !== undefined) return !matchGlob(x, right);
  const ends = (i: number, j: number, agree: (p: string, q: string) => boolean): boolean => {
    const [p, q] = [x.at(i), y.at(j)];
    return typeof p === 'string' && typeof q === 'string' && !agree(p, q) && !agree(q, p);
  };
  return ends(0, 0, (p, q) => p.startsWith(q)) || ends(-1, -1, (p, q) => p.endsWith(q));
}

/** The only value that the pattern matches. */
const exactOf = (glob: Glob): string | undefined =>
  glob.length === 0 ? '' : glob.length === 1 && typeof glob[0] === 'string' ? glob[0] : undefined;

function exactClash(glob: GlobTest, other: Extract<Test, { op: 'cidr' | 'compare' }>): boolean {
  const text = exactOf(glob.glob);
  if (text === undefined) return false;
  if (other.op === 'cidr') {
    const ip = parseIp(text);
    return ip === undefined || !inNetwork(other.network, ip);
  }
  if (other.part !== undefined || !/^-?\d{1,15}$/.test(text)) return false;
  return !within(rangeOf(other), Number(text));
}

/** Numbers between the two, with or without the ends themselves. */
interface NumberRange {
  readonly from: number;
  readonly to: number;
  readonly isOpen: boolean;
}

function rangeOf({ operator, number }: CompareTest): NumberRange {
  const isOpen = operator === 'gt' || operator === 'lt';
  return {
    from: operator === 'lt' || operator === 'lte' ? -Infinity : number,
    to: operator === 'gt' || operator === 'gte' ? Infinity : number,
    isOpen,
  };
}

const within = ({ from, to, isOpen }: NumberRange, number: number): boolean =>
  isOpen ? from < number && number < to : from <= number && number <= to;

function rangeCovers(a: NumberRange, b: NumberRange): boolean {
  const ends = (x: number, y: number): boolean => x === y && (!a.isOpen || b.isOpen || !Number.isFinite(x));
  return (a.from < b.from || ends(a.from, b.from)) && (b.to < a.to || ends(a.to, b.to));
}

function rangesClash(a: NumberRange, b: NumberRange): boolean {
  const [low, high] = a.from <= b.from ? [a, b] : [b, a];
  if (low.from === high.from) return a.from === a.to || b.from === b.to ? a.isOpen !== b.isOpen : false;
  return low.to < high.from || (low.to === high.from && (low.isOpen || high.isOpen));
}
