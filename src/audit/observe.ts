// From an assembled audit event to an observation, counting what came incomplete. The same for live and replay.

import type { HostObservation } from '../core/observation.ts';
import { incompleteReasons } from './complete.ts';
import type { AuditEvent } from './event.ts';
import { type Heaviest, HeaviestWriters } from './heaviest.ts';
import { normalize } from './normalize/index.ts';

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

  /** Undefined where the event says nothing of its own. */
  observe(event: AuditEvent, createdMs: number): HostObservation | undefined {
    const isIncomplete = incompleteReasons(event, this.excludedTypes).length > 0;
    if (isIncomplete) this.incompleteCount++;
    const observation = normalize(event, createdMs, isIncomplete);
    if (observation !== undefined && 'task' in observation && observation.task !== undefined) {
      this.heaviest.add(observation.task.uid, observation.task.exe, event.inputBytes);
    }
    return observation;
  }

  /** Who wrote most since the last call. */
  takeHeaviest(): Heaviest | undefined {
    return this.heaviest.take();
  }
}
