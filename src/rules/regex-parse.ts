// Regular expressions of rules to a tree: the part of PCRE that regular languages have. What needs backtracking (back references,
// lookaround, atomic groups) is refused with its place. Pure. See docs/decisions/0002-regular-expressions.md.

/** Sorted, disjoint, inclusive ranges of UTF-16 units: `[from, to, from, to, …]`. */
export type CharSet = readonly number[];

export type RegexNode =
  | { readonly kind: 'set'; readonly set: CharSet }
  | {
      readonly kind: 'assert';
      readonly what: 'start' | 'end' | 'word' | 'notWord' | 'lineStart' | 'lineEnd' | 'textEnd';
    }
  | { readonly kind: 'concat'; readonly of: readonly RegexNode[] }
  | { readonly kind: 'alternate'; readonly of: readonly RegexNode[] }
  | { readonly kind: 'repeat'; readonly of: RegexNode; readonly min: number; readonly max: number };

export interface RegexFlags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
}

/** A pattern that can't be taken; `at` is the offset in the pattern. */
export class RegexError extends Error {
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

const MAX_UNIT = 0xffff;
const REPEAT_MAX = 1000;
const DEPTH_MAX = 64;
const DIGITS: CharSet = [0x30, 0x39];
const WORD: CharSet = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a];
const SPACE: CharSet = [0x09, 0x0d, 0x20, 0x20];
const NEWLINE: CharSet = [0x0a, 0x0a];
const POSIX: Readonly<Record<string, CharSet>> = {
  alpha: [0x41, 0x5a, 0x61, 0x7a],
  digit: DIGITS,
  alnum: [0x30, 0x39, 0x41, 0x5a, 0x61, 0x7a],
  upper: [0x41, 0x5a],
  lower: [0x61, 0x7a],
  space: SPACE,
  blank: [0x09, 0x09, 0x20, 0x20],
  punct: [0x21, 0x2f, 0x3a, 0x40, 0x5b, 0x60, 0x7b, 0x7e],
  xdigit: [0x30, 0x39, 0x41, 0x46, 0x61, 0x66],
  word: WORD,
  print: [0x20, 0x7e],
  graph: [0x21, 0x7e],
  cntrl: [0x00, 0x1f, 0x7f, 0x7f],
};
const CONTROLS: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, e: 27, a: 7 };

const union = (...sets: readonly CharSet[]): CharSet => {
  const pairs = sets.flatMap(set =>
    Array.from({ length: set.length / 2 }, (_, i) => [set[2 * i]!, set[2 * i + 1]!] as const),
  );
  pairs.sort((a, b) => a[0] - b[0]);
  const out: number[] = [];
  for (const [from, to] of pairs) {
    const last = out.length - 1;
    if (last > 0 && from <= out[last]! + 1) out[last] = Math.max(out[last]!, to);
    else out.push(from, to);
  }
  return out;
};

const complement = (set: CharSet): CharSet => {
  const out: number[] = [];
  let next = 0;
  for (let i = 0; i < set.length; i += 2) {
    if (set[i]! > next) out.push(next, set[i]! - 1);
    next = set[i + 1]! + 1;
  }
  if (next <= MAX_UNIT) out.push(next, MAX_UNIT);
  return out;
};

/** Adds the other case of each unit, where that is one unit too. */
function bothCases(set: CharSet): CharSet {
  const extra: number[] = [];
  for (let i = 0; i < set.length; i += 2) {
    // No letter with case is one UTF-16 unit above U+A7FF but the few up to U+ABBF and the full-width ones.
    for (let c = set[i]!; c <= Math.min(set[i + 1]!, 0xff5a); c++) {
      if (c === 0x2e80) c = 0xa640;
      if (c === 0xac00) c = 0xff21;
      if (c > set[i + 1]!) break;
      const char = String.fromCharCode(c);
      for (const other of [char.toLowerCase(), char.toUpperCase()]) {
        const unit = other.charCodeAt(0);
        // As ECMAScript has it: no letter outside ASCII is the other case of one inside.
        if (other.length === 1 && unit !== c && unit < 128 === c < 128) extra.push(unit, unit);
      }
    }
  }
  return union(set, extra);
}

/** Parses `source`; throws {@link RegexError}. A leading `(?ims)` adds flags. */
export function parseRegex(source: string, flags: RegexFlags): RegexNode {
  const inline = /^\(\?([ims]+)\)/.exec(source);
  if (inline === null) return new Parser(source, flags, 0).parse();
  const has = (flag: string): boolean => inline[1]!.includes(flag);
  const all = { i: flags.i || has('i'), m: flags.m || has('m'), s: flags.s || has('s') };
  return new Parser(source, all, inline[0].length).parse();
}

class Parser {
  readonly #source: string;
  readonly #flags: RegexFlags;
  #at: number;

  constructor(source: string, flags: RegexFlags, at: number) {
    this.#source = source;
    this.#flags = flags;
    this.#at = at;
  }

  parse(): RegexNode {
    const node = this.#alternation(0);
    if (this.#at < this.#source.length) throw new RegexError('unmatched ")"', this.#at);
    return node;
  }

  #alternation(depth: number): RegexNode {
    if (depth > DEPTH_MAX) throw new RegexError('groups are nested too deeply', this.#at);
    const branches = [this.#concatenation(depth)];
    while (this.#source[this.#at] === '|') {
      this.#at++;
      branches.push(this.#concatenation(depth));
    }
    return branches.length === 1 ? branches[0]! : { kind: 'alternate', of: branches };
  }

  #concatenation(depth: number): RegexNode {
    const of: RegexNode[] = [];
    while (this.#at < this.#source.length) {
      const c = this.#source[this.#at]!;
      if (c === '|' || c === ')') break;
      of.push(this.#quantified(this.#atom(c, depth)));
    }
    return of.length === 1 ? of[0]! : { kind: 'concat', of };
  }

  #quantified(node: RegexNode): RegexNode {
    const start = this.#at;
    const bounds = this.#quantifier();
    if (bounds === undefined) return node;
    if (node.kind === 'assert') throw new RegexError('nothing to repeat', start);
    const next = this.#source[this.#at];
    if (next === '+') throw new RegexError('possessive quantifiers are not supported', this.#at);
    // Lazy or greedy is the same question when only "does it match" is asked.
    if (next === '?') this.#at++;
    const [min, max] = bounds;
    if (max !== Infinity && max > REPEAT_MAX) throw new RegexError(`a repetition of more than ${REPEAT_MAX}`, start);
    if (min > REPEAT_MAX) throw new RegexError(`a repetition of more than ${REPEAT_MAX}`, start);
    if (min > max) throw new RegexError('the bounds of the repetition are in the wrong order', start);
    if (this.#quantifier() !== undefined) throw new RegexError('nothing to repeat', this.#at - 1);
    return { kind: 'repeat', of: node, min, max };
  }

  #quantifier(): [number, number] | undefined {
    const c = this.#source[this.#at];
    if (c === '*' || c === '+' || c === '?') {
      this.#at++;
      return c === '*' ? [0, Infinity] : c === '+' ? [1, Infinity] : [0, 1];
    }
    if (c !== '{') return undefined;
    const counted = /^\{(\d+)(,(\d*))?\}/.exec(this.#source.slice(this.#at, this.#at + 24));
    if (counted === null) return undefined;
    this.#at += counted[0].length;
    const min = Number(counted[1]);
    return [min, counted[2] === undefined ? min : counted[3] === '' ? Infinity : Number(counted[3])];
  }

  #atom(c: string, depth: number): RegexNode {
    const start = this.#at;
    this.#at++;
    switch (c) {
      case '(':
        return this.#group(start, depth);
      case '[':
        return this.#set(this.#bracket(start));
      case '.':
        return { kind: 'set', set: this.#flags.s ? [0, MAX_UNIT] : complement(NEWLINE) };
      case '^':
        return { kind: 'assert', what: this.#flags.m ? 'lineStart' : 'start' };
      case '$':
        return { kind: 'assert', what: this.#flags.m ? 'lineEnd' : 'end' };
      case '*':
      case '+':
      case '?':
        throw new RegexError('nothing to repeat', start);
      case '\\':
        return this.#escape(start);
      default:
        return this.#set([c.charCodeAt(0), c.charCodeAt(0)]);
    }
  }

  #set(set: CharSet): RegexNode {
    return { kind: 'set', set: this.#flags.i ? bothCases(set) : set };
  }

  #group(start: number, depth: number): RegexNode {
    if (this.#source[this.#at] === '*') throw new RegexError('verbs such as (*FAIL) are not supported', start);
    if (this.#source[this.#at] === '?') {
      const opening = /^\?(?::|P?<[A-Za-z_]\w*>)/.exec(this.#source.slice(this.#at, this.#at + 80));
      if (opening === null) {
        const look = /^\?<?[=!]/.test(this.#source.slice(this.#at, this.#at + 3));
        const what = look
          ? 'lookahead and lookbehind are not regular, and not supported'
          : 'this kind of group is not supported';
        throw new RegexError(what, start);
      }
      this.#at += opening[0].length;
    }
    const node = this.#alternation(depth + 1);
    if (this.#source[this.#at] !== ')') throw new RegexError('the group is not closed', start);
    this.#at++;
    // A group of one assertion can't be repeated either, but `(^|x)` can be.
    return node.kind === 'assert' ? { kind: 'concat', of: [node] } : node;
  }

  #escape(start: number): RegexNode {
    const c = this.#source[this.#at];
    if (c === undefined) throw new RegexError('a backslash at the end', start);
    if (c === 'b' || c === 'B') {
      this.#at++;
      return { kind: 'assert', what: c === 'b' ? 'word' : 'notWord' };
    }
    if (c === 'A' || c === 'Z' || c === 'z') {
      this.#at++;
      return { kind: 'assert', what: c === 'A' ? 'start' : c === 'Z' ? 'end' : 'textEnd' };
    }
    return this.#set(this.#escapedSet(start));
  }

  /** What `\x` stands for, in or outside brackets; `#at` is behind the backslash. */
  #escapedSet(start: number): CharSet {
    const c = this.#source[this.#at]!;
    this.#at++;
    const lower = c.toLowerCase();
    const shorthand = lower === 'd' ? DIGITS : lower === 'w' ? WORD : lower === 's' ? SPACE : undefined;
    if (shorthand !== undefined) return c === lower ? shorthand : complement(shorthand);
    const hex = /^(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|x\{([0-9A-Fa-f]{1,4})\})/.exec(
      this.#source.slice(this.#at - 1, this.#at + 7),
    );
    if (hex !== null) {
      this.#at += hex[0].length - 1;
      const unit = Number.parseInt(hex[1] ?? hex[2] ?? hex[3]!, 16);
      return [unit, unit];
    }
    const control = CONTROLS[c];
    if (control !== undefined) return [control, control];
    if (/[1-9]/.test(c)) throw new RegexError('back references are not regular, and not supported', start);
    if (/[A-Za-z0-9]/.test(c)) throw new RegexError(`unknown escape "\\${c}"`, start);
    return [c.charCodeAt(0), c.charCodeAt(0)];
  }

  #bracket(start: number): CharSet {
    const negated = this.#source[this.#at] === '^';
    if (negated) this.#at++;
    const sets: CharSet[] = [];
    for (let first = true; ; first = false) {
      const c = this.#source[this.#at];
      if (c === undefined) throw new RegexError('the class is not closed', start);
      if (c === ']' && !first) break;
      const low = this.#classMember();
      const isRange = this.#source[this.#at] === '-' && (this.#source[this.#at + 1] ?? ']') !== ']';
      if (!isRange || low.length !== 2 || low[0] !== low[1]) {
        sets.push(low);
        continue;
      }
      const rangeAt = this.#at;
      this.#at++;
      const high = this.#classMember();
      if (high.length !== 2 || high[0] !== high[1]) sets.push(low, [0x2d, 0x2d], high);
      else if (high[0]! < low[0]!) throw new RegexError('the range is in the wrong order', rangeAt - 1);
      else sets.push([low[0]!, high[0]!]);
    }
    this.#at++;
    const set = union(...sets);
    if (!negated) return set;
    return complement(this.#flags.i ? bothCases(set) : set);
  }

  #classMember(): CharSet {
    const start = this.#at;
    const c = this.#source[start]!;
    const posix = c === '[' ? /^\[:(\^?)([a-z]+):\]/.exec(this.#source.slice(start, start + 16)) : null;
    if (posix !== null) {
      const set = Object.hasOwn(POSIX, posix[2]!) ? POSIX[posix[2]!]! : undefined;
      if (set === undefined) throw new RegexError(`unknown character class [:${posix[2]}:]`, start);
      this.#at += posix[0].length;
      return posix[1] === '^' ? complement(set) : set;
    }
    this.#at++;
    if (c !== '\\') return [c.charCodeAt(0), c.charCodeAt(0)];
    if (this.#at >= this.#source.length) throw new RegexError('a backslash at the end', start);
    if (this.#source[this.#at] === 'b') {
      this.#at++;
      return [8, 8];
    }
    return this.#escapedSet(start);
  }
}
