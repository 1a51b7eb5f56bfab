// Whether a correlation's bounds make sense: no number fits, or none is needed. Pure.

import type { CorrelationOperator, CorrelationType } from './ast.ts';
import { type Bounds, boundsHold } from './correlate/bounds.ts';

export const OPERATORS: readonly CorrelationOperator[] = ['gt', 'gte', 'lt', 'lte', 'eq', 'neq'];

export const isTemporal = (type: CorrelationType): boolean => type === 'temporal' || type === 'temporal_ordered';

/** What is wrong with the bounds as a whole. */
export function conditionFault(
  type: CorrelationType,
  bounds: Bounds,
  ruleCount: number,
): { readonly message: string; readonly help?: string } | undefined {
  const operators = OPERATORS.join(', ');
  if (bounds.length === 0) return { message: 'the condition compares with nothing', help: `write one of ${operators}` };
  const isCount = type === 'event_count' || type === 'value_count';
  const isOfRules = isTemporal(type);
  // A sum or an average of no events isn't asked for.
  if ((isCount || isOfRules) && boundsHold(bounds, 0)) {
    return { message: 'the condition holds when nothing happens at all', help: 'add "gte: 1"' };
  }
  const limits = bounds.map(({ value }) => value).sort((a, b) => a - b);
  const between = limits.slice(1).map((value, i) => (value + limits[i]!) / 2);
  const near = limits.flatMap(value => [value - 1, value, value + 1, Math.floor(value), Math.ceil(value)]);
  const candidates =
    isCount || isOfRules
      ? near.map(Math.round).filter(number => number >= 0 && (isCount || number <= ruleCount))
      : [...near, ...between];
  if (candidates.some(number => boundsHold(bounds, number))) return undefined;
  if (isOfRules && bounds.length === 1) return { message: `only ${ruleCount} rules are there to match` };
  return { message: 'no number fits all of the condition' };
}
