// The order of stages, and nothing else: source → normalise → enrich → hold → evaluate → judge → deliver.

import type { AnyEvent, HostEvent } from './core/event.ts';
import type { Alert, Match } from './core/match.ts';
import type { HostObservation, Observation } from './core/observation.ts';

export interface Stages {
  /** An observation with its process: the event. */
  readonly enrich: (observation: HostObservation) => HostEvent;
  /** Takes events that are told later, more complete: true where it does. They come back by {@link pass}. */
  readonly hold: (event: HostEvent) => boolean;
  /** The rules that match. */
  readonly evaluate: (event: HostEvent) => readonly Match[];
  /** What the matches mean with those before them. */
  readonly judge: (event: HostEvent, matches: readonly Match[]) => readonly Alert[];
  /** The event and the alerts to the outputs. */
  readonly deliver: (event: AnyEvent, alerts: readonly Alert[]) => void;
}

const NO_ALERTS: readonly Alert[] = [];

export type Pipeline = (observation: Observation) => void;

export function createPipeline(stages: Stages): Pipeline {
  return observation => {
    switch (observation.kind) {
      // The agent's own words need no process, and no rule judges them.
      case 'agent_started':
      case 'agent_stopped':
      case 'rules_loaded':
      case 'rule_rejected':
      case 'source_down':
      case 'source_up':
      case 'loss':
      case 'heartbeat':
        stages.deliver(observation, NO_ALERTS);
        break;
      default: {
        const event = stages.enrich(observation);
        if (!stages.hold(event)) pass(stages, event);
      }
    }
  };
}

/** From evaluate on: an event that is enriched already. */
export function pass(stages: Omit<Stages, 'enrich' | 'hold'>, event: HostEvent): void {
  stages.deliver(event, stages.judge(event, stages.evaluate(event)));
}
