// The order of stages, and nothing else: source → normalise → enrich → evaluate → deliver.

import type { AnyEvent, HostEvent } from './core/event.ts';
import type { Match } from './core/match.ts';
import type { HostObservation, Observation } from './core/observation.ts';

export interface Stages {
  /** An observation with its process: the event. */
  readonly enrich: (observation: HostObservation) => HostEvent;
  /** The rules that match. */
  readonly evaluate: (event: HostEvent) => readonly Match[];
  /** The event and its alerts to the outputs. */
  readonly deliver: (event: AnyEvent, matches: readonly Match[]) => void;
}

const NO_MATCHES: readonly Match[] = [];

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
        stages.deliver(observation, NO_MATCHES);
        break;
      default: {
        const event = stages.enrich(observation);
        stages.deliver(event, stages.evaluate(event));
      }
    }
  };
}
