// A file's state as the columns of a row: SQLite keeps small numbers and hashes in few bytes. Pure.

import type { SQLQueryBindings } from 'bun:sqlite';
import { type FileState, type FileType, HASH_ALGORITHMS } from '../core/event.ts';
import type { Mutable } from '../core/mutable.ts';

/** Names and types, in the order of {@link columnsOf}. */
export const COLUMNS = {
  ...{ type: 'TEXT', inode: 'TEXT', mode: 'INTEGER', uid: 'INTEGER', gid: 'INTEGER', size: 'INTEGER' },
  ...{ mtime_ms: 'REAL', ctime_ms: 'REAL', target: 'TEXT', capabilities: 'TEXT' },
  ...{ sha256: 'BLOB', sha1: 'BLOB', md5: 'BLOB' },
} as const;
export const COLUMN_NAMES = Object.keys(COLUMNS);

export function columnsOf(state: FileState): SQLQueryBindings[] {
  const { type, inode, mode, owner, group, size, mtimeMs, ctimeMs, target, capabilities, hashes } = state;
  const plain = [type, inode, mode, owner?.id, group?.id, size, mtimeMs, ctimeMs, target, capabilities];
  const hashed = HASH_ALGORITHMS.map(algorithm => {
    const hex = hashes?.[algorithm];
    return hex === undefined ? undefined : Buffer.from(hex, 'hex');
  });
  return [...plain, ...hashed].map(value => value ?? null);
}

export function stateOf(columns: readonly unknown[]): FileState {
  const [type, inode, mode, uid, gid, size, mtimeMs, ctimeMs, target, capabilities, ...hashed] = columns;
  const state: Mutable<FileState> = {};
  if (type !== null) state.type = type as FileType;
  if (inode !== null) state.inode = inode as string;
  if (mode !== null) state.mode = mode as number;
  if (uid !== null) state.owner = { id: uid as number };
  if (gid !== null) state.group = { id: gid as number };
  if (size !== null) state.size = size as number;
  if (mtimeMs !== null) state.mtimeMs = mtimeMs as number;
  if (ctimeMs !== null) state.ctimeMs = ctimeMs as number;
  if (target !== null) state.target = target as string;
  if (capabilities !== null) state.capabilities = capabilities as string;
  const hashes = HASH_ALGORITHMS.flatMap((algorithm, i) => {
    const bytes = hashed[i];
    return bytes === null || bytes === undefined ? [] : [[algorithm, Buffer.from(bytes as Uint8Array).toString('hex')]];
  });
  if (hashes.length > 0) state.hashes = Object.fromEntries(hashes);
  return state;
}
