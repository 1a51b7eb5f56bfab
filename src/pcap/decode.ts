// A frame's bytes to its headers: link layer, IP with its options, fragments and extension headers, transport. Pure apart from its
// counters. Attackers write these bytes: each length is checked, each loop bounded, nothing is allocated per packet.

import { isMappedIpv4 } from '../core/address.ts';
import { Decoded } from './decoded.ts';
import { NOT_IP, networkAt, SHORT } from './link.ts';
import { readTransport } from './transport.ts';

/**
 * Why a packet wasn't decoded: no IP in it (ARP), a link type that isn't known, the capture ends before the ports do, or a length
 * lies.
 */
export type Undecoded = 'not_ip' | 'unknown_link' | 'short' | 'malformed';

/** More headers than Linux itself sends; each is at least 8 bytes long, so that it bounds the work too. */
const EXTENSION_HEADERS = 16;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
/** Hop-by-hop, routing, destination options, mobility, HIP, shim6: next header and a length in units of 8 bytes. */
const OPTION_HEADERS = new Set([0, 43, 60, 135, 139, 140]);

export class Decoder {
  readonly undecoded: Record<Undecoded, number> = { not_ip: 0, unknown_link: 0, short: 0, malformed: 0 };
  readonly #packet = new Decoded();
  readonly #quoted = new Decoded();

  /** The result is the same object each time; undefined where there is none, which is counted. */
  decode(linkType: number, bytes: Buffer): Decoded | undefined {
    const packet = this.#packet;
    packet.reset(bytes);
    const at = networkAt(linkType, bytes, packet);
    const why = at >= 0 ? ip(packet, at) : at === NOT_IP ? 'not_ip' : at === SHORT ? 'short' : 'unknown_link';
    if (why !== undefined) {
      this.undecoded[why]++;
      return undefined;
    }
    if (packet.hasQuote) {
      const quoted = this.#quoted;
      quoted.reset(bytes);
      if (ip(quoted, packet.payloadAt, packet.payloadEnd) === undefined) packet.quoted = quoted;
    }
    return packet;
  }
}

/** `limit`: where the packet's bytes end, or those that were captured. */
function ip(into: Decoded, at: number, limit = into.bytes.length): Undecoded | undefined {
  if (limit <= at) return 'short';
  const version = into.bytes[at]! >> 4;
  return version === 4 ? ipv4(into, at, limit) : version === 6 ? ipv6(into, at, limit) : 'malformed';
}

function ipv4(into: Decoded, at: number, limit: number): Undecoded | undefined {
  const { bytes } = into;
  if (limit < at + 20) return 'short';
  const headerLength = (bytes[at]! & 0x0f) * 4;
  // 0 where the network card cuts it up later (segmentation offload): all that follows.
  const total = (bytes[at + 2]! << 8) | bytes[at + 3]! || limit - at;
  if (headerLength < 20 || total < headerLength) return 'malformed';
  if (limit < at + headerLength) return 'short';
  into.family = 4;
  into.addressLength = 4;
  into.sourceAt = at + 12;
  into.destinationAt = at + 16;
  into.ttl = bytes[at + 8]!;
  into.ipId = (bytes[at + 4]! << 8) | bytes[at + 5]!;
  into.protocol = bytes[at + 9]!;
  const offset = ((bytes[at + 6]! & 0x1f) << 8) | bytes[at + 7]!;
  if (offset !== 0) into.fragment = 'later';
  else if ((bytes[at + 6]! & 0x20) !== 0) into.fragment = 'first';
  const next = at + headerLength;
  return above(into, next, Math.min(limit, at + total), at + total - next);
}

function ipv6(into: Decoded, at: number, limit: number): Undecoded | undefined {
  const { bytes } = into;
  if (limit < at + 40) return 'short';
  const stated = (bytes[at + 4]! << 8) | bytes[at + 5]!;
  into.protocol = bytes[at + 6]!;
  into.ttl = bytes[at + 7]!;
  into.sourceAt = at + 8;
  into.destinationAt = at + 24;
  const isMapped = isMappedIpv4(bytes, at + 8) && isMappedIpv4(bytes, at + 24);
  into.family = isMapped ? 4 : 6;
  into.addressLength = isMapped ? 4 : 16;
  if (isMapped) {
    into.sourceAt += 12;
    into.destinationAt += 12;
  }
  // 0 is a jumbogram's, or as above.
  const length = stated === 0 ? limit - at - 40 : stated;
  return above(into, at + 40, Math.min(limit, at + 40 + length), length);
}

/** Over extension headers to the transport. `length`: the bytes from `start` on as they were on the wire. */
function above(into: Decoded, start: number, end: number, length: number): Undecoded | undefined {
  const { bytes } = into;
  let at = start;
  for (let headers = 0; into.fragment !== 'later'; headers++) {
    const next = into.protocol;
    const isOption = OPTION_HEADERS.has(next) && into.ipId < 0;
    if (!isOption && next !== AUTHENTICATION && (next !== FRAGMENT || into.ipId >= 0)) break;
    if (headers === EXTENSION_HEADERS) return 'malformed';
    if (end < at + 8) return 'short';
    into.protocol = bytes[at]!;
    if (next === FRAGMENT) {
      const offset = ((bytes[at + 2]! << 8) | bytes[at + 3]!) & 0xfff8;
      // Offset 0 and no more to come: an atomic fragment, which is whole.
      if (offset !== 0) into.fragment = 'later';
      else if ((bytes[at + 3]! & 1) !== 0) into.fragment = 'first';
    }
    at += next === FRAGMENT ? 8 : next === AUTHENTICATION ? (bytes[at + 1]! + 2) * 4 : (bytes[at + 1]! + 1) * 8;
    if (at > start + length) return 'malformed';
  }
  if (into.fragment === 'later') {
    into.payloadAt = Math.min(at, end);
    into.payloadEnd = end;
    into.payloadLength = Math.max(0, start + length - at);
    return undefined;
  }
  const known = readTransport(into, at, end, start + length - at);
  return known ? undefined : end < start + length ? 'short' : 'malformed';
}
