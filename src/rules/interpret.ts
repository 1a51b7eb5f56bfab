// The rules read naively: each condition over each value, in the order written. It explains matches, and is the oracle that the
// compiled form is tested against. Pure.

import type { MatchedCondition } from '../core/match.ts';
import { ask } from './asks.ts';
import type { Condition, Item, Rule, SelectionNode, Test, Value } from './ast.ts';
import { fold, mapLiterals, matchGlob, type Shape, shapeOf } from './glob.ts';
import { Values } from './values.ts';

/** The values of a field, or of the event's text as a whole for undefined. */
export type Lookup = (field: string | undefined) => Values;

export const interpret = (rule: Rule, lookup: Lookup): boolean => holds(rule.condition, rule, lookup);

function holds(condition: Condition, rule: Rule, lookup: Lookup): boolean {
  switch (condition.kind) {
    case 'and':
      return condition.of.every(child => holds(child, rule, lookup));
    case 'or':
      return condition.of.some(child => holds(child, rule, lookup));
    case 'not':
      return !holds(condition.of, rule, lookup);
    case 'selection':
      return selectionHolds(rule.selections.get(condition.name)!.node, lookup);
    case 'of':
      return (
        condition.names.filter(name => selectionHolds(rule.selections.get(name)!.node, lookup)).length >=
        condition.count
      );
  }
}

function selectionHolds(node: SelectionNode, lookup: Lookup): boolean {
  if (node.kind === 'item') return itemHolds(node.item, lookup);
  const one = (child: SelectionNode): boolean => selectionHolds(child, lookup);
  return node.kind === 'all' ? node.of.every(one) : node.of.some(one);
}

function itemHolds(item: Item, lookup: Lookup): boolean {
  const values = lookup(item.field);
  const one = (value: Value): boolean => value.tests.some(test => testHolds(test, values, lookup));
  const result = item.all ? item.values.every(one) : item.values.some(one);
  return result !== item.negated;
}

function testHolds(test: Test, values: Values, lookup: Lookup): boolean {
  if (test.op === 'glob') return values.items.slice(0, values.count).some(value => globFits(test, value));
  const asked = test.op === 'word' && !test.cased ? { ...test, text: fold(test.text) } : test;
  return ask(asked, values, () => values.items.slice(0, values.count).map(fold), lookup);
}

function globFits(test: Extract<Test, { op: 'glob' }>, value: string): boolean {
  if (test.cased) return shapeFits(shapeOf(test.glob), value);
  return shapeFits(shapeOf(mapLiterals(test.glob, fold)), fold(value));
}

function shapeFits(shape: Shape, value: string): boolean {
  switch (shape.kind) {
    case 'anything':
      return true;
    case 'exact':
      return value === shape.text;
    case 'prefix':
      return value.startsWith(shape.text);
    case 'suffix':
      return value.endsWith(shape.text);
    case 'contains':
      return value.includes(shape.text);
    case 'glob':
      return matchGlob(shape.glob, value);
  }
}

/** The conditions that made a rule match, each once, with the value that decided it. Negated ones have none. */
export function explain(rule: Rule, lookup: Lookup): MatchedCondition[] {
  const out: MatchedCondition[] = [];
  const selections = new Set<string>();
  collectSelections(rule.condition, rule, lookup, selections);
  for (const name of selections) explainSelection(name, rule.selections.get(name)!.node, lookup, out);
  return out;
}

function collectSelections(condition: Condition, rule: Rule, lookup: Lookup, out: Set<string>): void {
  const isTrue = (name: string): boolean => selectionHolds(rule.selections.get(name)!.node, lookup);
  switch (condition.kind) {
    case 'and':
    case 'or':
      for (const child of condition.of) if (holds(child, rule, lookup)) collectSelections(child, rule, lookup, out);
      return;
    case 'selection':
      if (isTrue(condition.name)) out.add(condition.name);
      return;
    case 'of':
      for (const name of condition.names) if (isTrue(name)) out.add(name);
      return;
    case 'not':
      return;
  }
}

function explainSelection(selection: string, node: SelectionNode, lookup: Lookup, out: MatchedCondition[]): void {
  if (node.kind !== 'item') {
    for (const child of node.of) if (selectionHolds(child, lookup)) explainSelection(selection, child, lookup, out);
    return;
  }
  const { item } = node;
  if (item.negated) return;
  const values = lookup(item.field);
  for (const value of item.values) {
    const deciding = valueThatDecides(value, values, lookup);
    if (deciding === undefined) continue;
    out.push({
      selection,
      ...(item.field === undefined ? {} : { field: item.field }),
      ...(item.modifier === undefined ? {} : { modifier: item.modifier }),
      pattern: value.text,
      value: deciding,
    });
    if (!item.all) return;
  }
}

function valueThatDecides(value: Value, values: Values, lookup: Lookup): string | undefined {
  for (const test of value.tests) {
    for (let i = 0; i < values.count; i++) {
      const item = values.items[i]!;
      if (testHolds(test, Values.of(item), lookup)) return item;
    }
  }
  return undefined;
}
