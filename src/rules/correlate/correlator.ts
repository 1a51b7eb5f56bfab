// Correlations over time: takes the hits of rules, gives the correlations whose condition became true. Time is the events' own;
// state is bounded in bytes. Pure: the same calls give the same answers.

import type { Correlation } from '../ast.ts';
import { Deadlines } from './deadlines.ts';
import { Group, Groups } from './group.ts';
import { combinations, keyOf } from './group-key.ts';
import type { Fired, Hit } from './hit.ts';
import { type Measured, measuredOf } from './measure.ts';
import { type Heard, type Plan, planOf } from './plan.ts';

export interface CorrelatorOptions {
  /** About what all groups together may take; beyond that, the largest correlation loses its least recently used groups. */
  readonly maxBytes: number;
}

export interface CorrelatorCounters {
  /** Held now. */
  groups: number;
  bytes: number;
  /** Since the start: hits that were counted in a group, one for each group. */
  hits: number;
  fired: number;
  /** Groups that had to go for want of memory. */
  evicted: number;
  /** Hits that came too late to be put at their own time. */
  late: number;
  /** Hits without a field to group by, or without the value that is measured. */
  incomplete: number;
  /** Hits at which something had to be left out of a group: its numbers are about right since then. */
  approximate: number;
}

/** State is kept this much longer than its window, for sources that are behind. */
const BEHIND_MS = 60_000;
const SWEEP_MS = 1_000;
const NONE: readonly Fired[] = [];

interface State {
  /** As it was loaded last; the plan is of one that means the same. */
  correlation: Correlation;
  readonly plan: Plan;
  readonly groups: Groups;
}

interface Listener {
  readonly state: State;
  readonly heard: Heard;
}

export class Correlator {
  readonly #maxBytes: number;
  #states: State[] = [];
  /** By the rule's id. */
  #listeners = new Map<string, Listener[]>();
  readonly #deadlines = new Deadlines<State>();
  #sweptMs = -Infinity;
  readonly #counters: CorrelatorCounters = {
    ...{ groups: 0, bytes: 0, hits: 0, fired: 0 },
    ...{ evicted: 0, late: 0, incomplete: 0, approximate: 0 },
  };

  constructor(options: CorrelatorOptions) {
    this.#maxBytes = options.maxBytes;
  }

  get counters(): Readonly<CorrelatorCounters> {
    return this.#counters;
  }

  /** Those that mean the same as before go on as they were. A correlation stands after those that it refers to. */
  setCorrelations(list: readonly Correlation[]): void {
    const key = ({ info, digest }: Correlation): string => keyOf([info.id, digest]);
    const known = new Map(this.#states.map(state => [key(state.correlation), state]));
    const later = new Set(list.map(({ info }) => info.id));
    for (const { info, rules } of list) {
      const wrong = rules.find(rule => later.has(rule.info.id));
      if (wrong !== undefined) throw new Error(`correlation ${info.id} must stand after ${wrong.info.id}`);
      later.delete(info.id);
    }
    this.#states = list.map(correlation => {
      const state = known.get(key(correlation));
      known.delete(key(correlation));
      if (state === undefined) return { correlation, plan: planOf(correlation), groups: new Groups() };
      state.correlation = correlation;
      return state;
    });
    for (const state of known.values()) {
      while (state.groups.oldest !== undefined) this.#drop(state, state.groups.oldest);
    }
    this.#listeners = new Map();
    for (const state of this.#states) {
      for (const heard of state.plan.heard) {
        const listeners = this.#listeners.get(heard.id) ?? [];
        listeners.push({ state, heard });
        this.#listeners.set(heard.id, listeners);
      }
    }
  }

  /** The correlations that fired with this hit, those that they completed after them. */
  add(hit: Hit): readonly Fired[] {
    if (!this.#listeners.has(hit.rule.info.id)) return NONE;
    const fired: Fired[] = [];
    this.#hear(hit, fired);
    return this.#follow(fired);
  }

  /** Event time has come this far: windows that ended are judged, old state goes. */
  advance(timeMs: number): readonly Fired[] {
    // Sources that are behind make it go back and forth a little; a clock that was set back is followed.
    if (timeMs - this.#sweptMs >= SWEEP_MS || timeMs < this.#sweptMs - BEHIND_MS) this.#sweep(timeMs);
    let fired: Fired[] | undefined;
    for (let due = this.#deadlines.due(timeMs); due !== undefined; due = this.#deadlines.due(timeMs)) {
      fired ??= [];
      this.#close(due.of, due.group, fired);
    }
    return fired === undefined ? NONE : this.#follow(fired);
  }

  /** What fired is a hit for those that refer to it. Each refers only to what stands before it, so this ends. */
  #follow(fired: Fired[]): readonly Fired[] {
    for (let index = 0; index < fired.length; index++) {
      const { correlation, facts, timeMs, last } = fired[index]!;
      if (!this.#listeners.has(correlation.info.id)) continue;
      const values = (field: string): readonly string[] => {
        const value = Object.hasOwn(facts.group, field) ? facts.group[field] : undefined;
        return value === undefined ? last.values(field) : [value];
      };
      this.#hear({ rule: correlation, timeMs, event: last.event, values }, fired);
    }
    return fired;
  }

  #hear(hit: Hit, fired: Fired[]): void {
    for (const { state, heard } of this.#listeners.get(hit.rule.info.id) ?? []) {
      const measured = measuredOf(state.plan, hit);
      const groups = measured === false ? [] : combinations(heard.groupFields.map(field => hit.values(field)));
      if (measured === false || groups.length === 0) {
        this.#counters.incomplete++;
        continue;
      }
      // An event alerts once, whatever the number of groups that it belongs to.
      let told = false;
      for (const values of groups) {
        const found = state.plan.atEnd
          ? this.#collect(state, heard, values, measured, hit, fired)
          : this.#slide(state, heard, values, measured, hit);
        if (found === undefined || told) continue;
        told = true;
        this.#tell(found, fired);
      }
    }
    this.#evict();
  }

  /** A hit of a correlation that is judged with each. */
  #slide(state: State, heard: Heard, values: readonly string[], measured: Measured, hit: Hit): Fired | undefined {
    const { plan, groups } = state;
    const { timespanMs } = plan;
    const key = keyOf(values);
    let group = groups.get(key);
    if (group === undefined) {
      group = new Group(plan, key);
      groups.add(group);
      this.#counters.groups++;
    }
    this.#count(state, group, this.#inTime(hit.timeMs, group.newestMs - plan.slackMs), heard, measured, hit);
    const cutoffMs = group.newestMs - timespanMs;
    const value = group.holds(plan, cutoffMs);
    if (value === undefined) group.firedMs = undefined;
    else if (group.firedMs === undefined || group.newestMs - group.firedMs > timespanMs) {
      group.firedMs = group.newestMs;
      return firing(state.correlation, group, values, value, group.newestMs, hit);
    }
    return undefined;
  }

  /** A hit of a correlation that is judged when its window ends. The first hit that can make it true opens a window. */
  #collect(
    state: State,
    heard: Heard,
    values: readonly string[],
    measured: Measured,
    hit: Hit,
    fired: Fired[],
  ): undefined {
    const { plan, groups } = state;
    const opens = heard.step !== undefined;
    const key = keyOf(values);
    let group = groups.get(key);
    while (group?.ending !== undefined && hit.timeMs > group.ending.endMs + plan.slackMs) {
      this.#close(state, group, fired);
      group = groups.get(key);
    }
    if (group?.ending !== undefined && hit.timeMs > group.ending.endMs) group = group.ending.following;
    if (group === undefined) {
      if (!opens) return;
      const endMs = hit.timeMs + plan.timespanMs;
      group = new Group(plan, key, { startMs: hit.timeMs, endMs, values, last: hit });
      groups.add(group);
      this.#counters.groups++;
      this.#deadlines.add({ timeMs: endMs + plan.slackMs, group, of: state });
    }
    const ending = group.ending!;
    // Before what opened the window, an event that can only make it false has no say.
    if (!opens && hit.timeMs < ending.startMs) return;
    if (hit.timeMs >= group.newestMs) ending.last = hit;
    const timeMs = Math.max(this.#inTime(hit.timeMs, ending.startMs - plan.slackMs), ending.startMs);
    this.#count(state, group, timeMs, heard, measured, hit);
  }

  #close(state: State, group: Group, fired: Fired[]): void {
    const { values, startMs, endMs, last } = group.ending!;
    const value = group.holds(state.plan, startMs);
    if (value !== undefined) this.#tell(firing(state.correlation, group, values, value, endMs, last), fired);
    this.#drop(state, group);
  }

  #inTime(timeMs: number, earliestMs: number): number {
    if (timeMs >= earliestMs) return timeMs;
    this.#counters.late++;
    return earliestMs;
  }

  #count({ plan, groups }: State, group: Group, timeMs: number, heard: Heard, measured: Measured, hit: Hit): void {
    this.#counters.hits++;
    if (group.add(timeMs, heard, measured, hit.event, plan)) this.#counters.approximate++;
    if (group.ending === undefined) group.expire(group.newestMs - plan.timespanMs);
    this.#counters.bytes -= groups.bytes;
    groups.touch(group);
    this.#counters.bytes += groups.bytes;
  }

  #tell(found: Fired, fired: Fired[]): void {
    this.#counters.fired++;
    fired.push(found);
  }

  #drop(state: State, group: Group): void {
    state.groups.drop(group);
    this.#counters.groups--;
    this.#counters.bytes -= group.bytes;
    if (group.ending !== undefined) this.#deadlines.forget();
  }

  #sweep(timeMs: number): void {
    this.#sweptMs = timeMs;
    for (const state of this.#states) {
      if (state.plan.atEnd) continue;
      const before = timeMs - state.plan.timespanMs - BEHIND_MS;
      for (
        let oldest = state.groups.oldest;
        oldest !== undefined && oldest.newestMs < before;
        oldest = state.groups.oldest
      ) {
        this.#drop(state, oldest);
      }
    }
  }

  /** The largest correlation pays: whoever floods one with groups can't make the others forget. */
  #evict(): void {
    while (this.#counters.bytes > this.#maxBytes) {
      const largest = this.#states.reduce((a, b) => (b.groups.bytes > a.groups.bytes ? b : a));
      const { oldest } = largest.groups;
      if (oldest === undefined) return;
      this.#drop(largest, oldest);
      this.#counters.evicted++;
    }
  }
}

function firing(
  correlation: Correlation,
  group: Group,
  values: readonly string[],
  value: number,
  timeMs: number,
  last: Hit,
): Fired {
  const { type, timespanMs, groupBy, conditionText: condition } = correlation;
  const entries = groupBy.map((name, index) => [name, values[index]!] as const);
  return {
    correlation,
    facts: {
      ...{ type, timespanMs, group: Object.fromEntries(entries), value, condition },
      events: group.events(),
      eventCount: group.timeline.count,
      firstMs: group.timeline.firstMs ?? timeMs,
      lastMs: group.newestMs,
    },
    timeMs,
    last,
  };
}
