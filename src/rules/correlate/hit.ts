// What the correlator takes and gives. Pure.

import type { CorrelationFacts, EventRef } from '../../core/match.ts';
import type { Correlation, Rule } from '../ast.ts';

/** A rule matched (or a correlation fired, for one that is chained). */
export interface Hit {
  readonly rule: Rule | Correlation;
  readonly timeMs: number;
  /** Its name only: it is kept for longer than the event. */
  readonly event: EventRef;
  /** The field's values for this rule, as its logsource names fields; empty where the event has none. */
  readonly values: (field: string) => readonly string[];
}

/** A correlation's condition became true. */
export interface Fired {
  readonly correlation: Correlation;
  readonly facts: CorrelationFacts;
  /** The event's time at which it is so: the last contributing event's, or the window's end. */
  readonly timeMs: number;
  /** The newest contributing hit, whose event the alert is written with. */
  readonly last: Hit;
}

export const sameEvent = (a: EventRef, b: EventRef): boolean =>
  a.stamp === b.stamp && a.ordinal === b.ordinal && a.module === b.module;
