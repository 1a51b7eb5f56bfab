// The `detection` of a rule: selections and condition. Pure.

import type { Condition, Selection, SelectionNode } from './ast.ts';
import { parseCondition } from './condition.ts';
import type { FindList } from './lists.ts';
import { parseItem } from './modifiers.ts';
import type { Report, SourceText } from './problem.ts';
import { headOf, type MapNode, type Node, type Pair } from './yaml.ts';

export interface Detection {
  readonly selections: ReadonlyMap<string, Selection>;
  readonly condition: Condition;
}

/** What reading a detection takes besides its node. */
interface Reading {
  readonly source: SourceText;
  readonly report: Report;
  readonly lists: FindList;
}

/** Undefined when anything is wrong, with every mistake reported. The keys of `skipped` are neither selections nor the condition. */
export function parseDetection(
  { key, value: node }: Pair,
  reading: Reading,
  skipped: readonly string[] = [],
): Detection | undefined {
  const { source, report, lists } = reading;
  if (node.kind !== 'map') {
    report('error', 'structure', node.range, `"${key}" must be a map of selections and a condition`);
    return undefined;
  }
  let failed = false;
  const fail = (code: string, range: Node['range'], message: string, help?: string): void => {
    failed = true;
    report('error', code, range, message, help);
  };
  const selections = new Map<string, Selection>();
  const names = new Set<string>();
  let condition: Pair | undefined;
  for (const pair of node.pairs) {
    if (skipped.includes(pair.key)) continue;
    if (pair.key === 'condition') condition = pair;
    else if (pair.key === 'timeframe') {
      fail(
        'obsolete-aggregation',
        pair.keyRange,
        `"${pair.key}" belongs to aggregations, which were removed from Sigma`,
      );
    } else {
      names.add(pair.key);
      const parsed = parseSelection(pair, report, lists);
      if (parsed === undefined) failed = true;
      else selections.set(pair.key, { name: pair.key, range: pair.keyRange, node: parsed });
    }
  }
  if (names.size === 0) fail('empty-detection', node.range, `the ${key} has no selection`);
  if (condition === undefined) {
    fail('missing-condition', headOf(node), `the ${key} has no condition`);
    return undefined;
  }
  const used = new Set<string>();
  const parsed = parseConditions(condition, names, used, source, report);
  if (parsed === undefined) return undefined;
  for (const pair of node.pairs) {
    if (!names.has(pair.key) || used.has(pair.key) || pair.key.startsWith('_') || failed) continue;
    report('warning', 'unused-selection', pair.keyRange, `the condition doesn't use the selection "${pair.key}"`);
  }
  return failed ? undefined : { selections, condition: parsed };
}

/** A list of conditions is an OR. */
function parseConditions(
  pair: Pair,
  names: ReadonlySet<string>,
  used: Set<string>,
  source: SourceText,
  report: Report,
): Condition | undefined {
  const nodes = pair.value.kind === 'list' ? pair.value.items : [pair.value];
  if (nodes.length === 0) report('error', 'bad-condition', pair.value.range, 'the list of conditions is empty');
  const of: Condition[] = [];
  for (const node of nodes) {
    if (node.kind !== 'scalar' || node.type === 'null') {
      report('error', 'bad-condition', node.range, 'a condition must be text');
      continue;
    }
    const raw = source.text.slice(node.range[0], node.range[1]);
    const parsed = parseCondition({ text: node.text, raw, offset: node.range[0] }, names, used, report);
    if (parsed !== undefined) of.push(parsed);
  }
  if (of.length !== nodes.length || of.length === 0) return undefined;
  return of.length === 1 ? of[0]! : { kind: 'or', of };
}

function parseSelection(pair: Pair, report: Report, lists: FindList): SelectionNode | undefined {
  const { value } = pair;
  if (value.kind === 'map') return parseMap(value, pair, report, lists);
  if (value.kind === 'scalar') {
    if (value.type === 'null') {
      report('error', 'empty-selection', pair.keyRange, `the selection "${pair.key}" is empty`);
      return undefined;
    }
    return keywordNode(pair, [value], report, lists);
  }
  if (value.items.length === 0) {
    report('error', 'empty-selection', pair.keyRange, `the selection "${pair.key}" is empty`);
    return undefined;
  }
  const of: (SelectionNode | undefined)[] = [];
  const keywords = value.items.filter(item => item.kind === 'scalar');
  if (keywords.length > 0) of.push(keywordNode(pair, keywords, report, lists));
  for (const item of value.items) {
    if (item.kind === 'map') of.push(parseMap(item, pair, report, lists));
    else if (item.kind === 'list') {
      report('error', 'structure', item.range, 'a list within a list: expected a map or a keyword');
      of.push(undefined);
    }
  }
  const good = of.filter(node => node !== undefined);
  if (good.length !== of.length) return undefined;
  return good.length === 1 ? good[0] : { kind: 'any', of: good };
}

function keywordNode(pair: Pair, values: readonly Node[], report: Report, lists: FindList): SelectionNode | undefined {
  const item = parseItem('', pair.keyRange, values, true, report, lists);
  return item === undefined ? undefined : { kind: 'item', item };
}

function parseMap(map: MapNode, selection: Pair, report: Report, lists: FindList): SelectionNode | undefined {
  if (map.pairs.length === 0) {
    report('error', 'empty-selection', selection.keyRange, `the selection "${selection.key}" is empty`);
    return undefined;
  }
  const of: SelectionNode[] = [];
  for (const pair of map.pairs) {
    const isList = pair.value.kind === 'list';
    const values = pair.value.kind === 'list' ? pair.value.items : [pair.value];
    if (values.length === 0) {
      report('error', 'bad-value', pair.value.range, `the list of values of "${pair.key}" is empty`);
      continue;
    }
    if (pair.value.kind === 'map') {
      report(
        'error',
        'structure',
        pair.value.range,
        `"${pair.key}" must have a value or a list of values, found a map`,
      );
      continue;
    }
    const item = parseItem(pair.key, pair.keyRange, values, isList, report, lists);
    if (item !== undefined) of.push({ kind: 'item', item });
  }
  if (of.length !== map.pairs.length) return undefined;
  return of.length === 1 ? of[0]! : { kind: 'all', of };
}
