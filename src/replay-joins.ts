// Captures beside an audit log: the connections in them joined with the calls, as a live run would. Which addresses were the host's
// isn't known.

import type { Parts } from './parts.ts';
import type { Flow } from './pcap/flow.ts';
import { flowObservation } from './pcap/join/flow-observation.ts';
import { Joiner } from './pcap/join/joiner.ts';
import type { CapturedFlow } from './replay-capture.ts';

const ADVANCE_MS = 50;
const PRIVATE = /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|127\.|169\.254\.|f[cd]|fe[89ab]|::1$)/;

export class ReplayJoins {
  private readonly parts: Parts;
  private readonly joiner: Joiner;
  /** Told at one of their ends: the other one isn't another event. */
  private readonly told = new WeakSet<Flow>();
  private isAlone = false;
  private advancedMs = 0;

  constructor(parts: Parts) {
    this.parts = parts;
    this.joiner = new Joiner({
      release: event => parts.pass(event),
      alone: flow => this.alone(flow),
      isOurs: () => true,
      isVisible: () => false,
    });
    parts.setHold(event => this.joiner.hold(event));
  }

  flow({ news, flow, timeMs }: CapturedFlow): void {
    if (news === 'opened') this.joiner.opened(flow);
    if (news === 'translated') this.joiner.translated(flow);
    if (flow.fate === 'answered' || flow.fate === 'refused') this.joiner.decided(flow, timeMs);
    if (this.isAlone && Math.abs(timeMs - this.advancedMs) >= ADVANCE_MS) this.advance(timeMs);
  }

  /** Audit was read up to this time, and captures as far. */
  advance(timeMs: number): void {
    this.advancedMs = timeMs;
    if (this.joiner.isHolding) this.joiner.advance({ auditMs: timeMs, packetsMs: timeMs });
  }

  /** The audit log has ended, or there is none: captures go on by themselves. */
  withoutAudit(): void {
    this.isAlone = true;
  }

  end(): void {
    this.joiner.end();
    this.parts.setHold(undefined);
  }

  private alone(flow: Flow): void {
    if (this.told.has(flow)) return;
    this.told.add(flow);
    const { source, destination } = flow.ends;
    const isIncoming = !PRIVATE.test(source.ip) && PRIVATE.test(destination.ip);
    this.parts.pipeline(flowObservation(flow, isIncoming ? 'destination' : 'source', flow.openedMs));
  }
}
