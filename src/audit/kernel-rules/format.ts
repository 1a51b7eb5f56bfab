// A rule to text, as `auditctl -l` lists it, such that parse.ts makes the same rule of it in the same context. Where auditctl's own text
// would be another rule, ours differs: operators of exe, fields before arch, architectures that aren't the context's, watches with a
// trailing slash, words with blanks.

import { archName, compatArch } from '../tables/arches.ts';
import { errnoName } from '../tables/errnos.ts';
import { ioUringOpName } from '../tables/io-uring.ts';
import { recordTypeName, recordTypeNumber } from '../tables/record-types.ts';
import { FIELD_COMPARES, FS_TYPES, KEY_SEPARATOR, PERMISSIONS } from '../tables/rule-fields.ts';
import { auditSyscallName } from '../tables/syscalls.ts';
import { coversAll, maskNumbers, type Rule, type RuleContext, type RuleField } from './rule.ts';
import { quoteToken } from './tokens.ts';

/** ERESTARTSYS and above are the kernel's own and no names to auditctl. */
const FIRST_KERNEL_ERRNO = 512;

type FormatContext = Pick<RuleContext, 'arch' | 'isDirectory'>;

export function formatRule(rule: Rule, context: FormatContext): string {
  const watch = formatWatch(rule, context);
  if (watch !== undefined) return watch;
  const archAt = rule.fields.findLastIndex(f => f.field === 'arch');
  const arch = archAt < 0 ? context.arch : (rule.fields[archAt]!.value as number);
  const parts = [rule.prepend ? '-A' : '-a', `${rule.action},${rule.list}`];
  for (const field of rule.fields.slice(0, archAt + 1)) parts.push(...formatField(field, context));
  if (rule.list === 'exit' || rule.list === 'io_uring') parts.push('-S', formatSyscalls(rule, arch));
  for (const field of rule.fields.slice(archAt + 1)) parts.push(...formatField(field, context));
  return parts.join(' ');
}

/** The rule as `-w`, if it is what `-w` would make in this context. */
function formatWatch(rule: Rule, context: FormatContext): string | undefined {
  if (rule.list !== 'exit' || rule.action !== 'always' || rule.prepend || !coversAll(rule.mask)) return undefined;
  const [place, perm, key, more] = rule.fields;
  if (place === undefined || perm?.field !== 'perm' || more !== undefined) return undefined;
  if (place.field !== 'path' && place.field !== 'dir') return undefined;
  if (key !== undefined && key.field !== 'key') return undefined;
  if (rule.fields.some(f => f.op !== '=')) return undefined;
  const path = place.value;
  if (path.length > 2 && path.endsWith('/')) return undefined;
  if (context.isDirectory(path) !== (place.field === 'dir')) return undefined;
  const keys = key === undefined ? [] : key.value.split(KEY_SEPARATOR).map(one => `-k ${quoteToken(one)}`);
  return ['-w', quoteToken(path), '-p', permissions(perm.value), ...keys].join(' ');
}

function formatSyscalls(rule: Rule, arch: number): string {
  if (coversAll(rule.mask)) return 'all';
  const numbers = maskNumbers(rule.mask);
  const name = (n: number): string =>
    (rule.list === 'io_uring' ? ioUringOpName(n) : auditSyscallName(arch, n)) ?? String(n);
  return numbers.map(name).join(',');
}

function formatField(field: RuleField, context: FormatContext): string[] {
  const { op } = field;
  if (typeof field.value === 'string') {
    if (field.field === 'key') return field.value.split(KEY_SEPARATOR).flatMap(key => ['-F', `key=${quoteToken(key)}`]);
    return ['-F', `${field.field}${op}${quoteToken(field.value)}`];
  }
  if (field.field === 'field_compare') {
    const pair = FIELD_COMPARES[field.value];
    if (pair !== undefined) return ['-C', `${pair[0]}${op}${pair[1]}`];
  }
  return ['-F', `${field.field}${op}${formatValue(field.field, field.value, context)}`];
}

function formatValue(field: string, value: number, context: FormatContext): string {
  switch (field) {
    case 'arch':
      return formatArch(value, context.arch);
    case 'perm':
      return value > 0 && value < 16 ? permissions(value) : String(value);
    case 'msgtype': {
      const name = recordTypeName(value);
      return recordTypeNumber(name) === value && !name.startsWith('UNKNOWN') ? name : String(value | 0);
    }
    case 'exit': {
      const name = value | 0 ? errnoName(-(value | 0)) : undefined;
      return name !== undefined && -(value | 0) < FIRST_KERNEL_ERRNO ? `-${name}` : String(value | 0);
    }
    case 'fstype':
      return Object.keys(FS_TYPES).find(name => FS_TYPES[name] === value) ?? String(value | 0);
    case 'a0':
    case 'a1':
    case 'a2':
    case 'a3':
      return `0x${value.toString(16).toUpperCase()}`;
    case 'inode':
      return String(value);
    default:
      return String(value | 0);
  }
}

function formatArch(value: number, native: number): string {
  if (value === compatArch(native)) return 'b32';
  if (value === native) return 'b64';
  return archName(value) ?? `0x${value.toString(16).toUpperCase()}`;
}

function permissions(bits: number): string {
  return PERMISSIONS.map(([letter, bit]) => ((bits & bit) === 0 ? '' : letter)).join('');
}
