// A detection rule after parsing: Sigma's words, typed. Patterns are decoded and checked; nothing here knows of events.

import type { RuleInfo } from '../core/match.ts';
import type { IpNetwork } from './cidr.ts';
import type { Glob } from './glob.ts';
import type { Range } from './problem.ts';
import type { LinearRegex } from './regex.ts';

export type CompareOperator = 'gt' | 'gte' | 'lt' | 'lte' | 'eq';
export type DatePart = 'minute' | 'hour' | 'day' | 'week' | 'month' | 'year';

/** One question that is asked of a field's values; it holds when it holds for any of them. */
export type Test =
  | { readonly op: 'glob'; readonly glob: Glob; readonly cased: boolean }
  /** A keyword that must stand as a word of its own. */
  | { readonly op: 'word'; readonly text: string; readonly cased: boolean }
  | { readonly op: 'regex'; readonly regex: LinearRegex; readonly flags: string }
  | { readonly op: 'cidr'; readonly network: IpNetwork }
  | { readonly op: 'compare'; readonly operator: CompareOperator; readonly number: number; readonly part?: DatePart }
  | { readonly op: 'fieldref'; readonly field: string; readonly how: FieldrefHow; readonly cased: boolean }
  | { readonly op: 'exists'; readonly wanted: boolean }
  | { readonly op: 'null' };

export type FieldrefHow = 'equals' | 'startswith' | 'endswith' | 'contains';

/** A value as written, with what it asks: any of `tests`, for an encoding gives one value several forms. */
export interface Value {
  readonly text: string;
  readonly tests: readonly Test[];
  /** Where it was written: for a value of a list, the placeholder. */
  readonly range: Range;
}

/** `field|modifiers: values`. */
export interface Item {
  /** Absent for keywords. */
  readonly field?: string;
  /** As written, joined by `|`. */
  readonly modifier?: string;
  readonly values: readonly Value[];
  /** `all`: each of the values must hold. */
  readonly all: boolean;
  /** `neq`. */
  readonly negated: boolean;
  readonly range: Range;
}

export type SelectionNode =
  | { readonly kind: 'item'; readonly item: Item }
  | { readonly kind: 'all' | 'any'; readonly of: readonly SelectionNode[] };

export interface Selection {
  readonly name: string;
  readonly range: Range;
  readonly node: SelectionNode;
}

export type Condition =
  | { readonly kind: 'and' | 'or'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'selection'; readonly name: string }
  /** At least `count` of the selections. */
  | { readonly kind: 'of'; readonly count: number; readonly names: readonly string[] };

export interface Logsource {
  readonly category?: string;
  readonly product?: string;
  readonly service?: string;
}

export type FieldBag = Readonly<Record<string, unknown>>;

export interface TimedEvent {
  readonly atMs: number;
  /** Else the test's, else the rule's; for a correlation that of the first rule that it refers to. */
  readonly logsource?: Logsource;
  readonly event: FieldBag;
}

export interface RuleTest {
  readonly name: string;
  readonly range: Range;
  readonly logsource?: Logsource;
  readonly input:
    | { readonly kind: 'event'; readonly event: FieldBag }
    | { readonly kind: 'log'; readonly line: string }
    | { readonly kind: 'audit'; readonly text: string }
    | { readonly kind: 'events'; readonly events: readonly TimedEvent[] };
  /** The number of alerts, or whether there is any. */
  readonly match: boolean | number;
}

export interface PuppyBlock {
  readonly suppress?: { readonly groupBy: readonly string[]; readonly timespanMs: number };
  readonly newTerms?: { readonly fields: readonly string[]; readonly learnMs: number; readonly forgetMs?: number };
  readonly respond?: readonly string[];
  readonly tests: readonly RuleTest[];
  /** Where the block stands. */
  readonly range: Range;
}

export interface AppliedFilter {
  /** Its id, else its title. */
  readonly id: string;
  readonly title: string;
  readonly file: string;
  /** Its part of the rule's condition. */
  readonly condition: Condition;
  /** What its selections are called in the rule, with what the filter calls them. */
  readonly names: ReadonlyMap<string, string>;
}

/** A detection rule. */
export interface Rule {
  readonly info: RuleInfo;
  readonly name?: string;
  readonly status?: string;
  readonly logsource: Logsource;
  readonly logsourceRange: Range;
  readonly selections: ReadonlyMap<string, Selection>;
  readonly condition: Condition;
  readonly fields: readonly string[];
  readonly falsePositives: readonly string[];
  readonly puppy?: PuppyBlock;
  /** Filter documents that were applied: merged into `selections` and `condition`, in this order. */
  readonly filters?: readonly AppliedFilter[];
  /** Only correlations hear of its matches: it alerts not by itself. */
  readonly silent?: boolean;
  /** A text that changes whenever what decides changes (detection, filters and lists that were applied, the puppy block). */
  readonly digest: string;
}

export type CorrelationType =
  | 'event_count'
  | 'value_count'
  | 'temporal'
  | 'temporal_ordered'
  | 'value_sum'
  | 'value_avg'
  | 'value_percentile'
  | 'value_median';

export type CorrelationOperator = 'gt' | 'gte' | 'lt' | 'lte' | 'eq' | 'neq';

/** A correlation rule whose references are resolved. */
export interface Correlation {
  readonly info: RuleInfo;
  readonly name?: string;
  readonly status?: string;
  readonly type: CorrelationType;
  /** The rules that it counts, in the order written: detection rules and (chained) correlations. */
  readonly rules: readonly (Rule | Correlation)[];
  /** Fields as written: of every rule, or an alias. */
  readonly groupBy: readonly string[];
  /** What an alias in `groupBy` is called in each rule. */
  readonly aliases: ReadonlyMap<string, ReadonlyMap<Rule | Correlation, string>>;
  readonly timespanMs: number;
  /** All must hold; empty only for the temporal types without a condition, which mean every rule. */
  readonly conditions: readonly { readonly operator: CorrelationOperator; readonly value: number }[];
  /** Of a temporal type's condition in the extended form (`a and not b`); a rule is called by its name, else by its id. */
  readonly expression?: Condition;
  /** The rule's `condition` as written, for the alert. */
  readonly conditionText: string;
  /** What is counted, summed, …; several fields make one value together. */
  readonly fields: readonly string[];
  /** 0 to 100, for value_percentile. */
  readonly percentile?: number;
  readonly puppy?: PuppyBlock;
  readonly silent?: boolean;
  /** Changes whenever what decides changes, rules that it refers to included. */
  readonly digest: string;
  readonly falsePositives: readonly string[];
}

/** What a correlation's condition calls the rule. */
export const nameOf = ({ name, info }: Rule | Correlation): string => name ?? info.id;

export const isCorrelation = (rule: Rule | Correlation): rule is Correlation => 'timespanMs' in rule;

/** Each item of a selection, in order. */
export function* itemsOf(node: SelectionNode): Generator<Item> {
  if (node.kind === 'item') yield node.item;
  else for (const child of node.of) yield* itemsOf(child);
}

export function* ruleItems(rule: Rule): Generator<Item> {
  for (const selection of rule.selections.values()) yield* itemsOf(selection.node);
}
