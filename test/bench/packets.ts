// The decoders alone: time for a packet and for a DNS message, and what a full flow table takes. `bun test/bench/packets.ts [--json]`.

import { addressBytes } from '../../src/core/address.ts';
import { Decoder } from '../../src/pcap/decode.ts';
import { parseDns } from '../../src/pcap/dns/message.ts';
import { NameMemory } from '../../src/pcap/dns/names.ts';
import { FLOW_CAPACITY, FlowTable } from '../../src/pcap/flows.ts';
import { LINK } from '../../src/pcap/link.ts';
import { parseClientHello } from '../../src/pcap/tls/client-hello.ts';
import { ja4 } from '../../src/pcap/tls/ja4.ts';
import { message, name, question, record, TYPE } from '../pcap/dns-bytes.ts';
import { hello } from '../pcap/hello-bytes.ts';
import { ethernet, ip, tcp } from '../pcap/packets.ts';

const ROUNDS = 9;
const PER_ROUND = 200_000;

/** Microseconds for one, the median of rounds. */
function microseconds(work: (i: number) => void, count = PER_ROUND): number {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const from = performance.now();
    for (let i = 0; i < count; i++) work(i);
    return ((performance.now() - from) * 1000) / count;
  });
  return rounds.sort((a, b) => a - b)[ROUNDS >> 1]!;
}

const v4 = ethernet(
  ip('10.0.0.1', '192.0.2.7', 'tcp', tcp({ from: 40_000, to: 443, flags: 'S', seq: 7, options: 20 })),
);
const v6 = ethernet(ip('2001:db8::1', '2001:db8::2', 'tcp', tcp({ from: 40_000, to: 443, flags: 'S', options: 20 })));
const decoder = new Decoder();
const decode = (frame: Buffer) => () => void decoder.decode(LINK.ethernet, frame);

/** A SYN from another port and address each time: 28 and 34 are where a frame has them. */
const syns = (table: FlowTable) => (i: number) => {
  v4.writeUInt32BE(0x0a000000 + (i >>> 2), 26);
  v4.writeUInt16BE(1024 + (i & 0x7fff), 34);
  v4.writeUInt32BE(Math.imul(i, 2_654_435_761) >>> 0, 38);
  table.see(decoder.decode(LINK.ethernet, v4)!, i / 50, 2, () => {});
};
/** A SYN and its answer, each time of another connection. */
const answer4 = ethernet(
  ip('192.0.2.7', '10.0.0.1', 'tcp', tcp({ from: 443, to: 40_000, flags: 'SA', seq: 9, options: 20 })),
);
const connections = (table: FlowTable) => {
  const open = syns(table);
  return (i: number) => {
    if ((i & 1) === 0) return open(i);
    answer4.writeUInt32BE(v4.readUInt32BE(26), 30);
    answer4.writeUInt16BE(v4.readUInt16BE(34), 36);
    answer4.writeUInt32BE((v4.readUInt32BE(38) + 1) >>> 0, 42);
    table.see(decoder.decode(LINK.ethernet, answer4)!, i / 50, 2, () => {});
  };
};
/** One connection's data, again and again. */
const known = (table: FlowTable) => (i: number) =>
  void table.see(decoder.decode(LINK.ethernet, v4)!, 1_000_000 + i / 1000, 2, () => {});

const answer = message({
  questions: [question('www.example.com')],
  answers: [
    record(TYPE.CNAME, name('edge', 0x10)),
    ...[1, 2, 3, 4].map(n => record(TYPE.A, [...addressBytes(`192.0.2.${n}`)!], 300, [0xc0, 0x2d])),
  ],
  additional: [record(TYPE.OPT, [], 0, [0], 4096)],
});
/** What costs most: names of as many labels as there can be, each answer's and its data's led to by pointers. */
const labels = Array.from({ length: 60 }, () => 'a').join('.');
const worst = message({
  questions: [question(labels)],
  answers: Array.from({ length: 128 }, () => record(6, [0xc0, 12, 0xc0, 12, 0, 0, 0, 0])),
});
const offer = hello({
  ciphers: '1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035',
  extensions: '001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015',
  algorithms: '0403,0804,0401,0503,0805,0501,0806,0601',
});

function heapBytes(): number {
  Bun.gc(true);
  return process.memoryUsage().heapUsed;
}

function tableMemory(from: string): number {
  const before = heapBytes();
  const table = new FlowTable();
  for (let i = 0; i < FLOW_CAPACITY; i++) {
    const frame = Buffer.from(ip(from, from, 'tcp', tcp({ from: i, to: 443 + (i & 0xff), flags: 'S', seq: i * 7919 })));
    table.see(decoder.decode(LINK.raw, frame)!, 1_000, 2, () => {});
  }
  return (heapBytes() - before) / table.size;
}

function nameMemory(): number {
  const before = heapBytes();
  const memory = new NameMemory();
  for (let i = 0; i < 32_768; i++) {
    const address = [10, 0, i >> 8, i & 0xff];
    const bytes = message({ questions: [question(`host-${i}.cdn.example.com`)], answers: [record(TYPE.A, address)] });
    memory.learn('host', parseDns(bytes, 0, bytes.length, 'dns')!, 1_000);
  }
  return (heapBytes() - before) / memory.size;
}

const results = {
  decodeV4Us: microseconds(decode(v4)),
  decodeV6Us: microseconds(decode(v6)),
  knownFlowUs: microseconds(known(new FlowTable())),
  connectionPacketUs: microseconds(connections(new FlowTable())),
  synFloodUs: microseconds(syns(new FlowTable())),
  dnsAnswerUs: microseconds(() => void parseDns(answer, 0, answer.length, 'dns'), 50_000),
  dnsWorstUs: microseconds(() => void parseDns(worst, 0, worst.length, 'dns'), 500),
  clientHelloUs: microseconds(() => void ja4(parseClientHello(offer, 0, offer.length)!), 20_000),
  flowV4Bytes: tableMemory('10.0.0.1'),
  flowV6Bytes: tableMemory('2001:db8::1'),
  nameBytes: nameMemory(),
};

if (process.argv.includes('--json')) console.log(JSON.stringify(results));
else
  for (const [what, value] of Object.entries(results))
    console.log(`${what.padEnd(18)} ${value.toFixed(value < 50 ? 2 : 0)}`);
