// The agent's filter in the real kernel, on every kind of link: what passes of frames that are sent into it, and of a flow of datagrams.

import { afterAll, afterEach, expect, test } from 'bun:test';
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Decoder } from '../../src/pcap/decode.ts';
import { kernelFilter } from '../../src/pcap/filter.ts';
import { LINK } from '../../src/pcap/link.ts';
import { PcapReader } from '../../src/pcap/reader.ts';
import type { ConnectionFilters } from '../../src/pcap/wanted.ts';
import { ethernet, ip, tcp, udp } from '../pcap/packets.ts';

// Of this process alone: hosts run several test runs.
const tag = process.pid % 100_000;
const [near, far, tun, namespace] = [`pf${tag}a`, `pf${tag}b`, `pf${tag}t`, `pf${tag}`];
const subnet = `10.${(tag >> 8) & 0xff}.${tag & 0xff}`;
const [HERE, THERE] = [`${subnet}.1`, `${subnet}.2`];

const run = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
run('netns', 'add', namespace);
run('link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', namespace);
run('address', 'add', `${HERE}/24`, 'dev', near);
run('-n', namespace, 'address', 'add', `${THERE}/24`, 'dev', far);
run('-n', namespace, 'link', 'set', far, 'up');
run('link', 'set', near, 'up');
const readers: PcapReader[] = [];
afterEach(() => {
  for (const reader of readers.splice(0)) reader.close();
});
afterAll(() => run('netns', 'delete', namespace));

const ALL = { dns: true, connections: true, tls: true, icmp: true };
/** Of this test's addresses alone. */
const OURS: ConnectionFilters = {
  ...{
    lan: true,
    udp: true,
    addresses: [`${subnet}.0/24`],
    excludeAddresses: [],
    ports: [],
    excludePorts: [],
    own: [],
  },
};

interface Told {
  readonly linkType: number;
  readonly what: string;
}

/** What comes through, as `from:port > to:port/vlan`. */
function read(interfaces: readonly string[], filters = OURS): { told: Told[]; reader: PcapReader } {
  const sizes = { snaplen: 1_536, bufferBytes: 2 << 20, coalesceMs: 20, ringBytes: 4 << 20 };
  const reader = PcapReader.open({ interfaces, ...kernelFilter(ALL, filters), skipRepeated: true, ...sizes });
  if (!(reader instanceof PcapReader)) throw new Error(reader.reason);
  readers.push(reader);
  const decoder = new Decoder();
  const told: Told[] = [];
  const visitor = {
    packet: ({ linkType, bytes }: { linkType: number; bytes: Buffer }) => {
      const seen = decoder.decode(linkType, bytes);
      if (seen?.source.startsWith(subnet) !== true) return;
      const what = `${seen.source}:${seen.sourcePort} > ${seen.destination}:${seen.destinationPort}`;
      told.push({ linkType, what: seen.vlan < 0 ? what : `${what}/${seen.vlan}` });
    },
    ...{ interfaceChanged: () => {}, batchEnd: () => {} },
  };
  expect(reader.start(visitor)).toBe(0);
  return { told, reader };
}

/** Puts frames on the wire, from the namespace. */
function inject(...frames: Buffer[]): void {
  const program =
    'import socket, sys; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind((sys.argv[1], 0))\n' +
    'for frame in sys.argv[2:]: s.send(bytes.fromhex(frame))';
  const hex = frames.map(frame => frame.toString('hex'));
  execFileSync('ip', ['netns', 'exec', namespace, 'python3', '-c', program, far, ...hex]);
}

const syn = (from: number, flags = 'S', data = '') => ip(THERE, HERE, 'tcp', tcp({ from, to: 9, flags, data }));
const datagram = (from: number, to: number) => ip(THERE, HERE, 'udp', udp(from, to, 'x'));
const line = (from: number, to = 9) => `${THERE}:${from} > ${HERE}:${to}`;
/** Without what this host's kernel answers. */
const fromThere = (told: readonly Told[]) => told.map(({ what }) => what).filter(what => what.startsWith(THERE));

const frames = [
  ethernet(syn(1001)),
  ethernet(syn(1002, 'A')),
  ethernet(syn(1003, 'PA', 'GET / HTTP/1.1\r\n\r\n')),
  ethernet(syn(1004, 'PA', 'HTTP/1.1 200 OK\r\n\r\n')),
  ethernet(syn(1005), { type: 0x8100, vlan: 7 }),
  ethernet(syn(1006, 'A'), { type: 0x8100, vlan: 7 }),
  ethernet(syn(1007), { type: 0x88a8, vlan: 8 }, { type: 0x8100, vlan: 7 }),
  ethernet(syn(1008, 'A'), { type: 0x88a8, vlan: 8 }, { type: 0x8100, vlan: 7 }),
  ethernet(datagram(1009, 9)),
  ethernet(datagram(1010, 53)),
];

test('Ethernet, with VLAN tags', () => {
  const { told, reader } = read([near]);
  inject(...frames);
  reader.stop();
  expect(told.every(({ linkType }) => linkType === LINK.ethernet)).toBe(true);
  expect(fromThere(told)).toEqual([
    ...[line(1001), line(1003), `${line(1005)}/7`, `${line(1007)}/7`, line(1009), line(1010, 53)],
  ]);
});

test("any: a single tag is the kernel's", () => {
  const { told, reader } = read(['any']);
  inject(...frames);
  reader.stop();
  expect(told.every(({ linkType }) => linkType === LINK.sll2)).toBe(true);
  expect(fromThere(told)).toEqual([line(1001), line(1003), line(1005), line(1009), line(1010, 53)]);
});

test('a link without a header', async () => {
  const program =
    'import fcntl, struct, sys, os; f = os.open("/dev/net/tun", os.O_RDWR)\n' +
    'fcntl.ioctl(f, 0x400454ca, struct.pack("16sH", sys.argv[1].encode(), 0x1001)); print("there", flush=True)\n' +
    'for line in sys.stdin: os.write(f, bytes.fromhex(line.strip())); print("sent", flush=True)';
  const owner = spawn('python3', ['-c', program, tun], { stdio: ['pipe', 'pipe', 'inherit'] });
  const said = () => new Promise(resolve => owner.stdout.once('data', resolve));
  await said();
  run('link', 'set', tun, 'up');
  const { told, reader } = read([tun]);
  for (const packet of [syn(1), syn(2, 'A'), datagram(3, 9)]) {
    owner.stdin.write(`${Buffer.from(packet).toString('hex')}\n`);
    await said();
  }
  reader.stop();
  owner.stdin.end();
  expect(told.filter(({ linkType }) => linkType !== LINK.raw)).toEqual([]);
  expect(fromThere(told)).toEqual([line(1), line(3)]);
});

test('of a flow of datagrams the first two in each direction are handed on, and all of DNS', () => {
  const { told, reader } = read([near]);
  const both = [datagram(5000, 6000), ip(HERE, THERE, 'udp', udp(6000, 5000, 'y'))];
  inject(
    ...Array.from({ length: 100 }, () => ethernet(both[0]!)),
    ...Array.from({ length: 50 }, () => ethernet(both[1]!)),
  );
  inject(...Array.from({ length: 20 }, () => ethernet(datagram(5000, 53))));
  reader.stop();
  const count = (what: string) => told.filter(one => one.what === what).length;
  expect(count(line(5000, 6000))).toBe(2);
  expect(count(`${HERE}:6000 > ${THERE}:5000`)).toBe(2);
  expect(count(line(5000, 53))).toBe(20);
  const { packets, repeated } = reader.stats();
  expect(repeated).toBe(98 + 48);
  expect(packets).toBeGreaterThanOrEqual(170);
});

test("the user's filters are the kernel's", () => {
  const { told, reader } = read([near], { ...OURS, udp: false, excludePorts: [1003] });
  const elsewhere = read([near], { ...OURS, lan: false });
  inject(...frames);
  reader.stop();
  elsewhere.reader.stop();
  expect(fromThere(told)).toEqual([line(1001), `${line(1005)}/7`, `${line(1007)}/7`, line(1010, 53)]);
  expect(fromThere(elsewhere.told)).toEqual([line(1010, 53)]);
  expect(elsewhere.reader.stats().packets).toBeLessThan(10);
});

test('a connection is its SYNs, its first data, and nothing of what follows', async () => {
  const server = Bun.serve({ hostname: HERE, port: 0, fetch: () => new Response('x'.repeat(1_000_000)) });
  const { told, reader } = read(['any']);
  const before = Number(readFileSync(`/sys/class/net/${near}/statistics/tx_packets`, 'utf8'));
  const request = 'import sys, urllib.request; assert len(urllib.request.urlopen(sys.argv[1]).read()) == 1000000';
  const client = spawn('ip', ['netns', 'exec', namespace, 'python3', '-c', request, server.url.href], {
    stdio: 'inherit',
  });
  expect(await new Promise(resolve => client.on('exit', resolve))).toBe(0);
  reader.stop();
  await server.stop(true);
  expect(Number(readFileSync(`/sys/class/net/${near}/statistics/tx_packets`, 'utf8')) - before).toBeGreaterThan(15);
  expect(fromThere(told).filter(what => what.endsWith(`:${server.port}`)).length).toBeLessThanOrEqual(3);
  expect(told.length).toBeLessThanOrEqual(5);
});
