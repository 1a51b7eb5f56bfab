// Rules to boolean expressions over atoms. An atom is one question to one field; the same question of many rules is one atom. Pure.

import type { Condition, Item, Rule, SelectionNode, Test } from './ast.ts';
import { canonicalName } from './fields.ts';
import { ANY, fold, type Glob, globText, longestLiteral, mapLiterals, shapeOf } from './glob.ts';

/** The field name of keyword atoms: the event's text as a whole. */
export const KEYWORDS = '';

export type LiteralKind = 'exact' | 'prefix' | 'suffix' | 'contains';

export interface Atom {
  readonly id: number;
  /** Canonical name, or {@link KEYWORDS}. */
  readonly field: string;
  readonly kind: 'literal' | 'test';
  /** For literals; folded unless `cased`. */
  readonly literal?: { readonly kind: LiteralKind; readonly text: string; readonly cased: boolean };
  /** For what isn't a literal: globs and words already folded unless cased. */
  readonly test?: Test;
  /** Literal atoms of which one must hold for this one to hold. */
  readonly needs?: readonly number[];
}

export type Expr =
  | { readonly op: 'constant'; readonly value: boolean }
  | { readonly op: 'atom'; readonly atom: number }
  | { readonly op: 'not'; readonly of: Expr }
  | { readonly op: 'and' | 'or'; readonly of: readonly Expr[] }
  | { readonly op: 'count'; readonly count: number; readonly of: readonly Expr[] };

/** The atoms of a set of rules, each once. */
export class AtomTable {
  readonly atoms: Atom[] = [];
  readonly #byKey = new Map<string, number>();
  readonly #keywordField: string;

  /** `keywordField` is the field that keywords are looked for in, where that is one. */
  constructor(keywordField: string = KEYWORDS) {
    this.#keywordField = keywordField;
  }

  /** The name under which a rule's field is read. */
  fieldOf(item: Item): string {
    return item.field === undefined ? this.#keywordField : canonicalName(item.field);
  }

  #intern(key: string, make: (id: number) => Atom): number {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const id = this.atoms.length;
    this.#byKey.set(key, id);
    this.atoms.push(make(id));
    return id;
  }

  #literal(field: string, kind: LiteralKind, text: string, cased: boolean): number {
    const key = `${field}\0${kind}\0${cased}\0${text}`;
    return this.#intern(key, id => ({ id, field, kind: 'literal', literal: { kind, text, cased } }));
  }

  #glob(field: string, written: Glob, cased: boolean): number {
    const glob = cased ? written : mapLiterals(written, fold);
    const shape = shapeOf(glob);
    if (shape.kind !== 'glob' && shape.kind !== 'anything') return this.#literal(field, shape.kind, shape.text, cased);
    const longest = shape.kind === 'glob' ? longestLiteral(glob) : undefined;
    const needs =
      longest === undefined ? undefined : [this.#literal(field, this.#needKind(glob, longest), longest, cased)];
    const key = `${field}\0glob\0${cased}\0${globText(glob)}`;
    const test: Test = { op: 'glob', glob, cased };
    return this.#intern(key, id => ({ id, field, kind: 'test', test, ...(needs === undefined ? {} : { needs }) }));
  }

  #needKind(glob: Glob, longest: string): LiteralKind {
    if (glob[0] === longest && glob[1] === ANY) return 'prefix';
    return glob.at(-1) === longest && glob.at(-2) === ANY ? 'suffix' : 'contains';
  }

  atom(field: string, test: Test): number {
    switch (test.op) {
      case 'glob':
        return this.#glob(field, test.glob, test.cased);
      case 'word': {
        const text = test.cased ? test.text : fold(test.text);
        const needs = [this.#literal(field, 'contains', text, test.cased)];
        const key = `${field}\0word\0${test.cased}\0${text}`;
        return this.#intern(key, id => ({ id, field, kind: 'test', test: { ...test, text }, needs }));
      }
      case 'regex': {
        // Folded, so that they are looked for with all others; what a match contains, its folded form contains folded.
        const texts = new Set(test.regex.requiredLiterals.map(fold));
        const needs = [...texts].map(text => this.#literal(field, 'contains', text, false));
        const key = `${field}\0${testKey(test)}`;
        return this.#intern(key, id => ({ id, field, kind: 'test', test, ...(needs.length === 0 ? {} : { needs }) }));
      }
      default:
        return this.#intern(`${field}\0${testKey(test)}`, id => ({ id, field, kind: 'test', test }));
    }
  }
}

function testKey(test: Exclude<Test, { op: 'glob' | 'word' }>): string {
  switch (test.op) {
    case 'regex':
      return `regex\0${test.flags}\0${test.regex.source}`;
    case 'cidr':
      return `cidr\0${test.network.version}\0${test.network.network}\0${test.network.mask}`;
    case 'compare':
      return `compare\0${test.operator}\0${test.part}\0${test.number}`;
    case 'fieldref':
      return `fieldref\0${canonicalName(test.field)}\0${test.how}\0${test.cased}`;
    case 'exists':
      return `exists\0${test.wanted}`;
    case 'null':
      return 'null';
  }
}

const TRUE: Expr = { op: 'constant', value: true };
const FALSE: Expr = { op: 'constant', value: false };

const isConstant = (expr: Expr, value: boolean): boolean => expr.op === 'constant' && expr.value === value;

function and(of: readonly Expr[]): Expr {
  const rest = of.flatMap(e => (e.op === 'and' ? e.of : isConstant(e, true) ? [] : [e]));
  if (rest.some(e => isConstant(e, false))) return FALSE;
  return rest.length === 0 ? TRUE : rest.length === 1 ? rest[0]! : { op: 'and', of: rest };
}

function or(of: readonly Expr[]): Expr {
  const rest = of.flatMap(e => (e.op === 'or' ? e.of : isConstant(e, false) ? [] : [e]));
  if (rest.some(e => isConstant(e, true))) return TRUE;
  return rest.length === 0 ? FALSE : rest.length === 1 ? rest[0]! : { op: 'or', of: rest };
}

function not(of: Expr): Expr {
  if (of.op === 'constant') return of.value ? FALSE : TRUE;
  return of.op === 'not' ? of.of : { op: 'not', of };
}

export function lowerRule(rule: Rule, table: AtomTable): Expr {
  const selections = new Map<string, Expr>();
  for (const [name, selection] of rule.selections) selections.set(name, lowerSelection(selection.node, table));
  return lowerCondition(rule.condition, selections);
}

function lowerCondition(condition: Condition, selections: ReadonlyMap<string, Expr>): Expr {
  switch (condition.kind) {
    case 'selection':
      return selections.get(condition.name)!;
    case 'not':
      return not(lowerCondition(condition.of, selections));
    case 'and':
    case 'or': {
      const of = condition.of.map(child => lowerCondition(child, selections));
      return condition.kind === 'and' ? and(of) : or(of);
    }
    case 'of': {
      const of = condition.names.map(name => selections.get(name)!);
      if (condition.count === of.length) return and(of);
      return condition.count === 1 ? or(of) : { op: 'count', count: condition.count, of };
    }
  }
}

function lowerSelection(node: SelectionNode, table: AtomTable): Expr {
  if (node.kind === 'item') return lowerItem(node.item, table);
  const of = node.of.map(child => lowerSelection(child, table));
  return node.kind === 'all' ? and(of) : or(of);
}

function lowerItem(item: Item, table: AtomTable): Expr {
  const field = table.fieldOf(item);
  const values = item.values.map(value =>
    or(value.tests.map((test): Expr => ({ op: 'atom', atom: table.atom(field, test) }))),
  );
  const expr = item.all ? and(values) : or(values);
  return item.negated ? not(expr) : expr;
}

interface Clause {
  readonly atoms: ReadonlySet<number>;
  /** How often an ordinary event has one of them: a guess. */
  readonly chance: number;
}

/**
 * A necessary clause: atoms of which at least one holds whenever the expression is true, chosen so that an ordinary event has
 * none of them. Undefined where there is none.
 */
export function necessaryClause(
  expr: Expr,
  atoms: readonly Atom[],
): { atoms: ReadonlySet<number>; chance: number } | undefined {
  switch (expr.op) {
    case 'constant':
      return expr.value ? undefined : { atoms: new Set(), chance: 0 };
    case 'not':
      return undefined;
    case 'atom': {
      const atom = atoms[expr.atom]!;
      const literals = atom.kind === 'literal' ? [atom.id] : atom.needs;
      return literals === undefined ? undefined : clauseOf(new Set(literals), atoms);
    }
    case 'and': {
      let best: Clause | undefined;
      for (const child of expr.of) {
        const clause = necessaryClause(child, atoms);
        if (clause !== undefined && (best === undefined || clause.chance < best.chance)) best = clause;
      }
      return best;
    }
    case 'or':
    case 'count':
      return unionOfClauses(expr.of, atoms);
  }
}

function unionOfClauses(of: readonly Expr[], atoms: readonly Atom[]): Clause | undefined {
  const union = new Set<number>();
  for (const child of of) {
    const clause = necessaryClause(child, atoms);
    if (clause === undefined) return undefined;
    for (const atom of clause.atoms) union.add(atom);
  }
  return clauseOf(union, atoms);
}

function clauseOf(clause: ReadonlySet<number>, atoms: readonly Atom[]): Clause {
  let chance = 0;
  for (const atom of clause) chance += chanceOf(atoms[atom]!);
  return { atoms: clause, chance };
}

/** How often an ordinary event has the literal: a guess that only orders clauses. */
function chanceOf(atom: Atom): number {
  // Single records meet only rules for their type: it tells nothing more.
  if (atom.field === 'type') return 1;
  const { kind, text } = atom.literal!;
  const { length } = text;
  if (kind === 'contains') return Math.min(0.9, 2 * 0.35 ** Math.min(length, 8));
  if (kind === 'exact') return length < 2 ? 0.05 : 0.004;
  if (kind === 'suffix') return Math.max(0.004, 0.3 ** Math.min(length, 5) * 2);
  return length < 6 ? 0.3 : 0.02;
}
