import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { Decoder } from '../../src/pcap/decode.ts';
import type { Decoded } from '../../src/pcap/decoded.ts';
import { LINK } from '../../src/pcap/link.ts';
import { ethernet, icmp, ip, sctp, tcp, udp } from './packets.ts';

const SYN = tcp({ from: 40_000, to: 443, flags: 'S', seq: 0xdeadbeef, options: 20 });
const V4 = ip('10.0.0.1', '192.0.2.7', 'tcp', SYN);
const V6 = ip('2001:db8::1', '2001:db8::1:0:2', 'tcp', SYN);

const said = (packet: Decoded | undefined): string =>
  packet === undefined
    ? 'nothing'
    : `${packet.source}:${packet.sourcePort} ${packet.destination}:${packet.destinationPort} ${packet.protocol}`;

function decode(bytes: Buffer, linkType: number = LINK.ethernet): Decoded | undefined {
  return new Decoder().decode(linkType, bytes);
}

describe('link types', () => {
  const frames: [string, number, number[]][] = [
    ['Ethernet', LINK.ethernet, [...ethernet(V4)]],
    ['802.1Q', LINK.ethernet, [...ethernet(V4, { type: 0x8100, vlan: 100 })]],
    [
      '802.1ad with 802.1Q inside',
      LINK.ethernet,
      [...ethernet(V4, { type: 0x88a8, vlan: 7 }, { type: 0x8100, vlan: 100 })],
    ],
    ['cooked', LINK.sll, [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0xab, 2, 0, 0, 8, 0, ...V4]],
    ['cooked, VLAN', LINK.sll, [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0xab, 2, 0, 0, 0x81, 0, 0, 100, 8, 0, ...V4]],
    ['cooked 2', LINK.sll2, [8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 4, 6, 2, 0, 0, 0, 0xab, 2, 0, 0, ...V4]],
    ['raw', LINK.raw, V4],
    ['raw, by its DLT', LINK.dltRaw, V4],
    ['raw IPv4', LINK.ipv4, V4],
    ['null, little-endian', LINK.null, [2, 0, 0, 0, ...V4]],
    ['loop', LINK.loop, [0, 0, 0, 2, ...V4]],
  ];
  test.each(frames)('%s', (_, linkType, bytes) => {
    const packet = decode(Buffer.from(bytes), linkType);
    expect(said(packet)).toBe('10.0.0.1:40000 192.0.2.7:443 6');
    expect(packet!.mac ?? '02-00-00-00-AB-02').toBe('02-00-00-00-AB-02');
    expect([-1, 100]).toContain(packet!.vlan);
  });

  test('IPv6 where the link tells it by itself', () => {
    expect(said(decode(Buffer.from(V6), LINK.raw))).toBe('2001:db8::1:40000 2001:db8::1:0:2:443 6');
    expect(said(decode(Buffer.from([30, 0, 0, 0, ...V6]), LINK.null))).toStartWith('2001:db8::1:40000');
  });

  test('what holds no IP is counted, by why', () => {
    const decoder = new Decoder();
    const arp = Buffer.from(ethernet(V4));
    arp[13] = 6;
    const netlink = Buffer.from([0, 4, 3, 0x38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, ...V4]);
    netlink.writeUInt16BE(824, 2);
    expect(decoder.decode(LINK.ethernet, arp)).toBeUndefined();
    expect(decoder.decode(LINK.sll, netlink)).toBeUndefined();
    expect(decoder.decode(147, Buffer.from(V4))).toBeUndefined();
    expect(decoder.decode(LINK.ethernet, ethernet(V4).subarray(0, 30))).toBeUndefined();
    expect(decoder.decode(LINK.raw, Buffer.from([0x55, ...V4]))).toBeUndefined();
    expect(decoder.undecoded).toEqual({ not_ip: 2, unknown_link: 1, short: 1, malformed: 1 });
  });
});

describe('IP', () => {
  test('IPv4 with options; what follows the packet is padding', () => {
    const packet = decode(
      ethernet([...ip('10.0.0.1', '10.0.0.2', 'udp', udp(5000, 53, 'abc'), { options: 8 }), 0, 0, 0]),
    )!;
    expect(said(packet)).toBe('10.0.0.1:5000 10.0.0.2:53 17');
    expect(packet.bytes.latin1Slice(packet.payloadAt, packet.payloadEnd)).toBe('abc');
  });

  test('the first fragment has ports, later ones are told as such', () => {
    const first = decode(ethernet(ip('10.0.0.1', '10.0.0.2', 'udp', udp(5000, 53, 'abc'), { more: true })))!;
    expect([first.fragment, first.hasPorts, first.sourcePort]).toEqual(['first', true, 5000]);
    const later = decode(ethernet(ip('10.0.0.1', '10.0.0.2', 'udp', [1, 2, 3, 4], { offset: 1480 })))!;
    expect([later.fragment, later.hasPorts, later.source]).toEqual(['later', false, '10.0.0.1']);
  });

  test('IPv6 behind all its extension headers', () => {
    const headers = (fragment: number): number[] => [
      ...[43, 1, ...new Array<number>(14).fill(0)],
      ...[44, 0, ...new Array<number>(6).fill(0)],
      ...[60, 0, fragment >> 8, fragment & 0xff, 0, 0, 0, 9],
      ...[51, 0, ...new Array<number>(6).fill(0)],
      ...[6, 4, ...new Array<number>(22).fill(0)],
      ...SYN,
    ];
    const whole = decode(ethernet(ip('2001:db8::1', '2001:db8::2', 0, headers(0))))!;
    expect([said(whole), whole.fragment, whole.seq]).toEqual([
      '2001:db8::1:40000 2001:db8::2:443 6',
      'none',
      0xdeadbeef,
    ]);
    expect(decode(ethernet(ip('2001:db8::1', '2001:db8::2', 0, headers(1))))!.fragment).toBe('first');
    const later = decode(ethernet(ip('2001:db8::1', '2001:db8::2', 0, headers(1481))))!;
    expect([later.fragment, later.hasPorts]).toEqual(['later', false]);
  });

  test('more extension headers than there can be are no packet', () => {
    const chain = new Array(64).fill([60, 0, 0, 0, 0, 0, 0, 0]).flat();
    expect(decode(ethernet(ip('2001:db8::1', '2001:db8::2', 60, chain)))).toBeUndefined();
  });

  test('v4-mapped addresses are v4', () => {
    const bytes = ethernet(ip('2001:db8::1', '2001:db8::2', 'tcp', SYN));
    for (const at of [22, 38]) bytes.set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, at], at);
    const packet = decode(bytes)!;
    expect([packet.family, packet.source, packet.destination]).toEqual([4, '10.0.0.22', '10.0.0.38']);
  });
});

describe('transports', () => {
  test('TCP: flags, numbers, data behind the options', () => {
    const parts = { from: 1, to: 2, flags: 'PA', seq: 5, ack: 0xffffffff, options: 12, data: 'hello' };
    const packet = decode(ethernet(ip('10.0.0.1', '10.0.0.2', 'tcp', tcp(parts))))!;
    expect([packet.flags, packet.seq, packet.ack, packet.payloadLength]).toEqual([0x18, 5, 0xffffffff, 5]);
    expect(packet.bytes.latin1Slice(packet.payloadAt, packet.payloadEnd)).toBe('hello');
  });

  test('a capture that was cut keeps what it has', () => {
    const frame = ethernet(
      ip('10.0.0.1', '10.0.0.2', 'tcp', tcp({ from: 1, to: 2, flags: 'A', data: 'x'.repeat(1000) })),
    );
    const packet = decode(frame.subarray(0, 100))!;
    expect([packet.payloadEnd - packet.payloadAt, packet.payloadLength]).toEqual([46, 1000]);
    expect(said(decode(frame.subarray(0, 38)))).toBe('10.0.0.1:1 10.0.0.2:2 6');
    expect(decode(frame.subarray(0, 37))).toBeUndefined();
  });

  test('SCTP', () => {
    const packet = decode(ethernet(ip('10.0.0.1', '10.0.0.2', 'sctp', sctp(1000, 2000, 0, 1, 0xabcdef01))))!;
    expect([said(packet), packet.type, packet.seq]).toEqual(['10.0.0.1:1000 10.0.0.2:2000 132', 1, 0xabcdef01]);
  });

  test('an ICMP error quotes the packet that caused it; a query has its identifier', () => {
    const quoted = ip('10.0.0.1', '10.0.0.2', 'udp', udp(5000, 53, 'abc')).slice(0, 28);
    const error = decode(ethernet(ip('10.0.0.2', '10.0.0.1', 'icmp', icmp(3, 3, [0, 0, 0, 0], quoted))))!;
    expect([error.type, error.code, error.hasPorts, said(error.quoted)]).toEqual([
      3,
      3,
      false,
      '10.0.0.1:5000 10.0.0.2:53 17',
    ]);
    const v6 = ip('2001:db8::1', '2001:db8::2', 'tcp', SYN).slice(0, 48);
    const error6 = decode(ethernet(ip('2001:db8::9', '2001:db8::1', 'icmpv6', icmp(1, 4, [0, 0, 0, 0], v6))))!;
    expect([said(error6.quoted), error6.quoted!.seq]).toEqual(['2001:db8::1:40000 2001:db8::2:443 6', 0xdeadbeef]);
    const echo = decode(ethernet(ip('10.0.0.2', '10.0.0.1', 'icmp', icmp(8, 0, [0x12, 0x34, 0, 1]))))!;
    expect([echo.hasPorts, echo.sourcePort, echo.destinationPort]).toEqual([true, 0x1234, 0x1234]);
    const broken = decode(ethernet(ip('10.0.0.2', '10.0.0.1', 'icmp', icmp(3, 3, [0, 0, 0, 0], [0x45, 0]))))!;
    expect([broken.type, broken.quoted]).toEqual([3, undefined]);
  });

  test('lengths that lie are no packets', () => {
    const lies = [
      ip('10.0.0.1', '10.0.0.2', 'tcp', SYN, { length: 19 }),
      ip('10.0.0.1', '10.0.0.2', 'tcp', [...SYN.slice(0, 12), 0x40, ...SYN.slice(13)]),
      ip('10.0.0.1', '10.0.0.2', 'tcp', [...SYN.slice(0, 12), 0xf0, ...SYN.slice(13)]),
      ip('10.0.0.1', '10.0.0.2', 'udp', [0, 1, 0, 2, 0, 7, 0, 0, 1, 2]),
      [0x44, ...V4.slice(1)],
    ];
    const decoder = new Decoder();
    expect(lies.map(bytes => decoder.decode(LINK.ethernet, ethernet(bytes)))).toEqual(lies.map(() => undefined));
    expect(decoder.undecoded.malformed).toBe(lies.length);
  });
});

/** What nobody may read outside of, whatever the bytes say. */
function isInside(packet: Decoded): boolean {
  const { bytes, payloadAt, payloadEnd, sourceAt, destinationAt, addressLength } = packet;
  return (
    payloadAt >= 0 &&
    payloadAt <= payloadEnd &&
    payloadEnd <= bytes.length &&
    payloadEnd - payloadAt <= packet.payloadLength &&
    sourceAt + addressLength <= bytes.length &&
    destinationAt + addressLength <= bytes.length &&
    (packet.quoted === undefined || isInside(packet.quoted))
  );
}

const anyPacket = fc.constantFrom(
  V4,
  V6,
  ip('10.0.0.2', '10.0.0.1', 'icmp', icmp(3, 3, [0, 0, 0, 0], V4.slice(0, 28))),
  ip('2001:db8::9', '2001:db8::1', 'icmpv6', icmp(1, 4, [0, 0, 0, 0], V6)),
  ip('2001:db8::1', '2001:db8::2', 0, [44, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 1, ...SYN]),
);

test('whatever the bytes are, nothing outside of them is read', () => {
  const decoder = new Decoder();
  const change = fc.tuple(fc.nat(120), fc.nat(255));
  fc.assert(
    fc.property(
      anyPacket,
      fc.array(change, { maxLength: 6 }),
      fc.nat(120),
      fc.constantFrom(...Object.values(LINK)),
      (base, changes, length, linkType) => {
        const bytes = linkType === LINK.ethernet ? ethernet(base) : Buffer.from(base);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        const packet = decoder.decode(linkType, bytes.subarray(0, length));
        return packet === undefined || isInside(packet);
      },
    ),
    { numRuns: 20_000 },
  );
});
