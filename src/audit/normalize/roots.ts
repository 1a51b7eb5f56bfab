// Syscalls that give a process another root directory or other namespaces.

import type { AuditRecordObservation } from '../../core/observation.ts';
import type { Draft, Facts } from './facts.ts';

/** CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET: what unshare may be asked for besides is no namespace. */
const NAMESPACES = 0x80 | 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000 | 0x40000000;

export function roots(facts: Facts, name: string): AuditRecordObservation | undefined {
  switch (name) {
    case 'chroot':
    case 'pivot_root':
      return make(facts, 'root_changed');
    case 'setns':
      return make(facts, 'namespace_entered');
    case 'unshare': {
      const flags = facts.hex32('a0');
      return flags === undefined || flags & NAMESPACES ? make(facts, 'namespace_entered') : undefined;
    }
    default:
      return undefined;
  }
}

function make(facts: Facts, kind: 'root_changed' | 'namespace_entered'): AuditRecordObservation {
  const task = facts.task();
  const observation: Draft<AuditRecordObservation> = { kind, ...facts.outcomeBase() };
  if (task !== undefined) observation.task = task;
  return observation;
}
