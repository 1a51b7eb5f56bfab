// Whether an event's records are all there: the exact part of the loss accounting. Pure.

import { type AuditEvent, FLAG } from './event.ts';
import { KEY } from './keys.ts';
import { syscallName } from './tables/syscalls.ts';

export type IncompleteReason =
  /** Its last record, EOE or PROCTITLE, never came. */
  | 'no_end'
  /** Parts of a syscall's event without its SYSCALL or URINGOP record; an EOE alone too. */
  | 'no_syscall'
  /** Fewer PATH records than `items`. */
  | 'paths'
  | 'argv'
  | 'no_execve'
  | 'no_cwd'
  /** A connect that went on without its address. */
  | 'no_sockaddr'
  /** More records or bytes than an event may have. */
  | 'records_dropped';

const COMPLETE: readonly IncompleteReason[] = [];
const NONE: ReadonlySet<number> = new Set();

const TYPE = {
  syscall: 1300,
  path: 1302,
  sockaddr: 1306,
  cwd: 1307,
  execve: 1309,
  eoe: 1320,
  proctitle: 1327,
  uringop: 1336,
} as const;

/**
 * Records that only ever come with a SYSCALL or URINGOP: PATH, IPC, SOCKETCALL, SOCKADDR, CWD, EXECVE, IPC_SET_PERM, MQ_*, FD_PAIR,
 * OBJ_PID, BPRM_FCAPS, CAPSET, MMAP, PROCTITLE, OPENAT2. Others (AVC, LOGIN, SECCOMP, ANOM_ABEND, …) come alone where no rule made
 * the kernel collect the syscall.
 */
const PARTS: ReadonlySet<number> = new Set([
  1302, 1303, 1304, 1306, 1307, 1309, 1311, 1312, 1313, 1314, 1315, 1317, 1318, 1321, 1322, 1323, 1327, 1337,
]);

const EINPROGRESS = -115;

/** What auditd leaves out of the logs that it writes. */
export const LOG_EXCLUDED: ReadonlySet<number> = new Set([TYPE.eoe]);

/**
 * What is missing of an event; a shared empty list where it is whole. `excluded` are the record types that the host's `exclude` rules
 * keep away, or {@link LOG_EXCLUDED}.
 */
export function incompleteReasons(
  event: AuditEvent,
  excluded: ReadonlySet<number> = NONE,
): readonly IncompleteReason[] {
  // The first part of the event was judged already: what came late isn't an event more.
  if (event.flags & FLAG.continuation) return COMPLETE;
  let syscall = -1;
  let isUring = false;
  let hasParts = event.recordCount === 0;
  let paths = 0;
  let hasExecve = false;
  let hasCwd = false;
  let hasAddress = false;
  for (let i = 0; i < event.recordCount; i++) {
    const type = event.type(i);
    if (type === TYPE.path) paths++;
    else if (type === TYPE.cwd) hasCwd = true;
    else if (type === TYPE.execve) hasExecve = true;
    else if (type === TYPE.sockaddr) hasAddress = true;
    else if (type === TYPE.syscall || type === TYPE.uringop) {
      // io_uring's operations are in the event of the syscall that submitted them, or have one of their own.
      if (syscall < 0 || isUring) {
        syscall = i;
        isUring = type === TYPE.uringop;
      }
      continue;
    }
    hasParts ||= PARTS.has(type);
  }
  let reasons: IncompleteReason[] | undefined;
  const add = (reason: IncompleteReason): void => {
    if (reasons === undefined) reasons = [reason];
    else reasons.push(reason);
  };
  if (event.flags & FLAG.recordsDropped) add('records_dropped');
  if (event.flags & FLAG.argvGap && !excluded.has(TYPE.execve)) add('argv');
  if (syscall < 0) {
    if (hasParts && !excluded.has(TYPE.syscall)) add('no_syscall');
    return reasons ?? COMPLETE;
  }
  if (!hasEnd(event, isUring, excluded)) add('no_end');
  if (isUring) return reasons ?? COMPLETE;
  const name = syscallOf(event, syscall);
  const items = numberOf(event, syscall, KEY.items) ?? 0;
  // The kernel counts the hidden parent of a message queue but doesn't show it.
  if (paths !== items && !excluded.has(TYPE.path) && name !== 'mq_open' && name !== 'mq_unlink') add('paths');
  const isSuccess = succeeded(event, syscall);
  if (name === 'execve' || name === 'execveat') {
    if (isSuccess && !hasExecve && !excluded.has(TYPE.execve)) add('no_execve');
    if (!hasCwd && items > 0 && !excluded.has(TYPE.cwd)) add('no_cwd');
  } else if (name === 'connect' && !hasAddress && !excluded.has(TYPE.sockaddr)) {
    if (isSuccess || numberOf(event, syscall, KEY.exit) === EINPROGRESS) add('no_sockaddr');
  }
  return reasons ?? COMPLETE;
}

/** io_uring's operations have no PROCTITLE. */
function hasEnd(event: AuditEvent, isUring: boolean, excluded: ReadonlySet<number>): boolean {
  if (event.flags & (FLAG.endEoe | FLAG.endProctitle)) return true;
  return excluded.has(TYPE.eoe) && (isUring || excluded.has(TYPE.proctitle));
}

function numberOf(event: AuditEvent, record: number, key: number): number | undefined {
  const field = event.fieldAt(record, key);
  return field < 0 ? undefined : event.number(field);
}

function syscallOf(event: AuditEvent, record: number): string | undefined {
  const arch = event.fieldAt(record, KEY.arch);
  const value = arch < 0 ? undefined : event.hex32(arch);
  const number = numberOf(event, record, KEY.syscall);
  return value === undefined || number === undefined ? undefined : syscallName(value, number);
}

function succeeded(event: AuditEvent, record: number): boolean {
  const field = event.fieldAt(record, KEY.success);
  return field >= 0 && event.firstByte(field) === 0x79;
}
