// The hits of one group in one window, and the groups of one correlation in the order in which they were last used. Pure.

import type { EventRef } from '../../core/match.ts';
import { type Hit, sameEvent } from './hit.ts';
import { amountOf, type Extra, extraOf, type Measured } from './measure.ts';
import type { Heard, Plan } from './plan.ts';
import { TimeQueue } from './time-queue.ts';
import { Timeline } from './timeline.ts';

/** An alert names the last events that contributed. */
export const EVENTS_MAX = 64;

// Measured on Bun 1.4: what a group costs with its first hit, a bucket of its timeline, an event's name.
const GROUP_BYTES = 720;
const BUCKET_BYTES = 72;
const EVENT_BYTES = 160;
/** A hit; what its `values` reach is its maker's. */
const LAST_BYTES = 512;

interface Seen {
  readonly timeMs: number;
  readonly event: EventRef;
}

/** A window that ends, of a correlation that is judged then. */
export interface Ending {
  readonly startMs: number;
  readonly endMs: number;
  /** The group's values, as its fields are written. */
  readonly values: readonly string[];
  /** The newest hit. */
  last: Hit;
  /** The group's next window, begun by a hit that arrived before this one was judged. */
  following?: Group;
}

export class Group {
  readonly key: string;
  readonly ending: Ending | undefined;
  readonly timeline: Timeline;
  readonly #seen = new TimeQueue<Seen>();
  readonly #extra: Extra | undefined;
  /** What arrived last. */
  #latest: Seen | undefined;
  newestMs = -Infinity;
  /** When the condition became true, while it is. */
  firedMs: number | undefined;
  /** Dropped: whoever still knows it must forget it. */
  gone = false;
  /** As last added to its {@link Groups}. */
  bytes = 0;
  older: Group | undefined;
  newer: Group | undefined;

  constructor(plan: Plan, key: string, ending?: Ending) {
    const { type } = plan;
    this.key = key;
    this.ending = ending;
    this.timeline = new Timeline(type === 'value_sum' || type === 'value_avg');
    this.#extra = extraOf(plan);
  }

  /** True if something had to be left out for want of room. */
  add(timeMs: number, heard: Heard, measured: Measured, event: EventRef, plan: Plan): boolean {
    // An event that several rules matched is one event; only which rules they were is of use. Its hits come one after the other.
    const known = this.#latest !== undefined && sameEvent(this.#latest.event, event);
    if (known && measured !== undefined) return false;
    if (known)
      return (
        this.#extra?.add(this.#latest!.timeMs, heard, measured, this.#latest!.event, this.#settledMs(plan)) ?? false
      );
    this.newestMs = Math.max(this.newestMs, timeMs);
    const cut = this.#extra?.add(timeMs, heard, measured, event, this.#settledMs(plan)) ?? false;
    this.#latest = { timeMs, event };
    this.#seen.add(this.#latest);
    if (this.#seen.length > EVENTS_MAX) this.#seen.shift();
    return this.timeline.add(timeMs, typeof measured === 'number' ? measured : 0) || cut;
  }

  #settledMs(plan: Plan): number {
    return this.newestMs - plan.slackMs;
  }

  expire(cutoffMs: number): void {
    this.timeline.expire(cutoffMs);
    this.#extra?.expire(cutoffMs);
    while (this.#seen.startsBefore(cutoffMs)) this.#seen.shift();
  }

  /** The number that makes the condition true, if it is. */
  holds(plan: Plan, cutoffMs: number): number | undefined {
    const value = amountOf(plan, this.timeline, this.#extra, cutoffMs);
    if (value === undefined) return undefined;
    return (this.#extra?.holds?.(value, cutoffMs) ?? plan.holds(value)) ? value : undefined;
  }

  events(): readonly EventRef[] {
    return [...this.#seen].map(seen => seen.event);
  }

  measureBytes(): number {
    const { ending } = this;
    let bytes = GROUP_BYTES + this.key.length + this.timeline.buckets * BUCKET_BYTES + this.#seen.length * EVENT_BYTES;
    bytes += this.#extra?.bytes ?? 0;
    if (ending !== undefined) for (const value of ending.values) bytes += 64 + value.length;
    return ending === undefined ? bytes : bytes + LAST_BYTES;
  }
}

export class Groups {
  readonly #byKey = new Map<string, Group>();
  #oldest: Group | undefined;
  #newest: Group | undefined;
  bytes = 0;

  get oldest(): Group | undefined {
    return this.#oldest;
  }

  get(key: string): Group | undefined {
    return this.#byKey.get(key);
  }

  /** A new group, or the following window of one that is there. */
  add(group: Group): void {
    const current = this.#byKey.get(group.key);
    if (current?.ending === undefined) this.#byKey.set(group.key, group);
    else current.ending.following = group;
    this.#link(group);
  }

  /** It was used, and may have grown. */
  touch(group: Group): void {
    if (this.#newest !== group) {
      this.#unlink(group);
      this.#link(group);
    }
    const bytes = group.measureBytes();
    this.bytes += bytes - group.bytes;
    group.bytes = bytes;
  }

  drop(group: Group): void {
    const current = this.#byKey.get(group.key);
    const following = group.ending?.following;
    if (current !== group) delete current?.ending?.following;
    else if (following === undefined) this.#byKey.delete(group.key);
    else this.#byKey.set(group.key, following);
    this.#unlink(group);
    this.bytes -= group.bytes;
    group.gone = true;
  }

  #link(group: Group): void {
    group.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = group;
    else this.#newest.newer = group;
    this.#newest = group;
  }

  #unlink(group: Group): void {
    if (group.older === undefined) this.#oldest = group.newer;
    else group.older.newer = group.newer;
    if (group.newer === undefined) this.#newest = group.older;
    else group.newer.older = group.older;
    group.older = undefined;
    group.newer = undefined;
  }
}
