// What a correlation asks, worked out once: which rules it hears, what they group by, and when its condition holds. Pure.

import { type Condition, type Correlation, type CorrelationType, nameOf, type Rule } from '../ast.ts';
import { boundsHold } from './bounds.ts';

/** Events may arrive this much out of order. */
export const SLACK_MS = 2_000;

export interface Heard {
  /** Rules are known by their ids: a reload makes new objects. */
  readonly id: string;
  /** Its place in the correlation's rules. */
  readonly index: number;
  /** The group's fields as this rule names them. */
  readonly groupFields: readonly string[];
  /** Its place among the rules that have an order; absent for one that only a `not` names. */
  readonly step?: number;
}

export interface Plan {
  readonly type: CorrelationType;
  readonly timespanMs: number;
  readonly fields: readonly string[];
  readonly percent: number;
  readonly heard: readonly Heard[];
  /** The number of rules that have an order. */
  readonly steps: number;
  /** Judged when a window ends, for a later event can make it false; otherwise with each event. */
  readonly atEnd: boolean;
  /** Out of order by at most this; a window has no place for more than itself. */
  readonly slackMs: number;
  /** Of what is measured; not asked for the extended form. */
  readonly holds: (value: number) => boolean;
  /** The extended form, of which rules were seen. */
  readonly seen?: (seen: (index: number) => boolean) => boolean;
  /** More different values than this don't change the verdict. */
  readonly valuesMax: number;
}

const VALUES_MIN = 1_024;

export function planOf(correlation: Correlation): Plan {
  const { type, expression, conditions, timespanMs, fields } = correlation;
  const { plain } = signsOf(expression);
  const rules = [...new Map(correlation.rules.map(rule => [rule.info.id, rule])).values()];
  let steps = 0;
  const heard = rules.map((rule, index): Heard => {
    const { id } = rule.info;
    const positive = expression === undefined || plain.has(nameOf(rule)) || plain.has(id);
    const groupFields = correlation.groupBy.map(name => correlation.aliases.get(name)?.get(rule) ?? name);
    return positive ? { id, index, groupFields, step: steps++ } : { id, index, groupFields };
  });
  const all = rules.length;
  return {
    ...{ type, timespanMs, fields, heard, steps },
    percent: type === 'value_median' ? 50 : (correlation.percentile ?? 50),
    atEnd: isJudgedAtEnd(correlation),
    slackMs: Math.min(SLACK_MS, timespanMs),
    holds: conditions.length === 0 ? value => value >= all : value => boundsHold(conditions, value),
    ...(expression === undefined ? {} : { seen: truth(expression, indexes(rules)) }),
    valuesMax: Math.max(VALUES_MIN, ...conditions.map(condition => Math.ceil(condition.value) + 1)),
  };
}

function indexes(rules: readonly (Rule | Correlation)[]): ReadonlyMap<string, number> {
  return new Map(rules.flatMap((rule, index) => [[rule.info.id, index] as const, [nameOf(rule), index] as const]));
}

/** Whether a later event can make it false, so that it is judged when its window ends. */
export function isJudgedAtEnd(correlation: Correlation): boolean {
  const { expression, conditions } = correlation;
  if (expression !== undefined) return signsOf(expression).negated.size > 0;
  return conditions.length > 0 && !hasLowerBound(correlation);
}

/** Zero hits don't make it true, and once it is true, more of them needn't be waited for. */
function hasLowerBound({ type, conditions }: Correlation): boolean {
  const counts = type === 'event_count' || type === 'value_count' || type.startsWith('temporal');
  return conditions.some(
    ({ operator, value }) =>
      operator === 'gt' || operator === 'gte' || operator === 'eq' || (operator === 'neq' && value === 0 && counts),
  );
}

interface Signs {
  readonly plain: Set<string>;
  readonly negated: Set<string>;
}

/** Which names make the condition true by being seen, and which by not being seen. */
function signsOf(condition: Condition | undefined): Signs {
  const signs: Signs = { plain: new Set(), negated: new Set() };
  if (condition !== undefined) collectSigns(condition, true, signs);
  return signs;
}

function collectSigns(condition: Condition, positive: boolean, signs: Signs): void {
  const into = positive ? signs.plain : signs.negated;
  switch (condition.kind) {
    case 'selection':
      into.add(condition.name);
      return;
    case 'of':
      for (const name of condition.names) into.add(name);
      return;
    case 'not':
      collectSigns(condition.of, !positive, signs);
      return;
    default:
      for (const part of condition.of) collectSigns(part, positive, signs);
  }
}

function truth(
  condition: Condition,
  index: ReadonlyMap<string, number>,
): (seen: (index: number) => boolean) => boolean {
  const of = (name: string): number => index.get(name) ?? -1;
  switch (condition.kind) {
    case 'selection': {
      const rule = of(condition.name);
      return seen => seen(rule);
    }
    case 'of': {
      const rules = condition.names.map(of);
      return seen => rules.reduce((count, rule) => count + (seen(rule) ? 1 : 0), 0) >= condition.count;
    }
    case 'not': {
      const part = truth(condition.of, index);
      return seen => !part(seen);
    }
    default: {
      const parts = condition.of.map(part => truth(part, index));
      return condition.kind === 'and'
        ? seen => parts.every(part => part(seen))
        : seen => parts.some(part => part(seen));
    }
  }
}
