// `-F field=value` and `-C field=field`: which fields there are, where they may stand and which operators they take.

import { textBytes } from '../../core/text.ts';
import {
  FIELD_COMPARES,
  FIELD_SYNONYMS,
  NUMBER_FIELDS,
  type NumberField,
  OPERATORS,
  type Operator,
  type RuleList,
  STRING_FIELDS,
  type StringField,
} from '../tables/rule-fields.ts';
import { isStringField } from './bytes.ts';
import { fail, unknown } from './failure.ts';
import { part } from './options.ts';
import type { RuleContext, RuleField } from './rule.ts';
import { suggest } from './suggest.ts';
import type { Token } from './tokens.ts';
import { parseFieldValue } from './values.ts';

const PATH_MAX = 4096;

/** Kernel and auditctl refuse these elsewhere. */
const EXIT_ONLY = new Set<string>(
  'exit success ppid perm filetype path dir devmajor devminor inode obj_user obj_role obj_type obj_lev_low obj_lev_high'.split(
    ' ',
  ),
);
const IN_EXCLUDE = new Set<string>(
  'pid uid gid auid msgtype subj_user subj_role subj_type subj_sen subj_clr exe'.split(' '),
);
const EQUAL_ONLY = new Set<string>(['path', 'dir', 'perm', 'key']);
const EQUALITY = new Set<string>(
  'arch fstype filetype exe inode subj_user subj_role subj_type obj_user obj_role obj_type'.split(' '),
);
const BIT_TESTS = /^(?:a[0-3]|f\d+)$/;

export function parseField(token: Token, list: RuleList, context: RuleContext): RuleField {
  const { name, op, value, nameToken } = split(token, '-F');
  const field = fieldName(name, nameToken);
  checkList(field, list, nameToken);
  checkOperator(field, op, part(token, name.length, name.length + op.length));
  if (isStringField(field)) return { field, op, value: stringValue(field, value) };
  return { field, op, value: parseFieldValue(field, value, context) };
}

export function parseComparison(token: Token, list: RuleList): RuleField {
  const { name, op, value, nameToken } = split(token, '-C');
  if (list !== 'exit') fail(token, '-C is only for the exit list');
  if (op !== '=' && op !== '!=') {
    fail(part(token, name.length, name.length + op.length), '-C takes the operators = and !=');
  }
  const left = FIELD_SYNONYMS[name] ?? name;
  const right = FIELD_SYNONYMS[value.text] ?? value.text;
  const index = FIELD_COMPARES.findIndex(
    pair => pair !== undefined && ((pair[0] === left && pair[1] === right) || (pair[0] === right && pair[1] === left)),
  );
  if (index >= 0) return { field: 'field_compare', op, value: index };
  const partners = FIELD_COMPARES.flatMap(pair => (pair?.includes(left) ? pair.filter(n => n !== left) : []));
  const all = new Set(FIELD_COMPARES.flatMap(pair => pair ?? []));
  if (partners.length === 0) fail(nameToken, unknown('field for -C', name, suggest(name, all)));
  fail(value, `${name} can't be compared with "${value.text.slice(0, 64)}", only with ${partners.join(', ')}`);
}

interface Split {
  readonly name: string;
  readonly nameToken: Token;
  readonly op: Operator;
  readonly value: Token;
}

function split(token: Token, option: string): Split {
  const match = /^([A-Za-z0-9_]*)(&=|!=|>=|<=|=|>|<|&)?/.exec(token.text)!;
  const name = match[1]!;
  const op = match[2];
  if (op === undefined) {
    const operators = option === '-C' ? '= or !=' : Object.keys(OPERATORS).join(' ');
    fail(token, `${option} needs an operator after the field's name: ${operators}`);
  }
  if (name === '') fail(token, `${option} needs a field's name before "${op}"`);
  const value = part(token, match[0].length);
  if (value.text === '') fail(token, `${option} needs a value after "${name}${op}"`);
  return { name, nameToken: part(token, 0, name.length), op: op as Operator, value };
}

function fieldName(name: string, at: Token): NumberField | StringField {
  if (Object.hasOwn(NUMBER_FIELDS, name) && name !== 'field_compare') return name as NumberField;
  if (isStringField(name)) return name;
  if (Object.hasOwn(FIELD_SYNONYMS, name)) return FIELD_SYNONYMS[name]!;
  if (/^f(?:0|[1-9]\d{0,4})$/.test(name) && !isNamed(Number(name.slice(1)))) return name as NumberField;
  if (name === 'field_compare') fail(at, 'fields are compared by -C');
  const known = [...Object.keys(NUMBER_FIELDS), ...Object.keys(STRING_FIELDS), ...Object.keys(FIELD_SYNONYMS)];
  fail(at, unknown('field', name, suggest(name, known)));
}

function isNamed(number: number): boolean {
  return [...Object.values(NUMBER_FIELDS), ...Object.values(STRING_FIELDS)].some(n => n === number);
}

function checkList(field: string, list: RuleList, at: Token): void {
  if (EXIT_ONLY.has(field) && list !== 'exit') fail(at, `${field} is only for the exit list`);
  if (list === 'exclude' && !IN_EXCLUDE.has(field)) {
    fail(at, `the exclude list takes only the fields ${[...IN_EXCLUDE].join(', ')}`);
  }
  if (field === 'msgtype' && list !== 'exclude' && list !== 'user') {
    fail(at, 'msgtype is only for the exclude and user lists');
  }
  if (field === 'sessionid' && list !== 'exit' && list !== 'user') {
    fail(at, 'sessionid is only for the exit and user lists');
  }
  if (list === 'filesystem' && field !== 'fstype') fail(at, 'the filesystem list takes only the field fstype');
  if (field === 'fstype' && list !== 'filesystem') fail(at, 'fstype is only for the filesystem list');
}

function checkOperator(field: string, op: Operator, at: Token): void {
  if (op === '=') return;
  if (EQUAL_ONLY.has(field)) fail(at, `${field} takes only the operator =`);
  if (op === '!=') return;
  if (EQUALITY.has(field)) fail(at, `${field} takes the operators = and !=`);
  if (op.startsWith('&') && !BIT_TESTS.test(field)) fail(at, `${op} is only for a0, a1, a2 and a3`);
}

function stringValue(field: StringField, value: Token): string {
  if (value.text.includes('\0')) fail(value, `${field} can't hold a zero byte`);
  if (field === 'path' || field === 'dir') checkPath(field, value);
  else if (textBytes(value.text).length > PATH_MAX) fail(value, `${field} is longer than ${PATH_MAX} bytes`);
  return value.text;
}

/** What the kernel would answer with EINVAL, and the limits of a path. */
export function checkPath(field: string, value: Token): void {
  const { text } = value;
  if (text[0] !== '/') fail(value, `${field} needs a path that starts with /`);
  if (text.includes('\0')) fail(value, `${field} can't hold a zero byte`);
  if (textBytes(text).length >= PATH_MAX) fail(value, `the path is longer than ${PATH_MAX - 1} bytes`);
  const base = text.replace(/\/+$/, '').split('/').at(-1)!;
  if (textBytes(base).length > 255) fail(value, 'the last part of the path is longer than 255 bytes');
  if (field === 'path' && text.endsWith('/')) fail(value, 'path is of a file; for a tree there is dir');
}
