// Which of the recent losses overlaps a time: what an alert's confidence is judged by. Pure.

import type { LossEvent } from '../../core/event.ts';

type Loss = LossEvent['loss'];

/** Losses that are remembered; older ones lie before any event that is still to come. */
const CAPACITY = 256;
/** A loss is noticed by the agent's clock, events have the kernel's: so much may lie between, in ordinary times. */
const SLACK_MS = 2_000;

export class LossWindows {
  readonly #losses: Loss[] = [];
  #next = 0;

  /** Remembers a loss of what a source saw. (A line that an output lost says nothing of what the rules saw.) */
  add(loss: Loss): void {
    if (loss.source === 'output') return;
    this.#losses[this.#next] = loss;
    this.#next = (this.#next + 1) % CAPACITY;
  }

  /** The latest loss whose window holds `timeMs`. */
  overlapping(timeMs: number): Loss | undefined {
    let found: Loss | undefined;
    for (const loss of this.#losses) {
      if (timeMs >= loss.fromMs - SLACK_MS && timeMs <= loss.toMs && (found === undefined || loss.toMs >= found.toMs))
        found = loss;
    }
    return found;
  }
}
