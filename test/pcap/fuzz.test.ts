import { expect, test } from 'bun:test';
import { addressBytes } from '../../src/core/address.ts';
import { Decoder } from '../../src/pcap/decode.ts';
import { parseDns } from '../../src/pcap/dns/message.ts';
import { NameMemory } from '../../src/pcap/dns/names.ts';
import { DnsReader } from '../../src/pcap/dns/reader.ts';
import { FlowTable } from '../../src/pcap/flows.ts';
import { parseHttpRequest } from '../../src/pcap/http-request.ts';
import { LINK } from '../../src/pcap/link.ts';
import { sightOf } from '../../src/pcap/sight.ts';
import { parseClientHello } from '../../src/pcap/tls/client-hello.ts';
import { ja4 } from '../../src/pcap/tls/ja4.ts';
import { message, name, question, record, TYPE } from './dns-bytes.ts';
import { hello } from './hello-bytes.ts';
import { ethernet, icmp, ip, sctp, tcp, udp } from './packets.ts';

/** Of each decoder; PUPPY_FUZZ_INPUTS=10000000 takes minutes. */
const INPUTS = Number(process.env.PUPPY_FUZZ_INPUTS ?? 100_000);

/** xorshift32: the same inputs on each run, unless PUPPY_FUZZ_SEED says otherwise. */
let state = Number(process.env.PUPPY_FUZZ_SEED ?? 2_463_534_242);
function random(below: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}

const EDGES = [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff];
const scratch = Buffer.alloc(2_048);

/** One of `seeds` with some bytes changed, some moved, or cut; now and then only noise. */
function mutated(seeds: readonly Buffer[]): Buffer {
  const seed = seeds[random(seeds.length)]!;
  let length = seed.copy(scratch);
  for (let changes = random(8); changes > 0; changes--)
    scratch[random(length)] = random(3) === 0 ? EDGES[random(EDGES.length)]! : random(256);
  if (random(8) === 0) scratch.copyWithin(random(length), random(length), length);
  if (random(64) === 0) for (let i = 0; i < length; i++) scratch[i] = random(256);
  if (random(3) === 0) length = random(length + 1);
  return scratch.subarray(0, length);
}

const v4 = (text: string): number[] => [...addressBytes(text)!];
const answer = message({
  questions: [question('www.example.com')],
  answers: [
    record(TYPE.CNAME, name('edge', 0x10)),
    record(TYPE.A, v4('192.0.2.1')),
    record(TYPE.AAAA, v4('2001:db8::1')),
    record(TYPE.HTTPS, [0, 1, 0, 0, 1, 0, 3, 2, 104, 50, 0, 4, 0, 4, 1, 2, 3, 4]),
    record(TYPE.SRV, [0, 1, 0, 2, 0, 3, 0xc0, 12]),
    record(TYPE.TXT, [3, 97, 98, 99]),
  ],
  additional: [record(TYPE.OPT, [], 0, [0], 4096)],
});
const dnsSeeds = [answer, message({ questions: [question('example.com', TYPE.HTTPS)], flags: 0x100 })];
const framed = Buffer.concat([Buffer.from([0, answer.length]), answer, Buffer.from([0, answer.length]), answer]);

const SYN = tcp({ from: 40_000, to: 443, flags: 'S', seq: 7, options: 20 });
const packets = [
  ip('10.0.0.1', '192.0.2.7', 'tcp', SYN),
  ip('192.0.2.7', '10.0.0.1', 'tcp', tcp({ from: 443, to: 40_000, flags: 'SA', ack: 8 })),
  ip('10.0.0.1', '192.0.2.7', 'tcp', tcp({ from: 40_000, to: 53, flags: 'PA', seq: 1, data: framed })),
  ip('192.0.2.7', '10.0.0.1', 'udp', udp(53, 40_000, answer), { options: 8 }),
  ip('10.0.0.2', '10.0.0.1', 'icmp', icmp(3, 3, [0, 0, 0, 0], ip('10.0.0.1', '10.0.0.2', 'tcp', SYN).slice(0, 28))),
  ip('2001:db8::1', '2001:db8::2', 0, [
    44,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    60,
    0,
    0,
    0,
    0,
    0,
    0,
    1,
    6,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    ...SYN,
  ]),
  ip('2001:db8::9', '2001:db8::1', 'icmpv6', icmp(1, 4, [0, 0, 0, 0], ip('2001:db8::1', '2001:db8::2', 'tcp', SYN))),
  ip('10.0.0.1', '10.0.0.2', 'sctp', sctp(1, 2, 0, 1, 7)),
];
const frames = packets.flatMap(packet => [
  ethernet(packet),
  ethernet(packet, { type: 0x88a8, vlan: 1 }, { type: 0x8100, vlan: 2 }),
]);
const links = Object.values(LINK);

test('frames, flows and the DNS in them', () => {
  const decoder = new Decoder();
  const flows = new FlowTable(512);
  const names = new NameMemory(256);
  const dns = new DnsReader();
  let told = 0;
  let outside = 0;
  for (let i = 0; i < INPUTS; i++) {
    const bytes = mutated(frames);
    const packet = decoder.decode(random(8) === 0 ? links[random(links.length)]! : LINK.ethernet, bytes);
    if (packet === undefined) continue;
    if (packet.payloadAt > packet.payloadEnd || packet.payloadEnd > bytes.length) outside++;
    const timeMs = i * 10;
    const flow = flows.see(packet, timeMs, random(4), () => told++);
    if (flow === undefined) continue;
    dns.see(packet, flow, timeMs, ({ message }) => {
      told++;
      names.learn(flow.ends.key, message, timeMs);
    });
    sightOf(packet.bytes, packet.payloadAt, packet.payloadEnd);
  }
  expect([outside, flows.size <= 512, names.size <= 256, told > 0]).toEqual([0, true, true, true]);
}, 3_600_000);

test('DNS messages', () => {
  let parsed = 0;
  for (let i = 0; i < INPUTS; i++) {
    const bytes = mutated(dnsSeeds);
    if (parseDns(bytes, 0, bytes.length, i % 8 === 0 ? 'mdns' : 'dns') !== undefined) parsed++;
  }
  expect(parsed).toBeGreaterThan(INPUTS / 20);
}, 3_600_000);

test('TLS and HTTP', () => {
  const offer = hello({ ciphers: '0a0a,1301,c02b', extensions: '0000,0010,000d,002b', algorithms: '0403,0804' });
  const request = Buffer.from('GET /index.html HTTP/1.1\r\nUser-Agent: x\r\nHost: example.com:80\r\n\r\n');
  let parsed = 0;
  for (let i = 0; i < INPUTS; i++) {
    const tls = mutated([offer]);
    const got = parseClientHello(tls, 0, tls.length);
    if (got !== undefined) parsed++;
    if (got !== undefined && i % 16 === 0) ja4(got);
    const http = mutated([request]);
    if (parseHttpRequest(http, 0, http.length) !== undefined) parsed++;
  }
  expect(parsed).toBeGreaterThan(INPUTS / 20);
}, 3_600_000);
