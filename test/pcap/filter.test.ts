// What the kernel's filter lets through, asked of libpcap with frames in capture files of several links.

import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { PcapFile } from '../../src/pcap/capture-file.ts';
import { type FilterNeeds, kernelFilter } from '../../src/pcap/filter.ts';
import { LINK } from '../../src/pcap/link.ts';
import { type ConnectionFilters, Wanted } from '../../src/pcap/wanted.ts';
import { ethernet, icmp, ip, sctp, tcp, udp } from './packets.ts';

const scratch = mkdtempSync(join(tmpdir(), 'puppy-filter-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const ALL: FilterNeeds = { dns: true, connections: true, tls: true, icmp: true };
const EVERYTHING: ConnectionFilters = {
  ...{ lan: true, udp: true, addresses: [], excludeAddresses: [], ports: [], excludePorts: [], own: [] },
};

/** Which of the frames pass, by their place. */
function passing(linkType: number, filter: string, frames: readonly Uint8Array[]): number[] {
  const path = join(scratch, `${linkType}.pcap`);
  const head = Buffer.from('4d3cb2a1020004000000000000000000ffff000000000000', 'hex');
  head.writeUInt32LE(linkType, 20);
  const records = frames.map((frame, second) => {
    const record = Buffer.alloc(16);
    for (const [i, n] of [second, 0, frame.length, frame.length].entries()) record.writeUInt32LE(n, i * 4);
    return Buffer.concat([record, frame]);
  });
  writeFileSync(path, Buffer.concat([head, ...records]));
  const capture = PcapFile.open(path, filter);
  if (!(capture instanceof PcapFile)) throw new Error(capture.reason);
  const seconds: number[] = [];
  for (let some = capture.next(); some !== undefined; some = capture.next())
    seconds.push(...some.map(({ timeMs }) => timeMs / 1000));
  capture.close();
  return seconds;
}

/** A frame of each link that the reader meets. */
const LINKS: Record<string, [number, (packet: readonly number[]) => Buffer]> = {
  ethernet: [LINK.ethernet, packet => ethernet(packet)],
  raw: [LINK.raw, packet => Buffer.from(packet)],
  any: [
    LINK.sll2,
    packet =>
      Buffer.from([
        packet[0]! >> 4 === 6 ? 0x86 : 8,
        packet[0]! >> 4 === 6 ? 0xdd : 0,
        ...Array(18).fill(0),
        ...packet,
      ]),
  ],
};

const [A, B] = ['198.51.100.1', '203.0.113.2'];
const [A6, B6] = ['2001:db8::1', '2001:db8:1::2'];
const syn = tcp({ from: 40_000, to: 8080, flags: 'S', options: 20 });
const data = (text: string, port = 8080) => tcp({ from: 40_000, to: port, flags: 'PA', options: 12, data: text });
const HELLO = '\x16\x03\x01\x00\x60\x01\x00\x00\x5c\x03\x03';
/** An IPv6 extension header of 8 bytes before `payload`. */
const extended = (next: number, payload: readonly number[], fragment = 0) => [
  ...[next, 0, fragment >> 8, fragment & 0xff, 0, 0, 0, 0],
  ...payload,
];

type Part = keyof FilterNeeds | 'udp' | 'all' | 'none';
const packets: [string, number[], Part][] = [
  ['SYN', ip(A, B, 'tcp', syn), 'connections'],
  ['SYN behind IP options', ip(A, B, 'tcp', syn, { options: 8 }), 'connections'],
  ['SYN, IPv6', ip(A6, B6, 'tcp', syn), 'connections'],
  ['SYN+ACK', ip(B, A, 'tcp', tcp({ from: 8080, to: 40_000, flags: 'SA' })), 'connections'],
  ['SYN+ACK, IPv6', ip(B6, A6, 'tcp', tcp({ from: 8080, to: 40_000, flags: 'SA' })), 'connections'],
  ['RST', ip(B, A, 'tcp', tcp({ from: 8080, to: 40_000, flags: 'RA' })), 'connections'],
  ['ACK', ip(A, B, 'tcp', tcp({ from: 40_000, to: 8080, flags: 'A' })), 'none'],
  ['data', ip(A, B, 'tcp', data('hello, GET it')), 'none'],
  ['FIN, IPv6', ip(A6, B6, 'tcp', tcp({ from: 40_000, to: 8080, flags: 'FA' })), 'none'],
  ['the rest of a TCP fragment that looks like a SYN', ip(A, B, 'tcp', syn, { offset: 1480 }), 'none'],
  ['ClientHello', ip(A, B, 'tcp', data(HELLO)), 'tls'],
  ['ClientHello, IPv6', ip(A6, B6, 'tcp', data(HELLO)), 'tls'],
  ['another handshake message', ip(A, B, 'tcp', data('\x16\x03\x03\x00\x60\x02\x00\x00\x5c\x03\x03')), 'none'],
  ['GET', ip(A, B, 'tcp', data('GET / HTTP/1.1\r\n')), 'tls'],
  ['OPTIONS, IPv6', ip(A6, B6, 'tcp', data('OPTIONS * HTTP/1.1\r\n')), 'tls'],
  ['a response', ip(A, B, 'tcp', data('HTTP/1.1 200 OK\r\n')), 'none'],
  ['UDP', ip(A, B, 'udp', udp(40_000, 123)), 'udp'],
  ['UDP, IPv6', ip(A6, B6, 'udp', udp(40_000, 123)), 'udp'],
  ['the first fragment of a datagram', ip(A, B, 'udp', udp(40_000, 123), { more: true }), 'udp'],
  ['another fragment of it', ip(A, B, 'udp', udp(40_000, 53), { offset: 1480 }), 'none'],
  ['DNS', ip(A, B, 'udp', udp(40_000, 53)), 'dns'],
  ['DNS, IPv6', ip(B6, A6, 'udp', udp(53, 40_000)), 'dns'],
  ['DNS, TCP', ip(A, B, 'tcp', data('x', 53)), 'dns'],
  ['multicast DNS', ip(A, B, 'udp', udp(5353, 5353)), 'dns'],
  ['LLMNR', ip(A, B, 'udp', udp(40_000, 5355)), 'dns'],
  ['port unreachable', ip(B, A, 'icmp', icmp(3, 3, undefined, ip(A, B, 'udp', udp(1, 2)))), 'icmp'],
  ['port unreachable, IPv6', ip(B6, A6, 'icmpv6', icmp(1, 4)), 'icmp'],
  ['echo', ip(A, B, 'icmp', icmp(8, 0)), 'none'],
  ['neighbour solicitation', ip(A6, B6, 'icmpv6', icmp(135, 0)), 'none'],
  ['INIT', ip(A, B, 'sctp', sctp(1, 2, 0, 1, 7)), 'connections'],
  ['INIT ACK, IPv6', ip(A6, B6, 'sctp', sctp(1, 2, 7, 2, 8)), 'connections'],
  ['DATA', ip(A, B, 'sctp', sctp(1, 2, 7, 0, 8)), 'none'],
  ['IPv6 with hop-by-hop options', ip(A6, B6, 0, extended(6, syn)), 'all'],
  ['IPv6, destination options', ip(A6, B6, 60, extended(17, udp(1, 53))), 'all'],
  ['IPv6, first fragment', ip(A6, B6, 44, extended(17, udp(1, 53), 1)), 'all'],
  ['IPv6, later fragment', ip(A6, B6, 44, extended(17, udp(1, 53), 1481)), 'none'],
  ['another protocol', ip(A, B, 47, [0, 0, 8, 0]), 'none'],
  ['nothing but a header', ip(A, B, 'tcp', []), 'none'],
];

function expected(needs: FilterNeeds, hasUdp: boolean): string[] {
  const isIn = (part: Part): boolean => {
    if (part === 'all') return needs.dns || needs.connections;
    if (part === 'udp') return needs.connections && hasUdp;
    if (part === 'tls') return needs.connections && needs.tls;
    return part !== 'none' && needs[part];
  };
  // DNS is UDP too.
  return packets
    .filter(([name, , part]) => isIn(part) || (name !== 'DNS, TCP' && part === 'dns' && isIn('udp')))
    .map(([name]) => name);
}

describe.each(Object.entries(LINKS))('%s', (name, [linkType, frame]) => {
  const choices: [FilterNeeds, boolean][] = [
    [ALL, true],
    [{ ...ALL, tls: false }, true],
    [{ ...ALL, connections: false }, true],
    [{ ...ALL, dns: false, icmp: false }, false],
    [{ ...ALL, dns: false, connections: false }, true],
    [{ dns: false, connections: false, tls: false, icmp: false }, true],
  ];
  test.each(choices)('%j, UDP %p', (needs, hasUdp) => {
    const frames = packets.map(([, packet]) => frame(packet));
    const { filter, ethernetFilter } = kernelFilter(needs, { ...EVERYTHING, udp: hasUdp });
    const names = (text: string) => passing(linkType, text, frames).map(i => packets[i]![0]);
    expect(names(filter)).toEqual(expected(needs, hasUdp));
    if (name === 'ethernet') expect(names(ethernetFilter)).toEqual(expected(needs, hasUdp));
  });
});

test('on Ethernet the same passes behind one VLAN tag and behind two', () => {
  const { ethernetFilter } = kernelFilter(ALL, EVERYTHING);
  for (const types of [[0x8100], [0x88a8, 0x8100]]) {
    const tags = types.map(type => ({ type, vlan: 7 }));
    const frames = packets.map(([, packet]) => ethernet(packet, ...tags));
    expect(passing(LINK.ethernet, ethernetFilter, frames).map(i => packets[i]![0])).toEqual(expected(ALL, true));
  }
});

test("the user's filters: the kernel and what is decided here agree, and DNS passes", () => {
  const addresses = [
    '10.1.0.1',
    '10.2.0.1',
    '192.168.7.7',
    '203.0.113.9',
    '169.254.169.254',
    '::1',
    'fd00::7',
    '2001:db8::7',
  ];
  const address = fc.constantFrom(...addresses);
  const network = fc.constantFrom(
    '10.1.0.0/16',
    '10.0.0.0/7',
    '203.0.113.9',
    'fd00::/8',
    '2001:db8::/127',
    '0.0.0.0/0',
    '::/0',
  );
  const port = fc.constantFrom(22, 80, 443, 8080);
  const few = <T>(one: fc.Arbitrary<T>) => fc.oneof(fc.constant<T[]>([]), fc.array(one, { maxLength: 3 }));
  const filters: fc.Arbitrary<ConnectionFilters> = fc.record({
    ...{ lan: fc.boolean(), udp: fc.boolean() },
    ...{ addresses: few(network), excludeAddresses: few(network), ports: few(port), excludePorts: few(port) },
    own: few(fc.record({ ip: address, port })),
  });
  fc.assert(
    fc.property(
      filters,
      fc.array(fc.tuple(address, address, port, port, fc.boolean()), { minLength: 20 }),
      (chosen, ends) => {
        const same = ends.filter(([from, to]) => from.includes(':') === to.includes(':'));
        const frames = same.map(([from, to, sourcePort, destinationPort, isUdp]) =>
          isUdp
            ? ip(from, to, 'udp', udp(sourcePort, destinationPort))
            : ip(from, to, 'tcp', tcp({ from: sourcePort, to: destinationPort, flags: 'S' })),
        );
        const wanted = new Wanted(chosen);
        const told = same.flatMap(([from, to, sourcePort, destinationPort, isUdp], i) =>
          wanted.wants({ ip: from, port: sourcePort }, { ip: to, port: destinationPort }, isUdp ? 'udp' : 'tcp')
            ? i
            : [],
        );
        const passed = passing(
          LINK.raw,
          kernelFilter(ALL, chosen).filter,
          frames.map(frame => Uint8Array.from(frame)),
        );
        // The agent's own connections are TCP.
        const others = passed.filter(i => chosen.own.length === 0 || !same[i]![4] || told.includes(i));
        expect(others).toEqual(told);
        const question = Uint8Array.from(ip('10.1.0.1', '10.2.0.1', 'udp', udp(40_000, 53)));
        expect(passing(LINK.raw, kernelFilter(ALL, chosen).filter, [question])).toEqual([0]);
      },
    ),
    { numRuns: 50 },
  );
});

test('what is known of one end only', () => {
  const wants = (filters: Partial<ConnectionFilters>, ip: string, port = 80) =>
    new Wanted({ ...EVERYTHING, ...filters }).wants({}, { ip, port }, undefined);
  expect(wants({ lan: false }, '10.0.0.1')).toBe(false);
  expect(wants({ lan: false }, '169.254.169.254')).toBe(true);
  expect(wants({ udp: false, ports: [80], addresses: ['10.0.0.0/8'] }, '10.0.0.1')).toBe(true);
  expect(wants({ ports: [443] }, '10.0.0.1')).toBe(false);
  expect(wants({ addresses: ['10.0.0.0/8'] }, 'not an address')).toBe(false);
});

test('as much of long lists as the kernel takes is in its filter, on every link', () => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => i);
  const networksOf = (count: number) => many(count).map(i => `2001:db8:${i}::/${64 + i}`);
  const worst = [
    { addresses: networksOf(16), excludeAddresses: networksOf(16) },
    { excludePorts: many(8).map(i => i * 37 + 1), ports: many(8).map(i => i * 91 + 7) },
    { own: many(8).map(i => ({ ip: `2001:db8::${i}`, port: 9200 + i })) },
  ];
  const frames = [Buffer.from(ip('2001:db8::1', '2001:db8::2', 'tcp', syn))];
  for (const some of worst) {
    const { filter, ethernetFilter } = kernelFilter(ALL, { ...EVERYTHING, lan: false, ...some });
    for (const [linkType] of Object.values(LINKS)) passing(linkType, filter, frames);
    passing(LINK.ethernet, ethernetFilter, frames);
  }
  const long = kernelFilter(ALL, { ...EVERYTHING, addresses: networksOf(33), excludePorts: many(17) });
  expect(long).toEqual(kernelFilter(ALL, EVERYTHING));
});
