// What kind of file a mode means. Imports nothing but other core files.

import type { FileType } from './event.ts';

const S_IFMT = 0o170000;
const TYPES: ReadonlyMap<number, FileType> = new Map([
  [0o140000, 'socket'],
  [0o120000, 'symlink'],
  [0o100000, 'file'],
  [0o060000, 'device'],
  [0o040000, 'dir'],
  [0o020000, 'device'],
  [0o010000, 'fifo'],
]);

/** `mode` as stat(2) has it. */
export const fileTypeOf = (mode: number): FileType | undefined => TYPES.get(mode & S_IFMT);
