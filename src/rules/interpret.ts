// The rules read naively: each condition over each value, in the order written. The oracle that the compiled form is tested and
// measured against. Pure.

import { ask } from './asks.ts';
import type { Item, Rule, SelectionNode, Test, Value } from './ast.ts';
import { evaluate } from './condition.ts';
import { fold, mapLiterals, matchGlob, type Shape, shapeOf } from './glob.ts';
import type { Values } from './values.ts';

/** The values of a field, or of the event's text as a whole for undefined. */
export type Lookup = (field: string | undefined) => Values;

export const interpret = ({ condition, selections }: Rule, lookup: Lookup): boolean =>
  evaluate(condition, name => selectionHolds(selections.get(name)!.node, lookup));

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

export function testHolds(test: Test, values: Values, lookup: Lookup): boolean {
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
