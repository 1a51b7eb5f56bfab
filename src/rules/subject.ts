// What a rule says of its events over time (groups, terms) is read here: the values of a field, as the rule's logsource names it. Pure.

import type { HostEvent } from '../core/event.ts';
import type { Match } from '../core/match.ts';
import type { FieldBag, Rule } from './ast.ts';
import { canonicalName, FIELDS, recordField } from './fields.ts';
import { isLogEvent } from './log-fields.ts';
import { feedOf } from './logsource.ts';
import { flatten } from './ruleset.ts';
import { Values } from './values.ts';

/** The values of a field; none where the event doesn't have it. Of an event only while it is processed: it reads records. */
export type Subject = (field: string) => readonly string[];

export type SubjectOf = (rule: Rule, event: HostEvent, match: Match) => Subject;

export const eventSubject: SubjectOf = ({ logsource }, event, match) => {
  const feed = feedOf(logsource);
  if (!('stream' in feed)) return () => [];
  const stream = isLogEvent(event) ? 'log' : feed.stream;
  return field => {
    const out = new Values();
    if (stream === 'record') collectRecords(field, event, match.records ?? [], out);
    else FIELDS[stream].get(canonicalName(field))?.collect?.(event, out);
    return out.items;
  };
};

/** Of the records that matched, else of the others of their event: who opened a file stands in SYSCALL, not in PATH. */
function collectRecords(field: string, event: HostEvent, indexes: readonly number[], out: Values): void {
  const { records = [] } = event;
  const collect = recordField(field);
  for (const index of indexes) if (records[index] !== undefined) collect(records[index], event, out);
  for (const record of records) {
    if (out.count > 0) return;
    collect(record, event, out);
  }
}

/** Of an event that is given as fields: a test's. */
export function bagSubject(bag: FieldBag): Subject {
  const fields = new Map<string, unknown[]>();
  flatten(bag, '', fields);
  return field => {
    const out = new Values();
    out.addJson(fields.get(canonicalName(field))?.filter(value => value !== null));
    return out.items;
  };
}

/** Of an alert of a correlation: its group. */
export const groupSubject =
  (group: Readonly<Record<string, string>>): Subject =>
  field =>
    Object.hasOwn(group, field) ? [group[field]!] : [];
