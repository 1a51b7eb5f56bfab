// Requests to the kernel's audit subsystem (edge: netlink, needs CAP_AUDIT_CONTROL). Values in, values out; what to ask is decided by
// the source. Layout: struct audit_status of linux/audit.h.

import { native } from '../../native/index.ts';
import { errnoName } from './tables/errnos.ts';

const AUDIT_GET = 1000;
const AUDIT_SET = 1001;
const AUDIT_ADD_RULE = 1011;
const AUDIT_DEL_RULE = 1012;
const AUDIT_LIST_RULES = 1013;
const STATUS_INTS = 11;
const NOTHING = new Uint8Array(0);

export interface AuditStatus {
  /** 0 off, 1 on, 2 immutable until the next boot. */
  readonly enabled: number;
  /** What the kernel does on a lost record: 0 silent, 1 printk, 2 panic. */
  readonly failure: number;
  /** The audit daemon's pid, 0 without one. */
  readonly pid: number;
  /** Records a second, 0 without a limit. */
  readonly rateLimit: number;
  readonly backlogLimit: number;
  /** Records dropped since boot (or since it was last set to 0). */
  readonly lost: number;
  readonly backlog: number;
  /** How long a syscall waits for room in the backlog, in jiffies (kernel/audit.c: 60 * HZ by default). */
  readonly backlogWaitTime: number;
}

/** What can be set; each its place in the struct and its mask bit. */
const SETTABLE = {
  enabled: [1, 0x01],
  failure: [2, 0x02],
  pid: [3, 0x04],
  rateLimit: [4, 0x08],
  backlogLimit: [5, 0x10],
  backlogWaitTime: [9, 0x20],
} as const;

export type Settable = keyof typeof SETTABLE;

/** An answer of the kernel that isn't success. */
export class AuditError extends Error {
  readonly code: string;

  constructor(what: string, errno: number) {
    const code = errnoName(errno) ?? `errno ${errno}`;
    super(`${what}: ${code}`);
    this.code = code;
  }
}

function request(what: string, type: number, payload: Uint8Array): readonly (readonly [number, Uint8Array])[] {
  const answer = native().auditRequest(type, 0, payload);
  if (typeof answer === 'number') throw new AuditError(what, -answer);
  return answer;
}

/** Throws AuditError: EPERM without CAP_AUDIT_CONTROL or outside the initial pid namespace, EPROTONOSUPPORT without audit. */
export function getStatus(): AuditStatus {
  const reply = request('reading the audit status', AUDIT_GET, NOTHING).find(([type]) => type === AUDIT_GET);
  if (reply === undefined) throw new AuditError('reading the audit status', 71);
  const ints = Array.from({ length: STATUS_INTS }, (_, i) =>
    reply[1].length >= 4 * i + 4 ? Buffer.from(reply[1]).readUInt32LE(4 * i) : 0,
  );
  return {
    enabled: ints[1]!,
    failure: ints[2]!,
    pid: ints[3]!,
    rateLimit: ints[4]!,
    backlogLimit: ints[5]!,
    lost: ints[6]!,
    backlog: ints[7]!,
    backlogWaitTime: ints[9]!,
  };
}

/** Sets one value alone: the kernel applies a message's values one by one and stops at the first error. Throws AuditError. */
export function setStatus(name: Settable, value: number): void {
  const payload = Buffer.alloc(4 * STATUS_INTS);
  const [place, mask] = SETTABLE[name];
  payload.writeUInt32LE(mask, 0);
  payload.writeUInt32LE(value, 4 * place);
  request(`setting ${name} to ${value}`, AUDIT_SET, payload);
}

/** The kernel's rules as struct audit_rule_data. Throws AuditError. */
export function listRules(): Uint8Array[] {
  return request('listing the audit rules', AUDIT_LIST_RULES, NOTHING)
    .filter(([type]) => type === AUDIT_LIST_RULES)
    .map(([, payload]) => payload);
}

/** Throws AuditError: EEXIST where the same rule is there, EINVAL where the kernel doesn't know a field. */
export function addRule(bytes: Uint8Array): void {
  request('adding an audit rule', AUDIT_ADD_RULE, bytes);
}

/** Throws AuditError: ENOENT where there is no such rule. */
export function deleteRule(bytes: Uint8Array): void {
  request('deleting an audit rule', AUDIT_DEL_RULE, bytes);
}
