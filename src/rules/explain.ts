// Why a rule matched: the conditions that held, with the values that decided them. Only asked once there is a match. Pure.

import type { MatchedCondition } from '../core/match.ts';
import type { Condition, Item, Rule, SelectionNode, Test } from './ast.ts';
import { evaluate } from './condition.ts';

/** What was found in the event that matched. */
export interface Evidence {
  /** Whether the test holds of any value of the item's field. */
  holds(item: Item, test: Test): boolean;
  /** The first value of which it holds; undefined where none is needed, as for null. */
  deciding(item: Item, test: Test): string | undefined;
}

/** Each condition once, in the order written; negated ones have no value to show. */
export function explain(rule: Rule, evidence: Evidence): MatchedCondition[] {
  return new Explainer(rule, evidence).explain();
}

class Explainer {
  readonly #rule: Rule;
  readonly #evidence: Evidence;
  readonly #selections = new Map<string, boolean>();

  constructor(rule: Rule, evidence: Evidence) {
    this.#rule = rule;
    this.#evidence = evidence;
  }

  explain(): MatchedCondition[] {
    const names = new Set<string>();
    this.#collect(this.#rule.condition, names);
    const out: MatchedCondition[] = [];
    for (const name of names) this.#show(name, this.#rule.selections.get(name)!.node, out);
    return out;
  }

  #selection(name: string): boolean {
    const known = this.#selections.get(name);
    if (known !== undefined) return known;
    const result = this.#node(this.#rule.selections.get(name)!.node);
    this.#selections.set(name, result);
    return result;
  }

  #node(node: SelectionNode): boolean {
    if (node.kind === 'item') return this.#item(node.item);
    const one = (child: SelectionNode): boolean => this.#node(child);
    return node.kind === 'all' ? node.of.every(one) : node.of.some(one);
  }

  #item(item: Item): boolean {
    const one = ({ tests }: Item['values'][number]): boolean => tests.some(test => this.#evidence.holds(item, test));
    return (item.all ? item.values.every(one) : item.values.some(one)) !== item.negated;
  }

  #condition(condition: Condition): boolean {
    return evaluate(condition, name => this.#selection(name));
  }

  /** The selections that hold and that the match rests on. */
  #collect(condition: Condition, out: Set<string>): void {
    switch (condition.kind) {
      case 'and':
      case 'or':
        for (const child of condition.of) if (this.#condition(child)) this.#collect(child, out);
        return;
      case 'selection':
        if (this.#selection(condition.name)) out.add(condition.name);
        return;
      case 'of':
        for (const name of condition.names) if (this.#selection(name)) out.add(name);
        return;
      case 'not':
        return;
    }
  }

  #show(selection: string, node: SelectionNode, out: MatchedCondition[]): void {
    if (node.kind !== 'item') {
      for (const child of node.of) if (this.#node(child)) this.#show(selection, child, out);
      return;
    }
    const { item } = node;
    if (item.negated) return;
    for (const { text, tests } of item.values) {
      const test = tests.find(one => this.#evidence.holds(item, one));
      const value = test && this.#evidence.deciding(item, test);
      if (value === undefined) continue;
      out.push({
        selection,
        ...(item.field === undefined ? {} : { field: item.field }),
        ...(item.modifier === undefined ? {} : { modifier: item.modifier }),
        pattern: text,
        value,
      });
      if (!item.all) return;
    }
  }
}
