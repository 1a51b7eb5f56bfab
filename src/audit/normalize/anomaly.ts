// What the kernel or a security module found wrong: crashes, refused syscalls, denied accesses.

import type { AuditRecordObservation } from '../../core/observation.ts';
import type { AuditEvent } from '../event.ts';
import type { Draft, Facts } from './facts.ts';

const SECCOMP = 1326;
const AVC = 1400;

/** ANOM_* of the kernel and of user space. */
function isAnomalyType(type: number): boolean {
  return (type >= 1700 && type <= 1799) || (type >= 2100 && type <= 2199) || type === SECCOMP;
}

/** A decision of SELinux or AppArmor that isn't a denial: `auditallow`, complain mode's profile changes. */
const NO_DENIAL = /^(?:avc: {1,2}granted|apparmor="(?:STATUS|AUDIT|HINT)")/;

/** Whether record `index` tells of an anomaly. */
export function isAnomaly(event: AuditEvent, index: number): boolean {
  const type = event.type(index);
  if (type !== AVC) return isAnomalyType(type);
  return !NO_DENIAL.test(event.head(index, 32));
}

/** One without a syscall has no outcome: a crash's `res=1` is no success. */
export function anomaly(facts: Facts): AuditRecordObservation {
  const observation: Draft<AuditRecordObservation> = { kind: 'anomaly', ...facts.base() };
  const task = facts.task();
  if (task !== undefined) observation.task = task;
  return observation;
}
