// The link layer: which bytes of a frame are an IP packet. Pure; each length is checked.

import type { Decoded } from './decoded.ts';

/** LINKTYPE_ numbers of pcap files, and libpcap's DLT_ number for raw IP, which differs between systems. */
export const LINK = {
  null: 0,
  ethernet: 1,
  dltRaw: 12,
  dltRawOpenBsd: 14,
  raw: 101,
  loop: 108,
  sll: 113,
  ipv4: 228,
  ipv6: 229,
  sll2: 276,
} as const;

const ETHERTYPE = { ipv4: 0x0800, ipv6: 0x86dd } as const;
const VLAN_DEPTH = 8;
/** Device types whose protocol field isn't an EtherType: 802.11 with radiotap, and netlink. */
const ARPHRD_OTHER = new Set([803, 824]);
/** AF_INET6 of Linux, BSDs and macOS. */
const AF_INET6 = new Set([10, 24, 28, 30]);

export const NOT_IP = -1;
export const SHORT = -2;
export const UNKNOWN_LINK = -3;

/** Where the IP packet begins; negative: why there is none. Leaves VLAN and MAC address in `into`. */
export function networkAt(linkType: number, bytes: Buffer, into: Decoded): number {
  switch (linkType) {
    case LINK.ethernet:
      return ethernet(bytes, into);
    case LINK.sll:
      return sll(bytes, into);
    case LINK.sll2:
      return sll2(bytes, into);
    case LINK.raw:
    case LINK.dltRaw:
    case LINK.dltRawOpenBsd:
    case LINK.ipv4:
    case LINK.ipv6:
      return 0;
    case LINK.null:
    case LINK.loop:
      return loop(bytes);
    default:
      return UNKNOWN_LINK;
  }
}

function ethernet(bytes: Buffer, into: Decoded): number {
  if (bytes.length < 14) return SHORT;
  into.macAt = 6;
  return tagged(bytes, 12, 14, into);
}

/** Behind an EtherType at `typeAt`, over VLAN tags (802.1Q, 802.1ad and what was in use before it). */
function tagged(bytes: Buffer, typeAt: number, at: number, into: Decoded): number {
  let next = at;
  let type = (bytes[typeAt]! << 8) | bytes[typeAt + 1]!;
  for (let depth = 0; type === 0x8100 || type === 0x88a8 || type === 0x9100 || type === 0x9200; depth++) {
    if (depth === VLAN_DEPTH) return NOT_IP;
    if (bytes.length < next + 4) return SHORT;
    into.vlan = ((bytes[next]! & 0x0f) << 8) | bytes[next + 1]!;
    type = (bytes[next + 2]! << 8) | bytes[next + 3]!;
    next += 4;
  }
  return type === ETHERTYPE.ipv4 || type === ETHERTYPE.ipv6 ? next : NOT_IP;
}

function sll(bytes: Buffer, into: Decoded): number {
  if (bytes.length < 16) return SHORT;
  if (ARPHRD_OTHER.has(bytes.readUInt16BE(2))) return NOT_IP;
  if (bytes.readUInt16BE(4) === 6) into.macAt = 6;
  return tagged(bytes, 14, 16, into);
}

function sll2(bytes: Buffer, into: Decoded): number {
  if (bytes.length < 20) return SHORT;
  if (ARPHRD_OTHER.has(bytes.readUInt16BE(8))) return NOT_IP;
  if (bytes[11] === 6) into.macAt = 12;
  return tagged(bytes, 0, 20, into);
}

/** The address family in four bytes, in the byte order of whatever machine captured it. */
function loop(bytes: Buffer): number {
  if (bytes.length < 4) return SHORT;
  const big = bytes.readUInt32BE(0);
  const family = big < 0x10000 ? big : bytes.readUInt32LE(0);
  return family === 2 || AF_INET6.has(family) ? 4 : NOT_IP;
}
