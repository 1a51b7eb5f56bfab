// Why a rule holds of an event, and why not: every node of its condition with its truth and the values that decided. The interpreter
// (interpret.ts), told aloud; for one alert, not for the path of events. Pure.

import { firstThatHolds } from './asks.ts';
import type { AppliedFilter, Condition, Item, Rule, SelectionNode, Value } from './ast.ts';
import { fold } from './glob.ts';
import { type Lookup, testHolds } from './interpret.ts';

export type ConditionEvidence =
  | { readonly kind: 'and' | 'or' | 'not'; readonly holds: boolean; readonly of: readonly ConditionEvidence[] }
  | {
      readonly kind: 'of';
      readonly holds: boolean;
      /** How many must hold. */
      readonly count: number;
      readonly of: readonly SelectionEvidence[];
    }
  | SelectionEvidence;

export interface SelectionEvidence {
  readonly kind: 'selection';
  /** As the rule, or the filter, calls it. */
  readonly name: string;
  /** The filter document that it is from. */
  readonly filter?: string;
  readonly holds: boolean;
  readonly of: PartEvidence;
}

export type PartEvidence =
  | { readonly kind: 'all' | 'any'; readonly holds: boolean; readonly of: readonly PartEvidence[] }
  | ItemEvidence;

export interface ItemEvidence {
  readonly kind: 'item';
  readonly holds: boolean;
  /** Absent for keywords. */
  readonly field?: string;
  readonly modifier?: string;
  readonly negated: boolean;
  /** Each of the patterns must hold. */
  readonly all: boolean;
  /** The event's values of the field, the first ones where there are many. */
  readonly values: readonly string[];
  readonly valueCount: number;
  readonly patterns: readonly PatternEvidence[];
}

export interface PatternEvidence {
  readonly text: string;
  readonly holds: boolean;
  /** The value of which it holds; absent where none is needed, as for null. */
  readonly value?: string;
}

/** What is shown of a field with many values, and of a long one. */
const VALUES_MAX = 16;
const VALUE_MAX_CHARS = 4_096;

const shown = (text: string): string => (text.length > VALUE_MAX_CHARS ? text.slice(0, VALUE_MAX_CHARS) : text);

export function evidenceOf(rule: Rule, lookup: Lookup): ConditionEvidence {
  return new Teller(rule, lookup).condition(rule.condition);
}

class Teller {
  readonly #rule: Rule;
  readonly #lookup: Lookup;
  readonly #filters = new Map<string, AppliedFilter>();

  constructor(rule: Rule, lookup: Lookup) {
    this.#rule = rule;
    this.#lookup = lookup;
    for (const filter of rule.filters ?? []) for (const name of filter.names.keys()) this.#filters.set(name, filter);
  }

  condition(condition: Condition): ConditionEvidence {
    switch (condition.kind) {
      case 'and':
      case 'or': {
        const of = condition.of.map(child => this.condition(child));
        const holds = condition.kind === 'and' ? of.every(child => child.holds) : of.some(child => child.holds);
        return { kind: condition.kind, holds, of };
      }
      case 'not': {
        const inner = this.condition(condition.of);
        return { kind: 'not', holds: !inner.holds, of: [inner] };
      }
      case 'selection':
        return this.#selection(condition.name);
      case 'of': {
        const of = condition.names.map(name => this.#selection(name));
        const { count } = condition;
        return { kind: 'of', holds: of.filter(child => child.holds).length >= count, count, of };
      }
    }
  }

  #selection(name: string): SelectionEvidence {
    const of = this.#part(this.#rule.selections.get(name)!.node);
    const filter = this.#filters.get(name);
    const written = filter?.names.get(name) ?? name;
    const evidence: SelectionEvidence = { kind: 'selection', name: written, holds: of.holds, of };
    return filter === undefined ? evidence : { ...evidence, filter: filter.title };
  }

  #part(node: SelectionNode): PartEvidence {
    if (node.kind === 'item') return this.#item(node.item);
    const of = node.of.map(child => this.#part(child));
    const holds = node.kind === 'all' ? of.every(child => child.holds) : of.some(child => child.holds);
    return { kind: node.kind, holds, of };
  }

  #item(item: Item): ItemEvidence {
    const patterns = item.values.map(value => this.#pattern(item, value));
    const held = item.all ? patterns.every(one => one.holds) : patterns.some(one => one.holds);
    const { items, count } = this.#lookup(item.field);
    return {
      kind: 'item',
      holds: held !== item.negated,
      ...(item.field === undefined ? {} : { field: item.field }),
      ...(item.modifier === undefined ? {} : { modifier: item.modifier }),
      negated: item.negated,
      all: item.all,
      values: items.slice(0, Math.min(count, VALUES_MAX)).map(shown),
      valueCount: count,
      patterns,
    };
  }

  #pattern(item: Item, { text, tests }: Value): PatternEvidence {
    const values = this.#lookup(item.field);
    const test = tests.find(one => testHolds(one, values, this.#lookup));
    if (test === undefined) return { text, holds: false };
    const folded = (): readonly string[] => values.items.slice(0, values.count).map(fold);
    const value = firstThatHolds(test, values, folded, this.#lookup);
    return value === undefined ? { text, holds: true } : { text, holds: true, value: shown(value) };
  }
}
