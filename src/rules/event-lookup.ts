// The fields of one event as its rules name them: what the engine reads slot by slot, for those who ask by name. Pure.

import type { HostEvent, RecordView } from '../core/event.ts';
import type { MatchedCondition } from '../core/match.ts';
import { canonicalName, FIELDS, LINE_FIELD, recordField, type Stream } from './fields.ts';
import type { Lookup } from './interpret.ts';
import { Values } from './values.ts';

/** Rules over single records are asked about `record`. Values are read once. */
export function eventLookup(stream: Stream, event: HostEvent, record?: RecordView): Lookup {
  const known = new Map<string | undefined, Values>();
  const collect = (field: string | undefined, out: Values): void => {
    if (stream !== 'record') FIELDS[stream].get(canonicalName(field ?? LINE_FIELD[stream]))?.collect?.(event, out);
    else if (record === undefined) return;
    else if (field !== undefined) recordField(field)(record, event, out);
    else for (const [, value] of record.entries()) out.add(value);
  };
  return field => {
    let values = known.get(field);
    if (values === undefined) {
      values = new Values();
      collect(field, values);
      known.set(field, values);
    }
    return values;
  };
}

/** With the values that an alert says decided: a line doesn't hold everything that its rule saw. */
export function withMatched(lookup: Lookup, matched: readonly Pick<MatchedCondition, 'field' | 'value'>[]): Lookup {
  const more = new Map<string | undefined, string[]>();
  const key = (field: string | undefined): string | undefined => (field === undefined ? field : canonicalName(field));
  for (const { field, value } of matched) more.set(key(field), [...(more.get(key(field)) ?? []), value]);
  return field => {
    const values = lookup(field);
    for (const value of more.get(key(field)) ?? []) {
      if (!values.items.slice(0, values.count).some(one => one.startsWith(value))) values.add(value);
    }
    return values;
  };
}
