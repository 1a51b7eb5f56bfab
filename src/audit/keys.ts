// The field names that the native assembler gives an index of their own (a number instead of a name in a batch), and how the
// kernel writes their values. Order is arbitrary; an index is only valid within one run.

export const KEYS = [
  'arch',
  'syscall',
  'success',
  'exit',
  'a0',
  'a1',
  'a2',
  'a3',
  'items',
  'ppid',
  'pid',
  'auid',
  'uid',
  'gid',
  'euid',
  'suid',
  'fsuid',
  'egid',
  'sgid',
  'fsgid',
  'tty',
  'ses',
  'comm',
  'exe',
  'subj',
  'key',
  'argc',
  'cwd',
  'item',
  'name',
  'inode',
  'dev',
  'mode',
  'ouid',
  'ogid',
  'rdev',
  'nametype',
  'proctitle',
  'saddr',
  'op',
  'acct',
  'id',
  'hostname',
  'addr',
  'terminal',
  'res',
  'result',
  'cmd',
  'unit',
  'uring_op',
  'sig',
  'data',
] as const; // prettier-ignore

export type Key = (typeof KEYS)[number];

const indexes = new Map<string, number>(KEYS.map((name, index) => [name, index]));

/** The index of a key; for a name that isn't one, undefined. */
export function keyIndex(name: string): number | undefined {
  return indexes.get(name);
}

/** Indexes by name, for code that switches on them. */
export const KEY: Readonly<Record<Key, number>> = Object.fromEntries(indexes) as Record<Key, number>;

/**
 * Fields that audit_log_untrustedstring() or audit_log_n_hex() write (kernel/audit.c, and audit_encode_nv_string(3) in user space): quoted when harmless, else hex digits
 * without quotes. `a0`… of EXECVE are handled by the assembler; elsewhere they are numbers.
 */
const ENCODED = new Set([
  'acct',
  'cmd',
  'comm',
  'cwd',
  'data',
  'device',
  'dir',
  'exe',
  'file',
  'invalid_context',
  'key',
  'name',
  'new-disk',
  'ocomm',
  'old-disk',
  'path',
  'proctitle',
  'vm',
  'watch',
  'sw',
  'grp',
  'new_group',
  'old_group',
  // AppArmor
  'label',
  'peer',
  'profile',
  'srcname',
  'target',
  'root_dir',
]); // prettier-ignore

export function isEncoded(name: string): boolean {
  return ENCODED.has(name);
}
