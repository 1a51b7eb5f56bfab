// The vocabulary of kernel audit rules: lists, actions, fields, operators, comparisons and the names of some values.
// Made by hand from linux-libc-dev 7.2.13-1, usr/include/linux/audit.h (AUDIT_FILTER_*, rule fields, operators, AUDIT_COMPARE_*,
// AUDIT_PERM_*), with the names of auditctl(8): fieldtab.h, flagtab.h, ftypetab.h and fstypetab.h of audit 3.0.9 and 4.2.1.

export const RULE_LISTS = { user: 0, task: 1, exit: 4, exclude: 5, filesystem: 6, io_uring: 7 } as const;
export type RuleList = keyof typeof RULE_LISTS;

/** AUDIT_FILTER_PREPEND, beside the list's number. */
export const PREPEND_FLAG = 0x10;

export const RULE_ACTIONS = { never: 0, possible: 1, always: 2 } as const;
export type RuleAction = keyof typeof RULE_ACTIONS;

export const OPERATORS = {
  '=': 0x40000000,
  '!=': 0x30000000,
  '>': 0x20000000,
  '>=': 0x60000000,
  '<': 0x10000000,
  '<=': 0x50000000,
  '&': 0x08000000,
  '&=': 0x48000000,
} as const;
export type Operator = keyof typeof OPERATORS;

export const NUMBER_FIELDS = {
  pid: 0,
  uid: 1,
  euid: 2,
  suid: 3,
  fsuid: 4,
  gid: 5,
  egid: 6,
  sgid: 7,
  fsgid: 8,
  auid: 9,
  pers: 10,
  arch: 11,
  msgtype: 12,
  ppid: 18,
  sessionid: 25,
  fstype: 26,
  devmajor: 100,
  devminor: 101,
  inode: 102,
  exit: 103,
  success: 104,
  perm: 106,
  filetype: 108,
  obj_uid: 109,
  obj_gid: 110,
  field_compare: 111,
  saddr_fam: 113,
  a0: 200,
  a1: 201,
  a2: 202,
  a3: 203,
} as const;

/** Fields whose value is text: in a rule's bytes the value is its length, and the text is in the buffer at the end. */
export const STRING_FIELDS = {
  subj_user: 13,
  subj_role: 14,
  subj_type: 15,
  subj_sen: 16,
  subj_clr: 17,
  obj_user: 19,
  obj_role: 20,
  obj_type: 21,
  obj_lev_low: 22,
  obj_lev_high: 23,
  path: 105,
  dir: 107,
  exe: 112,
  key: 210,
} as const;

/** `f24` is a field by its number: one that auditctl has no name for. */
export type NumberField = keyof typeof NUMBER_FIELDS | `f${number}`;
export type StringField = keyof typeof STRING_FIELDS;

export const FIELD_SYNONYMS: Readonly<Record<string, keyof typeof NUMBER_FIELDS>> = { loginuid: 'auid' };

/** By the value of a `field_compare` field: the two fields compared, in the order auditctl lists them. */
export const FIELD_COMPARES: readonly (readonly [left: string, right: string] | undefined)[] = [
  undefined,
  ['uid', 'obj_uid'],
  ['gid', 'obj_gid'],
  ['euid', 'obj_uid'],
  ['egid', 'obj_gid'],
  ['auid', 'obj_uid'],
  ['suid', 'obj_uid'],
  ['sgid', 'obj_gid'],
  ['fsuid', 'obj_uid'],
  ['fsgid', 'obj_gid'],
  ['uid', 'auid'],
  ['uid', 'euid'],
  ['uid', 'fsuid'],
  ['uid', 'suid'],
  ['auid', 'fsuid'],
  ['auid', 'suid'],
  ['auid', 'euid'],
  ['euid', 'suid'],
  ['euid', 'fsuid'],
  ['suid', 'fsuid'],
  ['gid', 'egid'],
  ['gid', 'fsgid'],
  ['gid', 'sgid'],
  ['egid', 'fsgid'],
  ['egid', 'sgid'],
  ['sgid', 'fsgid'],
];

/** Letters of `perm` in the order auditctl lists them. */
export const PERMISSIONS: readonly (readonly [letter: string, bit: number])[] = [
  ['r', 4],
  ['w', 2],
  ['x', 1],
  ['a', 8],
];

/** S_IF* by auditctl's names. */
export const FILE_TYPES: Readonly<Record<string, number>> = {
  socket: 0o140000,
  link: 0o120000,
  file: 0o100000,
  block: 0o060000,
  dir: 0o040000,
  character: 0o020000,
  fifo: 0o010000,
};

/** Magic numbers of file systems by auditctl's names. */
export const FS_TYPES: Readonly<Record<string, number>> = {
  tracefs: 0x74726163,
  debugfs: 0x64626720,
  cgroup: 0x27e0eb,
  cgroup2: 0x63677270,
};

export const MAX_FIELDS = 64;
export const MAX_KEY_BYTES = 256;
export const KEY_SEPARATOR = '\x01';
/** Words of the syscall mask. */
export const MASK_WORDS = 64;
