// Many literals against one value in one pass: Aho-Corasick for `contains`, a plain trie for prefixes and (read backwards) for
// suffixes. Cost is the value's length, whatever the number of literals. Pure.

export type Where = 'contains' | 'prefix' | 'suffix';

export interface Literal {
  readonly text: string;
  readonly atom: number;
}

/** Transitions of states near the root are a table; the many that lie deep and are seldom reached are looked up. */
const TABLE_MAX_ENTRIES = 1 << 20;
const DEAD = -1;

interface Building {
  readonly next: Map<number, number>;
  readonly atoms: number[];
  depth: number;
}

export class Automaton {
  readonly #where: Where;
  /** Class of each of the first 256 units; 0 is a unit that no literal has. */
  readonly #classOf = new Uint16Array(256);
  readonly #wideClasses = new Map<number, number>();
  readonly #classCount: number;
  readonly #table: Int32Array;
  readonly #tableStates: number;
  readonly #deep: ReadonlyMap<number, number>[];
  readonly #fail: Int32Array;
  /** Per state: the nearest state on its failure path, itself included, that ends a literal; 0 for none. */
  readonly #report: Int32Array;
  /** The same, itself excluded. */
  readonly #reportNext: Int32Array;
  readonly #atoms: readonly (readonly number[])[];
  /** The epoch in which a state's literals were last told. */
  readonly #told: Uint32Array;

  constructor(where: Where, literals: readonly Literal[]) {
    this.#where = where;
    let classCount = 1;
    const classOf = (unit: number): number => {
      const known = unit < 256 ? this.#classOf[unit]! : (this.#wideClasses.get(unit) ?? 0);
      if (known !== 0) return known;
      if (unit < 256) this.#classOf[unit] = classCount;
      else this.#wideClasses.set(unit, classCount);
      return classCount++;
    };
    const states = buildTrie(literals, where === 'suffix', classOf);
    this.#classCount = classCount;
    this.#tableStates = Math.max(1, Math.min(states.length, Math.floor(TABLE_MAX_ENTRIES / classCount)));
    this.#fail = new Int32Array(states.length);
    this.#report = new Int32Array(states.length);
    this.#reportNext = new Int32Array(states.length);
    this.#told = new Uint32Array(states.length);
    this.#atoms = states.map(state => state.atoms);
    this.#table = new Int32Array(this.#tableStates * classCount).fill(where === 'contains' ? 0 : DEAD);
    this.#deep = states.slice(this.#tableStates).map(state => state.next);
    this.#link(states);
  }

  /** States are in breadth-first order, so that a state's failure state is complete before it. */
  #link(states: readonly Building[]): void {
    const isContains = this.#where === 'contains';
    for (let s = 0; s < states.length; s++) {
      const state = states[s]!;
      const fail = this.#fail[s]!;
      this.#report[s] = state.atoms.length > 0 ? s : this.#report[fail]!;
      if (s > 0) this.#reportNext[s] = this.#report[fail]!;
      const row = s * this.#classCount;
      const isInTable = s < this.#tableStates;
      // A failure state is nearer to the root, hence in the table too.
      if (isInTable && isContains && s > 0)
        this.#table.copyWithin(row, fail * this.#classCount, (fail + 1) * this.#classCount);
      for (const [unit, next] of state.next) {
        if (isContains && s > 0) this.#fail[next] = this.#next(fail, unit);
        if (isInTable) this.#table[row + unit] = next;
      }
    }
  }

  #next(from: number, unit: number): number {
    let state = from;
    while (state >= this.#tableStates) {
      const next = this.#deep[state - this.#tableStates]!.get(unit);
      if (next !== undefined) return next;
      if (this.#where !== 'contains') return DEAD;
      state = this.#fail[state]!;
    }
    return this.#table[state * this.#classCount + unit]!;
  }

  /** Calls `hit` for the atoms of each literal found; one that was told in this `epoch` may be left out. */
  run(value: string, epoch: number, hit: (atoms: readonly number[]) => void): void {
    // Locals: this is the innermost loop of all.
    const table = this.#table;
    const tableStates = this.#tableStates;
    const classCount = this.#classCount;
    const classOf = this.#classOf;
    const report = this.#report;
    const told = this.#told;
    const { length } = value;
    const isBackwards = this.#where === 'suffix';
    let state = 0;
    for (let i = 0; i < length; i++) {
      const c = value.charCodeAt(isBackwards ? length - 1 - i : i);
      const unit = c < 256 ? classOf[c]! : (this.#wideClasses.get(c) ?? 0);
      state = state < tableStates ? table[state * classCount + unit]! : this.#next(state, unit);
      if (state === DEAD) return;
      for (let s = report[state]!; s !== 0 && told[s] !== epoch; s = this.#reportNext[s]!) {
        told[s] = epoch;
        hit(this.#atoms[s]!);
      }
    }
  }

  /** Forgets epochs, for when their numbers begin anew. */
  resetEpochs(): void {
    this.#told.fill(0);
  }
}

function buildTrie(literals: readonly Literal[], isBackwards: boolean, classOf: (unit: number) => number): Building[] {
  const root: Building = { next: new Map(), atoms: [], depth: 0 };
  const trie: Building[] = [root];
  for (const { text, atom } of literals) {
    let state = 0;
    for (let i = 0; i < text.length; i++) {
      const unit = classOf(text.charCodeAt(isBackwards ? text.length - 1 - i : i));
      let next = trie[state]!.next.get(unit);
      if (next === undefined) {
        next = trie.push({ next: new Map(), atoms: [], depth: trie[state]!.depth + 1 }) - 1;
        trie[state]!.next.set(unit, next);
      }
      state = next;
    }
    trie[state]!.atoms.push(atom);
  }
  return breadthFirst(trie);
}

/** Renumbers so that a state's number is above those of all states nearer to the root. */
function breadthFirst(trie: readonly Building[]): Building[] {
  const order = trie.map((_, s) => s).sort((a, b) => trie[a]!.depth - trie[b]!.depth || a - b);
  const number = new Int32Array(trie.length);
  for (const [to, from] of order.entries()) number[from] = to;
  return order.map(s => {
    const state = trie[s]!;
    return { ...state, next: new Map([...state.next].map(([unit, next]) => [unit, number[next]!])) };
  });
}
