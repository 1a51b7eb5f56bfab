// Correlations that differ from a given one in one place: a limit by one, one field less to group by, a window ten times as long,
// another type, one rule less. Pure.

import type { Correlation, CorrelationType } from '../../src/rules/ast.ts';

export interface CorrelationMutant {
  readonly what: string;
  readonly correlation: Correlation;
}

/** What each type is when what it has more than the other is left out. */
const LESS: Partial<Record<CorrelationType, CorrelationType>> = {
  temporal_ordered: 'temporal',
  value_count: 'event_count',
};

export function* correlationMutantsOf(correlation: Correlation): Generator<CorrelationMutant> {
  const { conditions, groupBy, rules, timespanMs, type } = correlation;
  for (const [i, condition] of conditions.entries()) {
    for (const step of [-1, 1]) {
      const changed = conditions.with(i, { ...condition, value: condition.value + step });
      yield {
        what: `${condition.operator} ${condition.value + step}`,
        correlation: { ...correlation, conditions: changed },
      };
    }
  }
  for (const field of groupBy) {
    yield {
      what: `not grouped by ${field}`,
      correlation: { ...correlation, groupBy: groupBy.filter(other => other !== field) },
    };
  }
  yield { what: 'ten times as long', correlation: { ...correlation, timespanMs: timespanMs * 10 } };
  const less = LESS[type];
  if (less !== undefined) yield { what: less, correlation: { ...correlation, type: less } };
  if (rules.length > 1) {
    for (const rule of rules) {
      yield {
        what: `without ${rule.name ?? rule.info.id}`,
        correlation: { ...correlation, rules: rules.filter(other => other !== rule) },
      };
    }
  }
}
