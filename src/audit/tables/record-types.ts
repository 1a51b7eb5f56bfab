// Audit record types as auditd writes them (`type=SYSCALL`, `type=UNKNOWN[1423]`). The commands of the netlink protocol (AUDIT_GET …)
// have no name here: they never are records. Types newer than the writing auditd are known by name too, so that a log's
// `UNKNOWN[1423]` and a live LANDLOCK_ACCESS are the same type.

import { RECORD_TYPE_NAMES } from './data/record-types.ts';
import { lazyNames } from './names.ts';

const types = lazyNames(RECORD_TYPE_NAMES);

/** Every known type with its name, by number. */
export const RECORD_TYPES: readonly (readonly [name: string, number: number])[] = types.entries();

/** The type's name; `UNKNOWN[n]` for one without. */
export function recordTypeName(type: number): string {
  return types.name(type) ?? `UNKNOWN[${type}]`;
}

/** The number of a type's name; also of `UNKNOWN[n]`. */
export function recordTypeNumber(name: string): number | undefined {
  const known = types.number(name);
  if (known !== undefined) return known;
  const unknown = /^UNKNOWN\[(\d{1,5})\]$/.exec(name);
  return unknown === null ? undefined : Number(unknown[1]);
}

export function recordTypeNames(): Iterable<string> {
  return types.names();
}
