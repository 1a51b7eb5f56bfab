// The names in CWD and PATH records, made absolute where the records allow it. Pure.

import type { AuditEvent } from './event.ts';
import { KEY } from './keys.ts';
import { syscallName } from './tables/syscalls.ts';

const CWD = 1307;
export const PATH = 1302;
export const SYSCALL = 1300;

/** What the kernel writes for a path that is longer than PATH_MAX. */
export const TOO_LONG = '<too_long>';

/** AT_FDCWD, in the low 32 bits of an argument. */
export const AT_FDCWD = 0xffffff9c;

/**
 * A relative name joined with a directory. `.` and empty components go; `..` stays, because what it leads to depends on symbolic
 * links.
 */
export function joinPath(directory: string, name: string): string {
  return tidyPath(name.startsWith('/') ? name : `${directory}/${name}`);
}

const UNTIDY = /\/(?=\/)|\/\.(?=\/|$)/;
const UNTIDY_ALL = /\/(?=\/)|\/\.(?=\/|$)/g;

/** Takes empty and `.` components out of an absolute path. */
function tidyPath(path: string): string {
  // Every event has paths, and nearly all are tidy.
  if (!path.includes('//') && !path.includes('/.')) return path;
  if (!UNTIDY.test(path)) return path;
  return path.replace(UNTIDY_ALL, '') || '/';
}

/** The working directory of the event; undefined where its record is missing or too long. */
export function eventCwd(event: AuditEvent): string | undefined {
  const record = event.find(CWD);
  if (record === undefined) return undefined;
  const field = event.fieldAt(record, KEY.cwd);
  if (field < 0) return undefined;
  const cwd = event.decoded(field);
  return cwd === TOO_LONG ? undefined : cwd;
}

/** A PATH record's `name` as the record has it; undefined where there is none or it was too long. */
export function pathName(event: AuditEvent, record: number): string | undefined {
  const field = event.fieldAt(record, KEY.name);
  if (field < 0) return undefined;
  const name = event.decoded(field);
  return name === TOO_LONG || name === '' ? undefined : name;
}

/** Which arguments of a syscall name directories, in the order of its paths. */
const DIRFD_ARGUMENTS: Readonly<Record<string, readonly number[]>> = {
  execveat: [0],
  faccessat: [0],
  faccessat2: [0],
  fchmodat: [0],
  fchmodat2: [0],
  fchownat: [0],
  fspick: [0],
  fstatat64: [0],
  futimesat: [0],
  getxattrat: [0],
  linkat: [0, 2],
  listxattrat: [0],
  mkdirat: [0],
  mknodat: [0],
  mount_setattr: [0],
  move_mount: [0, 2],
  name_to_handle_at: [0],
  newfstatat: [0],
  open_tree: [0],
  openat: [0],
  openat2: [0],
  readlinkat: [0],
  removexattrat: [0],
  renameat: [0, 2],
  renameat2: [0, 2],
  setxattrat: [0],
  statx: [0],
  symlinkat: [1],
  unlinkat: [0],
  utimensat: [0],
  utimensat_time64: [0],
};

/** Syscalls whose names are relative to something that their SYSCALL record doesn't show: another descriptor, or the queue file system. */
const ELSEWHERE = new Set(['fanotify_mark', 'fsconfig', 'io_uring_enter', 'mq_open', 'mq_unlink']);

const ARGUMENT_KEYS = [KEY.a0, KEY.a1, KEY.a2, KEY.a3] as const;

/** Whether relative names in the event's PATH records stand for paths below CWD: every directory that the syscall names is AT_FDCWD. */
function isRelativeToCwd(event: AuditEvent): boolean {
  const record = event.find(SYSCALL);
  // io_uring's operations and the remains of an event don't tell.
  if (record === undefined) return false;
  const arch = event.fieldAt(record, KEY.arch);
  const nr = event.fieldAt(record, KEY.syscall);
  const archValue = arch < 0 ? undefined : event.hex32(arch);
  const number = nr < 0 ? undefined : event.number(nr);
  if (archValue === undefined || number === undefined) return false;
  const name = syscallName(archValue, number);
  if (name === undefined || ELSEWHERE.has(name)) return false;
  if (!Object.hasOwn(DIRFD_ARGUMENTS, name)) return true;
  for (const argument of DIRFD_ARGUMENTS[name]!) {
    const field = event.fieldAt(record, ARGUMENT_KEYS[argument]!);
    if (field < 0 || event.hex32(field) !== AT_FDCWD) return false;
  }
  return true;
}

/**
 * A PATH record's `name` made absolute; undefined where the records don't tell where it is. Of a call with a directory's descriptor
 * the kernel writes CWD for the parent of a name without `/`, although that isn't where it is.
 */
export function absoluteName(event: AuditEvent, record: number): string | undefined {
  const name = pathName(event, record);
  if (name === undefined) return undefined;
  if (name.startsWith('/')) {
    if (isParent(event, record) && name === eventCwd(event) && !isRelativeToCwd(event)) return undefined;
    return tidyPath(name);
  }
  // An exec's later paths are the interpreter of a script, which is relative to CWD whatever descriptor the script was named by.
  const item = event.fieldAt(record, KEY.item);
  const isInterpreter = event.argc >= 0 && item >= 0 && event.number(item) !== 0;
  if (!isInterpreter && !isRelativeToCwd(event)) return undefined;
  const cwd = eventCwd(event);
  return cwd === undefined ? undefined : joinPath(cwd, name);
}

function isParent(event: AuditEvent, record: number): boolean {
  const field = event.fieldAt(record, KEY.nametype);
  return field >= 0 && event.raw(field) === 'PARENT';
}

/** A PATH record's `name` where {@link absoluteName} can't tell where that is. */
export function unplacedName(event: AuditEvent, record: number): string | undefined {
  const name = pathName(event, record);
  return name === undefined || name.startsWith('/') || absoluteName(event, record) !== undefined ? undefined : name;
}
