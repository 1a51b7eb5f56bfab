// One connection, as its packets show it. Pure.

import type { Aged } from './age-queue.ts';
import { PROTOCOL } from './decoded.ts';
import type { Ends } from './ends.ts';

/**
 * How it is known who began: a SYN (SCTP: INIT) or an ICMP query; an answer to one that wasn't seen; the first packet that was seen;
 * or the port numbers, where that packet came from a port of services to one of clients.
 */
export type InitiatorBy = 'request' | 'answer' | 'first_packet' | 'ports';

/**
 * `pending`: nothing came back yet. `refused`: RST, or ICMP's port unreachable. `unreachable`: any other ICMP error; TCP goes on
 * trying, so that an answer may still come.
 */
export type Fate = 'pending' | 'answered' | 'refused' | 'unreachable';

export interface IcmpTypeCode {
  readonly type: number;
  readonly code: number;
}

/** How long a flow is kept after its last packet. The longest gap between SYNs that Linux sends again is 64 s. */
export const IDLE_MS = {
  over: 60_000,
  icmp: 30_000,
  datagramWaiting: 60_000,
  streamWaiting: 130_000,
  datagramAnswered: 180_000,
  streamAnswered: 900_000,
} as const;

export type FlowQueue = keyof typeof IDLE_MS;

export class Flow implements Aged {
  /** `source` is who began. */
  readonly ends: Ends;
  readonly initiatorBy: InitiatorBy;
  readonly openedMs: number;
  readonly interfaceIndex: number;
  /** The first packet's TTL or hop limit, and IPv4 identification (-1: IPv6). */
  readonly ttl: number;
  readonly ipId: number;
  /** TCP's initial sequence number of who began (SCTP: the tag). */
  readonly sequence: number;
  /** Data in the SYN (TCP Fast Open). */
  readonly synBytes: number;
  /** The same connection on the other side of an address translation, as seen on another interface. */
  translated: Ends | undefined;
  fate: Fate;
  /** Of an ICMP query, or of the error that says why it's refused or unreachable. */
  icmp: IcmpTypeCode | undefined;
  /** Who began has sent data. */
  hasSpoken = false;
  lastMs: number;
  older: Aged | undefined;
  newer: Aged | undefined;
  queue: FlowQueue = 'over';
  #closing = 0;

  constructor(first: {
    ends: Ends;
    initiatorBy: InitiatorBy;
    timeMs: number;
    interfaceIndex: number;
    ttl: number;
    ipId: number;
    sequence: number;
    synBytes: number;
    fate: Fate;
    icmp: IcmpTypeCode | undefined;
  }) {
    this.ends = first.ends;
    this.initiatorBy = first.initiatorBy;
    this.openedMs = this.lastMs = first.timeMs;
    this.interfaceIndex = first.interfaceIndex;
    this.ttl = first.ttl;
    this.ipId = first.ipId;
    this.sequence = first.sequence;
    this.synBytes = first.synBytes;
    this.fate = first.fate;
    this.icmp = first.icmp;
  }

  get transport(): 'tcp' | 'udp' | 'sctp' | 'icmp' {
    const { protocol } = this.ends;
    return protocol === PROTOCOL.tcp
      ? 'tcp'
      : protocol === PROTOCOL.udp
        ? 'udp'
        : protocol === PROTOCOL.sctp
          ? 'sctp'
          : 'icmp';
  }

  /** Of the ends as they were seen first; `ends.communityId` of `translated` gives the other one. */
  get communityId(): string {
    return this.ends.communityId(this.icmp?.type, this.icmp?.code);
  }

  /** Whether a packet with these ends was sent by who began. */
  isFromInitiator(ends: Ends): boolean {
    const own = ends.key === this.ends.key ? this.ends : this.translated;
    return own === undefined || own.sourceFirst === ends.sourceFirst;
  }

  isStale(nowMs: number): boolean {
    // Also when the clock was set back by as much.
    return Math.abs(nowMs - this.lastMs) > IDLE_MS[this.queue];
  }

  /** One side says that it has nothing more to send; true when both did. */
  closes(isInitiator: boolean): boolean {
    this.#closing |= isInitiator ? 1 : 2;
    return this.#closing === 3;
  }
}
