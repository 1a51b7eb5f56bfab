// Runs the tests that rules carry, through the same compiled rules and the same judge as live events. Pure but for the injected record
// parser.

import type { HostEvent } from '../core/event.ts';
import type { Match } from '../core/match.ts';
import { lineEvents } from '../logs/observe.ts';
import { type Correlation, type FieldBag, isCorrelation, type Logsource, type Rule, type RuleTest } from './ast.ts';
import { Correlator } from './correlate/correlator.ts';
import { TermTable } from './gates/term-table.ts';
import { basisOf, Judge } from './judge.ts';
import type { Ruleset } from './ruleset.ts';
import { bagSubject, eventSubject, type Subject } from './subject.ts';

/** Audit records as text to the events that they would have been live. */
export type AuditEvents = (text: string) => readonly HostEvent[];

export interface TestFailure {
  readonly rule: Rule | Correlation;
  readonly test: RuleTest;
  readonly message: string;
}

export interface TestReport {
  readonly run: number;
  readonly failures: readonly TestFailure[];
}

export function runRuleTests(
  ruleset: Ruleset,
  auditEvents: AuditEvents,
  correlations: readonly Correlation[] = [],
): TestReport {
  const failures: TestFailure[] = [];
  let run = 0;
  for (const rule of [...ruleset.rules, ...correlations]) {
    for (const test of rule.puppy?.tests ?? []) {
      run++;
      const message = failureOf(ruleset, rule, test, auditEvents);
      if (message !== undefined) failures.push({ rule, test, message });
    }
  }
  return { run, failures };
}

function failureOf(
  ruleset: Ruleset,
  rule: Rule | Correlation,
  test: RuleTest,
  auditEvents: AuditEvents,
): string | undefined {
  let alerts: number;
  try {
    alerts = countAlerts(rule, inputsOf(ruleset, rule, test, auditEvents));
  } catch (error) {
    return `the audit records can't be read: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (typeof test.match === 'number') {
    return alerts === test.match ? undefined : `expected ${test.match} alerts, got ${alerts}`;
  }
  if (alerts > 0 === test.match) return undefined;
  return test.match ? 'expected a match, got none' : 'expected no match, got one';
}

/** An event of a test, with the rules that it matches. */
interface Input {
  readonly event: HostEvent;
  readonly matches: readonly Match[];
  /** Of an event that is given as fields. */
  readonly subject?: Subject;
}

/** A day of the year in which the tests happen. */
const START_MS = Date.UTC(2026, 0, 1);
/** After the end of a window: more than events may be late by. */
const AFTER_MS = 60_000;
const STATE_MAX_BYTES = 64 * 1024 * 1024;

function inputsOf(ruleset: Ruleset, rule: Rule | Correlation, test: RuleTest, auditEvents: AuditEvents): Input[] {
  const source = test.logsource ?? logsourceOf(rule);
  const ofFields = (fields: FieldBag, ordinal: number, atMs: number, logsource: Logsource): Input => {
    const timeMs = START_MS + atMs;
    const event: HostEvent = {
      kind: 'audit_event',
      ...{ module: 'audit', timeMs, createdMs: timeMs, stamp: 'test', ordinal, warnings: [] },
    };
    return { event, matches: ruleset.evaluateFields(fields, logsource), subject: bagSubject(fields) };
  };
  const { input } = test;
  switch (input.kind) {
    case 'event':
      return [ofFields(input.event, 0, 0, source)];
    case 'log':
      return lineEvents(input.line, START_MS, source.service).map(event => ({
        event,
        matches: ruleset.evaluate(event),
      }));
    case 'events':
      return input.events.map(({ event, atMs, logsource }, i) => ofFields(event, i, atMs, logsource ?? source));
    case 'audit':
      return auditEvents(input.text).map(event => ({ event, matches: ruleset.evaluate(event) }));
  }
}

const logsourceOf = (rule: Rule | Correlation): Logsource =>
  isCorrelation(rule) ? basisOf(rule).rules[0]!.logsource : rule.logsource;

/** The alerts of the rule: with an empty state, nothing to be learned, and whatever it is silent about. */
function countAlerts(rule: Rule | Correlation, inputs: readonly Input[]): number {
  const { rules, correlations } = isCorrelation(rule) ? basisOf(rule) : { rules: [rule], correlations: [] };
  const judge = new Judge({
    terms: new TermTable({ learned: true }),
    correlator: new Correlator({ maxBytes: STATE_MAX_BYTES }),
    isSilent: one => one !== rule,
  });
  judge.setRules(rules, correlations);
  const infos = new Set(rules.map(one => one.info));
  let alerts = 0;
  let endMs = 0;
  for (const { event, matches, subject } of inputs) {
    const ours = matches.filter(match => infos.has(match.rule));
    alerts += judge.judge(event, ours, subject === undefined ? eventSubject : () => subject).length;
    endMs = Math.max(endMs, event.timeMs);
  }
  // Time goes on until every window has ended.
  for (const { timespanMs } of correlations) {
    endMs += timespanMs + AFTER_MS;
    alerts += judge.advance(endMs).length;
  }
  return alerts;
}
