// A rule's condition and selections as one tree of questions, for what can be proved about it. Pure.

import type { Condition, Item, Rule, Selection, SelectionNode, Test } from '../ast.ts';
import { canonicalName } from '../fields.ts';

/** Any of `tests` holds for the field. */
export interface Question {
  readonly item: Item;
  /** Canonical; undefined for keywords. */
  readonly field: string | undefined;
  readonly tests: readonly Test[];
}

export type Logic =
  | { readonly kind: 'question'; readonly question: Question }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Logic[] }
  | { readonly kind: 'not'; readonly of: Logic }
  | { readonly kind: 'count'; readonly count: number; readonly of: readonly Logic[] }
  | { readonly kind: 'named'; readonly selection: Selection; readonly of: Logic };

export function logicOf(rule: Rule): Logic {
  const named = new Map<string, Logic>();
  for (const [name, selection] of rule.selections) {
    named.set(name, { kind: 'named', selection, of: ofNode(selection.node) });
  }
  return ofCondition(rule.condition, named);
}

function ofCondition(condition: Condition, named: ReadonlyMap<string, Logic>): Logic {
  switch (condition.kind) {
    case 'selection':
      return named.get(condition.name)!;
    case 'not':
      return { kind: 'not', of: ofCondition(condition.of, named) };
    case 'and':
    case 'or':
      return { kind: condition.kind, of: condition.of.map(child => ofCondition(child, named)) };
    case 'of': {
      const of = condition.names.map(name => named.get(name)!);
      if (condition.count === of.length) return { kind: 'and', of };
      return condition.count === 1 ? { kind: 'or', of } : { kind: 'count', count: condition.count, of };
    }
  }
}

function ofNode(node: SelectionNode): Logic {
  if (node.kind !== 'item') return { kind: node.kind === 'all' ? 'and' : 'or', of: node.of.map(ofNode) };
  const { item } = node;
  const question = (tests: readonly Test[]): Logic => {
    const field = item.field === undefined ? undefined : canonicalName(item.field);
    return { kind: 'question', question: { item, field, tests } };
  };
  const logic: Logic = item.all
    ? { kind: 'and', of: item.values.map(value => question(value.tests)) }
    : question(item.values.flatMap(value => value.tests));
  return item.negated ? { kind: 'not', of: logic } : logic;
}

/** Whether the rule holds when `answer` says what each question is answered with. */
export function holds(logic: Logic, answer: (question: Question) => boolean): boolean {
  const each = (part: Logic): boolean => holds(part, answer);
  switch (logic.kind) {
    case 'question':
      return answer(logic.question);
    case 'named':
      return each(logic.of);
    case 'not':
      return !each(logic.of);
    case 'and':
      return logic.of.every(each);
    case 'or':
      return logic.of.some(each);
    case 'count':
      return logic.of.filter(each).length >= logic.count;
  }
}
