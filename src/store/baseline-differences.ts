// What differs between a file as it was known and as it is. Pure.

import { type FileState, HASH_ALGORITHMS } from '../core/event.ts';
import type { Seen } from '../fsnotify/pending.ts';

export const FILE_FIELDS = [
  ...(['type', 'content', 'target', 'mode', 'owner', 'group'] as const),
  ...(['capabilities', 'size', 'inode', 'mtime', 'ctime'] as const),
] as const;
/** `content`: by its hashes. */
export type FileField = (typeof FILE_FIELDS)[number];

/** Times are read in several ways, which round differently. */
const isOtherTime = (a: number | undefined, b: number | undefined): boolean =>
  a !== undefined && b !== undefined && Math.abs(a - b) >= 1;

/** What isn't known of one of them doesn't differ. */
const isOther = <T>(a: T | undefined, b: T | undefined): boolean => a !== undefined && b !== undefined && a !== b;

/** Whether the content is the same; undefined where no hash says so. */
function sameContent(before: FileState, after: FileState): boolean | undefined {
  const common = HASH_ALGORITHMS.filter(a => before.hashes?.[a] !== undefined && after.hashes?.[a] !== undefined);
  return common.length === 0 ? undefined : common.every(a => before.hashes?.[a] === after.hashes?.[a]);
}

/** Of a directory or a pipe size and times tell of its use, not of itself. */
const hasOwnTimes = ({ type }: FileState): boolean => type === 'file' || type === 'symlink';

export function differences(before: FileState, after: FileState): FileField[] {
  const isOf = hasOwnTimes(before) && hasOwnTimes(after);
  const differs: Readonly<Record<FileField, boolean>> = {
    type: isOther(before.type, after.type),
    content: sameContent(before, after) === false,
    target: isOther(before.target, after.target),
    mode: isOther(before.mode, after.mode),
    owner: isOther(before.owner?.id, after.owner?.id),
    group: isOther(before.group?.id, after.group?.id),
    // Absent is none.
    capabilities: before.capabilities !== after.capabilities,
    size: isOf && isOther(before.size, after.size),
    inode: isOther(before.inode, after.inode),
    mtime: isOf && isOtherTime(before.mtimeMs, after.mtimeMs),
    ctime: isOf && isOtherTime(before.ctimeMs, after.ctimeMs),
  };
  return FILE_FIELDS.filter(field => differs[field]);
}

/** What a change is called of which only before and after are known. */
export function kindOfDifference(before: FileState, after: FileState): 'modified' | 'attributes_modified' {
  const fields = differences(before, after);
  if (fields.some(field => field === 'type' || field === 'content' || field === 'target')) return 'modified';
  const isUnknown = after.type === 'file' && sameContent(before, after) === undefined;
  const isWritten = fields.some(field => field === 'size' || field === 'mtime' || field === 'inode');
  return isUnknown && isWritten ? 'modified' : 'attributes_modified';
}

/** Whether a look says that nothing was done to it: whatever is changes its ctime. */
export function isUntouched(seen: Seen, known: FileState): boolean {
  return (
    known.inode !== undefined &&
    Number(known.inode) === seen.inode &&
    known.mode === (seen.mode & 0o7777) &&
    known.mtimeMs !== undefined &&
    !isOtherTime(known.mtimeMs, seen.mtimeMs) &&
    known.ctimeMs !== undefined &&
    !isOtherTime(known.ctimeMs, seen.ctimeMs)
  );
}

export const isSame = (a: FileState | undefined, b: FileState | undefined): boolean =>
  a === undefined || b === undefined ? a === b : differences(a, b).length === 0;
