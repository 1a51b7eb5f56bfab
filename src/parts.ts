// The stages that a live run and a replay have in common, built once from what differs: facts, outputs, rules.

import type { AnyEvent } from './core/event.ts';
import type { Match } from './core/match.ts';
import { createDeliver, type DeliverCounters } from './output/deliver.ts';
import { type EcsOptions, ecsContext } from './output/ecs/context.ts';
import { LossWindows } from './output/ecs/loss-windows.ts';
import type { Outputs } from './output/outputs.ts';
import { createPipeline, type Pipeline } from './pipeline.ts';
import { enrich } from './proc/enrich.ts';
import type { HostFacts } from './proc/facts.ts';
import { ProcessTable } from './proc/table.ts';
import type { Ruleset } from './rules/ruleset.ts';

export interface PartsOptions {
  readonly facts: HostFacts;
  readonly cacheEntries: number;
  readonly outputs: Outputs;
  readonly ecs: Omit<EcsOptions, 'overlappingLoss'>;
  /** Every event is a line, not only alerts. */
  readonly events: boolean;
  readonly ruleset: Ruleset;
  /** Sees every event with its matches, before it is written. */
  readonly watch?: (event: AnyEvent, matches: readonly Match[]) => void;
}

export interface Parts {
  readonly pipeline: Pipeline;
  readonly table: ProcessTable;
  readonly counters: DeliverCounters;
  /** The rules that judge from now on. */
  setRuleset(ruleset: Ruleset): void;
}

export function createParts(options: PartsOptions): Parts {
  const windows = new LossWindows();
  const context = ecsContext({ ...options.ecs, overlappingLoss: timeMs => windows.overlapping(timeMs) });
  const write = createDeliver(options.outputs, context, options.events);
  const table = new ProcessTable(options.facts, { capacity: options.cacheEntries });
  const { watch } = options;
  let { ruleset } = options;
  return {
    table,
    counters: write.counters,
    pipeline: createPipeline({
      enrich: observation => enrich(observation, table),
      evaluate: event => ruleset.evaluate(event),
      deliver: (event, matches) => {
        if (event.kind === 'loss') windows.add(event.loss);
        watch?.(event, matches);
        write(event, matches);
      },
    }),
    setRuleset: next => {
      ruleset = next;
    },
  };
}
