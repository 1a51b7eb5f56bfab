// What an alert says of the alerts and events before it: a correlation's facts, what was held back, terms that are new. Pure.

import type { CorrelationFacts, Match } from '../../core/match.ts';
import { type Caps, capped, put, type Warnings } from './caps.ts';
import { type EcsContext, eventId, isoTime } from './context.ts';
import type { Json, JsonObject } from './json.ts';
import { cutUnits, visible } from './json.ts';

/** Everything of {@link Match} that is about more than its event, below `puppy`. */
export function overTime(match: Match, context: EcsContext, caps: Caps, warnings: Warnings): JsonObject {
  const fields: JsonObject = {};
  if (match.correlation !== undefined) {
    fields.correlation = correlationObject(match.correlation, context, caps, warnings);
  }
  if (match.suppressed !== undefined) fields.suppressed = match.suppressed;
  if (match.newTerms !== undefined) put(fields, 'new_terms', fieldList(match.newTerms, caps, warnings));
  return fields;
}

function correlationObject(facts: CorrelationFacts, context: EcsContext, caps: Caps, warnings: Warnings): JsonObject {
  const events = facts.events.slice(-caps.items);
  if (events.length < facts.events.length) warnings.add('events_truncated');
  const object: JsonObject = { type: facts.type, timespan: timespan(facts.timespanMs) };
  put(object, 'group', fieldList(facts.group, caps, warnings));
  if (Number.isFinite(facts.value)) object.value = facts.value;
  put(object, 'condition', capped(facts.condition, Math.min(caps.textBytes, 1_024), warnings));
  object.event_count = facts.eventCount;
  object.events = events.map(ref => eventId(ref, context));
  put(object, 'first', isoTime(facts.firstMs));
  put(object, 'last', isoTime(facts.lastMs));
  return object;
}

/** A list, for a field's name may hold dots, and there are as many as rules name. */
function fieldList(values: Readonly<Record<string, string>>, caps: Caps, warnings: Warnings): Json[] | undefined {
  const entries = Object.entries(values);
  const list: Json[] = [];
  for (const [field, value] of entries.slice(0, Math.min(caps.items, FIELDS_MAX))) {
    const name = capped(field, caps.valueBytes, warnings);
    if (name !== undefined) list.push({ field: name, value: capped(value, caps.valueBytes, warnings) ?? value });
  }
  if (list.length < entries.length) warnings.add('list_truncated');
  return list.length === 0 ? undefined : list;
}

const FIELDS_MAX = 16;
const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
];

/** As a rule writes it: `10m`. */
function timespan(ms: number): string {
  const [unit, size] = UNITS.find(([, length]) => ms % length === 0) ?? ['ms', 1];
  return `${ms / size}${unit}`;
}

const MEASURES: Readonly<Record<string, (value: number) => string>> = {
  event_count: value => `${value} ${value === 1 ? 'event' : 'events'}`,
  value_count: value => `${value} different ${value === 1 ? 'value' : 'values'}`,
  value_sum: value => `a sum of ${value}`,
  value_avg: value => `an average of ${value}`,
  value_percentile: value => `a percentile of ${value}`,
  value_median: value => `a median of ${value}`,
  temporal: value => `${value} rules`,
  temporal_ordered: value => `${value} rules in order`,
};

const short = (text: string, units: number): string => visible(cutUnits(text, units));

/** For the message, before what the last event was: `5 events within 10m (User root); the last: `. */
export function correlationWords({ type, value, timespanMs, group }: CorrelationFacts): string {
  const rounded = Number.isInteger(value) ? value : Number(value.toPrecision(6));
  const measure = Object.hasOwn(MEASURES, type) ? MEASURES[type]!(rounded) : `${type} ${rounded}`;
  const entries = Object.entries(group).slice(0, 4);
  const by = entries.map(([field, text]) => `${short(field, 40)} ${short(text, 80)}`).join(', ');
  return `${measure} within ${timespan(timespanMs)}${by === '' ? '' : ` (${by})`}; the last: `;
}
