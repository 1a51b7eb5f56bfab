// The verdict of a rule on an event: what the rules stage gives and the output stage prints.

import type { EventBase, HostEvent, Level } from './event.ts';

/** One condition that held, with the value that decided it. */
export interface MatchedCondition {
  readonly selection: string;
  /** Absent for a keyword. */
  readonly field?: string;
  /** Modifiers as written, joined by `|`; absent where there is none. */
  readonly modifier?: string;
  readonly pattern: string;
  readonly value: string;
}

/** What an alert says of its rule; all from the rule file. */
export interface RuleInfo {
  readonly id: string;
  readonly title: string;
  readonly description?: string;
  readonly authors: readonly string[];
  readonly reference?: string;
  readonly license?: string;
  readonly level: Level;
  /** The file it was loaded from, as given. */
  readonly file: string;
  /** `modified`, else `date`. */
  readonly version?: string;
  readonly tags: readonly string[];
}

/** What names an event within its host: its id is hashed from it. */
export type EventRef = Pick<EventBase, 'module' | 'stamp' | 'ordinal'>;

/** Why a correlation rule fired. */
export interface CorrelationFacts {
  /** Sigma's word: `event_count`, `temporal_ordered`, … */
  readonly type: string;
  readonly timespanMs: number;
  /** The group's fields by their names as written, in order; empty without `group-by`. */
  readonly group: Readonly<Record<string, string>>;
  /** The number that was compared: of events, of values, a sum, …; of different rules for the temporal types. */
  readonly value: number;
  /** The condition as written: `>= 3`; the rules' names joined for the temporal types. */
  readonly condition: string;
  /** The contributing events, oldest first; the last ones where there are more than are kept. */
  readonly events: readonly EventRef[];
  /** How many contributed. */
  readonly eventCount: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface Match {
  readonly rule: RuleInfo;
  readonly conditions: readonly MatchedCondition[];
  /** Indexes into the event's records that the rule matched, for `service: auditd`. */
  readonly records?: readonly number[];
  readonly correlation?: CorrelationFacts;
  /** Alerts of the same rule and group that `suppress` held back since the last one that was written. */
  readonly suppressed?: number;
  /** The combination that `new_terms` had not seen before, by field as written. */
  readonly newTerms?: Readonly<Record<string, string>>;
}

/** A match that is written, with the event that it is written with. */
export interface Alert {
  readonly event: HostEvent;
  readonly match: Match;
}
