// What the headers of one packet say, as numbers and offsets into its bytes: no string is made before somebody asks for it. Pure.

import { addressText } from '../core/address.ts';

/** IP protocol numbers that are looked into. */
export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const;

export const TCP_FLAG = { fin: 1, syn: 2, rst: 4, ack: 16 } as const;

const NOTHING = Buffer.alloc(0);

/**
 * One packet's headers. There is one object for all packets (and one for what ICMP errors quote): it's true until the next packet
 * is decoded, and its bytes belong to the reader's batch.
 */
export class Decoded {
  bytes: Buffer = NOTHING;
  /** VLAN id, the innermost; -1 without one. */
  vlan = -1;
  /** Where the six bytes of the sender's MAC address are; -1 where the link has none. */
  macAt = -1;
  /** 4 also where both addresses are v4-mapped. */
  family: 4 | 6 = 4;
  addressLength: 4 | 16 = 4;
  sourceAt = 0;
  destinationAt = 0;
  /** TTL or hop limit. */
  ttl = 0;
  /** IPv4's identification; -1 for IPv6. */
  ipId = -1;
  /** The protocol above IP and its extension headers. */
  protocol = 0;
  /** Part of a larger datagram: only the first part has ports. */
  fragment: 'none' | 'first' | 'later' = 'none';
  /** TCP, UDP, SCTP, and ICMP's queries: their identifier stands for both ports. */
  hasPorts = false;
  sourcePort = 0;
  destinationPort = 0;
  /** TCP's; -1 where the packet doesn't hold them. */
  flags = -1;
  /** TCP's; for SCTP's INIT and INIT ACK the tag that the sender chose. */
  seq = 0;
  /** TCP's; for SCTP the verification tag. */
  ack = 0;
  /** SCTP: the type of the first chunk; ICMP: the type. -1 where neither. */
  type = -1;
  /** ICMP's code. */
  code = 0;
  /** The bytes above the transport's header, as far as they were captured; empty (`payloadAt == payloadEnd`) where there are none. */
  payloadAt = 0;
  payloadEnd = 0;
  /** Their number as it was on the wire. */
  payloadLength = 0;
  /** An ICMP error, whose payload begins with the packet that caused it. */
  hasQuote = false;
  /** That packet, where it could be decoded. */
  quoted: Decoded | undefined;

  get source(): string {
    return addressText(this.bytes, this.sourceAt, this.addressLength);
  }

  get destination(): string {
    return addressText(this.bytes, this.destinationAt, this.addressLength);
  }

  /** The sender's MAC address, as ECS writes it. */
  get mac(): string | undefined {
    if (this.macAt < 0) return undefined;
    const hex = this.bytes.toString('hex', this.macAt, this.macAt + 6).toUpperCase();
    return hex.replace(/..(?=.)/g, '$&-');
  }

  reset(bytes: Buffer): void {
    this.bytes = bytes;
    this.vlan = this.macAt = this.ipId = this.flags = this.type = -1;
    this.fragment = 'none';
    this.hasPorts = this.hasQuote = false;
    this.sourcePort = this.destinationPort = this.seq = this.ack = this.code = this.protocol = this.ttl = 0;
    this.payloadAt = this.payloadEnd = this.payloadLength = 0;
    this.quoted = undefined;
  }
}
