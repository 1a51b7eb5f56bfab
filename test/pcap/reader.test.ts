import { describe, expect, test } from 'bun:test';
import { addressBytes } from '../../src/core/address.ts';
import { Decoder } from '../../src/pcap/decode.ts';
import { NameMemory } from '../../src/pcap/dns/names.ts';
import { DnsReader } from '../../src/pcap/dns/reader.ts';
import { FlowTable } from '../../src/pcap/flows.ts';
import { LINK } from '../../src/pcap/link.ts';
import { sightOf } from '../../src/pcap/sight.ts';
import { message, name, question, record, TYPE } from './dns-bytes.ts';
import { hello } from './hello-bytes.ts';
import { type IpParts, ip, type Protocol, tcp, udp } from './packets.ts';

const [CLIENT, SERVER] = ['10.0.0.1', '192.0.2.53'];
const query = (id = 7) => message({ id, flags: 0x100, questions: [question('www.example.com')] });
const answer = (address = '192.0.2.1', id = 7) =>
  message({ id, questions: [question('www.example.com')], answers: [record(TYPE.A, [...addressBytes(address)!])] });
const framed = (bytes: Buffer) => Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);

class Wire {
  readonly flows = new FlowTable();
  readonly names = new NameMemory();
  readonly dns = new DnsReader();
  readonly told: string[] = [];
  readonly #decoder = new Decoder();
  timeMs = 1_000_000;

  send(from: string, to: string, protocol: Protocol, payload: readonly number[], parts: IpParts = {}, index = 2): void {
    const packet = this.#decoder.decode(LINK.raw, Buffer.from(ip(from, to, protocol, payload, parts)))!;
    const flow = this.flows.see(packet, this.timeMs, index, () => {})!;
    this.dns.see(packet, flow, this.timeMs, told => {
      if (told.askedMs !== undefined && told.protocol === 'dns') this.names.learn('host', told.message, this.timeMs);
      const { questions, answers } = told.message;
      this.told.push(
        `${told.protocol} ${told.kind} ${(questions[0] ?? answers[0])!.name} ${told.askedMs ?? ''}`.trim(),
      );
    });
  }
}

describe('DNS in packets', () => {
  test('over UDP: asked twice, answered twice, told once and remembered', () => {
    const wire = new Wire();
    wire.send(CLIENT, SERVER, 'udp', udp(40_000, 53, query()));
    wire.send(CLIENT, SERVER, 'udp', udp(40_000, 53, query()));
    wire.timeMs += 20;
    wire.send(SERVER, CLIENT, 'udp', udp(53, 40_000, answer()));
    wire.send(SERVER, CLIENT, 'udp', udp(53, 40_000, answer('192.0.2.66')));
    expect(wire.told).toEqual(['dns query www.example.com', 'dns answer www.example.com 1000000']);
    expect(wire.names.names('host', '192.0.2.1', wire.timeMs)).toEqual(['www.example.com']);
    expect(wire.names.names('host', '192.0.2.66', wire.timeMs)).toEqual([]);
  });

  test('a question that is seen again behind a translation is one question', () => {
    const wire = new Wire();
    wire.send('172.17.0.2', SERVER, 'udp', udp(40_000, 53, query()), { ttl: 64 }, 7);
    wire.send('172.17.0.2', SERVER, 'udp', udp(40_000, 53, query()), { ttl: 64 }, 3);
    wire.send(CLIENT, SERVER, 'udp', udp(50_000, 53, query()), { ttl: 63 }, 2);
    wire.send(SERVER, CLIENT, 'udp', udp(53, 50_000, answer()), { ttl: 60 }, 2);
    wire.send(SERVER, '172.17.0.2', 'udp', udp(53, 40_000, answer()), { ttl: 59 }, 3);
    expect(wire.told).toEqual(['dns query www.example.com', 'dns answer www.example.com 1000000']);
  });

  test('an answer that nobody asked for is told without a question, and teaches nothing', () => {
    const wire = new Wire();
    wire.send(CLIENT, SERVER, 'udp', udp(40_000, 53, query()));
    wire.send(SERVER, CLIENT, 'udp', udp(53, 40_000, answer('192.0.2.66', 8)));
    wire.send(SERVER, CLIENT, 'udp', udp(53, 40_001, answer('192.0.2.66')));
    expect(wire.told).toEqual([
      'dns query www.example.com',
      'dns answer www.example.com',
      'dns answer www.example.com',
    ]);
    expect(wire.names.size).toBe(0);
  });

  test('over TCP, in pieces', () => {
    const wire = new Wire();
    const ports = { from: 40_000, to: 53 };
    const back = { from: 53, to: 40_000 };
    wire.send(CLIENT, SERVER, 'tcp', tcp({ ...ports, flags: 'S', seq: 100 }));
    wire.send(SERVER, CLIENT, 'tcp', tcp({ ...back, flags: 'SA', seq: 900, ack: 101 }));
    const [asked, got] = [framed(query()), framed(answer())];
    wire.send(CLIENT, SERVER, 'tcp', tcp({ ...ports, flags: 'PA', seq: 101, data: asked.subarray(0, 9) }));
    wire.send(CLIENT, SERVER, 'tcp', tcp({ ...ports, flags: 'PA', seq: 110, data: asked.subarray(9) }));
    wire.send(SERVER, CLIENT, 'tcp', tcp({ ...back, flags: 'PA', seq: 941, data: got.subarray(40) }));
    wire.send(SERVER, CLIENT, 'tcp', tcp({ ...back, flags: 'PA', seq: 901, data: got.subarray(0, 40) }));
    expect(wire.told).toEqual(['dns query www.example.com', 'dns answer www.example.com 1000000']);
    expect(wire.names.size).toBe(1);
  });

  test('multicast is told apart and teaches nothing; what is no message is counted', () => {
    const wire = new Wire();
    const say = (host: string) =>
      message({ id: 0, flags: 0x8400, answers: [record(TYPE.A, [192, 0, 2, 9], 120, name(host), 0x8001)] });
    for (const host of ['a.local', 'a.local', 'b.local'])
      wire.send(CLIENT, '224.0.0.251', 'udp', udp(5353, 5353, say(host)));
    wire.send(CLIENT, '224.0.0.252', 'udp', udp(40_000, 5355, query()));
    wire.send(CLIENT, SERVER, 'udp', udp(40_000, 53, 'no message'));
    wire.send(CLIENT, SERVER, 'udp', udp(40_000, 80, query()));
    expect(wire.told).toEqual(['mdns answer a.local', 'mdns answer b.local', 'llmnr query www.example.com']);
    expect([wire.names.size, wire.dns.counters.malformed]).toEqual([0, 1]);
  });
});

test('what the first data of a connection shows', () => {
  const offer = hello({ extensions: '0000,0010', alpn: Buffer.from('h2') });
  expect(sightOf(offer, 0, offer.length)).toMatchObject({
    tls: { serverName: 'example.com', alpn: ['h2'], ja4: expect.stringMatching(/^t12d0102h2_/) },
  });
  const request = Buffer.from('GET / HTTP/1.1\r\nHost: example.com\r\n\r\n');
  expect(sightOf(request, 0, request.length)).toEqual({ http: { method: 'GET', host: 'example.com' } });
  expect(sightOf(request, 1, request.length)).toBeUndefined();
});
