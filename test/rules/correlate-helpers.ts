// What the tests of correlations share: rules and correlations with only what a test names, and hits from short words.

import type { RuleInfo } from '../../src/core/match.ts';
import type { Condition, Correlation, CorrelationOperator, CorrelationType, Rule } from '../../src/rules/ast.ts';
import { Correlator } from '../../src/rules/correlate/correlator.ts';
import type { Fired, Hit } from '../../src/rules/correlate/hit.ts';
import { rule as ruleOf } from './helpers.ts';

const ids = new Map<string, Rule>();

/** One rule for each name. */
export function rule(name: string): Rule {
  const known = ids.get(name);
  if (known !== undefined) return known;
  const made = { ...ruleOf({ id: name, detection: { s: { a: 'b' }, condition: 's' } }), name };
  ids.set(name, made);
  return made;
}

export interface Parts {
  readonly id?: string;
  readonly type: CorrelationType;
  readonly rules?: readonly (Rule | Correlation)[];
  readonly groupBy?: readonly string[];
  readonly aliases?: Correlation['aliases'];
  readonly timespanMs?: number;
  readonly condition?: Partial<Record<CorrelationOperator, number>>;
  readonly expression?: Condition;
  readonly fields?: readonly string[];
  readonly percentile?: number;
  readonly digest?: string;
}

export function correlation(parts: Parts): Correlation {
  const { id = 'it', rules = [rule('a')], groupBy = [], timespanMs = 60_000, condition = {}, fields = [] } = parts;
  const info: RuleInfo = { ...rule('a').info, id, title: id };
  return {
    ...{ info, name: id, type: parts.type, rules, groupBy, timespanMs, fields, falsePositives: [] },
    aliases: parts.aliases ?? new Map(),
    conditions: Object.entries(condition).map(([operator, value]) => ({
      operator: operator as CorrelationOperator,
      value,
    })),
    conditionText: JSON.stringify(condition),
    digest: parts.digest ?? JSON.stringify({ ...parts, rules: rules.map(r => r.info.id) }),
    ...(parts.expression === undefined ? {} : { expression: parts.expression }),
    ...(parts.percentile === undefined ? {} : { percentile: parts.percentile }),
  };
}

export function correlatorOf(...list: readonly Correlation[]): Correlator {
  const correlator = new Correlator({ maxBytes: 16 * 1024 * 1024 });
  correlator.setCorrelations(list);
  return correlator;
}

export type Values = Readonly<Record<string, string | readonly string[]>>;

let events = 0;

export function hit(of: Rule | string, timeMs: number, values: Values = {}, stamp = `e${events++}`): Hit {
  return {
    rule: typeof of === 'string' ? rule(of) : of,
    timeMs,
    event: { module: 'audit', stamp, ordinal: 0 },
    values: field => [values[field] ?? []].flat(),
  };
}

export interface Step {
  readonly at: number;
  readonly rule?: string;
  readonly values?: Values;
  readonly stamp?: string;
}

/** Hits, or without a rule the time that has come; each at its second. */
export function run(correlator: Correlator, steps: readonly Step[]): Fired[] {
  return steps.flatMap(({ at, rule: name, values, stamp }) =>
    name === undefined
      ? correlator.advance(at * 1000)
      : correlator.add(hit(name, at * 1000, values, stamp ?? `${name}@${at}`)),
  );
}

/** `c User=a 3 @2`: who fired, for which group, with which number, when. */
export function words({ correlation: { info }, facts, timeMs }: Fired): string {
  const group = Object.entries(facts.group).map(([name, value]) => ` ${name}=${value}`);
  return `${info.id}${group.join('')} ${facts.value} @${timeMs / 1000}`;
}
