// Correlations the slow way: every hit is kept, every window is looked through from its beginning. What the correlator must agree with.

import type { Condition, Correlation } from '../../src/rules/ast.ts';
import type { Fired, Hit } from '../../src/rules/correlate/hit.ts';

interface Kept {
  readonly timeMs: number;
  readonly arrival: number;
  /** The same for hits of one event that came one after the other. */
  readonly event: number;
  readonly rule: number;
  readonly value: string;
  readonly hit: Hit;
}

type Heard = Omit<Kept, 'timeMs' | 'event'>;

interface Window {
  readonly group: readonly string[];
  readonly kept: Kept[];
  /** Infinite for windows that slide. */
  readonly startMs: number;
  readonly endMs: number;
  readonly order: number;
  newestMs: number;
  firedMs?: number | undefined;
}

interface Closed {
  readonly window: Window;
  readonly correlation: Correlation;
  readonly fired: Fired | undefined;
}

const SLACK = 2000;

function holdsExpression(condition: Condition, seen: ReadonlySet<string>): boolean {
  switch (condition.kind) {
    case 'selection':
      return seen.has(condition.name);
    case 'of':
      return condition.names.filter(name => seen.has(name)).length >= condition.count;
    case 'not':
      return !holdsExpression(condition.of, seen);
    case 'and':
      return condition.of.every(part => holdsExpression(part, seen));
    case 'or':
      return condition.of.some(part => holdsExpression(part, seen));
  }
}

const only = (condition: Condition | undefined, wanted: boolean, positive = true): string[] => {
  if (condition === undefined) return [];
  if (condition.kind === 'selection') return positive === wanted ? [condition.name] : [];
  if (condition.kind === 'of') return positive === wanted ? [...condition.names] : [];
  if (condition.kind === 'not') return only(condition.of, wanted, !positive);
  return condition.of.flatMap(part => only(part, wanted, positive));
};

function keep(window: Window, heard: Heard, timeMs: number): void {
  const before = window.kept.at(-1);
  const same = before?.hit.event.stamp === heard.hit.event.stamp;
  window.kept.push({ ...heard, event: same ? before.event : heard.arrival, timeMs: same ? before.timeMs : timeMs });
  window.newestMs = Math.max(window.newestMs, same ? before.timeMs : timeMs);
}

/** The longest run of rules in order, each by another event. */
function longest(kept: readonly Kept[]): number {
  const best: number[] = [];
  kept.forEach((hit, index) => {
    const before = kept
      .slice(0, index)
      .map((other, at) => (other.rule < hit.rule && other.event !== hit.event ? best[at]! : 0));
    best.push(1 + Math.max(0, ...before));
  });
  return Math.max(0, ...best);
}

export class Oracle {
  #list: readonly Correlation[] = [];
  #windows = new Map<string, Window[]>();
  #arrivals = 0;

  setCorrelations(list: readonly Correlation[]): void {
    const kept = new Map<string, Window[]>();
    for (const { digest } of list) kept.set(digest, this.#windows.get(digest) ?? []);
    this.#list = list;
    this.#windows = kept;
  }

  add(hit: Hit): readonly Fired[] {
    return this.#chain(this.#hearAll(hit));
  }

  advance(timeMs: number): readonly Fired[] {
    const closed = this.#list.flatMap(correlation => this.#close(correlation, timeMs, () => true));
    const dueMs = ({ window, correlation }: Closed) => window.endMs + Math.min(SLACK, correlation.timespanMs);
    closed.sort((a, b) => dueMs(a) - dueMs(b) || a.window.order - b.window.order);
    return this.#chain(closed.flatMap(({ fired }) => fired ?? []));
  }

  #chain(fired: Fired[]): readonly Fired[] {
    for (const { correlation, facts, last, timeMs } of fired) {
      const values = (field: string) => (field in facts.group ? [facts.group[field]!] : last.values(field));
      fired.push(...this.#hearAll({ rule: correlation, timeMs, event: last.event, values }));
    }
    return fired;
  }

  #hearAll(hit: Hit): Fired[] {
    return this.#list.flatMap(correlation => {
      const rule = correlation.rules.findIndex(({ info }) => info.id === hit.rule.info.id);
      return rule < 0 ? [] : this.#hear(correlation, rule, hit);
    });
  }

  #hear(correlation: Correlation, rule: number, hit: Hit): Fired[] {
    const { groupBy, fields, aliases, rules, expression } = correlation;
    const values = fields.map(field => hit.values(field)[0]);
    const numeric = /^value_(sum|avg|median|percentile)$/.test(correlation.type);
    if (values.includes(undefined) || (numeric && Number.isNaN(Number(values[0])))) return [];
    const lists = groupBy.map(field => new Set(hit.values(aliases.get(field)?.get(rules[rule]!) ?? field)));
    const groups = lists.reduce<string[][]>(
      (heads, list) => heads.flatMap(head => [...list].map(v => [...head, v])),
      [[]],
    );
    const atEnd =
      expression === undefined
        ? correlation.conditions.length > 0 &&
          correlation.conditions.every(({ operator }) => /^(lt|lte|neq)$/.test(operator))
        : only(expression, false).length > 0;
    const opens = expression === undefined || only(expression, true).includes(correlation.rules[rule]!.info.id);
    const kept = { arrival: this.#arrivals++, rule, value: JSON.stringify(values), hit };
    const told: Fired[] = [];
    const slid: Fired[] = [];
    for (const group of groups) {
      if (atEnd) told.push(...this.#collect(correlation, group, opens, kept));
      else slid.push(...this.#slide(correlation, group, kept));
    }
    return [...told, ...slid.slice(0, 1)];
  }

  #slide(correlation: Correlation, group: readonly string[], kept: Heard): Fired[] {
    const { timespanMs } = correlation;
    const windows = this.#windows.get(correlation.digest)!;
    let window = windows.find(one => String(one.group) === String(group));
    if (window === undefined) {
      window = { group, kept: [], startMs: -Infinity, endMs: Infinity, newestMs: -Infinity, order: this.#arrivals++ };
      windows.push(window);
    }
    const timeMs = Math.max(kept.hit.timeMs, window.newestMs - Math.min(SLACK, timespanMs));
    keep(window, kept, timeMs);
    const fired = this.#judge(correlation, window, window.newestMs - timespanMs, window.newestMs, kept.hit);
    if (fired === undefined) window.firedMs = undefined;
    else if (window.firedMs === undefined || window.newestMs - window.firedMs > timespanMs) {
      window.firedMs = window.newestMs;
      return [fired];
    }
    return [];
  }

  #collect(correlation: Correlation, group: readonly string[], opens: boolean, kept: Heard): Fired[] {
    const { timespanMs, digest } = correlation;
    const mine = (window: Window) => String(window.group) === String(group);
    const { timeMs } = kept.hit;
    const fired = this.#close(correlation, timeMs, mine).flatMap(closed => closed.fired ?? []);
    const windows = this.#windows.get(digest)!;
    let window = windows.filter(mine).find(({ endMs }) => timeMs <= endMs);
    if (window === undefined && opens) {
      window = {
        group,
        kept: [],
        startMs: timeMs,
        endMs: timeMs + timespanMs,
        newestMs: -Infinity,
        order: this.#arrivals++,
      };
      windows.push(window);
    }
    if (window !== undefined && (opens || timeMs >= window.startMs)) {
      keep(window, kept, Math.max(timeMs, window.startMs));
    }
    return fired;
  }

  #close(correlation: Correlation, timeMs: number, which: (window: Window) => boolean): Closed[] {
    const slack = Math.min(SLACK, correlation.timespanMs);
    const windows = this.#windows.get(correlation.digest)!;
    const due = windows.filter(window => which(window) && window.endMs + slack < timeMs);
    this.#windows.set(
      correlation.digest,
      windows.filter(window => !due.includes(window)),
    );
    return due.map(window => {
      // The newest, of several the last that arrived.
      const last = window.kept.reduce((a, b) => (b.hit.timeMs >= a.timeMs ? b : a)).hit;
      return { window, correlation, fired: this.#judge(correlation, window, window.startMs, window.endMs, last) };
    });
  }

  #judge(correlation: Correlation, window: Window, fromMs: number, timeMs: number, last: Hit): Fired | undefined {
    const { type, conditions, expression, rules, percentile } = correlation;
    const kept = window.kept
      .filter(hit => hit.timeMs >= fromMs)
      .sort((a, b) => a.timeMs - b.timeMs || a.arrival - b.arrival);
    const events = kept.filter((hit, at) => kept.findIndex(other => other.event === hit.event) === at);
    const numbers = events.map(({ value }) => Number(JSON.parse(value)[0])).sort((a, b) => a - b);
    const seen = new Set(kept.map(hit => hit.rule));
    const names = new Set([...seen].map(rule => rules[rule]!.info.id));
    const ordered = only(expression, true);
    const place = ((numbers.length - 1) * (type === 'value_median' ? 50 : percentile!)) / 100;
    const sum = numbers.reduce((a, b) => a + b, 0);
    const value = {
      event_count: () => events.length,
      value_count: () => new Set(kept.map(hit => hit.value)).size,
      value_sum: () => sum,
      value_avg: () => sum / numbers.length,
      value_median: () => (numbers[Math.floor(place)]! + numbers[Math.ceil(place)]!) / 2,
      value_percentile: () => {
        const [below, above] = [numbers[Math.floor(place)]!, numbers[Math.ceil(place)]!];
        return below + (above - below) * (place % 1);
      },
      temporal: () => seen.size,
      temporal_ordered: () =>
        longest(kept.filter(hit => expression === undefined || ordered.includes(rules[hit.rule]!.info.id))),
    }[type]();
    if (events.length === 0) return undefined;
    const holds =
      expression !== undefined
        ? holdsExpression(expression, names) &&
          (type === 'temporal' || value === [...names].filter(name => ordered.includes(name)).length)
        : conditions.length === 0
          ? value === rules.length
          : conditions.every(
              ({ operator, value: than }) =>
                ({
                  ...{ gt: value > than, gte: value >= than, lt: value < than, lte: value <= than },
                  ...{ eq: value === than, neq: value !== than },
                })[operator],
            );
    if (!holds) return undefined;
    const group = Object.fromEntries(correlation.groupBy.map((name, at) => [name, window.group[at]!]));
    const facts = {
      ...{ type, timespanMs: correlation.timespanMs, group, value, condition: correlation.conditionText },
      events: events.slice(-64).map(({ hit }) => hit.event),
      eventCount: events.length,
      firstMs: events[0]!.timeMs,
      lastMs: window.newestMs,
    };
    return { correlation, facts, timeMs, last };
  }
}
