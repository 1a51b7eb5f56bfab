// Services, the host's start and end, and changes of auditing itself.

import type { AuditRecordObservation } from '../../core/observation.ts';
import type { Draft, Facts } from './facts.ts';

type Kind = AuditRecordObservation['kind'];

const FIRST_DAEMON = 1200;
const LAST_DAEMON = 1299;

const KINDS: ReadonlyMap<number, Kind> = new Map<number, Kind>([
  [1127, 'host_booted'], // SYSTEM_BOOT
  [1128, 'host_stopping'], // SYSTEM_SHUTDOWN
  [1130, 'service_started'], // SERVICE_START
  [1131, 'service_stopped'], // SERVICE_STOP
  [1305, 'audit_config_changed'], // CONFIG_CHANGE
  [1328, 'audit_config_changed'], // FEATURE_CHANGE
]);

export function systemKind(type: number): Kind | undefined {
  return type >= FIRST_DAEMON && type <= LAST_DAEMON ? 'audit_config_changed' : KINDS.get(type);
}

export function system(facts: Facts, kind: Kind): AuditRecordObservation {
  const observation: Draft<AuditRecordObservation> = { kind, ...facts.outcomeBase() };
  const task = facts.task();
  if (task !== undefined) observation.task = task;
  const service = facts.text('unit');
  if (service !== undefined) observation.service = service;
  return observation;
}
