// From an assembled audit event to an observation: finds the record that says what happened and gives it to its family. An event
// of which no family makes anything is an `audit_event`: rules see its records all the same.

import type { AuditRecordObservation, HostObservation } from '../../core/observation.ts';
import { incompleteReasons } from '../complete.ts';
import type { AuditEvent } from '../event.ts';
import { KEY } from '../keys.ts';
import { PATH, SYSCALL, unplacedName } from '../paths.ts';
import { ioUringOpName } from '../tables/io-uring.ts';
import { syscallName } from '../tables/syscalls.ts';
import { access } from './access.ts';
import { account, isAccountRecord } from './accounts.ts';
import { anomaly, isAnomaly } from './anomaly.ts';
import { exec } from './exec.ts';
import { exit } from './exit.ts';
import { type Draft, Facts } from './facts.ts';
import { ioUring, network } from './network.ts';
import { OPENS } from './open-flags.ts';
import { roots } from './roots.ts';
import { system, systemKind } from './system.ts';

const URINGOP = 1336;

type Family = (facts: Facts, name: string) => HostObservation | undefined;

/** By syscall name. What isn't here has no kind of its own. */
const FAMILIES: ReadonlyMap<string, Family> = new Map<string, Family>([
  ['execve', facts => exec(facts, false)],
  ['execveat', facts => exec(facts, true)],
  ['exit_group', facts => exit(facts)],
  ['connect', (facts, name) => network(facts, name) ?? access(facts, name)],
  ['sendto', network],
  ['sendmsg', network],
  ['sendmmsg', network],
  ['accept', network],
  ['accept4', network],
  ['bind', network],
  ['listen', network],
  ['socketcall', network],
  ['chroot', roots],
  ['pivot_root', roots],
  ['setns', roots],
  ['unshare', roots],
  ...OPENS.map(name => [name, access] as const),
]);

/**
 * The observation of an event; undefined for one that has no record left (an EOE alone). `isIncomplete` is what
 * {@link incompleteReasons} says, for callers who have asked already or know which records the host excludes.
 */
export function normalize(
  event: AuditEvent,
  createdMs: number,
  isIncomplete = incompleteReasons(event).length > 0,
): HostObservation | undefined {
  if (event.recordCount === 0) return undefined;
  const syscall = event.find(SYSCALL);
  if (syscall !== undefined) return ofSyscall(new Facts(event, createdMs, syscall, isIncomplete));
  const uring = event.find(URINGOP);
  if (uring !== undefined) {
    const facts = new Facts(event, createdMs, uring, isIncomplete);
    return ofIoUring(facts) ?? withKind(facts, 'audit_event');
  }
  return ofRecord(event, createdMs, isIncomplete);
}

function ofSyscall(facts: Facts): HostObservation {
  const { event } = facts;
  const name = nameOf(facts);
  const family = name === undefined ? undefined : FAMILIES.get(name);
  // A failed exec or an open matters less than what is said of it; what else did happen comes before that.
  const isLater = isOpen(name) || ((name === 'execve' || name === 'execveat') && facts.success() !== true);
  if (!isLater) {
    const seen = name === 'io_uring_enter' ? ofIoUring(facts) : family?.(facts, name!);
    if (seen !== undefined) return seen;
  }
  const beside = event.recordCount > 1 ? besideSyscall(event) : undefined;
  if (beside !== undefined) return withKind(facts, beside);
  return (isLater ? family?.(facts, name!) : undefined) ?? plain(facts);
}

const isOpen = (name: string | undefined): boolean => name !== undefined && OPENS.includes(name);

/** A syscall's event of no kind of its own. */
function plain(facts: Facts): AuditRecordObservation {
  const { event } = facts;
  for (let i = 0; i < event.recordCount; i++) {
    if (event.type(i) !== PATH || unplacedName(event, i) === undefined) continue;
    facts.warn('path_relative_to_fd');
    break;
  }
  return withKind(facts, 'audit_event');
}

function nameOf(facts: Facts): string | undefined {
  const arch = facts.hex32('arch');
  const number = facts.number('syscall');
  return arch === undefined || number === undefined ? undefined : syscallName(arch, number);
}

/** The kind that another record gives to a syscall's event: auditctl's sendto is a change of auditing, a denied open is an anomaly. */
function besideSyscall(event: AuditEvent): AuditRecordObservation['kind'] | undefined {
  for (let i = 0; i < event.recordCount; i++) {
    const type = event.type(i);
    // Most records of most events are the syscall's own (PATH, CWD, SOCKADDR, EXECVE, …) or PROCTITLE.
    if (type < 1300 || type === 1305 || type > 1325) {
      const kind = isAnomaly(event, i) ? 'anomaly' : systemKind(type);
      if (kind !== undefined) return kind;
    }
  }
  return undefined;
}

function withKind(facts: Facts, kind: AuditRecordObservation['kind']): AuditRecordObservation {
  const observation: Draft<AuditRecordObservation> = { kind, ...facts.outcomeBase() };
  const task = facts.task();
  if (task !== undefined) observation.task = task;
  return observation;
}

/** Operations that io_uring did, on a worker's own or in the syscall that submitted them. */
function ofIoUring(facts: Facts): HostObservation | undefined {
  const { event } = facts;
  for (let i = 0; i < event.recordCount; i++) {
    if (event.type(i) !== URINGOP) continue;
    const field = event.fieldAt(i, KEY.uring_op);
    const operation = field < 0 ? undefined : event.number(field);
    const name = operation === undefined ? undefined : ioUringOpName(operation);
    const seen = name === undefined ? undefined : ioUring(facts, name);
    if (seen !== undefined) return seen;
  }
  return undefined;
}

function ofRecord(event: AuditEvent, createdMs: number, isIncomplete: boolean): HostObservation {
  // The first that means something; of the remains of a syscall's event none does.
  for (let i = 0; i < event.recordCount; i++) {
    const type = event.type(i);
    const kind = systemKind(type);
    if (kind !== undefined) return system(new Facts(event, createdMs, i, isIncomplete), kind);
    if (isAnomaly(event, i)) return anomaly(new Facts(event, createdMs, i, isIncomplete));
    if (isAccountRecord(type)) {
      const facts = new Facts(event, createdMs, i, isIncomplete);
      return account(facts, type) ?? withKind(facts, 'audit_event');
    }
  }
  return withKind(new Facts(event, createdMs, firstWithPid(event), isIncomplete), 'audit_event');
}

function firstWithPid(event: AuditEvent): number {
  for (let i = 0; i < event.recordCount; i++) if (event.fieldAt(i, KEY.pid) >= 0) return i;
  return 0;
}
