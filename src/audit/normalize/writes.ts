// What a call changed in the file system, as its PATH records name it: for whoever knows of a change but not of who made it. Only what
// `-p wa` brings: not utimensat, ftruncate or fallocate, nor what is written through a mapping or a descriptor that was open before.

import type { TaskFacts } from '../../core/observation.ts';
import type { AuditEvent } from '../event.ts';
import { KEY, type Key } from '../keys.ts';
import { absoluteName, PATH, pathName, SYSCALL } from '../paths.ts';
import { syscallName } from '../tables/syscalls.ts';
import { Facts } from './facts.ts';
import { OPENS, openFlags } from './open-flags.ts';

/** `opened`: to be written. `renamed`: to this name, `moved`: from it. `attributes`: mode, owner, extended attributes. */
export type WriteKind = 'created' | 'opened' | 'renamed' | 'moved' | 'linked' | 'attributes' | 'deleted';

export interface FileWrite {
  readonly kind: WriteKind;
  /** Absolute, where the records tell where the name is. */
  readonly path?: string;
  /** The last part of its name. */
  readonly name?: string;
  readonly inode?: string;
  /** `major:minor` in hex. */
  readonly dev?: string;
}

export interface FileWrites {
  readonly timeMs: number;
  readonly task: TaskFacts;
  readonly writes: readonly FileWrite[];
}

/** What is done to a file that was there before, by the call. */
const KINDS: ReadonlyMap<string, WriteKind> = new Map<string, WriteKind>([
  ...[...OPENS, 'creat', 'truncate', 'truncate64'].map(name => [name, 'opened'] as const),
  ...'mkdir mkdirat mknod mknodat symlink symlinkat bind'.split(' ').map(name => [name, 'created'] as const),
  ...'rename renameat renameat2'.split(' ').map(name => [name, 'renamed'] as const),
  ...'link linkat'.split(' ').map(name => [name, 'linked'] as const),
  ...'unlink unlinkat rmdir'.split(' ').map(name => [name, 'deleted'] as const),
  ...(
    'chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat chown32 fchown32 lchown32 setxattr lsetxattr fsetxattr ' +
    'setxattrat removexattr lremovexattr fremovexattr removexattrat'
  )
    .split(' ')
    .map(name => [name, 'attributes'] as const),
]);
/** O_WRONLY, O_RDWR, O_CREAT, O_TRUNC. */
const WRITE_FLAGS = 0o1 | 0o2 | 0o100 | 0o1000;

/** Undefined where nothing was changed, or where nobody is named. */
export function writesOf(event: AuditEvent): FileWrites | undefined {
  const syscall = event.find(SYSCALL);
  if (syscall === undefined || event.find(PATH) === undefined) return undefined;
  const arch = event.fieldAt(syscall, KEY.arch);
  const number = event.fieldAt(syscall, KEY.syscall);
  const archValue = arch < 0 ? undefined : event.hex32(arch);
  const nr = number < 0 ? undefined : event.number(number);
  const name = archValue === undefined || nr === undefined ? undefined : syscallName(archValue, nr);
  const kind = name === undefined ? undefined : KINDS.get(name);
  if (kind === undefined) return undefined;
  const facts = new Facts(event, 0, syscall, false);
  if (facts.success() !== true) return undefined;
  const flags = openFlags(facts, name!);
  if (flags !== undefined && (flags & WRITE_FLAGS) === 0) return undefined;
  const task = facts.task();
  if (task === undefined) return undefined;
  const writes: FileWrite[] = [];
  for (let i = 0; i < event.recordCount; i++) {
    if (event.type(i) !== PATH) continue;
    const nametype = text(event, i, 'nametype');
    // Of a file that gets another name the inode alone changes.
    if (nametype === 'NORMAL') writes.push(writeOf(event, i, kind === 'linked' ? 'attributes' : kind));
    else if (nametype === 'DELETE') writes.push(writeOf(event, i, kind === 'renamed' ? 'moved' : kind));
    else if (nametype === 'CREATE') writes.push(writeOf(event, i, kind === 'opened' ? 'created' : kind));
  }
  return writes.length === 0 ? undefined : { timeMs: event.timeMs, task, writes };
}

function writeOf(event: AuditEvent, record: number, kind: WriteKind): FileWrite {
  const path = withoutSlash(absoluteName(event, record));
  const name = withoutSlash(pathName(event, record));
  const inode = text(event, record, 'inode');
  const dev = text(event, record, 'dev');
  const last = name?.slice(name.lastIndexOf('/') + 1);
  return {
    kind,
    ...(path !== undefined && { path }),
    ...(last !== undefined && last !== '' && { name: last }),
    ...(inode !== undefined && { inode }),
    ...(dev !== undefined && { dev }),
  };
}

/** mkdir takes a name with a slash at its end. */
const withoutSlash = (path: string | undefined): string | undefined =>
  path?.endsWith('/') && path !== '/' ? path.replace(/\/+$/, '') : path;

function text(event: AuditEvent, record: number, key: Key): string | undefined {
  const field = event.fieldAt(record, KEY[key]);
  return field < 0 ? undefined : event.text(field);
}
