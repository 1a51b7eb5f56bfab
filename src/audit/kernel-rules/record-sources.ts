// Where a record type comes from: by itself, with a system call that a kernel rule names, or never to the kernel's listeners. Data.

import { recordTypeNumber } from '../tables/record-types.ts';

/** Records that the kernel adds to the event of a system call. */
const BESIDE: Readonly<Record<string, string>> = {
  KERN_MODULE: 'init_module finit_module delete_module',
  CAPSET: 'capset',
  OBJ_PID: 'kill tkill tgkill ptrace',
  FD_PAIR: 'socketpair',
  SOCKADDR: 'connect bind',
  OPENAT2: 'openat2',
  MMAP: 'mmap',
  IPC: 'msgget semget shmget msgctl semctl shmctl',
  IPC_SET_PERM: 'msgctl semctl shmctl',
  MQ_OPEN: 'mq_open',
  MQ_SENDRECV: 'mq_timedsend mq_timedreceive',
  MQ_NOTIFY: 'mq_notify',
  MQ_GETSETATTR: 'mq_getsetattr',
  TIME_INJOFFSET: 'clock_settime settimeofday',
  TIME_ADJNTPVAL: 'adjtimex clock_adjtime',
  FANOTIFY: '',
};

/** The system calls that bring records of this type; empty where it comes by itself. */
export function callsForRecord(type: string): readonly string[] {
  const names = Object.hasOwn(BESIDE, type) ? BESIDE[type]! : '';
  return names === '' ? [] : names.split(' ');
}

/** Why no such record reaches the agent by itself; undefined where it does. */
export function whyNoRecord(type: string): string | undefined {
  const number = recordTypeNumber(type);
  if (number === undefined) return `audit has no record type "${type}"`;
  // 1200–1299 are what the audit daemon writes of itself, past the kernel.
  if (number >= 1200 && number < 1300)
    return `${type} records are only in the audit daemon's own log (replay reads it)`;
  if (type === 'TTY')
    return 'TTY records come only where PAM asks for them (session required pam_tty_audit.so enable=…)';
  return undefined;
}
