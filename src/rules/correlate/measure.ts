// What a correlation measures of a group's hits, by its type. The count and the sum are the timeline's, which every group has;
// the other types keep more. Pure.

import type { EventRef } from '../../core/match.ts';
import { numberOf } from '../asks.ts';
import { Distinct } from './distinct.ts';
import { SUMMAND_MAX } from './exact-sum.ts';
import { keyOf } from './group-key.ts';
import type { Hit } from './hit.ts';
import type { Heard, Plan } from './plan.ts';
import { Sample } from './sample.ts';
import { Sequence } from './sequence.ts';
import type { Timeline } from './timeline.ts';

/** A number, a value's key, or nothing but the hit itself. */
export type Measured = number | string | undefined;

/** What the correlation takes from a hit; `false` where the event doesn't have it, and the hit isn't counted. */
export function measuredOf({ type, fields }: Plan, hit: Hit): Measured | false {
  if (type === 'event_count' || type === 'temporal' || type === 'temporal_ordered') return undefined;
  const values: string[] = [];
  for (const field of fields) {
    const first = hit.values(field)[0];
    if (first === undefined) return false;
    values.push(first);
  }
  if (type === 'value_count') return keyOf(values);
  const number = numberOf(values[0] ?? '');
  return number === undefined || !(Math.abs(number) <= SUMMAND_MAX) ? false : number;
}

/** What a group keeps beside its timeline. */
export interface Extra {
  /** Nothing earlier than `settledMs` comes any more. True if something had to be left out for want of room. */
  add(timeMs: number, heard: Heard, measured: Measured, event: EventRef, settledMs: number): boolean;
  expire(cutoffMs: number): void;
  value(cutoffMs: number): number | undefined;
  /** Where the condition isn't of the number alone. */
  holds?(value: number, cutoffMs: number): boolean;
  /** Roughly. */
  readonly bytes: number;
}

export function extraOf(plan: Plan): Extra | undefined {
  switch (plan.type) {
    case 'event_count':
    case 'value_sum':
    case 'value_avg':
      return undefined;
    case 'value_count':
      return new Values(plan);
    case 'value_percentile':
    case 'value_median':
      return new Numbers(plan);
    case 'temporal':
    case 'temporal_ordered':
      return new Rules(plan);
  }
}

/** The number that the condition is asked of, of what is in the window; absent where there is none. */
export function amountOf(
  plan: Plan,
  timeline: Timeline,
  extra: Extra | undefined,
  cutoffMs: number,
): number | undefined {
  if (extra !== undefined) return extra.value(cutoffMs);
  if (timeline.count === 0) return undefined;
  const { type } = plan;
  return type === 'event_count' ? timeline.count : type === 'value_sum' ? timeline.sum : timeline.sum / timeline.count;
}

class Values implements Extra {
  readonly #distinct: Distinct;

  constructor({ valuesMax }: Plan) {
    this.#distinct = new Distinct(valuesMax);
  }

  add(timeMs: number, _heard: Heard, measured: Measured): boolean {
    return this.#distinct.add(timeMs, String(measured));
  }

  expire(cutoffMs: number): void {
    this.#distinct.expire(cutoffMs);
  }

  value(): number | undefined {
    return this.#distinct.count === 0 ? undefined : this.#distinct.count;
  }

  get bytes(): number {
    return 400 + this.#distinct.count * 88 + this.#distinct.entries * 64 + this.#distinct.chars;
  }
}

class Numbers implements Extra {
  readonly #percent: number;
  readonly #sample = new Sample();

  constructor({ percent }: Plan) {
    this.#percent = percent;
  }

  add(timeMs: number, _heard: Heard, measured: Measured): boolean {
    return this.#sample.add(timeMs, Number(measured));
  }

  expire(cutoffMs: number): void {
    this.#sample.expire(cutoffMs);
  }

  value(): number | undefined {
    return this.#sample.percentile(this.#percent);
  }

  get bytes(): number {
    return 300 + this.#sample.count * 64;
  }
}

/** Which rules were seen, and for `temporal_ordered` how many of them in their order. */
class Rules implements Extra {
  readonly #plan: Plan;
  /** When each rule was last seen. */
  readonly #newest: number[];
  readonly #sequence: Sequence | undefined;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#newest = new Array<number>(plan.heard.length).fill(-Infinity);
    if (plan.type === 'temporal_ordered') this.#sequence = new Sequence(plan.steps);
  }

  add(timeMs: number, heard: Heard, _measured: Measured, event: EventRef, settledMs: number): boolean {
    this.#newest[heard.index] = Math.max(this.#newest[heard.index]!, timeMs);
    if (this.#sequence === undefined || heard.step === undefined) return false;
    return this.#sequence.add(timeMs, heard.step, event, settledMs);
  }

  expire(): void {}

  value(cutoffMs: number): number | undefined {
    return this.#sequence?.longest(cutoffMs) ?? this.#seen(cutoffMs, () => true);
  }

  holds(value: number, cutoffMs: number): boolean {
    const { seen } = this.#plan;
    if (seen === undefined) return this.#plan.holds(value);
    if (!seen(index => this.#newest[index]! >= cutoffMs)) return false;
    // Those that were seen must have been seen in their order.
    return this.#sequence === undefined || value === this.#seen(cutoffMs, heard => heard.step !== undefined);
  }

  #seen(cutoffMs: number, wanted: (heard: Heard) => boolean): number {
    let count = 0;
    for (const heard of this.#plan.heard) if (this.#newest[heard.index]! >= cutoffMs && wanted(heard)) count++;
    return count;
  }

  get bytes(): number {
    const rules = this.#newest.length;
    if (this.#sequence === undefined) return 120 + rules * 8;
    return 400 + rules * 8 + rules * rules * 16 + this.#sequence.recent * 96;
  }
}
