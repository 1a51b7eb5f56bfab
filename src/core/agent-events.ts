// What the agent says of itself, as events. Pure: time is given.

import type { AgentEvent, HeartbeatEvent, LossEvent } from './event.ts';

export class AgentVoice {
  private readonly startedMs: number;
  private spoken = 0;

  /** `startedMs` is part of every stamp, so that two runs of an agent never say the same. */
  constructor(startedMs: number) {
    this.startedMs = startedMs;
  }

  say(
    kind: AgentEvent['kind'],
    nowMs: number,
    message: string,
    details?: Readonly<Record<string, unknown>>,
  ): AgentEvent {
    return { kind, ...this.base(nowMs), message, ...(details !== undefined && { details }) };
  }

  loss(nowMs: number, loss: LossEvent['loss']): LossEvent {
    return { kind: 'loss', ...this.base(nowMs), message: lossMessage(loss), loss };
  }

  heartbeat(nowMs: number, counters: Readonly<Record<string, unknown>>): HeartbeatEvent {
    return { kind: 'heartbeat', ...this.base(nowMs), counters };
  }

  private base(nowMs: number) {
    return {
      module: 'agent' as const,
      timeMs: nowMs,
      createdMs: nowMs,
      stamp: `${this.startedMs}/${this.spoken++}`,
      ordinal: 0,
      warnings: [],
    };
  }
}

const REASONS: Readonly<Record<string, string>> = {
  socket: 'lost in the socket (missing serial numbers)',
  incomplete: 'came without all their records',
  kernel_backlog: 'dropped by the kernel before they had a number (its backlog was full)',
  ring: 'dropped because the agent was too slow to take them',
  assembler: 'dropped because one event had more than its bounds',
  malformed: 'came without a stamp',
  log_behind: 'skipped because they were written faster than they are read',
  journal: 'gone from the journal before they were read',
  unreadable: 'of the journal could not be read',
  output: 'dropped because an output was too slow or failing',
};

function lossMessage(loss: LossEvent['loss']): string {
  const seconds = Math.max(0, (loss.toMs - loss.fromMs) / 1000).toFixed(1);
  const unit = loss.count === 1 ? loss.unit.slice(0, -1) : loss.unit;
  const bound = loss.upperBound ? 'at most ' : '';
  return `${bound}${loss.count} ${unit} ${REASONS[loss.reason] ?? loss.reason}, within ${seconds} s`;
}
