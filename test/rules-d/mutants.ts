// Rules that differ from a given one in one place: a selection that always or never holds, or is the opposite; a part of one; a
// list without one of its values. Pure.

import type { Condition, Item, Rule, Selection, SelectionNode } from '../../src/rules/ast.ts';

export interface Mutant {
  readonly what: string;
  readonly rule: Rule;
}

const ALWAYS: SelectionNode = { kind: 'all', of: [] };
const NEVER: SelectionNode = { kind: 'any', of: [] };

export function* mutantsOf(rule: Rule): Generator<Mutant> {
  for (const [name, selection] of rule.selections) {
    for (const { what, node } of changed(selection.node)) {
      yield { what: `${name}: ${what}`, rule: withNode(rule, selection, node) };
    }
    yield { what: `${name}: negated`, rule: { ...rule, condition: negated(rule.condition, name) } };
  }
}

function withNode(rule: Rule, selection: Selection, node: SelectionNode): Rule {
  const selections = new Map(rule.selections).set(selection.name, { ...selection, node });
  return { ...rule, selections };
}

/** The node with each change that is to be noticed. */
function* changed(node: SelectionNode): Generator<{ what: string; node: SelectionNode }> {
  const what = node.kind === 'item' ? itemText(node.item) : `${node.kind} of ${node.of.length}`;
  yield { what: `${what} always holds`, node: ALWAYS };
  yield { what: `${what} never holds`, node: NEVER };
  if (node.kind === 'item') yield* fewerValues(node.item);
  else {
    for (const [i, child] of node.of.entries()) {
      for (const change of changed(child)) {
        yield { what: change.what, node: { kind: node.kind, of: node.of.with(i, change.node) } };
      }
    }
  }
}

function* fewerValues(item: Item): Generator<{ what: string; node: SelectionNode }> {
  if (item.values.length < 2) return;
  for (const [i, { text }] of item.values.entries()) {
    const values = item.values.toSpliced(i, 1);
    yield { what: `${itemText(item)} without ${text}`, node: { kind: 'item', item: { ...item, values } } };
  }
}

const itemText = ({ field, modifier }: Item): string => [field ?? 'keywords', modifier].filter(Boolean).join('|');

/** The condition with the opposite of one selection. `1 of` and `all of` are written out, for they have no place for a `not`. */
function negated(condition: Condition, name: string): Condition {
  switch (condition.kind) {
    case 'selection':
      return condition.name === name ? { kind: 'not', of: condition } : condition;
    case 'not':
      return { kind: 'not', of: negated(condition.of, name) };
    case 'and':
    case 'or':
      return { kind: condition.kind, of: condition.of.map(child => negated(child, name)) };
    case 'of': {
      const of = condition.names.map((each): Condition => negated({ kind: 'selection', name: each }, name));
      if (condition.count === 1) return { kind: 'or', of };
      if (condition.count === of.length) return { kind: 'and', of };
      throw new Error(`${condition.count} of ${of.length} selections: not written out`);
    }
  }
}
