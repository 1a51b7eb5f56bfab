// What is above IP: ports, flags, and where the payload is. Pure; each length is checked against what was captured.

import { type Decoded, PROTOCOL } from './decoded.ts';

/** ICMP's queries, whose identifier pairs them with their replies: echo, timestamp, information, address mask. */
const ICMP_QUERIES = new Set([0, 8, 13, 14, 15, 16, 17, 18]);
const ICMPV6_QUERIES = new Set([128, 129]);
/** Errors, which quote the packet that caused them: unreachable, quench, time exceeded, parameter problem; IPv6's. */
const ICMP_ERRORS = new Set([3, 4, 11, 12]);
const ICMPV6_ERRORS = new Set([1, 2, 3, 4]);

/** Chunk types that carry the sender's tag. */
export const SCTP_CHUNK = { init: 1, initAck: 2, abort: 6 } as const;

/**
 * Reads the header at `at`; `end` is where the captured bytes of the packet end, `wireLength` how many there were from `at` on.
 * False where they end before the ports (ICMP: the type).
 */
export function readTransport(into: Decoded, at: number, end: number, wireLength: number): boolean {
  switch (into.protocol) {
    case PROTOCOL.tcp:
      return tcp(into, at, end, wireLength);
    case PROTOCOL.udp:
      return ports(into, at, end) && udpPayload(into, at, end, wireLength);
    case PROTOCOL.sctp:
      return sctp(into, at, end, wireLength);
    case PROTOCOL.icmp:
      return icmp(into, at, end, wireLength, ICMP_QUERIES, ICMP_ERRORS);
    case PROTOCOL.icmpv6:
      return icmp(into, at, end, wireLength, ICMPV6_QUERIES, ICMPV6_ERRORS);
    default:
      payload(into, at, end, wireLength);
      return true;
  }
}

function ports(into: Decoded, at: number, end: number): boolean {
  const { bytes } = into;
  if (end < at + 4) return false;
  into.sourcePort = (bytes[at]! << 8) | bytes[at + 1]!;
  into.destinationPort = (bytes[at + 2]! << 8) | bytes[at + 3]!;
  into.hasPorts = true;
  return true;
}

function payload(into: Decoded, at: number, end: number, length: number): void {
  into.payloadAt = Math.min(at, end);
  into.payloadLength = Math.max(0, length);
  into.payloadEnd = Math.min(end, into.payloadAt + into.payloadLength);
}

const u32 = (bytes: Buffer, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;

function tcp(into: Decoded, at: number, end: number, wireLength: number): boolean {
  const { bytes } = into;
  if (!ports(into, at, end)) return false;
  if (end >= at + 8) into.seq = u32(bytes, at + 4);
  if (end < at + 14) return true;
  into.ack = u32(bytes, at + 8);
  const headerLength = (bytes[at + 12]! >> 4) * 4;
  // The receiver's kernel drops it too.
  if (headerLength < 20 || headerLength > wireLength) return false;
  into.flags = bytes[at + 13]!;
  payload(into, at + headerLength, end, wireLength - headerLength);
  return true;
}

function udpPayload(into: Decoded, at: number, end: number, wireLength: number): boolean {
  if (end < at + 8) return true;
  const stated = (into.bytes[at + 4]! << 8) | into.bytes[at + 5]!;
  // 0 is a jumbogram's; a datagram in fragments is longer than this part of it.
  const length = stated === 0 ? wireLength : Math.min(stated, wireLength);
  if (length < 8) return false;
  payload(into, at + 8, end, length - 8);
  return true;
}

function sctp(into: Decoded, at: number, end: number, wireLength: number): boolean {
  const { bytes } = into;
  if (!ports(into, at, end)) return false;
  if (end >= at + 8) into.ack = u32(bytes, at + 4);
  if (end < at + 16) return true;
  into.type = bytes[at + 12]!;
  if (end >= at + 20 && (into.type === SCTP_CHUNK.init || into.type === SCTP_CHUNK.initAck))
    into.seq = u32(bytes, at + 16);
  payload(into, at + 12, end, wireLength - 12);
  return true;
}

function icmp(
  into: Decoded,
  at: number,
  end: number,
  wireLength: number,
  queries: ReadonlySet<number>,
  errors: ReadonlySet<number>,
): boolean {
  const { bytes } = into;
  if (end < at + 2) return false;
  into.type = bytes[at]!;
  into.code = bytes[at + 1]!;
  if (queries.has(into.type) && end >= at + 6) {
    into.sourcePort = into.destinationPort = (bytes[at + 4]! << 8) | bytes[at + 5]!;
    into.hasPorts = true;
  }
  payload(into, at + 8, end, wireLength - 8);
  into.hasQuote = errors.has(into.type) && into.payloadAt < into.payloadEnd;
  return true;
}
