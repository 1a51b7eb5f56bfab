// A regular expression that answers "is there a match?" in time linear in the value, whatever the pattern and the value: a
// position automaton run through a deterministic one that is built as values ask for it, with a bounded number of states. Pure.
// See docs/decisions/0002-regular-expressions.md for why the built-in engine isn't used.

import { requiredLiterals } from './regex-literals.ts';
import { type CharSet, parseRegex, RegexError, type RegexFlags, type RegexNode } from './regex-parse.ts';

export { RegexError } from './regex-parse.ts';

/** States of the position automaton: a pattern that needs more is refused. */
const NFA_STATES_MAX = 1000;
/** Cached deterministic states; when full, the cache is dropped and filled anew. */
const DFA_STATES_MAX = 512;
/** After so many fillings in one value, states are no longer made for it. */
const RESETS_MAX = 2;

type Assertion = Extract<RegexNode, { kind: 'assert' }>['what'];

// What stands before or behind a position; a newline that ends the text is its own kind, for `$` matches before it.
const EDGE = 0;
const WORD = 1;
const NEWLINE = 2;
const OTHER = 3;
const LAST_NEWLINE = 4;

type NfaState =
  | { readonly kind: 'set'; readonly set: CharSet; readonly next: number }
  | { readonly kind: 'split'; readonly next: readonly number[] }
  | { readonly kind: 'assert'; readonly what: Assertion; readonly next: number };
const MATCH = 0;

interface DfaState {
  /** Positions before following empty moves, sorted. */
  readonly core: Uint16Array;
  readonly before: number;
  /** By input class: undefined where not yet known. */
  readonly next: (DfaState | typeof ACCEPT | undefined)[];
}
const ACCEPT = Symbol('accept');
const END = -1;

export class LinearRegex {
  readonly source: string;
  /** Every match contains one of these; empty where nothing is known. */
  readonly requiredLiterals: readonly string[];
  readonly #states: NfaState[] = [];
  readonly #start: number;
  /** Class of each of the first 256 units; the rest through `#bounds`. */
  readonly #classOf = new Uint16Array(256);
  /** First unit of each class of units, sorted. */
  readonly #bounds: number[];
  /** One unit of each class, for asking the sets. */
  readonly #classCount: number;
  #cache = new Map<string, DfaState>();
  #resets = 0;
  #initial: DfaState;
  // Working memory of one step: the mark with which each position was last seen, and lists of positions.
  #mark = 0;
  readonly #marks: Float64Array;
  readonly #stack: Uint16Array;
  readonly #reached: Uint16Array;
  #reachedCount = 0;

  /** Throws {@link RegexError} when the pattern isn't a regular expression that can be run in linear time. */
  constructor(source: string, flags: RegexFlags) {
    this.source = source;
    const tree = parseRegex(source, flags);
    this.requiredLiterals = requiredLiterals(tree);
    this.#states.push({ kind: 'split', next: [] });
    this.#start = this.#build(tree, MATCH);
    const bounds = new Set([0, 0x0a, 0x0b, 0x30, 0x3a, 0x41, 0x5b, 0x5f, 0x60, 0x61, 0x7b]);
    for (const state of this.#states) {
      if (state.kind !== 'set') continue;
      for (let i = 0; i < state.set.length; i += 2) bounds.add(state.set[i]!).add(state.set[i + 1]! + 1);
    }
    bounds.delete(0x10000);
    this.#bounds = [...bounds].sort((a, b) => a - b);
    // Two more classes: the end of the text, and a newline that is the last unit.
    this.#classCount = this.#bounds.length + 2;
    for (let c = 0; c < 256; c++) this.#classOf[c] = this.#search(c);
    this.#marks = new Float64Array(this.#states.length);
    this.#stack = new Uint16Array(this.#states.length);
    this.#reached = new Uint16Array(this.#states.length);
    this.#initial = this.#state(Uint16Array.of(this.#start), EDGE);
  }

  test(value: string): boolean {
    let state = this.#initial;
    const length = value.length;
    const resetsAtStart = this.#resets;
    for (let i = 0; i <= length; i++) {
      const input = this.#inputAt(value, i);
      let next = state.next[input];
      if (next === undefined) {
        // Each step makes a new state, and keeps none long enough to be used again: cheaper to make none.
        if (this.#resets - resetsAtStart >= RESETS_MAX) return this.#simulate(state, value, i);
        next = this.#step(state, input);
      }
      if (next === ACCEPT) return true;
      state = next;
    }
    return false;
  }

  #inputAt(value: string, i: number): number {
    const { length } = value;
    if (i === length) return this.#classCount - 2;
    const c = value.charCodeAt(i);
    if (c === 0x0a && i === length - 1) return this.#classCount - 1;
    return c < 256 ? this.#classOf[c]! : this.#search(c);
  }

  /** Goes on from `state` before unit `from`, one set of positions at a time: at most positions × length steps. */
  #simulate(state: DfaState, value: string, from: number): boolean {
    let core: Uint16Array = state.core.slice();
    let { before } = state;
    for (let i = from; i <= value.length; i++) {
      const input = this.#inputAt(value, i);
      const unit = this.#unitOf(input);
      if (this.#close(core, core.length, before, this.#kindAfter(input))) return true;
      if (unit === END) return false;
      core = this.#advance(unit);
      before = kindOf(unit);
    }
    return false;
  }

  #add(state: NfaState): number {
    if (this.#states.length >= NFA_STATES_MAX) throw new RegexError('the pattern is too large', 0);
    return this.#states.push(state) - 1;
  }

  /** Builds from the end to the start; gives the entry. */
  #build(node: RegexNode, next: number): number {
    switch (node.kind) {
      case 'set':
        return this.#add({ kind: 'set', set: node.set, next });
      case 'assert':
        return this.#add({ kind: 'assert', what: node.what, next });
      case 'concat':
        return node.of.reduceRight((to, part) => this.#build(part, to), next);
      case 'alternate':
        return this.#add({ kind: 'split', next: node.of.map(branch => this.#build(branch, next)) });
      case 'repeat':
        return this.#repeat(node, next);
    }
  }

  #repeat(node: Extract<RegexNode, { kind: 'repeat' }>, next: number): number {
    let entry = next;
    if (node.max === Infinity) {
      const targets = [next];
      const loop = this.#add({ kind: 'split', next: targets });
      targets.push(this.#build(node.of, loop));
      entry = loop;
    } else {
      for (let i = node.min; i < node.max; i++) {
        entry = this.#add({ kind: 'split', next: [next, this.#build(node.of, entry)] });
      }
    }
    for (let i = 0; i < node.min; i++) entry = this.#build(node.of, entry);
    return entry;
  }

  #search(unit: number): number {
    let low = 0;
    let high = this.#bounds.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#bounds[middle]! <= unit) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #state(core: Uint16Array, before: number): DfaState {
    const sorted = core.slice().sort();
    const key = `${before}:${sorted.join()}`;
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    if (this.#cache.size >= DFA_STATES_MAX) this.#reset();
    const state: DfaState = { core: sorted, before, next: new Array(this.#classCount).fill(undefined) };
    this.#cache.set(key, state);
    return state;
  }

  /** Old states stay reachable from a running match only; a fresh start state lets them go. */
  #reset(): void {
    this.#resets++;
    this.#cache = new Map();
    this.#initial = this.#state(Uint16Array.of(this.#start), EDGE);
  }

  /** A unit of the input class, or END. */
  #unitOf(input: number): number {
    if (input === this.#classCount - 2) return END;
    return input === this.#classCount - 1 ? 0x0a : this.#bounds[input]!;
  }

  #kindAfter(input: number): number {
    if (input === this.#classCount - 2) return EDGE;
    return input === this.#classCount - 1 ? LAST_NEWLINE : kindOf(this.#bounds[input]!);
  }

  #step(state: DfaState, input: number): DfaState | typeof ACCEPT {
    const unit = this.#unitOf(input);
    let next: DfaState | typeof ACCEPT;
    if (this.#close(state.core, state.core.length, state.before, this.#kindAfter(input))) next = ACCEPT;
    else next = unit === END ? state : this.#state(this.#advance(unit), kindOf(unit));
    state.next[input] = next;
    return next;
  }

  /** Puts the positions reached by empty moves between `before` and `after` into `#reached`; true when the end is among them. */
  #close(core: Uint16Array, length: number, before: number, after: number): boolean {
    const mark = ++this.#mark;
    const stack = this.#stack;
    let top = 0;
    this.#reachedCount = 0;
    const push = (index: number): void => {
      if (this.#marks[index] === mark) return;
      this.#marks[index] = mark;
      stack[top++] = index;
    };
    for (let i = 0; i < length; i++) push(core[i]!);
    while (top > 0) {
      const index = stack[--top]!;
      if (index === MATCH) return true;
      const state = this.#states[index]!;
      if (state.kind === 'set') this.#reached[this.#reachedCount++] = index;
      else if (state.kind === 'split') for (const next of state.next) push(next);
      else if (holds(state.what, before, after)) push(state.next);
    }
    return false;
  }

  /** The positions behind `unit`, from `#reached`, and the start: a match may begin anywhere. */
  #advance(unit: number): Uint16Array {
    const mark = ++this.#mark;
    let count = 0;
    this.#stack[count++] = this.#start;
    this.#marks[this.#start] = mark;
    for (let i = 0; i < this.#reachedCount; i++) {
      const state = this.#states[this.#reached[i]!]!;
      if (state.kind !== 'set' || this.#marks[state.next] === mark || !contains(state.set, unit)) continue;
      this.#marks[state.next] = mark;
      this.#stack[count++] = state.next;
    }
    return this.#stack.slice(0, count);
  }
}

function kindOf(unit: number): number {
  if (unit === 0x0a) return NEWLINE;
  const isWord =
    (unit >= 0x30 && unit <= 0x39) || (unit >= 0x41 && unit <= 0x5a) || unit === 0x5f || (unit >= 0x61 && unit <= 0x7a);
  return isWord ? WORD : OTHER;
}

function holds(what: Assertion, before: number, after: number): boolean {
  switch (what) {
    case 'start':
      return before === EDGE;
    case 'end':
      return after === EDGE || after === LAST_NEWLINE;
    case 'textEnd':
      return after === EDGE;
    case 'lineStart':
      // As in PCRE: not behind a newline that ends the text.
      return before === EDGE || (before === NEWLINE && after !== EDGE);
    case 'lineEnd':
      return after === EDGE || after === NEWLINE || after === LAST_NEWLINE;
    case 'word':
      return (before === WORD) !== (after === WORD);
    case 'notWord':
      return (before === WORD) === (after === WORD);
  }
}

function contains(set: CharSet, unit: number): boolean {
  for (let i = 0; i < set.length; i += 2) if (unit <= set[i + 1]!) return unit >= set[i]!;
  return false;
}
