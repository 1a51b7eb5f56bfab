// The verdict of a rule on an event: what the rules stage gives and the output stage prints.

import type { Level } from './event.ts';

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

export interface Match {
  readonly rule: RuleInfo;
  readonly conditions: readonly MatchedCondition[];
  /** Indexes into the event's records that the rule matched, for `service: auditd`. */
  readonly records?: readonly number[];
}
