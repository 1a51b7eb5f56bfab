// `struct audit_rule_data` (linux/audit.h): rules as AUDIT_ADD_RULE, AUDIT_DEL_RULE and AUDIT_LIST_RULES carry them.
// 260 words (flags, action, field count, 64 of mask, 64 each of fields, values and operators, buffer length), then the text of
// string fields one after another without terminators. All architectures that we run on are little-endian.

import { safeText, textBytes } from '../../core/text.ts';
import {
  MASK_WORDS,
  MAX_FIELDS,
  NUMBER_FIELDS,
  type NumberField,
  OPERATORS,
  type Operator,
  PREPEND_FLAG,
  RULE_ACTIONS,
  RULE_LISTS,
  type RuleAction,
  type RuleList,
  STRING_FIELDS,
  type StringField,
} from '../tables/rule-fields.ts';
import type { Rule, RuleField } from './rule.ts';

const FLAGS = 0;
const ACTION = 4;
const FIELD_COUNT = 8;
const MASK = 12;
const FIELDS = MASK + 4 * MASK_WORDS;
const VALUES = FIELDS + 4 * MAX_FIELDS;
const OPS = VALUES + 4 * MAX_FIELDS;
const BUFFER_LENGTH = OPS + 4 * MAX_FIELDS;
const BUFFER = BUFFER_LENGTH + 4;

function inverse<K extends string>(table: Readonly<Record<K, number>>): ReadonlyMap<number, K> {
  return new Map((Object.keys(table) as K[]).map(name => [table[name], name]));
}

const LIST_NAMES = inverse<RuleList>(RULE_LISTS);
const ACTION_NAMES = inverse<RuleAction>(RULE_ACTIONS);
const OPERATOR_NAMES = inverse<Operator>(OPERATORS);
const NUMBER_FIELD_NAMES = inverse<keyof typeof NUMBER_FIELDS>(NUMBER_FIELDS);
const STRING_FIELD_NAMES = inverse<StringField>(STRING_FIELDS);

export function isStringField(field: string): field is StringField {
  return Object.hasOwn(STRING_FIELDS, field);
}

/** The AUDIT_* number of a field. */
function fieldNumber(field: NumberField | StringField): number {
  if (isStringField(field)) return STRING_FIELDS[field];
  if (Object.hasOwn(NUMBER_FIELDS, field)) return NUMBER_FIELDS[field as keyof typeof NUMBER_FIELDS];
  return Number(field.slice(1)) >>> 0;
}

/** The bytes of a rule, padded with zeros to the four bytes that netlink messages are aligned to. */
export function encodeRule(rule: Rule): Uint8Array {
  if (rule.fields.length > MAX_FIELDS) throw new RangeError(`a rule has at most ${MAX_FIELDS} fields`);
  const texts = rule.fields.map(f => (typeof f.value === 'string' ? textBytes(f.value) : undefined));
  const bufferLength = texts.reduce((sum, text) => sum + (text?.length ?? 0), 0);
  const bytes = new Uint8Array((BUFFER + bufferLength + 3) & ~3);
  const view = new DataView(bytes.buffer);
  view.setUint32(FLAGS, RULE_LISTS[rule.list] | (rule.prepend ? PREPEND_FLAG : 0), true);
  view.setUint32(ACTION, RULE_ACTIONS[rule.action], true);
  view.setUint32(FIELD_COUNT, rule.fields.length, true);
  for (let i = 0; i < MASK_WORDS; i++) view.setUint32(MASK + 4 * i, rule.mask[i]!, true);
  let end = BUFFER;
  rule.fields.forEach((f, i) => {
    const text = texts[i];
    view.setUint32(FIELDS + 4 * i, fieldNumber(f.field), true);
    view.setUint32(VALUES + 4 * i, text === undefined ? (f.value as number) : text.length, true);
    view.setUint32(OPS + 4 * i, OPERATORS[f.op], true);
    if (text !== undefined) {
      bytes.set(text, end);
      end += text.length;
    }
  });
  view.setUint32(BUFFER_LENGTH, bufferLength, true);
  return bytes;
}

export type DecodedRule = { readonly ok: Rule } | { readonly error: string };

/** Reads a rule's bytes, padded or not. An error for what is cut short or holds a list, action or operator that isn't known. */
export function decodeRule(bytes: Uint8Array): DecodedRule {
  if (bytes.length < BUFFER) return { error: `${bytes.length} bytes, a rule has at least ${BUFFER}` };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = (at: number): number => view.getUint32(at, true);
  const list = LIST_NAMES.get(word(FLAGS) & ~PREPEND_FLAG);
  const action = ACTION_NAMES.get(word(ACTION));
  const count = word(FIELD_COUNT);
  const bufferLength = word(BUFFER_LENGTH);
  if (list === undefined) return { error: `unknown list ${word(FLAGS)}` };
  if (action === undefined) return { error: `unknown action ${word(ACTION)}` };
  if (count > MAX_FIELDS) return { error: `${count} fields, a rule has at most ${MAX_FIELDS}` };
  if (bufferLength > bytes.length - BUFFER) return { error: `${bufferLength} bytes of text in ${bytes.length} bytes` };
  const fields: RuleField[] = [];
  let at = BUFFER;
  for (let i = 0; i < count; i++) {
    const number = word(FIELDS + 4 * i);
    const value = word(VALUES + 4 * i);
    const op = OPERATOR_NAMES.get(word(OPS + 4 * i));
    if (op === undefined) return { error: `unknown operator ${word(OPS + 4 * i)}` };
    const stringField = STRING_FIELD_NAMES.get(number);
    if (stringField === undefined) {
      fields.push({ field: NUMBER_FIELD_NAMES.get(number) ?? `f${number}`, op, value });
      continue;
    }
    if (value > BUFFER + bufferLength - at) return { error: `the text of ${stringField} is cut short` };
    fields.push({ field: stringField, op, value: safeText(Buffer.from(bytes.subarray(at, at + value))) });
    at += value;
  }
  const mask = Uint32Array.from({ length: MASK_WORDS }, (_, i) => word(MASK + 4 * i));
  return { ok: { list, action, prepend: (word(FLAGS) & PREPEND_FLAG) !== 0, mask, fields } };
}
