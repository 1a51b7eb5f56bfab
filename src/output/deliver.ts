// The last stage: an event and its alerts become lines.

import type { AnyEvent } from '../core/event.ts';
import type { Alert } from '../core/match.ts';
import type { EcsContext } from './ecs/context.ts';
import { KINDS } from './ecs/kinds.ts';
import { toLine } from './ecs/line.ts';
import type { Outputs } from './outputs.ts';

export interface DeliverCounters {
  events: number;
  alerts: number;
}

export interface Deliver {
  (event: AnyEvent, alerts: readonly Alert[]): void;
  /** Alerts of earlier events. */
  alerts(alerts: readonly Alert[]): void;
  readonly counters: DeliverCounters;
}

/** With `events` every event is a line, else only alerts and what the agent says of itself. */
export function createDeliver(outputs: Outputs, context: EcsContext, events: boolean): Deliver {
  const counters: DeliverCounters = { events: 0, alerts: 0 };
  const alert = ({ event, match }: Alert): void => {
    counters.alerts++;
    outputs.emit({ kind: 'alert', level: match.rule.level }, max => toLine(event, match, context, max));
  };
  const deliver = (event: AnyEvent, alerts: readonly Alert[]): void => {
    counters.events++;
    const own = event.module === 'agent';
    if (events || own) {
      outputs.emit({ kind: KINDS[event.kind].kind, own }, max => toLine(event, undefined, context, max));
    }
    for (const one of alerts) alert(one);
  };
  return Object.assign(deliver, { alerts: (alerts: readonly Alert[]) => alerts.forEach(alert), counters });
}
