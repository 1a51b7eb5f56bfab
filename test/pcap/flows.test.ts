import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { Decoder } from '../../src/pcap/decode.ts';
import { LocalAddresses } from '../../src/pcap/direction.ts';
import type { Flow } from '../../src/pcap/flow.ts';
import { FlowTable } from '../../src/pcap/flows.ts';
import { LINK } from '../../src/pcap/link.ts';
import { type IpParts, icmp, ip, type Protocol, sctp, type TcpParts, tcp, udp } from './packets.ts';

const [CLIENT, SERVER] = ['10.0.0.1', '192.0.2.7'];

/** A table that is fed packets; `told` is what it said, one line each. */
class Wire {
  readonly table: FlowTable;
  readonly told: string[] = [];
  readonly flows: Flow[] = [];
  readonly #decoder = new Decoder();
  timeMs = 1_000_000;

  constructor(capacity?: number) {
    this.table = new FlowTable(capacity);
  }

  send(
    from: string,
    to: string,
    protocol: Protocol,
    payload: readonly number[],
    parts: IpParts = {},
    interfaceIndex = 2,
  ) {
    const packet = this.#decoder.decode(LINK.raw, Buffer.from(ip(from, to, protocol, payload, parts)))!;
    return this.table.see(packet, this.timeMs, interfaceIndex, (news, flow) => {
      const { source, destination } = flow.ends;
      this.told.push(`${news} ${source.ip}:${source.port} ${destination.ip}:${destination.port} ${flow.initiatorBy}`);
      this.flows.push(flow);
    });
  }

  tcp(way: '>' | '<', flags: string, rest: Partial<TcpParts> = {}): void {
    const ports = way === '>' ? { from: 40_000, to: 443 } : { from: 443, to: 40_000 };
    const [from, to] = way === '>' ? [CLIENT, SERVER] : [SERVER, CLIENT];
    this.send(from, to, 'tcp', tcp({ ...ports, flags, ...rest }));
  }
}

const ENDS = '10.0.0.1:40000 192.0.2.7:443';

describe('TCP', () => {
  test('a connection is told once, however often its SYN is sent or seen', () => {
    const wire = new Wire();
    for (let i = 0; i < 7; i++) {
      wire.tcp('>', 'S', { seq: 100 });
      wire.timeMs += 64_000;
    }
    wire.tcp('<', 'SA', { seq: 900, ack: 101 });
    wire.tcp('<', 'SA', { seq: 900, ack: 101 });
    wire.tcp('>', 'A', { seq: 101, ack: 901 });
    wire.tcp('>', 'PA', { seq: 101, ack: 901, data: 'hello' });
    wire.tcp('>', 'PA', { seq: 106, ack: 901, data: 'again' });
    wire.tcp('>', 'S', { seq: 100 });
    expect(wire.told).toEqual([`opened ${ENDS} request`, `answered ${ENDS} request`, `spoke ${ENDS} request`]);
    expect(wire.table.size).toBe(1);
  });

  test('a SYN with another number is another connection, also from the other side', () => {
    const wire = new Wire();
    wire.tcp('>', 'S', { seq: 100 });
    wire.tcp('>', 'S', { seq: 101 });
    wire.tcp('<', 'S', { seq: 102 });
    expect(wire.told).toEqual([
      `opened ${ENDS} request`,
      `opened ${ENDS} request`,
      'opened 192.0.2.7:443 10.0.0.1:40000 request',
    ]);
  });

  test('SYN+ACK without its SYN; the SYN that comes later is the same connection', () => {
    const wire = new Wire();
    wire.tcp('<', 'SA', { seq: 900, ack: 101 });
    wire.tcp('>', 'S', { seq: 100 });
    expect(wire.told).toEqual([`opened ${ENDS} answer`]);
    expect(wire.flows[0]!.fate).toBe('answered');
  });

  test('refused by RST, which must acknowledge the SYN', () => {
    const wire = new Wire();
    wire.tcp('>', 'S', { seq: 0xffffffff });
    wire.tcp('<', 'RA', { ack: 7 });
    wire.tcp('<', 'R');
    expect(wire.told).toEqual([`opened ${ENDS} request`, `refused ${ENDS} request`]);
    const fast = new Wire();
    fast.tcp('>', 'S', { seq: 100, data: 'hello' });
    fast.tcp('<', 'RA', { ack: 106 });
    fast.tcp('<', 'RA', { ack: 106 });
    expect(fast.told).toEqual([`opened ${ENDS} request`, `spoke ${ENDS} request`, `refused ${ENDS} request`]);
  });

  test('unreachable by ICMP, if it quotes the right number; an answer may still come', () => {
    const wire = new Wire();
    wire.tcp('>', 'S', { seq: 100 });
    const quote = (seq: number) =>
      ip(CLIENT, SERVER, 'tcp', tcp({ from: 40_000, to: 443, flags: 'S', seq })).slice(0, 28);
    const error = (code: number, seq: number) =>
      wire.send('10.9.9.9', CLIENT, 'icmp', icmp(3, code, [0, 0, 0, 0], quote(seq)));
    error(1, 99);
    error(4, 100);
    expect(wire.told).toHaveLength(1);
    error(1, 100);
    error(1, 100);
    expect(wire.flows.at(-1)!.icmp).toEqual({ type: 3, code: 1 });
    wire.tcp('<', 'SA', { seq: 900, ack: 101 });
    expect(wire.told).toEqual([`opened ${ENDS} request`, `unreachable ${ENDS} request`, `answered ${ENDS} request`]);
  });

  test('packets from the middle of a connection begin none', () => {
    const wire = new Wire();
    wire.tcp('>', 'PA', { data: 'x' });
    wire.tcp('<', 'R');
    wire.tcp('<', 'FA');
    expect([wire.told, wire.table.counters.stray]).toEqual([[], 3]);
  });

  test('what both sides have closed is soon forgotten', () => {
    const wire = new Wire();
    wire.tcp('>', 'S', { seq: 100 });
    wire.tcp('<', 'SA', { seq: 900, ack: 101 });
    wire.tcp('>', 'FA');
    wire.timeMs += 120_000;
    wire.table.tick(wire.timeMs);
    expect(wire.table.size).toBe(1);
    wire.tcp('<', 'FA');
    wire.timeMs += 61_000;
    wire.table.tick(wire.timeMs);
    expect([wire.table.size, wire.table.counters.expired]).toEqual([0, 1]);
  });
});

describe('other protocols', () => {
  test('UDP: one flow in both directions until it was idle', () => {
    const wire = new Wire();
    const query = () => wire.send(CLIENT, SERVER, 'udp', udp(5000, 6000, 'a'));
    query();
    wire.send(SERVER, CLIENT, 'udp', udp(6000, 5000, 'b'));
    for (let i = 0; i < 5; i++) {
      wire.timeMs += 170_000;
      query();
    }
    expect(wire.told).toEqual([
      'opened 10.0.0.1:5000 192.0.2.7:6000 first_packet',
      'answered 10.0.0.1:5000 192.0.2.7:6000 first_packet',
    ]);
    wire.timeMs += 181_000;
    query();
    expect(wire.told).toHaveLength(3);
  });

  test('UDP: an answer that came first is told by its ports, and as such', () => {
    const wire = new Wire();
    wire.send(SERVER, CLIENT, 'udp', udp(53, 40_000, 'a'));
    expect(wire.told).toEqual(['opened 10.0.0.1:40000 192.0.2.7:53 ports']);
  });

  test('UDP refused over IPv6', () => {
    const wire = new Wire();
    const datagram = udp(5000, 6000, 'a');
    wire.send('2001:db8::1', '2001:db8::2', 'udp', datagram);
    const quoted = ip('2001:db8::1', '2001:db8::2', 'udp', datagram);
    wire.send('2001:db8::2', '2001:db8::1', 'icmpv6', icmp(1, 4, [0, 0, 0, 0], quoted));
    expect(wire.told.at(-1)).toBe('refused 2001:db8::1:5000 2001:db8::2:6000 first_packet');
  });

  test('SCTP', () => {
    const wire = new Wire();
    wire.send(CLIENT, SERVER, 'sctp', sctp(1000, 2000, 0, 1, 77));
    wire.send(SERVER, CLIENT, 'sctp', sctp(2000, 1000, 77, 6, 0));
    wire.send(CLIENT, SERVER, 'sctp', sctp(1000, 2000, 0, 1, 78));
    wire.send(SERVER, CLIENT, 'sctp', sctp(2000, 1000, 78, 2, 99));
    expect(wire.told.map(line => line.split(' ')[0])).toEqual(['opened', 'refused', 'opened', 'answered']);
  });

  test('ICMP: a query and its reply, by their identifier', () => {
    const wire = new Wire();
    for (const id of [1, 2]) {
      wire.send(SERVER, CLIENT, 'icmp', icmp(8, 0, [0, id, 0, 1]));
      wire.send(CLIENT, SERVER, 'icmp', icmp(0, 0, [0, id, 0, 1]));
      wire.send(SERVER, CLIENT, 'icmp', icmp(8, 0, [0, id, 0, 2]));
    }
    expect(wire.told.map(line => line.split(' ')[0])).toEqual(['opened', 'answered', 'opened', 'answered']);
    expect(wire.flows[0]!.communityId).toStartWith('1:');
  });
});

describe('the copies of one packet', () => {
  const syn = (from: number) => tcp({ from, to: 443, flags: 'S', seq: 100 });

  test('out of a container: veth, bridge, and the outer interface after translation', () => {
    const wire = new Wire();
    wire.send('172.17.0.2', SERVER, 'tcp', syn(40_000), { ttl: 64 }, 7);
    wire.send('172.17.0.2', SERVER, 'tcp', syn(40_000), { ttl: 64 }, 3);
    wire.send('10.0.0.5', SERVER, 'tcp', syn(61_000), { ttl: 63 }, 2);
    wire.send(SERVER, '10.0.0.5', 'tcp', tcp({ from: 443, to: 61_000, flags: 'SA', seq: 9, ack: 101 }), {}, 2);
    wire.send(SERVER, '172.17.0.2', 'tcp', tcp({ from: 443, to: 40_000, flags: 'SA', seq: 9, ack: 101 }), {}, 3);
    const ends = '172.17.0.2:40000 192.0.2.7:443 request';
    expect(wire.told).toEqual([`opened ${ends}`, `translated ${ends}`, `answered ${ends}`]);
    expect(wire.flows[0]!.translated!.source).toEqual({ ip: '10.0.0.5', port: 61_000 });
    expect(wire.table.size).toBe(1);
  });

  test('into a published port, over UDP and IPv6 too', () => {
    const wire = new Wire();
    wire.send('2001:db8::9', '2001:db8::5', 'udp', udp(5000, 8080, 'query'), { ttl: 55 }, 2);
    wire.send('2001:db8::9', 'fd00::2', 'udp', udp(5000, 80, 'query'), { ttl: 54 }, 3);
    expect(wire.told.map(line => line.split(' ')[0])).toEqual(['opened', 'translated']);
    expect(wire.flows[0]!.translated!.destination).toEqual({ ip: 'fd00::2', port: 80 });
  });

  test('what only looks alike is a connection of its own', () => {
    const others: [string, string, IpParts, number, number][] = [
      ['10.0.0.5', SERVER, { ttl: 64 }, 2, 0],
      ['10.0.0.5', SERVER, { ttl: 63 }, 7, 0],
      ['10.0.0.5', SERVER, { ttl: 63, id: 9 }, 2, 0],
      ['10.0.0.5', '192.0.2.8', { ttl: 63 }, 2, 0],
      ['10.0.0.5', SERVER, { ttl: 63 }, 2, 2_000],
    ];
    for (const [from, to, parts, interfaceIndex, laterMs] of others) {
      const wire = new Wire();
      wire.send('172.17.0.2', SERVER, 'tcp', syn(40_000), { ttl: 64 }, 7);
      wire.timeMs += laterMs;
      wire.send(from, to, 'tcp', syn(40_000), parts, interfaceIndex);
      expect(wire.told.map(line => line.split(' ')[0])).toEqual(['opened', 'opened']);
    }
  });
});

test('direction is by the addresses of this host', () => {
  const local = new LocalAddresses(['10.0.0.5', '::ffff:172.17.0.2', 'fe80::1%eth0', 'no address']);
  const way = (from: string, to: string) => {
    const wire = new Wire();
    return local.direction(wire.send(from, to, 'udp', udp(5000, 6000))!.ends);
  };
  expect(way('10.0.0.5', SERVER)).toBe('egress');
  expect(way(SERVER, '172.17.0.2')).toBe('ingress');
  expect(way('127.0.0.1', '127.8.0.1')).toBe('internal');
  expect(way('fe80::1', 'ff02::fb')).toBe('egress');
  expect(way(SERVER, '224.0.0.251')).toBe('ingress');
  expect(way(SERVER, '192.0.2.8')).toBeUndefined();
});

describe('bounds', () => {
  test('a SYN flood keeps what is established, and is counted', () => {
    const wire = new Wire(1_000);
    for (let port = 1; port <= 500; port++) {
      wire.send(CLIENT, SERVER, 'tcp', tcp({ from: port, to: 443, flags: 'S', seq: port }));
      wire.send(SERVER, CLIENT, 'tcp', tcp({ from: 443, to: port, flags: 'SA', seq: 1, ack: port + 1 }));
    }
    for (let i = 0; i < 20_000; i++) {
      const from = `203.0.${i >> 8}.${i & 0xff}`;
      wire.send(from, CLIENT, 'tcp', tcp({ from: 1024 + i, to: 22, flags: 'S', seq: i * 7 }));
    }
    expect(wire.table.size).toBe(1_000);
    expect(wire.table.counters).toMatchObject({ evictedWaiting: 19_500, evictedAnswered: 0 });
    wire.told.length = 0;
    for (let port = 1; port <= 500; port++) wire.send(CLIENT, SERVER, 'tcp', tcp({ from: port, to: 443, flags: 'A' }));
    expect([wire.told.length, wire.table.counters.stray]).toEqual([0, 0]);
  });

  test('full of connections that are established there is still room to see a new one answered', () => {
    const wire = new Wire(100);
    for (let port = 1; port <= 300; port++) {
      wire.send(CLIENT, SERVER, 'tcp', tcp({ from: port, to: 443, flags: 'S', seq: port }));
      wire.send(SERVER, CLIENT, 'tcp', tcp({ from: 443, to: port, flags: 'SA', seq: 1, ack: port + 1 }));
    }
    expect(wire.told.filter(line => line.startsWith('answered'))).toHaveLength(300);
    expect([wire.table.size, wire.table.counters.evictedAnswered]).toEqual([100, 200]);
  });

  test('whatever comes, each flow is told as opened once, and the table keeps its bound', () => {
    const flags = fc.constantFrom('S', 'SA', 'A', 'RA', 'FA', 'R');
    const step = fc.record({
      port: fc.nat(5),
      isBack: fc.boolean(),
      flags,
      seq: fc.nat(2),
      afterMs: fc.constantFrom(0, 1, 70_000, -200_000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), steps => {
        const wire = new Wire(4);
        for (const { port, isBack, flags, seq, afterMs } of steps) {
          wire.timeMs += afterMs;
          const ports = isBack ? { from: 443, to: port } : { from: port, to: 443 };
          wire.send(
            isBack ? SERVER : CLIENT,
            isBack ? CLIENT : SERVER,
            'tcp',
            tcp({ ...ports, flags, seq, ack: seq + 1 }),
          );
          expect(wire.table.size).toBeLessThanOrEqual(4);
        }
        const opened = wire.flows.filter((_, i) => wire.told[i]!.startsWith('opened'));
        expect(new Set(opened).size).toBe(opened.length);
        expect(wire.table.counters.opened).toBe(opened.length);
        wire.table.tick(wire.timeMs + 10_000_000);
        expect(wire.table.size).toBe(0);
      }),
      { numRuns: 500 },
    );
  });
});
