// The stages that a live run and a replay have in common, built once from what differs: facts, outputs, rules.

import type { AnyEvent, HostEvent, LossEvent } from './core/event.ts';
import type { Alert } from './core/match.ts';
import type { TermStore } from './core/terms.ts';
import { createDeliver, type DeliverCounters } from './output/deliver.ts';
import { type EcsOptions, ecsContext } from './output/ecs/context.ts';
import { LossWindows } from './output/ecs/loss-windows.ts';
import type { Outputs } from './output/outputs.ts';
import { NameMemory } from './pcap/dns/names.ts';
import { createPipeline, type Pipeline, pass, type Stages } from './pipeline.ts';
import { enrich } from './proc/enrich.ts';
import type { HostFacts } from './proc/facts.ts';
import { ProcessTable } from './proc/table.ts';
import type { Correlation } from './rules/ast.ts';
import { Correlator } from './rules/correlate/correlator.ts';
import { Judge } from './rules/judge.ts';
import type { Ruleset } from './rules/ruleset.ts';

const CORRELATION_BYTES = 32 * 1024 * 1024;

export interface PartsOptions {
  readonly facts: HostFacts;
  readonly cacheEntries: number;
  readonly outputs: Outputs;
  readonly ecs: Omit<EcsOptions, 'overlappingLoss'>;
  /** Every event is a line, not only alerts. */
  readonly events: boolean;
  readonly ruleset: Ruleset;
  readonly correlations: readonly Correlation[];
  /** What correlations may hold of events that they count. */
  readonly correlationBytes?: number;
  /** What `new_terms` rules remember. */
  readonly terms: TermStore;
  /** Sees every event, and every alert, before it is written. */
  readonly onEvent?: (event: AnyEvent) => void;
  readonly onAlert?: (alert: Alert) => void;
}

export interface Parts {
  readonly pipeline: Pipeline;
  /** An event that was enriched before (it was held, or written once), from evaluate on. */
  readonly pass: (event: HostEvent) => void;
  /** Who may hold events back from now on; nobody without. */
  readonly setHold: (hold: ((event: HostEvent) => boolean) | undefined) => void;
  /** A loss that was told of before: alerts of its time are less sure. */
  readonly replayLoss: (loss: LossEvent['loss']) => void;
  readonly table: ProcessTable;
  readonly judge: Judge;
  readonly counters: DeliverCounters;
  /** The rules that judge from now on; the state of those that stay the same stays. */
  setRuleset(ruleset: Ruleset, correlations: readonly Correlation[]): void;
  /** The clock, once a second: windows that end, what is old. */
  tick(nowMs: number): void;
}

export function createParts(options: PartsOptions): Parts {
  const windows = new LossWindows();
  const context = ecsContext({ ...options.ecs, overlappingLoss: timeMs => windows.overlapping(timeMs) });
  const write = createDeliver(options.outputs, context, options.events);
  const table = new ProcessTable(options.facts, { capacity: options.cacheEntries });
  const names = new NameMemory();
  const { onEvent, onAlert } = options;
  const judge = new Judge({
    terms: options.terms,
    correlator: new Correlator({ maxBytes: options.correlationBytes ?? CORRELATION_BYTES }),
  });
  let { ruleset } = options;
  let hold: ((event: HostEvent) => boolean) | undefined;
  judge.setRules(ruleset.rules, options.correlations);
  const stages: Stages = {
    enrich: observation => enrich(observation, table, names),
    hold: event => hold?.(event) === true,
    evaluate: event => ruleset.evaluate(event),
    judge: (event, matches) => judge.judge(event, matches),
    deliver: (event, alerts) => {
      if (event.kind === 'loss') windows.add(event.loss);
      onEvent?.(event);
      if (onAlert !== undefined) alerts.forEach(onAlert);
      write(event, alerts);
    },
  };
  return {
    table,
    judge,
    counters: write.counters,
    pipeline: createPipeline(stages),
    pass: event => pass(stages, event),
    setHold: next => {
      hold = next;
    },
    replayLoss: loss => windows.add(loss),
    setRuleset: (next, correlations) => {
      ruleset = next;
      judge.setRules(next.rules, correlations);
    },
    tick: nowMs => {
      for (const event of table.tick(nowMs)) pass(stages, event);
      const alerts = judge.tick(nowMs);
      if (onAlert !== undefined) alerts.forEach(onAlert);
      write.alerts(alerts);
    },
  };
}
