// A compiled set of rules over one kind of event: every literal of all rules is looked for in one pass per field, and only rules
// of which a necessary literal was found are evaluated. Knows fields by name; where values come from is the caller's.

import { ask, firstThatHolds } from './asks.ts';
import type { Item, Rule, Test } from './ast.ts';
import { Automaton, type Literal, type Where } from './automaton.ts';
import type { Evidence } from './explain.ts';
import { canonicalName } from './fields.ts';
import { fold } from './glob.ts';
import { type Atom, AtomTable, type Expr, KEYWORDS, lowerRule, necessaryClause } from './lower.ts';
import { Recent } from './recent.ts';
import { Values } from './values.ts';

/** Gives the values of the event that is being evaluated: of the field at `slot`. */
export type Fill = (slot: number, out: Values) => void;

const NONE: readonly number[] = [];
const EPOCH_MAX = 0xffff_fff0;
/** Longer values are searched each time. */
const VALUE_MAX_CHARS = 256;

interface Program {
  readonly expr: Expr;
}

export class Engine implements Evidence {
  readonly rules: readonly Rule[];
  readonly #table: AtomTable;
  /** The field names that rules read, in slot order; {@link KEYWORDS} for the event's text. */
  readonly fieldNames: readonly string[];
  readonly #slots: Slot[];
  readonly #slotOf: ReadonlyMap<string, number>;
  readonly #atoms: readonly Atom[];
  readonly #atomSlot: Uint32Array;
  readonly #programs: readonly Program[];
  /** Rules to evaluate when the atom was found. */
  readonly #rulesOf: readonly (readonly number[])[];
  /** Rules with no necessary literal. */
  readonly #always: readonly number[];
  /** Slots that must be searched for every event. */
  readonly #indexSlots: readonly number[];
  /** The epoch in which a literal was found. */
  readonly #found: Uint32Array;
  /** The epoch in which a test was last asked, and its answer. */
  readonly #asked: Uint32Array;
  readonly #answer: Uint8Array;
  readonly #queued: Uint32Array;
  readonly #queue: Uint32Array;
  #queueLength = 0;
  #epoch = 0;
  #fill: Fill = () => {};
  readonly #matched: number[] = [];

  /**
   * `keywordField` is the field that keywords are looked for in, where that is one. Of a field that `canHave` says no event has,
   * rules are spared the search.
   */
  constructor(
    rules: readonly Rule[],
    keywordField: string = KEYWORDS,
    canHave: (field: string) => boolean = () => true,
  ) {
    this.rules = rules;
    const table = new AtomTable(keywordField);
    this.#table = table;
    this.#programs = rules.map(rule => ({ expr: lowerRule(rule, table) }));
    this.#atoms = table.atoms;
    const names = new Map<string, number>();
    const slot = (name: string): number => {
      const known = names.get(name);
      if (known !== undefined) return known;
      names.set(name, names.size);
      return names.size - 1;
    };
    this.#atomSlot = Uint32Array.from(this.#atoms, atom => slot(atom.field));
    for (const atom of this.#atoms) if (atom.test?.op === 'fieldref') slot(canonicalName(atom.test.field));
    this.#slotOf = names;
    this.fieldNames = [...names.keys()];
    const atomsOf = this.fieldNames.map((): Atom[] => []);
    for (const [i, atom] of this.#atoms.entries()) atomsOf[this.#atomSlot[i]!]!.push(atom);
    this.#slots = atomsOf.map(atoms => new Slot(atoms));
    const rulesOf: number[][] = this.#atoms.map(() => []);
    const always: number[] = [];
    const indexSlots = new Set<number>();
    for (const [r, { expr }] of this.#programs.entries()) {
      const clause = necessaryClause(expr, this.#atoms);
      if (clause === undefined) always.push(r);
      else {
        for (const atom of clause.atoms) {
          if (!canHave(this.#atoms[atom]!.field)) continue;
          rulesOf[atom]!.push(r);
          indexSlots.add(this.#atomSlot[atom]!);
        }
      }
    }
    this.#rulesOf = rulesOf.map(list => (list.length === 0 ? NONE : list));
    this.#always = always;
    this.#indexSlots = [...indexSlots];
    this.#found = new Uint32Array(this.#atoms.length);
    this.#asked = new Uint32Array(this.#atoms.length);
    this.#answer = new Uint8Array(this.#atoms.length);
    this.#queued = new Uint32Array(rules.length);
    this.#queue = new Uint32Array(rules.length);
  }

  /** Whether no event of its kind can match any of the rules. */
  get isIdle(): boolean {
    return this.#indexSlots.length === 0 && this.#always.length === 0;
  }

  /** Indexes into `rules` of those that match, sorted; valid until the next call. */
  evaluate(fill: Fill): readonly number[] {
    if (++this.#epoch >= EPOCH_MAX) this.#resetEpochs();
    this.#fill = fill;
    this.#matched.length = 0;
    this.#queueLength = 0;
    for (const slot of this.#indexSlots) this.#search(slot);
    if (this.#queueLength === 0 && this.#always.length === 0) return this.#matched;
    // Searching a further field on demand can't add to the queue: all fields that index rules have been searched.
    for (let i = 0; i < this.#queueLength; i++) this.#run(this.#queue[i]!);
    for (const rule of this.#always) this.#run(rule);
    if (this.#matched.length > 1) this.#matched.sort((a, b) => a - b);
    return this.#matched;
  }

  // What was found in the event that was evaluated last, as long as its values can still be read.

  holds(item: Item, test: Test): boolean {
    return this.#atomHolds(this.#table.atom(this.#table.fieldOf(item), test));
  }

  deciding(item: Item, test: Test): string | undefined {
    const slot = this.#load(this.#slotOf.get(this.#table.fieldOf(item))!);
    return firstThatHolds(test, slot.values, slot.folded, this.#other);
  }

  #run(rule: number): void {
    if (this.#holds(this.#programs[rule]!.expr)) this.#matched.push(rule);
  }

  #load(index: number): Slot {
    const slot = this.#slots[index]!;
    if (slot.loadedIn !== this.#epoch) {
      slot.loadedIn = this.#epoch;
      slot.values.clear();
      slot.foldedCount = 0;
      this.#fill(index, slot.values);
    }
    return slot;
  }

  #search(index: number): void {
    const slot = this.#load(index);
    if (slot.searchedIn === this.#epoch) return;
    slot.searchedIn = this.#epoch;
    const { values } = slot;
    if (values.count === 0) return;
    for (let i = 0; i < values.count; i++) this.#hit(slot.find(i));
  }

  readonly #hit = (atoms: readonly number[]): void => {
    for (const atom of atoms) {
      this.#found[atom] = this.#epoch;
      const rules = this.#rulesOf[atom]!;
      for (const rule of rules) {
        if (this.#queued[rule] === this.#epoch) continue;
        this.#queued[rule] = this.#epoch;
        this.#queue[this.#queueLength++] = rule;
      }
    }
  };

  #holds(expr: Expr): boolean {
    switch (expr.op) {
      case 'atom':
        return this.#atomHolds(expr.atom);
      case 'not':
        return !this.#holds(expr.of);
      case 'and':
        for (const child of expr.of) if (!this.#holds(child)) return false;
        return true;
      case 'or':
        for (const child of expr.of) if (this.#holds(child)) return true;
        return false;
      case 'count': {
        let left = expr.count;
        for (const child of expr.of) if (this.#holds(child) && --left === 0) return true;
        return false;
      }
      case 'constant':
        return expr.value;
    }
  }

  #atomHolds(id: number): boolean {
    const index = this.#atomSlot[id]!;
    const atom = this.#atoms[id]!;
    if (atom.kind === 'literal') {
      if (this.#slots[index]!.searchedIn !== this.#epoch) this.#search(index);
      return this.#found[id] === this.#epoch;
    }
    if (this.#asked[id] === this.#epoch) return this.#answer[id] === 1;
    const holds = this.#hasNeeded(atom) && this.#ask(atom, index);
    this.#asked[id] = this.#epoch;
    this.#answer[id] = holds ? 1 : 0;
    return holds;
  }

  #hasNeeded({ needs }: Atom): boolean {
    if (needs === undefined) return true;
    for (const literal of needs) if (this.#atomHolds(literal)) return true;
    return false;
  }

  #ask(atom: Atom, index: number): boolean {
    const slot = this.#load(index);
    return ask(atom.test!, slot.values, slot.folded, this.#other);
  }

  readonly #other = (field: string): Values => this.#load(this.#slotOf.get(canonicalName(field))!).values;

  #resetEpochs(): void {
    this.#epoch = 1;
    for (const marks of [this.#found, this.#asked, this.#queued]) marks.fill(0);
    for (const slot of this.#slots) slot.resetEpochs();
  }
}

/** One field: its values in the current event, and what is looked for in them. */
class Slot {
  readonly values = new Values();
  loadedIn = 0;
  searchedIn = 0;
  readonly foldedLiterals: LiteralSet | undefined;
  readonly casedLiterals: LiteralSet | undefined;
  readonly #folded: string[] = [];
  foldedCount = 0;
  /** The atoms that were found in a value. */
  readonly #known = new Recent<readonly number[]>(VALUE_MAX_CHARS);
  readonly #collected: number[] = [];
  /** Of the automata: one for each value that is searched. */
  #run = 0;

  constructor(atoms: readonly Atom[]) {
    const literals = atoms.filter(atom => atom.kind === 'literal');
    this.foldedLiterals = LiteralSet.of(
      literals.filter(atom => !atom.literal!.cased),
      true,
    );
    this.casedLiterals = LiteralSet.of(
      literals.filter(atom => atom.literal!.cased),
      false,
    );
  }

  /** The folded values, made once. */
  readonly folded = (): readonly string[] => {
    const { items, count } = this.values;
    if (this.foldedCount === 0 && this.#folded.length > items.length) this.#folded.length = items.length;
    while (this.foldedCount < count) {
      this.#folded[this.foldedCount] = fold(items[this.foldedCount]!);
      this.foldedCount++;
    }
    return this.#folded;
  };

  /** The atoms of the literals that the value at `index` has; valid until the next call. */
  find(index: number): readonly number[] {
    const value = this.values.items[index]!;
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    this.#search(value, index);
    if (value.length > VALUE_MAX_CHARS) return this.#collected;
    const found = this.#collected.length === 0 ? NONE : [...new Set(this.#collected)];
    this.#known.set(value, found);
    return found;
  }

  #search(value: string, index: number): void {
    this.#collected.length = 0;
    if (++this.#run >= EPOCH_MAX) {
      this.#run = 1;
      this.foldedLiterals?.resetEpochs();
      this.casedLiterals?.resetEpochs();
    }
    this.casedLiterals?.run(value, true, this.#run, this.#collect);
    if (this.foldedLiterals === undefined || this.foldedLiterals.run(value, false, this.#run, this.#collect)) return;
    this.foldedLiterals.run(this.folded()[index]!, true, this.#run, this.#collect);
  }

  readonly #collect = (atoms: readonly number[]): void => {
    for (const atom of atoms) this.#collected.push(atom);
  };

  resetEpochs(): void {
    this.loadedIn = 0;
    this.searchedIn = 0;
  }
}

/** The literals that are looked for in one field. */
class LiteralSet {
  readonly #automata: readonly Automaton[];

  static of(atoms: readonly Atom[], ignoresCase: boolean): LiteralSet | undefined {
    return atoms.length === 0 ? undefined : new LiteralSet(atoms, ignoresCase);
  }

  constructor(atoms: readonly Atom[], ignoresCase: boolean) {
    const byWhere = new Map<Where, Literal[]>();
    for (const { id, literal } of atoms) {
      const { kind, text } = literal!;
      const where = kind === 'exact' ? 'prefix' : kind;
      const list = byWhere.get(where) ?? [];
      list.push({ text, atom: id, isWhole: kind === 'exact' });
      byWhere.set(where, list);
    }
    this.#automata = [...byWhere].map(([where, literals]) => new Automaton(where, literals, ignoresCase));
  }

  /** False when the value must be folded first. */
  run(value: string, isFolded: boolean, epoch: number, hit: (atoms: readonly number[]) => void): boolean {
    for (const automaton of this.#automata) if (!automaton.run(value, isFolded, epoch, hit)) return false;
    return true;
  }

  resetEpochs(): void {
    for (const automaton of this.#automata) automaton.resetEpochs();
  }
}

export { KEYWORDS };
