// A rule while its options are read, with auditctl's normalisations: a watch becomes path or dir, perm and key; no -S means all
// syscalls; keys are joined and come last.

import { textBytes } from '../../core/text.ts';
import { archName } from '../tables/arches.ts';
import { ioUringOpNames, ioUringOpNumber } from '../tables/io-uring.ts';
import {
  KEY_SEPARATOR,
  MASK_WORDS,
  MAX_FIELDS,
  MAX_KEY_BYTES,
  RULE_LISTS,
  type RuleAction,
  type RuleList,
} from '../tables/rule-fields.ts';
import { syscallNames, syscallNumber } from '../tables/syscalls.ts';
import { fail, unknown } from './failure.ts';
import { checkPath, parseComparison, parseField } from './fields.ts';
import { type Option, part } from './options.ts';
import { emptyMask, fullMask, type Rule, type RuleContext, type RuleField } from './rule.ts';
import { suggest } from './suggest.ts';
import type { Token } from './tokens.ts';
import { parseNumber, parsePermissions } from './values.ts';

export interface Draft {
  readonly kind: 'add' | 'delete';
  readonly list: RuleList;
  readonly action: RuleAction;
  readonly prepend: boolean;
  readonly watch: boolean;
  readonly fields: RuleField[];
  readonly keys: Token[];
  mask: Uint32Array;
  hasSyscalls: boolean;
  arch: number | undefined;
}

/** Starts a rule with `-a`, `-A` or `-d`: the list and the action in either order. */
export function startRule(option: Option, value: Token): Draft {
  const comma = value.text.indexOf(',');
  const form = `${option.name} takes a list and an action, such as exit,always`;
  if (comma < 0 || value.text.indexOf(',', comma + 1) >= 0) fail(value, form);
  const words = [part(value, 0, comma), part(value, comma + 1)];
  let list: RuleList | undefined;
  let action: RuleAction | undefined;
  for (const word of words) {
    const { text } = word;
    if (text === '') fail(value, form);
    else if (text === 'always' || text === 'never') action = action === undefined ? text : fail(word, form);
    else if (text === 'possible') fail(word, 'the action possible is deprecated and the kernel refuses it; use always');
    else if (text === 'entry') fail(word, 'the entry list is no more (since Linux 3.3); use exit');
    else if (Object.hasOwn(RULE_LISTS, text)) list = list === undefined ? (text as RuleList) : fail(word, form);
    else fail(word, unknown('list or action', text, suggest(text, [...Object.keys(RULE_LISTS), 'always', 'never'])));
  }
  if (list === undefined || action === undefined) fail(value, form);
  return {
    kind: option.name === '-d' ? 'delete' : 'add',
    list,
    action,
    prepend: option.name === '-A',
    watch: false,
    fields: [],
    keys: [],
    mask: emptyMask(),
    hasSyscalls: false,
    arch: undefined,
  };
}

/** Starts a rule with `-w` or `-W`. */
export function startWatch(option: Option, value: Token, context: RuleContext): Draft {
  checkPath(option.name, value);
  // auditctl leaves "//" alone, and so do we.
  const path = value.text.length > 2 ? value.text.replace(/(?<=.)\/+$/, '') : value.text;
  return {
    kind: option.name === '-W' ? 'delete' : 'add',
    list: 'exit',
    action: 'always',
    prepend: false,
    watch: true,
    fields: [
      { field: context.isDirectory(path) ? 'dir' : 'path', op: '=', value: path },
      { field: 'perm', op: '=', value: 15 },
    ],
    keys: [],
    mask: fullMask(),
    hasSyscalls: true,
    arch: undefined,
  };
}

export function addSyscalls(draft: Draft, option: Option, value: Token, context: RuleContext): void {
  if (draft.watch) fail(option, 'a watch covers all syscalls');
  if (draft.list !== 'exit' && draft.list !== 'io_uring') fail(option, `the ${draft.list} list takes no syscalls`);
  let offset = 0;
  for (const name of value.text.split(',')) {
    const at = part(value, offset, offset + name.length);
    offset += name.length + 1;
    if (name === '') fail(at, 'a syscall name or number was expected');
    if (name === 'all') {
      draft.mask = fullMask();
      continue;
    }
    const n = draft.list === 'io_uring' ? ioUringOp(at) : syscall(at, draft.arch ?? context.arch);
    if (n >= MASK_WORDS * 32) fail(at, `syscall numbers in rules are less than ${MASK_WORDS * 32}`);
    draft.mask[n >>> 5]! |= 1 << (n & 31);
  }
  draft.hasSyscalls = true;
}

function syscall(at: Token, arch: number): number {
  const n = syscallNumber(arch, at.text) ?? (/^[0-9]/.test(at.text) ? parseNumber(at.text) : undefined);
  if (n !== undefined) return n;
  const of = archName(arch) ?? `arch 0x${arch.toString(16)}`;
  fail(at, unknown(`syscall of ${of}`, at.text, suggest(at.text, syscallNames(arch))));
}

function ioUringOp(at: Token): number {
  const n = ioUringOpNumber(at.text) ?? (/^[0-9]/.test(at.text) ? parseNumber(at.text) : undefined);
  return n ?? fail(at, unknown('io_uring operation', at.text, suggest(at.text, ioUringOpNames())));
}

export function addField(draft: Draft, value: Token, context: RuleContext): void {
  if (value.text.startsWith('key=')) {
    if (value.text === 'key=') fail(value, '-F needs a value after "key="');
    draft.keys.push(part(value, 4));
    return;
  }
  const field = parseField(value, draft.list, context);
  if (field.field === 'arch') {
    if (draft.hasSyscalls) fail(value, 'arch must be before -S, whose names depend on it');
    draft.arch = field.value as number;
  }
  push(draft, field, value);
}

export function addComparison(draft: Draft, value: Token): void {
  push(draft, parseComparison(value, draft.list), value);
}

/** `-p`: replaces the permissions that a watch starts with. */
export function setPermissions(draft: Draft, option: Option, value: Token): void {
  const bits = parsePermissions(value);
  if (draft.list !== 'exit') fail(option, 'perm is only for the exit list');
  const at = draft.fields.findIndex(f => f.field === 'perm');
  const field: RuleField = { field: 'perm', op: '=', value: bits };
  if (at >= 0) draft.fields[at] = field;
  else if (draft.fields.length === 0) fail(option, '-p needs a watch or a field before it');
  else push(draft, field, value);
}

function push(draft: Draft, field: RuleField, at: Token): void {
  if (draft.fields.length >= MAX_FIELDS) fail(at, `a rule has at most ${MAX_FIELDS} fields`);
  draft.fields.push(field);
}

export function finish(draft: Draft): Rule {
  const { list, action, prepend, fields } = draft;
  if (draft.keys.length > 0) addKeys(draft, draft.keys);
  // Rules of the task list have no syscalls; for all others none given means all.
  const mask = draft.hasSyscalls || list === 'task' ? draft.mask : fullMask();
  return { list, action, prepend, mask, fields };
}

function addKeys(draft: Draft, keys: readonly Token[]): void {
  const last = keys.at(-1)!;
  if (draft.list === 'exclude') fail(last, 'rules of the exclude list have no key');
  const isOfSomething = draft.hasSyscalls || draft.fields.some(f => /^(?:perm|path|dir|exe|fstype)$/.test(f.field));
  if (!isOfSomething) fail(last, 'a key needs a watch, -S, or one of the fields path, dir, perm, exe, fstype');
  for (const key of keys) {
    if (key.text === '') fail(key, 'an empty key');
    if (/[\0\x01]/.test(key.text)) fail(key, "a key can't hold the bytes 0 and 1");
  }
  const value = keys.map(key => key.text).join(KEY_SEPARATOR);
  if (textBytes(value).length > MAX_KEY_BYTES) fail(last, `the keys are longer than ${MAX_KEY_BYTES} bytes together`);
  push(draft, { field: 'key', op: '=', value }, last);
}
