// Whether a loaded rule can ever fire here, and why not. Pure.

import type { Module } from '../core/event.ts';
import type { RuleInfo } from '../core/match.ts';
import type { Condition, Item, Rule, SelectionNode, Test } from './ast.ts';
import { ruleItems } from './ast.ts';
import { canonicalName, FIELDS, fieldNames, isRecordField, type Stream } from './fields.ts';
import { feedOf, streamsOf } from './logsource.ts';
import { mergeNeeds, type Needs, NO_NEEDS, needsOf } from './needs.ts';
import { nearestWord, type Range } from './problem.ts';

const REASONS_MAX = 5;
const FIELDS_MAX = 100;

export interface Verdict {
  readonly rule: RuleInfo;
  /** Which events the rule is asked about; absent where nothing feeds its logsource. */
  readonly stream?: Stream;
  readonly canFire: boolean;
  /** Why it can't. */
  readonly reason?: string;
  /** The source that it would need, where that is why. */
  readonly missing?: Module;
  readonly needs: Needs;
}

export interface FieldProblem {
  readonly code: 'unknown-field' | 'field-not-fed';
  readonly range: Range;
  readonly message: string;
  readonly help?: string;
}

/** Which source tells of what a rule is about; of changed files the watcher does, which is not told of reads. */
const SOURCES: Readonly<Record<string, Module>> = {
  exec: 'audit',
  network: 'audit',
  record: 'audit',
  file_access: 'audit',
  dns: 'pcap',
  log: 'logs',
};
const sourceOf = (stream: Stream): Module => SOURCES[stream] ?? 'fsnotify';

/** `sources`: those that run; all of them without. */
export function verdictOf(rule: Rule, sources?: readonly Module[]): Verdict {
  const feed = feedOf(rule.logsource);
  if ('notFed' in feed) return { rule: rule.info, canFire: false, reason: feed.notFed, needs: NO_NEEDS };
  const { stream } = feed;
  const reasons = new Set<string>();
  const streams = streamsOf(rule.logsource).filter(
    each => canHold(rule.condition, rule, each, reasons) && hasTerms(rule, each, reasons),
  );
  if (streams.length === 0) {
    return { rule: rule.info, stream, canFire: false, reason: joined(reasons), needs: NO_NEEDS };
  }
  const fed = sources === undefined ? streams : streams.filter(each => sources.includes(sourceOf(each)));
  if (fed.length === 0) {
    const missing = sourceOf(streams[0]!);
    const reason = `needs the ${missing} source, which doesn't run`;
    return { rule: rule.info, stream, canFire: false, reason, missing, needs: NO_NEEDS };
  }
  const needs = mergeNeeds(fed.map(each => needsOf(rule, each)));
  return { rule: rule.info, stream: fed[0]!, canFire: true, needs };
}

function joined(reasons: ReadonlySet<string>): string {
  const more = reasons.size - REASONS_MAX;
  const shown = [...reasons].slice(0, REASONS_MAX);
  return (more > 0 ? [...shown, `and ${more} more`] : shown).join('; ');
}

/** Fields of the rule that its events don't have, as many as are worth telling. Nothing is said of a logsource that isn't fed: its fields aren't known yet. */
export function fieldProblems(rule: Rule): FieldProblem[] {
  const streams = streamsOf(rule.logsource);
  const problems: FieldProblem[] = [];
  const { puppy } = rule;
  for (const name of [...(puppy?.suppress?.groupBy ?? []), ...(puppy?.newTerms?.fields ?? [])].slice(0, FIELDS_MAX)) {
    const problem = fieldProblem(name, puppy!.range, streams);
    if (problem !== undefined) problems.push(problem);
  }
  for (const item of ruleItems(rule)) {
    const names = item.values
      .flatMap(value => value.tests)
      .flatMap(test => (test.op === 'fieldref' ? [test.field] : []));
    for (const name of item.field === undefined ? names : [item.field, ...names]) {
      const problem = fieldProblem(name, item.range, streams);
      if (problem === undefined) continue;
      problems.push(problem);
      if (problems.length === FIELDS_MAX) return problems;
    }
  }
  return problems;
}

/** Told as of the first stream; undefined where the events of any have the field. */
function fieldProblem(name: string, range: Range, streams: readonly Stream[]): FieldProblem | undefined {
  const [stream] = streams;
  if (stream === undefined || streams.some(each => isKnown(name, each) && whyNot(name, each) === undefined))
    return undefined;
  const why = whyNot(name, stream);
  if (why !== undefined) return { code: 'field-not-fed', range, message: `no event has "${name}": ${why}` };
  const nearest = nearestWord(name, fieldNames(stream));
  const message = `unknown field "${name}"`;
  if (nearest === undefined) return { code: 'unknown-field', range, message };
  return { code: 'unknown-field', range, message, help: `did you mean "${nearest}"?` };
}

const isKnown = (name: string, stream: Stream): boolean =>
  stream === 'record' ? isRecordField(name) : FIELDS[stream].has(canonicalName(name));

/** Why events of the stream have none of a field that is known. */
const whyNot = (name: string, stream: Stream): string | undefined =>
  stream === 'record' ? undefined : FIELDS[stream].get(canonicalName(name))?.why;

/** False only when no event has all the fields of `new_terms`: then nothing is ever learned. */
const hasTerms = ({ puppy }: Rule, stream: Stream, reasons: Set<string>): boolean =>
  (puppy?.newTerms?.fields ?? [])
    .map(field => testCan({ op: 'exists', wanted: true }, field, stream, reasons))
    .every(Boolean);

/** False only when the condition is false whatever the event. */
function canHold(condition: Condition, rule: Rule, stream: Stream, reasons: Set<string>): boolean {
  const selection = (name: string): boolean => selectionCan(rule.selections.get(name)!.node, stream, reasons);
  const child = (inner: Condition): boolean => canHold(inner, rule, stream, reasons);
  switch (condition.kind) {
    // What can hold can fail, as far as is looked here.
    case 'not':
      return true;
    case 'selection':
      return selection(condition.name);
    case 'and':
      return condition.of.map(child).every(Boolean);
    case 'or':
      return condition.of.map(child).some(Boolean);
    case 'of':
      return condition.names.map(selection).filter(Boolean).length >= condition.count;
  }
}

function selectionCan(node: SelectionNode, stream: Stream, reasons: Set<string>): boolean {
  if (node.kind === 'item') return itemCan(node.item, stream, reasons);
  const each = node.of.map(child => selectionCan(child, stream, reasons));
  return node.kind === 'all' ? each.every(Boolean) : each.some(Boolean);
}

function itemCan(item: Item, stream: Stream, reasons: Set<string>): boolean {
  if (item.negated || item.field === undefined) return true;
  const { field } = item;
  if (item.values.length === 0) reasons.add(`the list of values of "${field}" is empty`);
  const values = item.values.map(value => value.tests.some(test => testCan(test, field, stream, reasons)));
  return item.all ? values.every(Boolean) : values.some(Boolean);
}

function testCan(test: Test, field: string, stream: Stream, reasons: Set<string>): boolean {
  if (test.op === 'null' || (test.op === 'exists' && !test.wanted)) return true;
  if (stream === 'record') {
    if (isRecordField(field)) return true;
    reasons.add(`audit records have no field "${field}"`);
    return false;
  }
  const known = FIELDS[stream].get(canonicalName(field));
  if (known === undefined || known.why !== undefined) {
    reasons.add(
      known?.why === undefined ? `no event has the field "${field}"` : `no event has "${field}": ${known.why}`,
    );
    return false;
  }
  if (known.isPath && test.op === 'glob' && test.glob.some(part => typeof part === 'string' && part.includes('\\'))) {
    reasons.add('Windows backslash in a Linux path');
    return false;
  }
  return true;
}
