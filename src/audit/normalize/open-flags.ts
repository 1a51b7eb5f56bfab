// How a call opens a file.

import type { AuditEvent } from '../event.ts';
import type { Facts } from './facts.ts';

const OPENAT2 = 1337;

/** Which argument the flags are. */
const FLAGS_ARGUMENT: Readonly<Record<string, 'a1' | 'a2'>> = { open: 'a1', openat: 'a2' };

export const OPENS: readonly string[] = ['open', 'openat', 'openat2'];

/** Undefined where the records don't tell. */
export function openFlags(facts: Facts, name: string): number | undefined {
  if (Object.hasOwn(FLAGS_ARGUMENT, name)) return facts.hex32(FLAGS_ARGUMENT[name]!);
  return name === 'openat2' ? openat2Flags(facts.event) : undefined;
}

/** openat2 has its flags in memory: the kernel writes them, octal, into a record of their own (Linux 5.16). */
function openat2Flags(event: AuditEvent): number | undefined {
  const record = event.find(OPENAT2);
  if (record === undefined) return undefined;
  let flags: number | undefined;
  event.forEachField(record, (_, field) => {
    if (event.fieldName(field) === 'oflag') flags = Number.parseInt(event.raw(field), 8);
  });
  return flags === undefined || Number.isNaN(flags) ? undefined : flags;
}
