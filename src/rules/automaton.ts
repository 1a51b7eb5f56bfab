// Many literals against one value in one pass: Aho-Corasick for `contains`, a plain trie for prefixes, whole values, and (read
// backwards) suffixes. Cost is the value's length, whatever the number of literals. Pure.

export type Where = 'contains' | 'prefix' | 'suffix';

export interface Literal {
  readonly text: string;
  readonly atom: number;
  /** Among prefixes: the whole value. */
  readonly isWhole: boolean;
}

/** Transitions of states near the root are a table; the many that lie deep and are seldom reached are looked up. */
const TABLE_MAX_ENTRIES = 1 << 20;
const DEAD = -1;
const NONE: readonly number[] = [];

type Hit = (atoms: readonly number[]) => void;

interface Building {
  readonly next: Map<number, number>;
  readonly atoms: number[];
  readonly wholes: number[];
  depth: number;
}

export class Automaton {
  readonly #where: Where;
  /** Class of each of the first 256 units; 0 is a unit that no literal has. */
  readonly #classOf = new Uint16Array(256);
  readonly #wideClasses = new Map<number, number>();
  readonly #classCount: number;
  /** Rows of entries: twice the place of the next state, plus one where a literal ends there; DEAD for none. */
  readonly #table: Int32Array;
  readonly #tableStates: number;
  /** The transitions of states without a row. */
  readonly #deep: readonly ReadonlyMap<number, number>[];
  readonly #fail: Int32Array;
  /** Per state: the nearest state on its failure path, itself included, that ends a literal; 0 for none. */
  readonly #report: Int32Array;
  /** The same, itself excluded. */
  readonly #reportNext: Int32Array;
  readonly #atoms: readonly (readonly number[])[];
  /** Per state: the literals that the value is, when it ends there. */
  readonly #wholes: readonly (readonly number[])[];
  readonly #ignoresCase: boolean;
  /** The epoch in which a state's literals were last told. */
  readonly #told: Uint32Array;

  /** With `ignoresCase` the literals are folded; values needn't be. */
  constructor(where: Where, literals: readonly Literal[], ignoresCase: boolean) {
    this.#where = where;
    this.#ignoresCase = ignoresCase;
    let classCount = 1;
    const classOf = (unit: number): number => {
      const known = unit < 256 ? this.#classOf[unit]! : (this.#wideClasses.get(unit) ?? 0);
      if (known !== 0) return known;
      if (unit < 256) this.#classOf[unit] = classCount;
      else this.#wideClasses.set(unit, classCount);
      return classCount++;
    };
    const states = buildTrie(literals, where === 'suffix', classOf);
    if (ignoresCase) for (let c = 0x41; c <= 0x5a; c++) this.#classOf[c] = this.#classOf[c + 0x20]!;
    this.#classCount = classCount;
    this.#tableStates = Math.max(1, Math.min(states.length, Math.floor(TABLE_MAX_ENTRIES / classCount)));
    this.#fail = new Int32Array(states.length);
    this.#report = new Int32Array(states.length);
    this.#reportNext = new Int32Array(states.length);
    this.#told = new Uint32Array(states.length);
    this.#atoms = states.map(({ atoms }) => (atoms.length === 0 ? NONE : atoms));
    this.#wholes = states.map(({ wholes }) => (wholes.length === 0 ? NONE : wholes));
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
      if (isContains && s > 0) for (const [unit, next] of state.next) this.#fail[next] = this.#goto(states, fail, unit);
    }
    for (let s = 0; s < this.#tableStates; s++) {
      const row = s * this.#classCount;
      // A failure state is nearer to the root, hence in the table too.
      const failRow = this.#fail[s]! * this.#classCount;
      if (isContains && s > 0) this.#table.copyWithin(row, failRow, failRow + this.#classCount);
      for (const [unit, next] of states[s]!.next) this.#table[row + unit] = this.#entry(next);
    }
  }

  /** While the table isn't there yet. */
  #goto(states: readonly Building[], from: number, unit: number): number {
    for (let state = from; ; state = this.#fail[state]!) {
      const next = states[state]!.next.get(unit);
      if (next !== undefined || state === 0) return next ?? 0;
    }
  }

  /** A state with a row is known by where its row begins, the others by what follows the last row. */
  #entry(state: number): number {
    const at = state < this.#tableStates ? state * this.#classCount : this.#table.length + state - this.#tableStates;
    return at * 2 + (this.#report[state] === 0 ? 0 : 1);
  }

  #stateAt(at: number): number {
    const end = this.#table.length;
    return at < end ? at / this.#classCount : at - end + this.#tableStates;
  }

  #deepEntry(at: number, unit: number): number {
    let state = this.#stateAt(at);
    while (state >= this.#tableStates) {
      const next = this.#deep[state - this.#tableStates]!.get(unit);
      if (next !== undefined) return this.#entry(next);
      if (this.#where !== 'contains') return DEAD;
      state = this.#fail[state]!;
    }
    return this.#table[state * this.#classCount + unit]!;
  }

  #tell(at: number, epoch: number, hit: Hit): void {
    const told = this.#told;
    for (let s = this.#report[this.#stateAt(at)]!; s !== 0 && told[s] !== epoch; s = this.#reportNext[s]!) {
      told[s] = epoch;
      hit(this.#atoms[s]!);
    }
  }

  /**
   * Calls `hit` for the atoms of each literal found; one that was told in this `epoch` may be left out. False when a letter outside
   * ASCII was met whose case matters: then the folded value is to be searched, which what was already told doesn't contradict.
   */
  run(value: string, isFolded: boolean, epoch: number, hit: Hit): boolean {
    const foldFrom = this.#ignoresCase && !isFolded ? 0x80 : 0x10000;
    // Locals: this is the innermost loop of all.
    const table = this.#table;
    const tableEnd = table.length;
    const classOf = this.#classOf;
    const { length } = value;
    const isBackwards = this.#where === 'suffix';
    const step = isBackwards ? -1 : 1;
    let at = 0;
    for (let n = 0, i = isBackwards ? length - 1 : 0; n < length; n++, i += step) {
      const c = value.charCodeAt(i);
      if (c >= foldFrom) return false;
      const unit = c < 256 ? classOf[c]! : (this.#wideClasses.get(c) ?? 0);
      const entry = at < tableEnd ? table[at + unit]! : this.#deepEntry(at, unit);
      if (entry < 0) return true;
      at = entry >> 1;
      if ((entry & 1) !== 0) this.#tell(at, epoch, hit);
    }
    const wholes = this.#wholes[this.#stateAt(at)]!;
    if (wholes.length > 0) hit(wholes);
    return true;
  }

  /** Forgets epochs, for when their numbers begin anew. */
  resetEpochs(): void {
    this.#told.fill(0);
  }
}

function buildTrie(literals: readonly Literal[], isBackwards: boolean, classOf: (unit: number) => number): Building[] {
  const root: Building = { next: new Map(), atoms: [], wholes: [], depth: 0 };
  const trie: Building[] = [root];
  for (const { text, atom, isWhole } of literals) {
    let state = 0;
    for (let i = 0; i < text.length; i++) {
      const unit = classOf(text.charCodeAt(isBackwards ? text.length - 1 - i : i));
      let next = trie[state]!.next.get(unit);
      if (next === undefined) {
        next = trie.push({ next: new Map(), atoms: [], wholes: [], depth: trie[state]!.depth + 1 }) - 1;
        trie[state]!.next.set(unit, next);
      }
      state = next;
    }
    (isWhole ? trie[state]!.wholes : trie[state]!.atoms).push(atom);
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
