import { describe, expect, test } from 'bun:test';
import type { DnsEvent, NetworkEvent, ProcessImage } from '../../src/core/event.ts';
import { Decoder } from '../../src/pcap/decode.ts';
import { FlowTable } from '../../src/pcap/flows.ts';
import { type Joinable, Joiner } from '../../src/pcap/join/joiner.ts';
import { LINK } from '../../src/pcap/link.ts';
import { ip, tcp, udp } from './packets.ts';

const HOST = '10.0.0.1';
const REMOTE = '192.0.2.7';
const T = 1_000_000;

/** A host with both sources; what came out, a line each. */
class Bench {
  readonly told: Joinable[] = [];
  readonly alone: string[] = [];
  readonly joiner: Joiner;
  readonly #decoder = new Decoder();
  readonly #flows = new FlowTable();
  #sequence = 0;

  constructor(isVisible = true) {
    this.joiner = new Joiner({
      release: event => this.told.push(event),
      alone: ({ ends: { source, destination } }, side) =>
        this.alone.push(`${source.ip}:${source.port} ${destination.ip}:${destination.port} ${side}`),
      isOurs: ({ ends }, side) => (side === 'source' ? ends.source.ip : ends.destination.ip) === HOST,
      isVisible: () => isVisible,
    });
  }

  call(pid: number, atMs: number, to: string, port: number, more: Partial<NetworkEvent> = {}): boolean {
    return this.joiner.hold(this.event('connect', pid, atMs, { destination: { ip: to, port }, ...more }));
  }

  accept(pid: number, atMs: number, from: string, port: number): boolean {
    return this.joiner.hold(this.event('accept', pid, atMs, { source: { ip: from, port } }));
  }

  /** Something that a process did, as its exec. */
  does(pid: number, atMs: number): void {
    this.joiner.hold({ ...this.event('listen', pid, atMs, {}) });
  }

  event(kind: NetworkEvent['kind'], pid: number, atMs: number, more: Partial<NetworkEvent>): NetworkEvent {
    const image: ProcessImage = { pid, entitySeed: `${pid}`, origin: 'audit' };
    const sequence = ++this.#sequence;
    const base = { module: 'audit', timeMs: T + atMs, createdMs: T + atMs, ordinal: 0, warnings: [] } as const;
    return {
      ...base,
      kind,
      sequence,
      stamp: `${sequence}`,
      outcome: 'success',
      process: { image, ancestors: [] },
      ...more,
    };
  }

  packet(atMs: number, from: string, to: string, protocol: 'tcp' | 'udp', bytes: readonly number[]) {
    const packet = this.#decoder.decode(LINK.raw, Buffer.from(ip(from, to, protocol, bytes)))!;
    return this.#flows.see(packet, T + atMs, 2, (news, flow) => {
      if (news === 'opened') this.joiner.opened(flow);
      if (news === 'answered' || news === 'refused') this.joiner.decided(flow, T + atMs);
    });
  }

  syn(atMs: number, port: number, to = REMOTE, from = HOST, toPort = 443) {
    return this.packet(atMs, from, to, 'tcp', tcp({ from: port, to: toPort, flags: 'S', seq: port }));
  }

  answer(atMs: number, port: number, to = REMOTE, from = HOST): void {
    this.packet(atMs, to, from, 'tcp', tcp({ from: 443, to: port, flags: 'SA', ack: port + 1 }));
  }

  until(atMs: number): void {
    this.joiner.advance({ auditMs: T + atMs, packetsMs: T + atMs });
  }

  get lines(): string[] {
    return this.told.map(event => {
      const { kind, process, source, destination, warnings } = event;
      const ports = 'candidates' in event ? ` of ${event.candidates!.join()}` : '';
      return `${kind} ${process?.image.pid} ${source?.port} ${destination?.port}${ports} ${warnings.join()}`.trim();
    });
  }
}

describe('a call and its connection', () => {
  test('are one event, whichever is read first', () => {
    for (const isPacketFirst of [true, false]) {
      const bench = new Bench();
      if (isPacketFirst) bench.syn(1, 40_000);
      expect(bench.call(7, 0, REMOTE, 443, { outcome: 'unknown' })).toBe(true);
      if (!isPacketFirst) bench.syn(1, 40_000);
      bench.answer(9, 40_000);
      bench.until(10);
      expect(bench.lines).toEqual([]);
      bench.until(40);
      expect(bench.told).toMatchObject([
        {
          kind: 'connect',
          outcome: 'success',
          source: { ip: HOST, port: 40_000 },
          destination: { ip: REMOTE, port: 443 },
          transport: 'tcp',
          family: 'ipv4',
          communityId: expect.stringMatching(/^1:/),
          process: { image: { pid: 7 } },
        },
      ]);
      bench.until(10_000);
      expect(bench.alone).toEqual([]);
      expect(bench.joiner.isHolding).toBe(false);
    }
  });

  test('of a call that waits for an answer for long', () => {
    const bench = new Bench();
    bench.syn(1, 40_000);
    bench.until(900);
    bench.answer(1_000, 40_000);
    bench.until(1_100);
    bench.call(7, 0, REMOTE, 443);
    bench.until(1_150);
    expect(bench.lines).toEqual(['connect 7 40000 443']);
  });

  test('is left open where two calls overlap, and a third process of its own is told', () => {
    const bench = new Bench();
    bench.call(7, 0, REMOTE, 443);
    bench.call(8, 0, REMOTE, 443);
    bench.syn(1, 40_000);
    bench.syn(2, 40_002);
    bench.until(400);
    expect(bench.lines).toEqual(['connect 7 undefined 443 of 40000,40002', 'connect 8 undefined 443 of 40000,40002']);
    expect(bench.told[0]).toMatchObject({ transport: 'tcp' });
    bench.until(10_000);
    expect(bench.alone).toEqual([]);
  });

  test('the kernel’s own word decides it', () => {
    const bench = new Bench();
    bench.call(7, 0, REMOTE, 443);
    bench.call(8, 0, REMOTE, 443);
    const flows = [bench.syn(1, 40_000)!, bench.syn(2, 40_002)!];
    bench.joiner.witnessed(8, flows[0]!.ends);
    bench.joiner.witnessed(9, flows[1]!.ends);
    bench.joiner.witnessed(7, flows[1]!.ends);
    expect(bench.lines).toEqual(['connect 8 40000 443', 'connect 7 40002 443']);
    bench.until(10_000);
    expect(bench.lines.length).toBe(2);
  });

  test('one that sent nothing says so where a packet would have been seen', () => {
    for (const isVisible of [true, false]) {
      const bench = new Bench(isVisible);
      bench.call(7, 0, REMOTE, 443);
      bench.call(8, 0, REMOTE, 443, { outcome: 'failure' });
      bench.until(400);
      expect(bench.lines).toEqual([
        `connect 7 undefined 443 ${isVisible ? 'no_packet' : ''}`.trim(),
        'connect 8 undefined 443',
      ]);
    }
  });

  test('a datagram socket that is used later belongs to who connected it', () => {
    const bench = new Bench();
    bench.call(7, 0, REMOTE, 5000);
    bench.until(400);
    bench.packet(2_000, HOST, REMOTE, 'udp', udp(40_000, 5000, 'x'));
    bench.packet(2_010, REMOTE, HOST, 'udp', udp(5000, 40_000, 'y'));
    bench.until(4_000);
    expect(bench.lines).toEqual(['connect 7 undefined 5000 no_packet', 'connect 7 40000 5000']);
    expect(bench.told[1]).toMatchObject({ timeMs: T + 2_000, ordinal: 1, transport: 'udp' });
    expect(bench.alone).toEqual([]);
  });

  test('to no address goes to the host itself', () => {
    const bench = new Bench();
    bench.call(7, 0, '0.0.0.0', 443);
    bench.syn(1, 40_000, '127.0.0.1');
    bench.until(40);
    expect(bench.told).toMatchObject([{ destination: { ip: '127.0.0.1' }, source: { port: 40_000 } }]);
  });
});

test('an accepted connection has its end here, by the peer’s port', () => {
  const bench = new Bench();
  bench.syn(0, 50_000, HOST, REMOTE, 22);
  expect(bench.accept(9, 5, REMOTE, 50_000)).toBe(true);
  expect(bench.told).toMatchObject([{ kind: 'accept', source: { port: 50_000 }, destination: { ip: HOST, port: 22 } }]);
  expect(bench.accept(9, 5, REMOTE, 50_001)).toBe(true);
  bench.syn(6, 50_001, HOST, REMOTE, 22);
  expect(bench.lines).toEqual(['accept 9 50000 22', 'accept 9 50001 22']);
  bench.accept(9, 10, REMOTE, 50_002);
  bench.until(1_000);
  expect(bench.lines[2]).toBe('accept 9 50002 undefined');
  expect(bench.alone).toEqual([]);
});

test('connections without a call are told alone, at the end that is ours', () => {
  const bench = new Bench();
  bench.syn(0, 40_000);
  bench.answer(1, 40_000);
  bench.syn(0, 50_000, HOST, REMOTE, 22);
  bench.syn(0, 60_000, '192.0.2.9', '192.0.2.8');
  bench.until(300);
  expect(bench.alone).toEqual([]);
  bench.until(600);
  expect(bench.alone).toEqual([`${HOST}:40000 ${REMOTE}:443 source`]);
  bench.until(6_000);
  expect(bench.alone[1]).toBe(`${REMOTE}:50000 ${HOST}:22 destination`);
  expect(bench.alone.length).toBe(2);
});

describe('a DNS message', () => {
  const base = { module: 'pcap', createdMs: T, ordinal: 0, warnings: [], family: 'ipv4', transport: 'udp' } as const;
  const query = (port: number): DnsEvent => ({
    ...base,
    kind: 'dns_query',
    timeMs: T,
    stamp: `${port}`,
    source: { ip: HOST, port },
    destination: { ip: REMOTE, port: 53 },
    dns: { protocol: 'dns', id: 1, opCode: 'QUERY', flags: [], questions: [], answers: [] },
  });

  test('waits for who asked', () => {
    const bench = new Bench();
    bench.packet(1, HOST, REMOTE, 'udp', udp(40_000, 53, 'x'));
    expect(bench.joiner.hold(query(40_000))).toBe(true);
    bench.call(7, 0, REMOTE, 53);
    bench.until(40);
    expect(bench.lines).toEqual(['connect 7 40000 53', 'dns_query 7 40000 53']);
    expect(bench.joiner.hold({ ...query(40_000), kind: 'dns_answer' })).toBe(true);
    expect(bench.lines[2]).toBe('dns_answer 7 40000 53');
    expect(bench.joiner.hold(query(40_001))).toBe(false);
  });

  test('of an asker that no call tells of comes after its time', () => {
    const bench = new Bench();
    bench.packet(1, HOST, REMOTE, 'udp', udp(40_000, 53, 'x'));
    expect(bench.joiner.hold(query(40_000))).toBe(true);
    bench.until(6_000);
    expect(bench.lines).toEqual(['dns_query undefined 40000 53']);
  });
});

test('a flood stays bounded, and everything comes out', () => {
  const bench = new Bench();
  for (let i = 0; i < 40_000; i++) bench.syn(0, 1_024 + (i % 60_000), `192.0.${i & 3}.7`);
  for (let i = 0; i < 20_000; i++) bench.call(i, 0, REMOTE, 444);
  const begin = performance.now();
  bench.until(20_000);
  expect(performance.now() - begin).toBeLessThan(2_000);
  expect(bench.joiner.isHolding).toBe(false);
  expect(bench.joiner.counters.evicted).toBeGreaterThan(20_000);
  expect(bench.alone.length).toBe(40_000);
});
