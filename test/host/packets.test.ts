// Packets of the real kernel through the decoders: a container's namespace behind a bridge and address translation, all its copies
// captured in the middle. Needs root, iptables and tcpdump.

import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PcapFile } from '../../src/pcap/capture-file.ts';
import { Decoder } from '../../src/pcap/decode.ts';
import { NameMemory } from '../../src/pcap/dns/names.ts';
import { DnsReader } from '../../src/pcap/dns/reader.ts';
import type { Flow } from '../../src/pcap/flow.ts';
import { FlowTable } from '../../src/pcap/flows.ts';
import { sightOf } from '../../src/pcap/sight.ts';
import { message, question, record, TYPE } from '../pcap/dns-bytes.ts';

const tag = process.pid % 100_000;
const [INNER, MIDDLE, OUTER] = [`pi${tag}`, `pm${tag}`, `po${tag}`];
const scratch = mkdtempSync(join(tmpdir(), 'puppy-packets-'));
const running: ChildProcess[] = [];

const run = (command: string): string => {
  const [program, ...args] = command.split(' ');
  return execFileSync(program!, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 });
};
const ip = (command: string) => run(`ip ${command}`);

/** A program in a namespace; resolves when it has printed `word` (tcpdump: to stderr). */
function start(namespace: string, args: readonly string[], word: string): Promise<ChildProcess> {
  const child = spawn('ip', ['netns', 'exec', namespace, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  const { promise, resolve, reject } = Promise.withResolvers<ChildProcess>();
  let said = '';
  const hear = (data: Buffer) => {
    said += data;
    if (said.includes(word)) resolve(child);
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  child.on('exit', () => reject(new Error(said)));
  return promise;
}

const bun = (namespace: string, code: string, word = 'ready') => start(namespace, [process.execPath, '-e', code], word);

/** Sends a request to a port and prints `done` when it was answered or refused. */
const ask = (host: string, port: number) => `
  require('node:net').connect(${port}, '${host}', function () { this.write('GET / HTTP/1.1\\r\\nHost: site.test\\r\\n\\r\\n'); })
    .on('error', () => {}).on('data', () => {}).on('close', () => console.log('done'));`;
const serve = (port: number) => `
  require('node:net').createServer(s => s.on('error', () => {}).once('data', () => s.end('bye')))
    .listen(${port}, '::', () => console.log('ready'));`;

beforeAll(() => {
  for (const namespace of [INNER, MIDDLE, OUTER]) {
    ip(`netns add ${namespace}`);
    ip(`-n ${namespace} link set lo up`);
  }
  ip(`-n ${MIDDLE} link add br0 type bridge`);
  ip(`-n ${MIDDLE} link add veth0 type veth peer name eth0 netns ${INNER}`);
  ip(`-n ${MIDDLE} link add eth0 type veth peer name eth0 netns ${OUTER}`);
  ip(`-n ${MIDDLE} link set veth0 master br0`);
  ip(`-n ${MIDDLE} address add 172.30.0.1/24 dev br0`);
  ip(`-n ${MIDDLE} address add 10.30.0.1/24 dev eth0`);
  ip(`-n ${INNER} address add 172.30.0.2/24 dev eth0`);
  ip(`-n ${OUTER} address add 10.30.0.9/24 dev eth0`);
  ip(`-n ${MIDDLE} address add fd30::1/64 dev eth0 nodad`);
  ip(`-n ${OUTER} address add fd30::9/64 dev eth0 nodad`);
  for (const device of ['br0', 'veth0', 'eth0']) ip(`-n ${MIDDLE} link set ${device} up`);
  for (const namespace of [INNER, OUTER]) ip(`-n ${namespace} link set eth0 up`);
  ip(`-n ${INNER} route add default via 172.30.0.1`);
  const middle = `ip netns exec ${MIDDLE}`;
  run(`${middle} sysctl -q net.ipv4.ip_forward=1`);
  run(`${middle} iptables -w -t nat -A POSTROUTING -s 172.30.0.0/24 -o eth0 -j MASQUERADE --random`);
  run(`${middle} iptables -w -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 172.30.0.2:80`);
});

afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
  for (const namespace of [INNER, MIDDLE, OUTER]) ip(`netns delete ${namespace}`);
  rmSync(scratch, { recursive: true, force: true });
});

/** All other ports are chance. */
const SERVED = new Set([53, 80, 81, 8080]);
const shown = (flow: Flow): string => {
  const end = ({ ip: address, port }: { ip: string; port?: number }) =>
    !SERVED.has(port!) ? address : `${address}:${port}`;
  const told = (ends: Flow['ends']) => `${end(ends.source)} > ${end(ends.destination)}`;
  const behind = flow.translated === undefined ? '' : ` (${told(flow.translated)})`;
  return `${flow.transport} ${told(flow.ends)}${behind} ${flow.fate}`;
};

test('one flow for each connection, with both sides of the translation, its fate and its names', async () => {
  const answer = message({ questions: [question('site.test')], answers: [record(TYPE.A, [10, 30, 0, 9])] });
  await Promise.all([
    bun(OUTER, serve(80)),
    bun(INNER, serve(80)),
    bun(
      OUTER,
      `const s = require('node:dgram').createSocket('udp4', (data, from) => {
         const answer = Buffer.from('${answer.toString('hex')}', 'hex');
         s.send(Buffer.concat([data.subarray(0, 2), answer.subarray(2)]), from.port, from.address);
       }).bind(53, () => console.log('ready'));`,
    ),
  ]);
  const file = join(scratch, 'all.pcap');
  const capture = await start(
    MIDDLE,
    `tcpdump -i any -y LINUX_SLL2 -U --immediate-mode -Z root -s 512 -w ${file}`.split(' '),
    'listening on',
  );
  const query = message({ id: 77, flags: 0x100, questions: [question('site.test')] });
  await bun(
    INNER,
    `const s = require('node:dgram').createSocket('udp4', () => { console.log('done'); s.close(); });
     s.send(Buffer.from('${query.toString('hex')}', 'hex'), 53, '10.30.0.9');`,
    'done',
  );
  await bun(INNER, ask('10.30.0.9', 80), 'done');
  await bun(INNER, ask('10.30.0.9', 81), 'done');
  await bun(OUTER, ask('10.30.0.1', 8080), 'done');
  await bun(MIDDLE, ask('fd30::9', 80), 'done');
  run(`ip netns exec ${INNER} ping -q -c 2 -i 0.2 10.30.0.9`);
  await Bun.sleep(300);
  capture.kill('SIGINT');
  await new Promise(done => capture.once('close', done));

  const decoder = new Decoder();
  const flows = new FlowTable();
  const names = new NameMemory();
  const dns = new DnsReader();
  const opened: Flow[] = [];
  const seen: string[] = [];
  const pcap = PcapFile.open(file);
  if (!(pcap instanceof PcapFile)) throw new Error(pcap.reason);
  let lastMs = 0;
  for (let packets = pcap.next(); packets !== undefined; packets = pcap.next()) {
    for (const { linkType, bytes, timeMs, interfaceIndex } of packets) {
      const packet = decoder.decode(linkType, bytes);
      if (packet === undefined) continue;
      lastMs = timeMs;
      const flow = flows.see(packet, timeMs, interfaceIndex, (news, of) => {
        if (news === 'opened') opened.push(of);
        if (news !== 'spoke') return;
        const sight = sightOf(packet.bytes, packet.payloadAt, packet.payloadEnd);
        seen.push(sight !== undefined && 'http' in sight ? `${sight.http.method} ${sight.http.host}` : 'nothing');
      });
      if (flow !== undefined)
        dns.see(packet, flow, timeMs, ({ kind, message }) => {
          seen.push(`${kind} ${message.questions[0]!.name}`);
          names.learn('container', message, timeMs);
        });
    }
  }
  pcap.close();
  expect(opened.map(shown)).toEqual([
    'udp 172.30.0.2 > 10.30.0.9:53 (10.30.0.1 > 10.30.0.9:53) answered',
    'tcp 172.30.0.2 > 10.30.0.9:80 (10.30.0.1 > 10.30.0.9:80) answered',
    'tcp 172.30.0.2 > 10.30.0.9:81 (10.30.0.1 > 10.30.0.9:81) refused',
    'tcp 10.30.0.9 > 10.30.0.1:8080 (10.30.0.9 > 172.30.0.2:80) answered',
    'tcp fd30::1 > fd30::9:80 answered',
    'icmp 172.30.0.2 > 10.30.0.9 (10.30.0.1 > 10.30.0.9) answered',
  ]);
  expect(seen).toEqual(['query site.test', 'answer site.test', ...new Array(3).fill('GET site.test')]);
  expect(names.names('container', '10.30.0.9', lastMs)).toEqual(['site.test']);
  expect(decoder.undecoded).toMatchObject({ unknown_link: 0, short: 0, malformed: 0 });
}, 60_000);
