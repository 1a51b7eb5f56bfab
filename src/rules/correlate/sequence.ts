// The longest run of different rules in the order in which a correlation names them. Hits of the last seconds are kept, so that a
// late one is put in its place; of older ones only what can still begin a run. Pure.

import type { EventRef } from '../../core/match.ts';
import { sameEvent } from './hit.ts';
import { TimeQueue } from './time-queue.ts';

interface Step {
  readonly timeMs: number;
  readonly rule: number;
  readonly event: EventRef;
}

export const RECENT_MAX = 256;

export class Sequence {
  readonly rules: number;
  /**
   * At `(length - 1) * rules + last`: when the run of `length` rules, none of them after the rule `last`, began that began latest.
   * That one stays longest in the window.
   */
  readonly #settled: number[];
  #current: number[];
  readonly #recent = new TimeQueue<Step>();
  /** Of the newest hit that had to settle before its time. */
  #forcedMs = -Infinity;

  constructor(rules: number) {
    this.rules = rules;
    this.#settled = new Array<number>(rules * rules).fill(-Infinity);
    this.#current = this.#settled.slice();
  }

  get recent(): number {
    return this.#recent.length;
  }

  /** Nothing earlier than `settledMs` comes any more. True if its place couldn't be kept for want of room. */
  add(timeMs: number, rule: number, event: EventRef, settledMs: number): boolean {
    while (this.#recent.startsBefore(settledMs)) this.#settle();
    // One event is one step: its later rules come first, so that none follows another.
    let index = this.#recent.upTo(timeMs);
    for (; index > 0; index--) {
      const before = this.#recent.at(index - 1)!;
      if (before.timeMs !== timeMs || before.rule > rule || !sameEvent(before.event, event)) break;
    }
    const last = index === this.#recent.length;
    this.#recent.insert(index, { timeMs, rule, event });
    if (last) this.#step(this.#current, timeMs, rule);
    else {
      this.#current = this.#settled.slice();
      for (const step of this.#recent) this.#step(this.#current, step.timeMs, step.rule);
    }
    const misplaced = timeMs < this.#forcedMs;
    if (this.#recent.length > RECENT_MAX) this.#forcedMs = this.#settle()!.timeMs;
    return misplaced;
  }

  /** The length of the longest run that began at `cutoffMs` or later. */
  longest(cutoffMs: number): number {
    for (let length = this.rules; length > 0; length--) {
      if (this.#current[length * this.rules - 1]! >= cutoffMs) return length;
    }
    return 0;
  }

  #settle(): Step | undefined {
    const step = this.#recent.shift();
    if (step !== undefined) this.#step(this.#settled, step.timeMs, step.rule);
    return step;
  }

  #step(began: number[], timeMs: number, rule: number): void {
    for (let length = 1; length <= rule + 1; length++) {
      const begin = length === 1 ? timeMs : began[(length - 2) * this.rules + rule - 1]!;
      for (let last = rule; last < this.rules; last++) {
        const at = (length - 1) * this.rules + last;
        if (began[at]! >= begin) break;
        began[at] = begin;
      }
    }
  }
}
