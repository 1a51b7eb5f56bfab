// From an assembled audit event to an observation, counting what came incomplete. The same for live and replay.

import type { HostObservation } from '../core/observation.ts';
import { incompleteReasons } from './complete.ts';
import type { AuditEvent } from './event.ts';
import { type Heaviest, HeaviestWriters } from './heaviest.ts';
import { isWhoKey } from './kernel-rules/own-keys.ts';
import { KEY } from './keys.ts';
import { normalize } from './normalize/index.ts';
import { SYSCALL } from './paths.ts';

/** Whether the kernel was asked for the event for nothing but who wrote. */
function isOfWho(event: AuditEvent): boolean {
  const syscall = event.find(SYSCALL);
  const field = syscall === undefined ? -1 : event.fieldAt(syscall, KEY.key);
  return field >= 0 && isWhoKey(event.decoded(field) ?? '');
}

export class AuditObserver {
  private readonly excludedTypes: ReadonlySet<number>;
  private readonly heaviest = new HeaviestWriters();
  private incompleteCount = 0;

  /** `excludedTypes`: record types that the host's rules keep back, whose absence is no loss. */
  constructor(excludedTypes: ReadonlySet<number> = new Set()) {
    this.excludedTypes = excludedTypes;
  }

  /** Events that came without all their records. */
  get incomplete(): number {
    return this.incompleteCount;
  }

  /** Undefined where the event says nothing of its own, or only who wrote to a file, which the file's own event tells. */
  observe(event: AuditEvent, createdMs: number): HostObservation | undefined {
    const isIncomplete = incompleteReasons(event, this.excludedTypes).length > 0;
    if (isIncomplete) this.incompleteCount++;
    const observation = normalize(event, createdMs, isIncomplete);
    if (observation !== undefined && 'task' in observation && observation.task !== undefined) {
      this.heaviest.add(observation.task.uid, observation.task.exe, event.inputBytes);
    }
    const isSilent = observation?.kind === 'audit_event' || observation?.kind === 'accessed';
    return isSilent && isOfWho(event) ? undefined : observation;
  }

  /** Who wrote most since the last call. */
  takeHeaviest(): Heaviest | undefined {
    return this.heaviest.take();
  }
}
