// All outputs of the agent: each line goes to those that want it. One bad output never stops the others.

import { LEVELS, type Level } from '../core/event.ts';
import { DEFAULT_MAX_LINE_BYTES } from './ecs/context.ts';
import type { EcsKind } from './ecs/kinds.ts';
import { fileSink } from './file.ts';
import type { Sink, SinkCounters, SinkEvents } from './sink.ts';
import type { OutputSpec } from './spec.ts';
import { stdoutSink } from './stdout.ts';

export interface LineMeta {
  /** event.kind of the line. */
  readonly kind: EcsKind;
  /** The rule's level, of an alert. */
  readonly level?: Level;
  /** The agent speaks of itself (loss, heartbeat, agent_stopped): may use the reserve of a full queue. */
  readonly own?: boolean;
}

interface Route {
  readonly sink: Sink;
  minRank: number;
  readonly kinds: ReadonlySet<EcsKind> | undefined;
  readonly maxLineBytes: number;
}

const RANK: Readonly<Record<Level, number>> = Object.fromEntries(LEVELS.map((level, rank) => [level, rank])) as Record<
  Level,
  number
>;

export interface OutputsOptions extends SinkEvents {
  /** Where an output has no `min_level` of its own. */
  readonly minLevel: Level;
  readonly onWarning?: (message: string) => void;
  /** The first alert that an output held back for its level: told once. */
  readonly onHeldBack?: (level: Level) => void;
}

export class Outputs {
  readonly #routes: readonly Route[];
  #toldHeldBack = false;
  readonly #onHeldBack: ((level: Level) => void) | undefined;

  constructor(
    routes: readonly { readonly sink: Sink; readonly spec: OutputSpec }[],
    options: Pick<OutputsOptions, 'minLevel' | 'onHeldBack'>,
  ) {
    this.#onHeldBack = options.onHeldBack;
    this.#routes = routes.map(({ sink, spec }) => ({
      sink,
      minRank: RANK[spec.minLevel ?? options.minLevel],
      kinds: spec.kinds === undefined ? undefined : new Set(spec.kinds),
      maxLineBytes: spec.maxLineBytes ?? DEFAULT_MAX_LINE_BYTES,
    }));
  }

  /**
   * Gives the line to every output that wants it. `render` is called only for a length that some output needs, once for each: what
   * is held back costs no rendering.
   */
  emit(meta: LineMeta, render: (maxLineBytes: number) => string): void {
    let line = '';
    let lineMax = -1;
    for (const route of this.#routes) {
      if (route.kinds !== undefined && !route.kinds.has(meta.kind)) continue;
      if (meta.level !== undefined && RANK[meta.level] < route.minRank) {
        route.sink.counters.heldBack++;
        if (!this.#toldHeldBack) {
          this.#toldHeldBack = true;
          this.#onHeldBack?.(meta.level);
        }
        continue;
      }
      if (route.sink.state === 'closed') {
        route.sink.counters.dropped++;
        continue;
      }
      if (lineMax !== route.maxLineBytes) {
        line = render(route.maxLineBytes);
        lineMax = route.maxLineBytes;
      }
      route.sink.write(line, meta.own === true);
    }
  }

  /** Other levels from now on; `specs` name the same outputs in the same order. */
  setLevels(minLevel: Level, specs: readonly OutputSpec[]): void {
    for (const [i, route] of this.#routes.entries()) route.minRank = RANK[specs[i]?.minLevel ?? minLevel];
  }

  get sinks(): readonly Sink[] {
    return this.#routes.map(route => route.sink);
  }

  /** Some queue is over half full: who can wait, waits for {@link flush}. */
  get congested(): boolean {
    return this.#routes.some(route => route.sink.congested);
  }

  /** No output is left that could take a line. */
  get allClosed(): boolean {
    return this.#routes.every(route => route.sink.state === 'closed');
  }

  /** The end of a batch of events: writes what is queued. */
  pump(): void {
    for (const route of this.#routes) route.sink.pump();
  }

  reopen(): void {
    for (const route of this.#routes) route.sink.reopen();
  }

  async flush(deadlineMs: number): Promise<boolean> {
    const done = await Promise.all(this.#routes.map(route => route.sink.flush(deadlineMs)));
    return done.every(whole => whole);
  }

  async close(deadlineMs: number): Promise<boolean> {
    const done = await Promise.all(this.#routes.map(route => route.sink.close(deadlineMs)));
    return done.every(whole => whole);
  }

  /** For the heartbeat: counters of each output. */
  counters(): (SinkCounters & { name: string; pendingBytes: number })[] {
    return this.#routes.map(({ sink }) => ({ name: sink.name, ...sink.counters, pendingBytes: sink.pendingBytes }));
  }
}

/** Opens what the specs name. Throws for a file that can't be opened: the operator learns it at the start. */
export function openOutputs(specs: readonly OutputSpec[], options: OutputsOptions): Outputs {
  const opened: { sink: Sink; spec: OutputSpec }[] = [];
  for (const spec of specs) {
    const { onDropped, onProblem, onRecovered, onClosed } = options;
    const sinkOptions = {
      ...(onDropped && { onDropped }),
      ...(onProblem && { onProblem }),
      ...(onRecovered && { onRecovered }),
      ...(onClosed && { onClosed }),
      ...(spec.queueBytes !== undefined && { queueBytes: spec.queueBytes }),
    };
    const { path, maxSizeBytes, maxAgeMs, keep } = spec;
    const sink =
      spec.type === 'stdout'
        ? stdoutSink(sinkOptions)
        : fileSink(
            {
              path: path ?? '',
              ...(maxSizeBytes !== undefined && { maxSizeBytes }),
              ...(maxAgeMs !== undefined && { maxAgeMs }),
              ...(keep !== undefined && { keep }),
              ...(options.onWarning && { onWarning: options.onWarning }),
            },
            sinkOptions,
          );
    opened.push({ sink, spec });
  }
  return new Outputs(opened, options);
}
