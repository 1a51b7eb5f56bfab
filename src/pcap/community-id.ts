// Community ID v1 (github.com/corelight/community-id-spec): one name for a flow that all tools give it. Pure.

import { PROTOCOL } from './decoded.ts';

/** ICMP types that answer each other, as Zeek pairs them; any other message goes one way, and its code is the second port. */
const ICMP_PAIRS = pairs([8, 0], [13, 14], [15, 16], [10, 9], [17, 18]);
const ICMPV6_PAIRS = pairs([128, 129], [130, 131], [133, 134], [135, 136], [139, 140], [144, 145]);

function pairs(...list: [number, number][]): ReadonlyMap<number, number> {
  return new Map(list.flatMap(([a, b]) => [[a, b] as const, [b, a] as const]));
}

const SEED = 0;
const block = Buffer.alloc(40);

/**
 * `source` and `destination`: the 4 or 16 bytes of the addresses, as many for both. Ports are those of TCP, UDP and SCTP; for ICMP
 * type and code; absent for other protocols.
 */
export function communityId(
  protocol: number,
  source: Uint8Array,
  destination: Uint8Array,
  sourcePort?: number,
  destinationPort?: number,
): string {
  let [low, high] = [sourcePort, destinationPort];
  let isOneWay = false;
  if (protocol === PROTOCOL.icmp || protocol === PROTOCOL.icmpv6) {
    const answer = (protocol === PROTOCOL.icmp ? ICMP_PAIRS : ICMPV6_PAIRS).get(sourcePort ?? -1);
    isOneWay = answer === undefined;
    high = answer ?? destinationPort;
  }
  const order = Buffer.compare(source, destination) || (low ?? 0) - (high ?? 0);
  const isSwapped = !isOneWay && order > 0;
  if (isSwapped) [low, high] = [high, low];
  let at = block.writeUInt16BE(SEED, 0);
  for (const address of isSwapped ? [destination, source] : [source, destination]) {
    block.set(address, at);
    at += address.length;
  }
  block[at++] = protocol;
  block[at++] = 0;
  if (low !== undefined && high !== undefined) at = block.writeUInt16BE(high, block.writeUInt16BE(low, at));
  return `1:${Bun.CryptoHasher.hash('sha1', block.subarray(0, at), 'base64')}`;
}
