// What stands at a path, held without being opened (edge: the addon). Nothing here follows a link or waits for a FIFO.

import { closeSync } from 'node:fs';
import { native } from '../../../native/index.ts';
import { errnoName } from '../../audit/tables/errnos.ts';
import type { FileState } from '../../core/event.ts';
import { fileTypeOf } from '../../core/file-type.ts';
import { textBytes } from '../../core/text.ts';
import { type Finding, HELD_NUMBERS } from './protocol.ts';

const EINVAL = 22;
const hex = (n: number): string => n.toString(16).padStart(2, '0');

/** A descriptor that names what is there, or a negative errno: ELOOP where a directory on the way is a symbolic link. */
export function hold(path: string): number {
  const bytes = textBytes(path);
  return bytes.length === 0 || bytes.includes(0) ? -EINVAL : native().hold(bytes);
}

/** What the numbers of native/held.h say. */
export function stateOf(numbers: Float64Array): FileState {
  const [mode, high, low, , , , size, uid, gid, mtimeMs, ctimeMs] = numbers as unknown as readonly number[];
  const type = fileTypeOf(mode!);
  return {
    ...(type !== undefined && { type }),
    inode: high === 0 ? String(low) : String((BigInt(high!) << 32n) | BigInt(low!)),
    mode: mode! & 0o7777,
    owner: { id: uid! },
    group: { id: gid! },
    ...(type === 'file' && { size: size! }),
    mtimeMs: mtimeMs!,
    ctimeMs: ctimeMs!,
  };
}

export const devOf = (numbers: Float64Array): string => `${hex(numbers[3]!)}:${hex(numbers[4]!)}`;

/** What is there, without reading anything of it. */
export function glance(path: string): Pick<Finding, 'state' | 'dev'> {
  const numbers = new Float64Array(HELD_NUMBERS);
  const held = hold(path);
  if (held < 0) return {};
  try {
    return native().heldStat(held, numbers) < 0 ? {} : { state: stateOf(numbers), dev: devOf(numbers) };
  } finally {
    closeSync(held);
  }
}

/** `unreadable_EACCES` */
export const unreadable = (errno: number): string => `unreadable_${errnoName(errno) ?? errno}`;
