// Runs the tests that rules carry, through the same compiled rules as live events. Pure but for the injected record parser.

import type { HostEvent } from '../core/event.ts';
import type { FieldBag, Logsource, Rule, RuleTest } from './ast.ts';
import type { Ruleset } from './ruleset.ts';

/** Audit records as text to the events that they would have been live. */
export type AuditEvents = (text: string) => readonly HostEvent[];

export interface TestFailure {
  readonly rule: Rule;
  readonly test: RuleTest;
  readonly message: string;
}

export interface TestReport {
  readonly run: number;
  readonly failures: readonly TestFailure[];
}

export function runRuleTests(ruleset: Ruleset, auditEvents: AuditEvents): TestReport {
  const failures: TestFailure[] = [];
  let run = 0;
  for (const rule of ruleset.rules) {
    for (const test of rule.puppy?.tests ?? []) {
      run++;
      const message = failureOf(ruleset, rule, test, auditEvents);
      if (message !== undefined) failures.push({ rule, test, message });
    }
  }
  return { run, failures };
}

function failureOf(ruleset: Ruleset, rule: Rule, test: RuleTest, auditEvents: AuditEvents): string | undefined {
  let alerts: number;
  try {
    alerts = countAlerts(ruleset, rule, test, auditEvents);
  } catch (error) {
    return `the audit records can't be read: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (typeof test.match === 'number') {
    return alerts === test.match ? undefined : `expected ${test.match} alerts, got ${alerts}`;
  }
  if (alerts > 0 === test.match) return undefined;
  return test.match ? 'expected a match, got none' : 'expected no match, got one';
}

function countAlerts(ruleset: Ruleset, rule: Rule, { input, logsource }: RuleTest, auditEvents: AuditEvents): number {
  const source: Logsource = logsource ?? rule.logsource;
  const isOurs = (match: { readonly rule: unknown }): boolean => match.rule === rule.info;
  const ofFields = (fields: FieldBag): number => ruleset.evaluateFields(fields, source).filter(isOurs).length;
  switch (input.kind) {
    case 'event':
      return ofFields(input.event);
    case 'log':
      return ofFields({ message: input.line });
    case 'events':
      return input.events.reduce((sum, { event }) => sum + ofFields(event), 0);
    case 'audit':
      return auditEvents(input.text).reduce((sum, event) => sum + ruleset.evaluate(event).filter(isOurs).length, 0);
  }
}
