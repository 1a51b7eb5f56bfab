// What was lost, from successive readings of the counters (pure). The three measures are disjoint: serial gaps (socket), incomplete
// events, and growth of the kernel's `lost` (backlog; in records, an upper bound). The ring and the bounds of one event are our own.

import type { Loss } from '../core/source.ts';

export interface LossCounters {
  /** Serials never seen: events lost in the socket. */
  readonly missing: number;
  /** Events given out without all their records. */
  readonly incomplete: number;
  /** The kernel's `lost`: records dropped before they had a serial. */
  readonly kernelLost: number;
  /** Whole events that found the ring full. */
  readonly ringDropped: number;
  /** Records over the bounds of one event. */
  readonly recordsDropped: number;
  /** Records without a stamp. */
  readonly malformed: number;
}

export const NO_LOSS: LossCounters = {
  missing: 0,
  incomplete: 0,
  kernelLost: 0,
  ringDropped: 0,
  recordsDropped: 0,
  malformed: 0,
};

const MEASURES: readonly (readonly [keyof LossCounters, string, Loss['unit'], boolean])[] = [
  ['missing', 'socket', 'events', false],
  ['incomplete', 'incomplete', 'events', false],
  ['kernelLost', 'kernel_backlog', 'records', true],
  ['ringDropped', 'ring', 'events', false],
  ['recordsDropped', 'assembler', 'records', false],
  ['malformed', 'malformed', 'records', false],
];

/** The losses between two readings; a counter that went back (somebody reset the kernel's) counts from 0. */
export function lossesBetween(before: LossCounters, after: LossCounters): Loss[] {
  return MEASURES.flatMap(([name, reason, unit, upperBound]) => {
    const count = after[name] >= before[name] ? after[name] - before[name] : after[name];
    return count > 0 ? [{ reason, count, unit, upperBound }] : [];
  });
}

/** Adds a reader's counters to those of the readers before it. */
export function addCounters(a: LossCounters, b: Partial<LossCounters>): LossCounters {
  return {
    missing: a.missing + (b.missing ?? 0),
    incomplete: a.incomplete + (b.incomplete ?? 0),
    kernelLost: a.kernelLost + (b.kernelLost ?? 0),
    ringDropped: a.ringDropped + (b.ringDropped ?? 0),
    recordsDropped: a.recordsDropped + (b.recordsDropped ?? 0),
    malformed: a.malformed + (b.malformed ?? 0),
  };
}
