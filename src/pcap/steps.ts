// What one packet means for its flow. Pure.

import { type Decoded, PROTOCOL, TCP_FLAG } from './decoded.ts';
import { SCTP_CHUNK } from './transport.ts';

/** `open`: a SYN, INIT or query; `answer`: what it asks for; `reset`: RST or ABORT; `close`: FIN; `data`: all others. */
export type Step = 'open' | 'answer' | 'reset' | 'close' | 'data';

const ICMP_REQUESTS = new Set([8, 13, 15, 17, 128]);

export function stepOf(packet: Decoded): Step {
  switch (packet.protocol) {
    case PROTOCOL.tcp:
      return tcpStep(packet.flags);
    case PROTOCOL.sctp:
      return packet.type === SCTP_CHUNK.init
        ? 'open'
        : packet.type === SCTP_CHUNK.initAck
          ? 'answer'
          : packet.type === SCTP_CHUNK.abort
            ? 'reset'
            : 'data';
    case PROTOCOL.icmp:
    case PROTOCOL.icmpv6:
      return ICMP_REQUESTS.has(packet.type) ? 'open' : 'answer';
    default:
      return 'data';
  }
}

function tcpStep(flags: number): Step {
  if (flags < 0) return 'data';
  if ((flags & TCP_FLAG.rst) !== 0) return 'reset';
  if ((flags & TCP_FLAG.syn) !== 0) return (flags & TCP_FLAG.ack) !== 0 ? 'answer' : 'open';
  return (flags & TCP_FLAG.fin) !== 0 ? 'close' : 'data';
}

/** The initial sequence number (SCTP: tag) that an `answer` or `reset` is about. */
export const answeredSequence = (packet: Decoded): number =>
  packet.protocol === PROTOCOL.tcp ? (packet.ack - 1) >>> 0 : packet.ack;

/** What an ICMP error means for what it quotes; undefined where it may still get through. */
export function errorFate(packet: Decoded): 'refused' | 'unreachable' | undefined {
  const { type, code } = packet;
  if (packet.protocol === PROTOCOL.icmpv6)
    return type === 1 ? (code === 4 ? 'refused' : 'unreachable') : type === 3 ? 'unreachable' : undefined;
  // 4: fragmentation needed. 2 and 3: protocol and port.
  if (type === 3) return code === 4 ? undefined : code === 2 || code === 3 ? 'refused' : 'unreachable';
  return type === 11 ? 'unreachable' : undefined;
}

/** A datagram from a port of services to one of clients is an answer to one that wasn't seen. */
export const looksLikeAnswer = (packet: Decoded): boolean => packet.sourcePort < 1024 && packet.destinationPort >= 1024;
