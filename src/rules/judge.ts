// What happens to matches over time: `new_terms`, correlations, `suppress`; what is left are alerts. Pure: time is the events' and
// that of `tick`.

import type { HostEvent } from '../core/event.ts';
import type { Alert, EventRef, Match } from '../core/match.ts';
import type { TermStore } from '../core/terms.ts';
import { type Correlation, isCorrelation, type Rule } from './ast.ts';
import type { Correlator } from './correlate/correlator.ts';
import { type Fired, type Hit, sameEvent } from './correlate/hit.ts';
import { isJudgedAtEnd } from './correlate/plan.ts';
import { newTerms } from './gates/new-terms.ts';
import { Suppress } from './gates/suppress.ts';
import { type KeptEvent, KeptEvents } from './kept-events.ts';
import { eventSubject, groupSubject, type Subject, type SubjectOf } from './subject.ts';

export interface JudgeOptions {
  readonly terms: TermStore;
  readonly correlator: Correlator;
  /** Rules that alert not by themselves; those marked so. */
  readonly isSilent?: (rule: Rule | Correlation) => boolean;
}

const NO_ALERTS: readonly Alert[] = [];

export class Judge {
  readonly #terms: TermStore;
  readonly #correlator: Correlator;
  readonly #isSilent: (rule: Rule | Correlation) => boolean;
  readonly #suppress = new Suppress();
  readonly #kept = new KeptEvents();
  #rules: ReadonlyMap<unknown, Rule> = new Map();
  #hasCorrelations = false;
  /** Rules that correlations count, and of those the ones that a correlation may be written with when its window ends. */
  #counted: ReadonlySet<Rule | Correlation> = new Set();
  #keptRules: ReadonlySet<Rule | Correlation> = new Set();
  /** The event that is processed, with its contributing match. */
  #current: { readonly event: HostEvent; readonly match: Match } | undefined;

  constructor(options: JudgeOptions) {
    this.#terms = options.terms;
    this.#correlator = options.correlator;
    this.#isSilent = options.isSilent ?? (rule => rule.silent === true);
  }

  /** State of rules that are the same as before stays. */
  setRules(rules: readonly Rule[], correlations: readonly Correlation[]): void {
    this.#rules = new Map(rules.map(rule => [rule.info, rule]));
    this.#hasCorrelations = correlations.length > 0;
    this.#counted = new Set(correlations.flatMap(correlation => correlation.rules));
    this.#keptRules = new Set(correlations.filter(isJudgedAtEnd).flatMap(correlation => basisOf(correlation).rules));
    this.#correlator.setCorrelations(correlations);
  }

  /** The alerts of an event, after those of windows that ended before it. */
  judge(event: HostEvent, matches: readonly Match[], subjectOf: SubjectOf = eventSubject): readonly Alert[] {
    // A source may say any time; none is later than when it was read.
    const timeMs = Math.min(event.timeMs, event.createdMs);
    const earlier = this.advance(timeMs);
    if (matches.length === 0) return earlier;
    const alerts = [...earlier];
    for (const match of matches) this.#match(event, match, timeMs, subjectOf, alerts);
    this.#current = undefined;
    return alerts;
  }

  /** Time has come this far. */
  advance(timeMs: number): readonly Alert[] {
    if (!this.#hasCorrelations) return NO_ALERTS;
    const fired = this.#correlator.advance(timeMs);
    if (fired.length === 0) return NO_ALERTS;
    const alerts: Alert[] = [];
    for (const one of fired) this.#fired(one, alerts);
    return alerts;
  }

  /** The clock, for when no event comes. */
  tick(nowMs: number): readonly Alert[] {
    const alerts = this.advance(nowMs);
    this.#terms.tick(nowMs);
    return alerts;
  }

  counters(): Readonly<Record<string, unknown>> {
    return {
      correlations: { ...this.#correlator.counters, events_not_kept: this.#kept.evicted },
      suppress: this.#suppress.counters(),
      new_terms: this.#terms.counters(),
    };
  }

  #match(event: HostEvent, match: Match, timeMs: number, subjectOf: SubjectOf, alerts: Alert[]): void {
    const rule = this.#rules.get(match.rule);
    if (rule === undefined) throw new Error(`rule ${match.rule.id} matched but isn't known to the judge`);
    const values = subjectOf(rule, event, match);
    const terms = newTerms(rule, values, timeMs, this.#terms);
    if (terms === undefined) return;
    this.#alert(rule, { event, match: { ...match, ...terms } }, values, timeMs, alerts);
    if (!this.#counted.has(rule)) return;
    this.#current = { event, match };
    if (this.#keptRules.has(rule)) this.#kept.keep(event, match);
    const { module, stamp, ordinal } = event;
    // The correlator may keep the hit: it must not keep the event, nor read its records when they are gone.
    let live: Subject | undefined = values;
    const hit: Hit = { rule, timeMs, event: { module, stamp, ordinal }, values: field => live?.(field) ?? [] };
    for (const fired of this.#correlator.add(hit)) this.#fired(fired, alerts);
    live = undefined;
  }

  #fired({ correlation, facts, timeMs, last }: Fired, alerts: Alert[]): void {
    const { event, match } = this.#eventOf(last.event, last.timeMs);
    const values = groupSubject(facts.group);
    const terms = newTerms(correlation, values, timeMs, this.#terms);
    if (terms === undefined) return;
    const records = match?.records === undefined ? {} : { records: match.records };
    const conditions = match?.conditions ?? [];
    const own: Match = { rule: correlation.info, conditions, ...records, correlation: facts, ...terms };
    this.#alert(correlation, { event, match: own }, values, timeMs, alerts);
  }

  #alert(rule: Rule | Correlation, alert: Alert, values: Subject, timeMs: number, alerts: Alert[]): void {
    if (this.#isSilent(rule)) return;
    const passed = this.#suppress.pass(rule, values, timeMs);
    if (passed === undefined) return;
    alerts.push(passed.suppressed === undefined ? alert : { event: alert.event, match: { ...alert.match, ...passed } });
  }

  #eventOf(ref: EventRef, timeMs: number): KeptEvent {
    const current = this.#current;
    return current !== undefined && sameEvent(current.event, ref) ? current : this.#kept.get(ref, timeMs);
  }
}

/** All that the correlation rests on, each behind what it refers to; itself last. */
export function basisOf(correlation: Correlation): {
  readonly rules: readonly Rule[];
  readonly correlations: readonly Correlation[];
} {
  const rules = new Set<Rule>();
  const correlations = new Set<Correlation>();
  const walk = (rule: Rule | Correlation): void => {
    if (!isCorrelation(rule)) rules.add(rule);
    else if (!correlations.has(rule)) {
      for (const inner of rule.rules) walk(inner);
      correlations.add(rule);
    }
  };
  walk(correlation);
  return { rules: [...rules], correlations: [...correlations] };
}
