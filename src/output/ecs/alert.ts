// What an alert adds to its event: the rule, ATT&CK, what matched, how sure. Pure.

import type { RecordView } from '../../core/event.ts';
import type { Match, RuleInfo } from '../../core/match.ts';
import { TACTICS, TECHNIQUES } from './attack.ts';
import { type Caps, capped, cappedList, put, unlessEmpty, Warnings } from './caps.ts';
import type { EcsContext } from './context.ts';
import { cutToJsonBytes, type Json, type JsonObject, jsonBytes } from './json.ts';

/** `threat` from the rule's tags, and the tags that aren't ATT&CK tactics or techniques of the table. */
export function threatOf(tags: readonly string[]): { threat: JsonObject | undefined; tags: string[] } {
  const tactics = new Map<string, string>();
  const techniques = new Map<string, string>();
  const subtechniques = new Map<string, string>();
  const rest: string[] = [];
  for (const tag of tags) {
    const name = tag.startsWith('attack.') ? tag.slice(7).toLowerCase() : '';
    const tactic = Object.hasOwn(TACTICS, name.replaceAll('_', '-')) ? TACTICS[name.replaceAll('_', '-')] : undefined;
    const id = name.toUpperCase();
    const technique = TECHNIQUES.get(id);
    const parent = id.slice(0, 5);
    if (tactic !== undefined) {
      tactics.set(tactic.id, tactic.name);
    } else if (technique !== undefined && id.includes('.')) {
      subtechniques.set(id, technique);
      const parentName = TECHNIQUES.get(parent);
      if (parentName !== undefined) techniques.set(parent, parentName);
    } else if (technique !== undefined) {
      techniques.set(id, technique);
    } else {
      rest.push(tag);
    }
  }
  const lists = (map: ReadonlyMap<string, string>): JsonObject => ({ id: [...map.keys()], name: [...map.values()] });
  const threat: JsonObject = {};
  if (tactics.size > 0) threat.tactic = lists(tactics);
  if (techniques.size > 0) {
    const technique = lists(techniques);
    if (subtechniques.size > 0) technique.subtechnique = lists(subtechniques);
    threat.technique = technique;
  }
  if (unlessEmpty(threat) === undefined) return { threat: undefined, tags: rest };
  threat.framework = 'MITRE ATT&CK';
  return { threat, tags: rest };
}

function makeRuleFields(rule: RuleInfo, caps: Caps, warnings: Warnings): JsonObject {
  const object: JsonObject = {};
  const text = (value: string | undefined): string | undefined =>
    capped(value, Math.min(caps.textBytes, 2_048), warnings);
  put(object, 'id', text(rule.id));
  put(object, 'uuid', text(rule.id));
  put(object, 'name', text(rule.title) ?? text(rule.id));
  put(object, 'description', text(rule.description));
  put(object, 'author', cappedList(rule.authors, caps, warnings));
  put(object, 'reference', text(rule.reference));
  put(object, 'license', text(rule.license));
  put(object, 'ruleset', text(rule.file));
  put(object, 'version', text(rule.version));
  const { threat, tags } = threatOf(rule.tags.length > 64 ? rule.tags.slice(0, 64) : rule.tags);
  const fields: JsonObject = { rule: object, log: { level: rule.level } };
  put(fields, 'threat', caps.items < 64 ? undefined : threat);
  put(fields, 'tags', cappedList(tags, caps, warnings));
  return fields;
}

/** `rule`, `threat`, `tags` and `log`, made once per rule. */
export function ruleFields(rule: RuleInfo, context: EcsContext, caps: Caps): JsonObject {
  // What is cut of a rule's own texts says nothing about the event: no warning.
  if (!caps.whole) return makeRuleFields(rule, caps, new Warnings([], 0));
  let fields = context.rules.get(rule);
  if (fields === undefined) {
    fields = makeRuleFields(rule, caps, new Warnings([], 0));
    context.rules.set(rule, fields);
  }
  return fields;
}

const MATCH_BYTES = 6_000;

/** `puppy.match`. Long values are cut: the whole ones stand in their own fields. */
export function matchList(match: Match, caps: Caps, warnings: Warnings): Json[] {
  const list: Json[] = [];
  let left = caps.items < 64 ? caps.blobBytes : MATCH_BYTES;
  for (const condition of match.conditions) {
    if (left <= 0 || list.length === caps.items) {
      warnings.add('match_truncated');
      break;
    }
    const object: JsonObject = {};
    for (const key of ['selection', 'field', 'modifier', 'pattern', 'value'] as const) {
      const whole = condition[key];
      if (whole === undefined) continue;
      const cut = cutToJsonBytes(whole, Math.max(0, Math.min(caps.valueBytes, left)));
      if (cut.length < whole.length) warnings.add('match_truncated');
      if (cut === '' && (key === 'field' || key === 'modifier')) continue;
      object[key] = cut;
      left -= jsonBytes(cut) + key.length + 6;
    }
    list.push(object);
  }
  return list;
}

const RECORD_VALUE_BYTES = 1_024;
const RECORD_FIELDS = 96;

/** `puppy.audit.records`: the records named by `indexes`, or all of them. */
export function recordList(
  records: readonly RecordView[],
  indexes: readonly number[] | undefined,
  caps: Caps,
  warnings: Warnings,
): Json[] | undefined {
  const list: Json[] = [];
  let left = caps.blobBytes;
  const count = indexes?.length ?? records.length;
  for (let i = 0; i < count; i++) {
    const record = records[indexes === undefined ? i : indexes[i]!];
    if (record === undefined) continue;
    if (left <= 0) {
      warnings.add('records_truncated');
      break;
    }
    const entries: [string, Json][] = [['type', record.type]];
    left -= record.type.length + 12;
    for (const [key, value] of record.entries()) {
      if (key === 'type') continue;
      const bytes = Math.min(RECORD_VALUE_BYTES, left - jsonBytes(key, left) - 6);
      if (bytes <= 0 || entries.length > RECORD_FIELDS) {
        warnings.add('records_truncated');
        break;
      }
      const cut = cutToJsonBytes(value, bytes);
      if (cut.length < value.length) warnings.add('records_truncated');
      entries.push([key, cut]);
      left -= jsonBytes(cut) + jsonBytes(key) + 6;
    }
    list.push(Object.fromEntries(entries));
  }
  return list.length === 0 ? undefined : list;
}
