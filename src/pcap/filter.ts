// What the kernel lets through, in libpcap's language: only what is used, since a host may carry a million packets a second of which a
// thousand matter. Pure. The parts that read behind a packet's headers come last: a read beyond its end is the filter's end, and a no.
//
// Not seen: what comes after the first fragment (it has no ports); a TCP header that is cut by fragments before its flags; on `any`, a
// second VLAN tag (the kernel takes the first one off, and a VLAN's own interface has the packet without). With AH (IPsec) all packets
// pass: the filter can't follow more than one IPv6 extension header, and loops aren't the kernel's.

import { type Network, networkText, parseNetwork } from '../core/cidr.ts';
import { type ConnectionFilters, LAN } from './wanted.ts';

export interface FilterNeeds {
  readonly dns: boolean;
  /** TCP, SCTP, and UDP where `ConnectionFilters` want it. */
  readonly connections: boolean;
  /** Also the first data of a connection, where it is a ClientHello or an HTTP request. */
  readonly tls: boolean;
  /** Errors that tell what became of a packet. */
  readonly icmp: boolean;
}

export interface KernelFilter {
  readonly filter: string;
  /** For Ethernet alone: other links know no VLANs. */
  readonly ethernetFilter: string;
}

/**
 * So many networks, or half as many ports, of the user's lists: libpcap takes 50 ms for them, and the kernel no more than 4,096
 * instructions. Longer lists are left to `Wanted`.
 */
const ROOM = 32;
const PORT_ROOM = 2;
const OWN_ROOM = 4;

const DNS = anyOf([53, 5353, 5355].map(port => `tcp port ${port} or udp port ${port}`));
/** IPv6 with extension headers, which few packets have, apart from later fragments. */
const EXTENDED = anyOf([
  ...[0, 43, 51, 60, 135, 139, 140].map(header => `ip6[6] == ${header}`),
  '(ip6[6] == 44 and ip6[42:2] & 0xfff8 == 0)',
]);
/** SYN and RST: an answer's, too. */
const TCP = 'tcp[13] & 6 != 0 or (ip6[6] == 6 and ip6[53] & 6 != 0)';
/** INIT, its answer, ABORT. */
const SCTP = `(sctp and ${anyOf([1, 2, 6].map(type => `sctp[12] == ${type} or (ip6[6] == 132 and ip6[52] == ${type})`))})`;
/** Not a later fragment of IPv4. */
const UDP = '(ip proto 17 and ip[6:2] & 0x1fff == 0) or ip6[6] == 17';
/** Unreachable, and time exceeded. */
const ICMP = anyOf([
  ...[3, 11].map(type => `icmp[0] == ${type}`),
  `(ip6[6] == 58 and ${anyOf([1, 3].map(type => `ip6[40] == ${type}`))})`,
]);
const METHODS = ['GET ', 'HEAD', 'POST', 'PUT ', 'DELE', 'CONN', 'OPTI', 'TRAC', 'PATC', 'PROP'];

/** The first data, as `sightOf` knows it: a handshake record with a ClientHello, or a method. */
const FIRST_DATA = anyOf([
  sight('tcp', '((tcp[12] & 0xf0) >> 2)', 'tcp'),
  sight('ip6', '(40 + ((ip6[52] & 0xf0) >> 2))', 'ip6[6] == 6'),
]);

function sight(header: string, at: string, isTcp: string): string {
  const methods = METHODS.map(word => `${header}[${at}:4] == 0x${Buffer.from(word).toString('hex')}`);
  return `(${isTcp} and ${anyOf([`(${header}[${at}:2] == 0x1603 and ${header}[${at} + 5] == 1)`, ...methods])})`;
}

/** Everything `needs` asks for; DNS whatever the user's filters are. */
export function kernelFilter(needs: FilterNeeds, filters: ConnectionFilters): KernelFilter {
  const { dns, connections, tls, icmp } = needs;
  const packets = [TCP, SCTP, ...(filters.udp ? [UDP] : []), ...(tls ? [FIRST_DATA] : [])];
  const filter = anyOf([
    ...(dns ? [DNS] : []),
    ...(dns || connections ? [EXTENDED] : []),
    ...(icmp ? [ICMP] : []),
    ...(connections ? [allOf([anyOf(packets), ...conditions(filters)])] : []),
  ]);
  // Nothing is as short as that.
  if (filter === '()') return { filter: 'less 0', ethernetFilter: 'less 0' };
  return { filter, ethernetFilter: `${filter} or (vlan and (${filter} or (vlan and ${filter})))` };
}

/** The user's filters, as far as there is room: short lists first. */
function* conditions(filters: ConnectionFilters): Generator<string> {
  const { addresses, excludeAddresses, ports, excludePorts, own } = filters;
  if (!filters.lan) yield `not (${anyOf(LAN.map(of('src')))} and ${anyOf(LAN.map(of('dst')))})`;
  const lists = [
    { terms: ports.map(port => `port ${port}`), size: PORT_ROOM, not: '' },
    { terms: excludePorts.map(port => `port ${port}`), size: PORT_ROOM, not: 'not ' },
    { terms: addresses.map(of('')), size: 1, not: '' },
    { terms: excludeAddresses.map(of('')), size: 1, not: 'not ' },
    { terms: own.map(ownTerm), size: OWN_ROOM, not: 'not ' },
  ].filter(({ terms }) => terms.length > 0);
  let room = ROOM;
  for (const { terms, size, not } of lists.sort((a, b) => a.terms.length * a.size - b.terms.length * b.size)) {
    room -= terms.length * size;
    if (room >= 0) yield `${not}${anyOf(terms)}`;
  }
}

function ownTerm({ ip, port }: { readonly ip: string; readonly port: number }): string {
  return anyOf((['src', 'dst'] as const).map(side => `(${of(side)(ip)} and tcp ${side} port ${port})`));
}

/** A network as a term; what is none was told of when the configuration was read. */
const of =
  (direction: 'src' | 'dst' | '') =>
  (text: string): string => {
    const network = parseNetwork(text);
    return network === undefined ? 'less 0' : term(network, direction);
  };

function term(network: Network, direction: string): string {
  return `${network.bytes.length === 4 ? 'ip' : 'ip6'} ${direction} net ${networkText(network)}`.replace('  ', ' ');
}

function anyOf(terms: readonly string[]): string {
  return `(${terms.join(' or ')})`;
}

const allOf = (terms: readonly string[]): string => `(${terms.join(' and ')})`;
