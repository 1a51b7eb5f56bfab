// Connections of a live run: joins what audit tells of calls with what packets tell of connections, and finds an owner for those that
// no call was told of.

import type { HostEvent, NetworkEvent } from './core/event.ts';
import type { LiveRun } from './live-run.ts';
import type { HostAddresses } from './pcap/addresses.ts';
import type { LocalAddresses } from './pcap/direction.ts';
import type { Ends } from './pcap/ends.ts';
import type { Flow } from './pcap/flow.ts';
import type { FlowNews } from './pcap/flows.ts';
import { endKey, targetOf } from './pcap/join/complete.ts';
import { flowObservation } from './pcap/join/flow-observation.ts';
import { isJoinable, Joiner, type Side } from './pcap/join/joiner.ts';
import { Sockets } from './pcap/sockets/sockets.ts';
import { TcpTrace } from './pcap/trace/source.ts';
import { threadGroup } from './proc/procfs.ts';

const POKE_MS = 50;
/** Audit tells of a call when it ends, and a little later. */
const WITNESSED_MS = 2_000;
const WITNESSED_MAX = 16_384;
/** Connections without a call that are told in a second; a sweep over all ports of a host shows itself with fewer. */
const ALONE_MAX = 1_000;

interface Witnessed {
  readonly pid: number;
  readonly ends: Ends;
  readonly untilMs: number;
}

export interface LiveJoinsOptions {
  readonly run: LiveRun;
  readonly auditReadUpToMs: () => number;
  readonly packetsReadUpToMs: () => number;
  readonly addresses: HostAddresses;
  /** Whether the kernel's tracepoint may be asked who opened a connection. */
  readonly trace: boolean;
  /** Whether packets of all interfaces are read, and none of this connection is left out. */
  readonly sees: (event: NetworkEvent) => boolean;
}

export class LiveJoins {
  private readonly options: LiveJoinsOptions;
  private readonly joiner: Joiner;
  private readonly sockets = new Sockets();
  private readonly trace: TcpTrace | undefined;
  /** What the kernel said of calls that audit hasn't told of yet. */
  private witnessed: Witnessed[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private told = 0;
  private untold = 0;
  private sinceMs = 0;

  constructor(options: LiveJoinsOptions) {
    this.options = options;
    this.trace = options.trace ? this.openTrace() : undefined;
    this.joiner = new Joiner({
      release: (event, owner) => {
        options.run.recorder?.joined(event, owner);
        options.run.pass(event);
      },
      alone: (flow, side) => this.alone(flow, side),
      isOurs: (flow, side) => this.isOurs(flow, side),
      isVisible: event => this.isVisible(event),
    });
    options.run.recorder?.holding(true);
    options.run.setHold(event => this.hold(event));
  }

  flow(news: FlowNews, flow: Flow, timeMs: number): void {
    const isKnock = flow.transport === 'tcp' && !this.isOurs(flow, 'source') && this.isOurs(flow, 'destination');
    if (isKnock && flow.fate !== 'answered') {
      // No call will be told of it; a flood of them has to cost little.
      if (news === 'refused') this.alone(flow, 'destination');
      return;
    }
    if (news === 'opened' || (news === 'answered' && isKnock)) this.joiner.opened(flow);
    if (news === 'answered' || news === 'refused' || (news === 'opened' && flow.fate !== 'pending')) {
      this.joiner.decided(flow, timeMs);
    }
    if (news === 'translated') this.joiner.translated(flow);
    this.poke();
  }

  /** Once a second. */
  tick(nowMs: number): void {
    const { untold } = this;
    if (untold > 0) {
      const { run } = this.options;
      const loss = { source: 'pcap', reason: 'flows', count: untold, unit: 'events', upperBound: false } as const;
      run.sayLoss({ ...loss, fromMs: this.sinceMs, toMs: nowMs });
    }
    this.sockets.tick();
    this.told = this.untold = 0;
    this.sinceMs = nowMs;
  }

  stop(): void {
    this.witness();
    this.joiner.end();
    this.trace?.close();
    this.sockets.close();
    clearTimeout(this.timer);
    this.options.run.setHold(undefined);
    this.options.run.recorder?.holding(false);
  }

  counters() {
    return {
      ...this.joiner.counters,
      sockets: { ...this.sockets.counters },
      ...(this.trace !== undefined && { trace: this.trace.counters() }),
    };
  }

  private hold(event: HostEvent): boolean {
    const isHeld = this.joiner.hold(event);
    if (isHeld) this.poke();
    else if (isJoinable(event)) this.options.run.recorder?.joined(event);
    return isHeld;
  }

  private poke(): void {
    if (this.timer !== undefined) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      const { run, auditReadUpToMs, packetsReadUpToMs } = this.options;
      this.witness();
      this.joiner.advance({ auditMs: auditReadUpToMs(), packetsMs: packetsReadUpToMs() });
      run.pump();
      if (this.joiner.isHolding) this.poke();
    }, POKE_MS);
  }

  private openTrace(): TcpTrace | undefined {
    const trace = TcpTrace.open();
    if (trace instanceof TcpTrace) return trace;
    this.options.run.log.debug(`connections: who opened them is told by audit alone: ${trace}`);
    return undefined;
  }

  /** What the tracepoint knows, before it's decided without it. */
  private witness(): void {
    const { joiner, trace } = this;
    if (trace === undefined) return;
    const nowMs = Date.now();
    const waiting = this.witnessed.filter(({ untilMs }) => untilMs > nowMs);
    trace.drain(({ tid, ends }) => {
      const pid = joiner.knows(tid) ? tid : (threadGroup(tid) ?? tid);
      if (waiting.length < WITNESSED_MAX) waiting.push({ pid, ends, untilMs: nowMs + WITNESSED_MS });
    });
    this.witnessed = waiting.filter(({ pid, ends }) => !joiner.witnessed(pid, ends));
  }

  private isOurs({ ends }: Flow, side: Side): boolean {
    return this.addresses().has(side === 'source' ? ends.sourceKey : ends.destinationKey);
  }

  private alone(flow: Flow, side: Side): void {
    // A SYN that this host didn't answer made no connection.
    if (side === 'destination' && flow.transport === 'tcp' && flow.fate === 'pending') return;
    if (this.told >= ALONE_MAX) {
      this.untold++;
      return;
    }
    this.told++;
    this.askOwner(flow, side, pid => {
      const { run } = this.options;
      const observation = flowObservation(flow, side, Date.now(), pid);
      run.recorder?.flow(observation);
      run.pipeline(observation);
      this.poke();
    });
  }

  /** Who holds the socket at that end, where the kernel knows it: in the namespace that has the address. */
  private askOwner(flow: Flow, side: Side, tell: (pid: number | undefined) => void): void {
    const { ends, translated, interfaceIndex } = flow;
    const isSocket = (translated === undefined ? [ends] : [translated, ends]).some(some => {
      const pid = this.options.addresses.pidAt(side === 'source' ? some.sourceKey : some.destinationKey);
      return this.sockets.ask(some, side, { pid, interfaceIndex }, owners => tell(owners?.first.pid));
    });
    if (!isSocket) tell(undefined);
  }

  private addresses(): LocalAddresses {
    return this.options.addresses.now(Date.now());
  }

  /** Packets of other network namespaces aren't seen, and those to addresses of this host may be translated on their way. */
  private isVisible(event: NetworkEvent): boolean {
    const { destination, process } = event;
    if (
      !this.options.sees(event) ||
      process === undefined ||
      destination?.ip === undefined ||
      endKey(destination) === undefined
    ) {
      return false;
    }
    const { image } = process;
    const isElsewhere = [image, ...process.ancestors.slice(0, 1)].some(
      ({ pid }) => !this.options.addresses.mayBeHere(pid),
    );
    return (
      image.container === undefined &&
      image.foreignRoot !== true &&
      !isElsewhere &&
      !this.addresses().hasText(targetOf(destination.ip))
    );
  }
}
