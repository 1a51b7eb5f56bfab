// DNS among the packets of flows: each question and each answer told once. Pure and bounded.

import { type Decoded, PROTOCOL } from '../decoded.ts';
import { Ends } from '../ends.ts';
import type { Flow } from '../flow.ts';
import { Lookups } from './lookups.ts';
import { type DnsMessage, type DnsProtocol, dnsProtocol, parseDns } from './message.ts';
import { DnsStreams } from './streams.ts';

export interface DnsTold {
  readonly kind: 'query' | 'answer';
  readonly protocol: DnsProtocol;
  readonly message: DnsMessage;
  /** Of an answer: when it was asked for; absent where the question wasn't seen, so that anyone may have made it up. */
  readonly askedMs?: number;
}

export interface DnsCounters {
  /** Messages that were read, repeated ones included. */
  messages: number;
  /** Packets to or from DNS's ports that hold no message. */
  malformed: number;
}

export class DnsReader {
  readonly counters: DnsCounters = { messages: 0, malformed: 0 };
  readonly streams = new DnsStreams();
  readonly lookups = new Lookups();

  see(packet: Decoded, flow: Flow, timeMs: number, tell: (told: DnsTold) => void): void {
    if (!packet.hasPorts) return;
    const protocol = dnsProtocol(packet.sourcePort, packet.destinationPort);
    if (protocol === undefined) return;
    if (packet.protocol === PROTOCOL.udp) {
      if (packet.payloadLength > 0)
        this.#message(packet.bytes, packet.payloadAt, packet.payloadEnd, protocol, flow, timeMs, tell);
    } else if (packet.protocol === PROTOCOL.tcp && protocol === 'dns') {
      const side = `${flow.isFromInitiator(Ends.of(packet)) ? '>' : '<'}${flow.ends.key}`;
      this.streams.see(side, packet, timeMs, (bytes, start, end) =>
        this.#message(bytes, start, end, protocol, flow, timeMs, tell),
      );
    }
  }

  #message(
    bytes: Buffer,
    start: number,
    end: number,
    protocol: DnsProtocol,
    flow: Flow,
    timeMs: number,
    tell: (told: DnsTold) => void,
  ): void {
    const message = parseDns(bytes, start, end, protocol);
    if (message === undefined) {
      this.counters.malformed++;
      return;
    }
    this.counters.messages++;
    if (!message.isResponse) {
      if (this.lookups.asks(flow.ends.key, message, timeMs)) tell({ kind: 'query', protocol, message });
      return;
    }
    const lookup = this.lookups.answers(flow.ends.key, message, timeMs);
    if (lookup === undefined) return;
    tell({ kind: 'answer', protocol, message, ...lookup });
  }
}
