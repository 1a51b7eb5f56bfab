// The values of rule fields from text: numbers, users, errnos, types, permissions.

import { archNames, archValue, compatArch, is64Bit } from '../tables/arches.ts';
import { errnoNames, errnoNumber } from '../tables/errnos.ts';
import { recordTypeNames, recordTypeNumber } from '../tables/record-types.ts';
import { FILE_TYPES, FS_TYPES, type NumberField, PERMISSIONS } from '../tables/rule-fields.ts';
import { AF_MAX, socketFamilyNames, socketFamilyNumber } from '../tables/sockets.ts';
import { fail, unknown } from './failure.ts';
import type { RuleContext } from './rule.ts';
import { suggest } from './suggest.ts';
import type { Token } from './tokens.ts';

const UNSET = 0xffffffff;

/** A number as strtol reads it with base 0 (`0x1f`, `017`, `-1`), as unsigned 32 bits; undefined for anything else. */
export function parseNumber(text: string): number | undefined {
  if (!/^-?(?:0x[0-9a-f]{1,16}|0[0-7]{0,22}|[1-9][0-9]{0,19})$/i.test(text)) return undefined;
  const negative = text.startsWith('-');
  const digits = negative ? text.slice(1) : text;
  const size = /^0[0-7]/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
  const value = negative ? -size : size;
  return value < -0x80000000 || value > 0xffffffff ? undefined : value >>> 0;
}

const looksNumeric = (text: string): boolean => /^-?[0-9]/.test(text);

function number(value: Token, what: string): number {
  const n = parseNumber(value.text);
  if (n !== undefined) return n;
  if (looksNumeric(value.text)) fail(value, `${what} takes a number of 32 bits, not "${value.text.slice(0, 64)}"`);
  fail(value, `${what} takes a number, not "${value.text.slice(0, 64)}"`);
}

function named(value: Token, what: string, table: Readonly<Record<string, number>>): number {
  if (looksNumeric(value.text)) return number(value, what);
  if (Object.hasOwn(table, value.text)) return table[value.text]!;
  const names = Object.keys(table);
  fail(value, `${unknown(what, value.text, suggest(value.text, names))} (known: ${names.join(', ')})`);
}

function account(value: Token, what: string, resolve: (name: string) => number | undefined): number {
  if (looksNumeric(value.text)) return number(value, what);
  if (value.text === 'unset') return UNSET;
  return resolve(value.text) ?? fail(value, unknown(what, value.text, undefined));
}

function parseArch(value: Token, context: RuleContext): number {
  const { text } = value;
  const bits = text.toLowerCase();
  if (bits === 'b64') {
    return is64Bit(context.arch) ? context.arch : fail(value, 'this kernel has no 64-bit architecture');
  }
  if (bits === 'b32') return compatArch(context.arch) ?? fail(value, 'this kernel has no 32-bit architecture');
  const named = archValue(text);
  if (named !== undefined) return named;
  // Records have it as hex without prefix, auditctl lists an unknown one with it.
  if (/^(?:0x)?[0-9a-f]{5,8}$/i.test(text)) return Number.parseInt(text, 16);
  if (looksNumeric(text)) return number(value, 'arch');
  fail(value, unknown('architecture', text, suggest(text, ['b64', 'b32', ...archNames()])));
}

function parseExit(value: Token): number {
  const { text } = value;
  if (looksNumeric(text)) return number(value, 'exit');
  const negative = text.startsWith('-');
  const name = negative ? text.slice(1) : text;
  const errno = errnoNumber(name);
  if (errno === undefined) fail(value, unknown('errno', text, suggest(name, errnoNames())));
  return (negative ? -errno : errno) >>> 0;
}

function parseMessageType(value: Token): number {
  if (looksNumeric(value.text)) return number(value, 'msgtype');
  const type = recordTypeNumber(value.text);
  if (type !== undefined) return type;
  fail(value, unknown('record type', value.text, suggest(value.text, recordTypeNames())));
}

function parseFamily(value: Token): number {
  const family = looksNumeric(value.text) ? number(value, 'saddr_fam') : socketFamilyNumber(value.text);
  if (family === undefined) {
    fail(value, unknown('address family', value.text, suggest(value.text, socketFamilyNames())));
  }
  if (family >= AF_MAX) fail(value, `saddr_fam is less than ${AF_MAX}`);
  return family;
}

/** The bits of `rwxa`, in any order and case. */
export function parsePermissions(value: Token): number {
  if (value.text === '' || value.text.length > 4) fail(value, 'permissions are one to four of the letters r, w, x, a');
  let bits = 0;
  for (const letter of value.text.toLowerCase()) {
    const known = PERMISSIONS.find(([name]) => name === letter);
    if (known === undefined) fail(value, `"${letter}" is no permission; they are r, w, x, a`);
    bits |= known[1];
  }
  return bits;
}

export function parseFieldValue(field: NumberField, value: Token, context: RuleContext): number {
  switch (field) {
    case 'uid':
    case 'euid':
    case 'suid':
    case 'fsuid':
    case 'auid':
    case 'obj_uid':
      return account(value, 'user', name => context.uid(name));
    case 'gid':
    case 'egid':
    case 'sgid':
    case 'fsgid':
    case 'obj_gid':
      return account(value, 'group', name => context.gid(name));
    case 'sessionid':
      return value.text === 'unset' ? UNSET : number(value, field);
    case 'arch':
      return parseArch(value, context);
    case 'exit':
      return parseExit(value);
    case 'msgtype':
      return parseMessageType(value);
    case 'saddr_fam':
      return parseFamily(value);
    case 'perm':
      return parsePermissions(value);
    case 'filetype':
      return named(value, 'file type', FILE_TYPES);
    case 'fstype':
      return named(value, 'file system type', FS_TYPES);
    default:
      return number(value, field);
  }
}
