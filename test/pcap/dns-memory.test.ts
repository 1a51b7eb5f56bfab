import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { addressBytes } from '../../src/core/address.ts';
import { Decoder } from '../../src/pcap/decode.ts';
import { Lookups } from '../../src/pcap/dns/lookups.ts';
import { type DnsMessage, parseDns } from '../../src/pcap/dns/message.ts';
import { NameMemory } from '../../src/pcap/dns/names.ts';
import { DnsStreams } from '../../src/pcap/dns/streams.ts';
import { LINK } from '../../src/pcap/link.ts';
import { message, name, question, record, TYPE } from './dns-bytes.ts';
import { ip, tcp } from './packets.ts';

const v4 = (text: string): number[] => [...addressBytes(text)!];
const parsed = (bytes: Buffer): DnsMessage => parseDns(bytes, 0, bytes.length, 'dns')!;
const asks = (text: string, id = 1): DnsMessage => parsed(message({ id, flags: 0x0100, questions: [question(text)] }));
const answers = (text: string, ...list: number[][]): DnsMessage =>
  parsed(message({ questions: [question(text)], answers: list }));
const NOW = 1_000_000;

describe('names of addresses', () => {
  test('the name that was asked for, through CNAMEs in any order', () => {
    const memory = new NameMemory();
    const got = answers(
      'WWW.example.com',
      record(TYPE.A, v4('192.0.2.1'), 300, name('b.cdn.net')),
      record(TYPE.CNAME, name('b.cdn.net'), 300, name('a.cdn.net')),
      record(TYPE.CNAME, name('a.cdn.net')),
      record(TYPE.A, v4('192.0.2.66'), 300, name('bank.example')),
      record(TYPE.HTTPS, [0, 1, 0, 0, 4, 0, 4, 192, 0, 2, 3]),
    );
    memory.learn('host', got, NOW);
    expect(memory.names('host', '192.0.2.1', NOW)).toEqual(['www.example.com']);
    expect(memory.names('host', '192.0.2.3', NOW)).toEqual(['www.example.com']);
    expect(memory.names('host', '192.0.2.66', NOW)).toEqual([]);
    expect(memory.names('container', '192.0.2.1', NOW)).toEqual([]);
  });

  test('a circle of CNAMEs ends', () => {
    const memory = new NameMemory();
    memory.learn(
      'host',
      answers('a.x', record(TYPE.CNAME, name('b.x')), record(TYPE.CNAME, name('a.x'), 9, name('b.x'))),
      NOW,
    );
    expect(memory.size).toBe(0);
  });

  test('as long as it holds: a minute at least, a day at most', () => {
    const memory = new NameMemory();
    memory.learn('host', answers('short.x', record(TYPE.A, v4('192.0.2.1'), 0)), NOW);
    memory.learn('host', answers('long.x', record(TYPE.A, v4('192.0.2.2'), 0x7fffffff)), NOW);
    memory.learn(
      'host',
      answers('as.told', record(TYPE.CNAME, name('b.x'), 100), record(TYPE.A, v4('192.0.2.3'), 900, name('b.x'))),
      NOW,
    );
    const holds = (address: string, afterMs: number) => memory.names('host', address, NOW + afterMs).length;
    expect([holds('192.0.2.1', 60_000), holds('192.0.2.1', 60_001)]).toEqual([1, 0]);
    expect([holds('192.0.2.2', 86_400_000), holds('192.0.2.2', 86_400_001)]).toEqual([1, 0]);
    expect([holds('192.0.2.3', 100_000), holds('192.0.2.3', 100_001)]).toEqual([1, 0]);
  });

  test('an address of several names has the last one first, and only so many', () => {
    const memory = new NameMemory();
    for (const text of ['a.x', 'b.x', 'c.x', 'd.x', 'e.x', 'b.x'])
      memory.learn('host', answers(text, record(TYPE.A, v4('192.0.2.1'))), NOW);
    expect(memory.names('host', '192.0.2.1', NOW)).toEqual(['b.x', 'e.x', 'd.x', 'c.x']);
  });

  test('a flood forgets its own, and is counted', () => {
    const memory = new NameMemory(100);
    memory.learn('host', answers('a.x', record(TYPE.A, v4('192.0.2.1'))), NOW);
    for (let i = 0; i < 5_000; i++)
      memory.learn('bad', answers(`n${i}.x`, record(TYPE.A, v4(`10.0.${i >> 8}.${i & 0xff}`))), NOW);
    expect([memory.size, memory.evicted]).toEqual([100, 4_901]);
    expect(memory.names('host', '192.0.2.1', NOW)).toEqual(['a.x']);
    memory.forget('bad');
    expect(memory.size).toBe(1);
  });

  test('an error teaches nothing', () => {
    const memory = new NameMemory();
    const parts = { questions: [question('a.x')], answers: [record(TYPE.A, v4('192.0.2.1'))] };
    memory.learn('host', parsed(message({ ...parts, flags: 0x8183 })), NOW);
    memory.learn('host', parsed(message({ ...parts, questions: [question('a.x'), question('b.x')] })), NOW);
    expect(memory.size).toBe(0);
  });
});

describe('lookups', () => {
  test('a question and its answer, each once', () => {
    const lookups = new Lookups();
    expect([lookups.asks('f', asks('a.x'), NOW), lookups.asks('f', asks('A.X'), NOW + 5_000)]).toEqual([true, false]);
    expect(lookups.answers('f', asks('a.x'), NOW + 6_000)).toEqual({ askedMs: NOW });
    expect(lookups.answers('f', asks('a.x'), NOW + 6_001)).toBeUndefined();
    expect(lookups.asks('f', asks('a.x', 2), NOW)).toBe(true);
    expect(lookups.asks('g', asks('a.x'), NOW)).toBe(true);
    expect(lookups.asks('f', asks('a.x'), NOW + 60_000)).toBe(true);
  });

  test('an answer to what nobody asked is told as such, once', () => {
    const lookups = new Lookups();
    lookups.asks('f', asks('a.x'), NOW);
    for (const [scope, forged] of [
      ['f', asks('a.x', 2)],
      ['f', asks('b.x')],
      ['g', asks('a.x')],
    ] as const) {
      expect(lookups.answers(scope, forged, NOW)).toEqual({});
      expect(lookups.answers(scope, forged, NOW)).toBeUndefined();
    }
  });

  test('a flood of questions is bounded and counted', () => {
    const lookups = new Lookups();
    for (let i = 0; i < 10_000; i++) lookups.asks('f', asks(`n${i}.x`), NOW);
    expect([lookups.size, lookups.evicted]).toEqual([8_192, 1_808]);
  });
});

describe('DNS over TCP', () => {
  const decoder = new Decoder();
  const framed = (bytes: Buffer) => Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
  const one = message({
    questions: [question('one.example')],
    answers: [record(TYPE.TXT, [200, ...new Array<number>(200).fill(97)])],
  });
  const two = message({ questions: [question('two.example')] });
  const stream = Buffer.concat([framed(one), framed(two)]);

  function feed(streams: DnsStreams, seq: number, data: Uint8Array, flags = 'PA', captured = 65_535): string[] {
    const bytes = Buffer.from(
      ip('10.0.0.1', '10.0.0.2', 'tcp', tcp({ from: 40_000, to: 53, flags, seq: seq >>> 0, data })),
    );
    const told: string[] = [];
    streams.see('f>', decoder.decode(LINK.raw, bytes.subarray(0, captured))!, NOW, (own, start, end) => {
      told.push(parseDns(own, start, end, 'dns')?.questions[0]?.name ?? 'nothing');
    });
    return told;
  }

  test('however the stream is cut, doubled and mixed up, its messages come once and in order', () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: stream.length - 1 }), { maxLength: 4 });
    fc.assert(
      fc.property(cuts, fc.array(fc.nat(), { maxLength: 20 }), fc.nat(0xffffffff), (cut, order, isn) => {
        const edges = [0, ...cut.sort((a, b) => a - b), stream.length];
        const segments = edges.slice(1).map((end, i) => [edges[i]!, end] as const);
        const streams = new DnsStreams();
        feed(streams, isn, Buffer.alloc(0), 'S');
        const sent = [...order.map(n => segments[n % segments.length]!), ...segments];
        const told = sent.flatMap(([from, to]) => feed(streams, isn + 1 + from, stream.subarray(from, to)));
        expect(told).toEqual(['one.example', 'two.example']);
      }),
      { numRuns: 500 },
    );
  });

  test('without a SYN the first data is the beginning', () => {
    expect(feed(new DnsStreams(), 77, stream)).toEqual(['one.example', 'two.example']);
  });

  test('a segment that the capture cuts is told as far as it goes, and ends it', () => {
    const streams = new DnsStreams();
    expect(feed(streams, 0, stream, 'PA', 120)).toEqual(['one.example']);
    expect(feed(streams, stream.length, framed(two))).toEqual([]);
    expect(streams.counters.givenUp).toBe(1);
  });

  test('what cannot be DNS, has gaps or too many bytes is given up', () => {
    for (const bytes of ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', '\0\x05hello', '\xff\xffhello']) {
      const streams = new DnsStreams();
      feed(streams, 0, Buffer.from(bytes, 'latin1'));
      expect(streams.counters).toMatchObject({ messages: 0, givenUp: 1 });
    }
    const gaps = new DnsStreams();
    feed(gaps, 0, Buffer.alloc(0), 'S');
    for (let i = 1; i < 9; i++) feed(gaps, 1 + 100 * i, Buffer.alloc(50));
    expect(gaps.counters.givenUp).toBe(1);
  });

  test('connections are bounded', () => {
    const streams = new DnsStreams();
    const packet = decoder.decode(
      LINK.raw,
      Buffer.from(ip('10.0.0.1', '10.0.0.2', 'tcp', tcp({ from: 1, to: 53, flags: 'S' }))),
    )!;
    for (let i = 0; i < 3_000; i++) streams.see(`${i}>`, packet, NOW, () => {});
    expect([streams.size, streams.counters.evicted]).toEqual([1_024, 1_976]);
  });
});
