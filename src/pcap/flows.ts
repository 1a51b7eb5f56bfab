// The flow table: packets in, connections out, each once. Pure: time is the packets', or what `tick` is given. Bounded: when it's
// full, what is over goes first, then what nobody answered (a SYN flood evicts itself), and only then what is established.

import { AgeQueue } from './age-queue.ts';
import { type Decoded, PROTOCOL } from './decoded.ts';
import { Ends } from './ends.ts';
import { type Fate, Flow, type FlowQueue, IDLE_MS, type InitiatorBy } from './flow.ts';
import { answeredSequence, errorFate, looksLikeAnswer, type Step, stepOf } from './steps.ts';
import { Twins } from './twins.ts';

/**
 * `opened`: its first packet. Then at most once each: `answered`, `refused`, `unreachable` (`flow.fate`); `translated`: seen behind an
 * address translation; `spoke`: the packet at hand has the first data of who began (TCP).
 */
export type FlowNews = 'opened' | 'answered' | 'refused' | 'unreachable' | 'translated' | 'spoke';
export type TellFlow = (news: FlowNews, flow: Flow) => void;

export interface FlowCounters {
  opened: number;
  translated: number;
  expired: number;
  /** Let go for want of room: what nobody had answered, and what was established. */
  evictedWaiting: number;
  evictedAnswered: number;
  /** Packets of no known flow that begin none: mid-stream, stray resets and errors. */
  stray: number;
  /** Packets without ports: later fragments, other protocols. */
  unplaced: number;
}

/** About 320 bytes each, 340 for IPv6: 21 MB when it's full. */
export const FLOW_CAPACITY = 65_536;
/** Of the room, so that new connections have theirs. */
const ANSWERED_SHARE = 0.75;
const WAITING = ['icmp', 'datagramWaiting', 'streamWaiting'] as const;
const ANSWERED = ['datagramAnswered', 'streamAnswered'] as const;
const QUEUES = Object.keys(IDLE_MS) as FlowQueue[];
const SWEEP_MS = 1_000;

export class FlowTable {
  readonly counters: FlowCounters = {
    opened: 0,
    translated: 0,
    expired: 0,
    evictedWaiting: 0,
    evictedAnswered: 0,
    stray: 0,
    unplaced: 0,
  };
  readonly #capacity: number;
  /** A translated flow has two keys. */
  readonly #flows = new Map<string, Flow>();
  readonly #queues: Record<FlowQueue, AgeQueue<Flow>>;
  readonly #twins = new Twins();
  #count = 0;
  #sweptMs = 0;

  constructor(capacity = FLOW_CAPACITY) {
    this.#capacity = capacity;
    this.#queues = Object.fromEntries(QUEUES.map(name => [name, new AgeQueue<Flow>()])) as Record<
      FlowQueue,
      AgeQueue<Flow>
    >;
  }

  get size(): number {
    return this.#count;
  }

  /** The flow of the packet, if it has one, after telling what is new of it. `interfaceIndex` is 0 where it isn't known. */
  see(packet: Decoded, timeMs: number, interfaceIndex: number, tell: TellFlow): Flow | undefined {
    this.tick(timeMs);
    if (packet.hasQuote) return this.#error(packet, timeMs, tell);
    if (!packet.hasPorts) {
      this.counters.unplaced++;
      return undefined;
    }
    const ends = Ends.of(packet);
    const step = stepOf(packet);
    const found = this.#find(ends.key, timeMs);
    const isKnown = found !== undefined && this.#continues(found, packet, ends, step, timeMs, tell);
    const flow = isKnown ? found : this.#begin(found, packet, ends, step, timeMs, interfaceIndex, tell);
    if (flow !== undefined && !flow.hasSpoken && packet.payloadLength > 0 && packet.flags >= 0)
      this.#speaks(flow, ends, tell);
    return flow;
  }

  /** Lets go of what has been idle too long. */
  tick(nowMs: number): void {
    if (Math.abs(nowMs - this.#sweptMs) < SWEEP_MS) return;
    this.#sweptMs = nowMs;
    for (const name of QUEUES) {
      const queue = this.#queues[name];
      for (let flow = queue.oldest; flow?.isStale(nowMs); flow = queue.oldest) {
        this.#remove(flow);
        this.counters.expired++;
      }
    }
  }

  #find(key: string, timeMs: number): Flow | undefined {
    const flow = this.#flows.get(key);
    if (!flow?.isStale(timeMs)) return flow;
    this.#remove(flow);
    this.counters.expired++;
    return undefined;
  }

  /** False where the packet isn't of this connection but of a new one with the same ends. */
  #continues(flow: Flow, packet: Decoded, ends: Ends, step: Step, timeMs: number, tell: TellFlow): boolean {
    const isInitiator = flow.isFromInitiator(ends);
    if (packet.protocol === PROTOCOL.udp) {
      if (!isInitiator) this.#answered(flow, tell);
    } else if (flow.transport === 'icmp') {
      if (step === 'answer') this.#answered(flow, tell);
    } else if (step === 'open') {
      // The other side's SYN with a number of its own is a connection that it opens: both do, or this one is older.
      if (!isInitiator || packet.seq !== flow.sequence) return false;
    } else if (step === 'answer') {
      if (isInitiator) return true;
      if (answeredSequence(packet) !== flow.sequence) return false;
      this.#answered(flow, tell);
    } else if (step === 'reset') {
      this.#reset(flow, packet, isInitiator, tell);
    } else if (step === 'close') {
      if (flow.closes(isInitiator)) this.#enqueue(flow, 'over');
    } else if (!isInitiator) {
      this.#answered(flow, tell);
    }
    this.#touch(flow, timeMs);
    return true;
  }

  #begin(
    replaced: Flow | undefined,
    packet: Decoded,
    ends: Ends,
    step: Step,
    timeMs: number,
    interfaceIndex: number,
    tell: TellFlow,
  ): Flow | undefined {
    const isDatagram = packet.protocol === PROTOCOL.udp;
    const isQuery = packet.protocol === PROTOCOL.icmp || packet.protocol === PROTOCOL.icmpv6;
    const isAnswer = step === 'answer' || (isDatagram && looksLikeAnswer(packet));
    if ((step !== 'open' && step !== 'answer' && !isDatagram) || (isQuery && isAnswer)) {
      this.counters.stray++;
      return undefined;
    }
    const initiatorBy: InitiatorBy = isDatagram
      ? isAnswer
        ? 'ports'
        : 'first_packet'
      : isAnswer
        ? 'answer'
        : 'request';
    const own = isAnswer ? ends.reversed() : ends;
    const sequence = isDatagram || isQuery ? 0 : isAnswer ? answeredSequence(packet) : packet.seq;
    if (replaced !== undefined) this.#remove(replaced);
    const twin = this.#twins.find(packet, own, sequence, timeMs, interfaceIndex);
    if (twin !== undefined && this.#flows.get(twin.ends.key) === twin) {
      twin.translated = own;
      this.#flows.set(own.key, twin);
      this.counters.translated++;
      tell('translated', twin);
      return twin;
    }
    const flow = new Flow({
      ends: own,
      initiatorBy,
      timeMs,
      interfaceIndex,
      ttl: packet.ttl,
      ipId: packet.ipId,
      sequence,
      synBytes: step === 'open' && packet.flags >= 0 ? packet.payloadLength : 0,
      fate: isAnswer ? 'answered' : 'pending',
      icmp: isQuery ? { type: packet.type, code: packet.code } : undefined,
    });
    if (this.#count >= this.#capacity) this.#evict();
    this.#flows.set(own.key, flow);
    this.#count++;
    flow.queue = queueOf(flow);
    this.#queues[flow.queue].add(flow);
    this.#twins.remember(packet, flow);
    this.counters.opened++;
    tell('opened', flow);
    return flow;
  }

  #speaks(flow: Flow, ends: Ends, tell: TellFlow): void {
    if (!flow.isFromInitiator(ends)) return;
    flow.hasSpoken = true;
    tell('spoke', flow);
  }

  #answered(flow: Flow, tell: TellFlow): void {
    if (flow.fate === 'answered' || flow.fate === 'refused') return;
    this.#decide(flow, 'answered', tell);
  }

  /** RST: to a SYN it's an answer, if it acknowledges it. Afterwards it's the end. */
  #reset(flow: Flow, packet: Decoded, isInitiator: boolean, tell: TellFlow): void {
    if (flow.fate === 'pending' || flow.fate === 'unreachable') {
      if (isInitiator) this.#enqueue(flow, 'over');
      else if ((answeredSequence(packet) - flow.sequence) >>> 0 <= flow.synBytes) this.#decide(flow, 'refused', tell);
    } else {
      this.#enqueue(flow, 'over');
    }
  }

  #error(packet: Decoded, timeMs: number, tell: TellFlow): Flow | undefined {
    const { quoted } = packet;
    const fate = errorFate(packet);
    const ends = quoted?.hasPorts ? Ends.of(quoted) : undefined;
    const flow = ends === undefined ? undefined : this.#find(ends.key, timeMs);
    if (quoted === undefined || ends === undefined || flow === undefined) {
      this.counters.stray++;
      return undefined;
    }
    // Who makes errors up doesn't know TCP's number.
    const isOurs = flow.isFromInitiator(ends) && (flow.transport !== 'tcp' || quoted.seq === flow.sequence);
    if (fate !== undefined && isOurs && flow.fate === 'pending') {
      flow.icmp = { type: packet.type, code: packet.code };
      this.#decide(flow, fate, tell);
    }
    return flow;
  }

  #decide(flow: Flow, fate: Exclude<Fate, 'pending'>, tell: TellFlow): void {
    flow.fate = fate;
    this.#enqueue(flow, queueOf(flow));
    tell(fate, flow);
  }

  #touch(flow: Flow, timeMs: number): void {
    flow.lastMs = timeMs;
    this.#enqueue(flow, flow.queue);
  }

  #enqueue(flow: Flow, queue: FlowQueue): void {
    this.#queues[flow.queue].remove(flow);
    flow.queue = queue;
    this.#queues[queue].add(flow);
  }

  #remove(flow: Flow): void {
    this.#queues[flow.queue].remove(flow);
    this.#flows.delete(flow.ends.key);
    if (flow.translated !== undefined) this.#flows.delete(flow.translated.key);
    this.#count--;
  }

  #evict(): void {
    const answered = ANSWERED.reduce((sum, name) => sum + this.#queues[name].size, 0);
    const isCrowded = answered > this.#capacity * ANSWERED_SHARE;
    const flow =
      this.#queues.over.oldest ??
      (isCrowded ? this.#oldestOf(ANSWERED) : undefined) ??
      this.#oldestOf(WAITING) ??
      this.#oldestOf(ANSWERED);
    if (flow === undefined) return;
    if (flow.queue !== 'over') this.counters[flow.fate === 'answered' ? 'evictedAnswered' : 'evictedWaiting']++;
    this.#remove(flow);
  }

  #oldestOf(names: readonly FlowQueue[]): Flow | undefined {
    let oldest: Flow | undefined;
    for (const name of names) {
      const flow = this.#queues[name].oldest;
      if (flow !== undefined && (oldest === undefined || flow.lastMs < oldest.lastMs)) oldest = flow;
    }
    return oldest;
  }
}

function queueOf(flow: Flow): FlowQueue {
  if (flow.fate === 'refused') return 'over';
  const { transport } = flow;
  if (transport === 'icmp') return 'icmp';
  const isAnswered = flow.fate === 'answered';
  if (transport === 'udp') return isAnswered ? 'datagramAnswered' : 'datagramWaiting';
  return isAnswered ? 'streamAnswered' : 'streamWaiting';
}
