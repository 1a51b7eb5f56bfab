// Captures of packets, replayed: DNS in the order of time beside an audit log, whose connections get the names.

import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { replayCommand } from '../../src/cli/replay.ts';
import { addressBytes } from '../../src/core/address.ts';
import { message, question, record, TYPE } from '../pcap/dns-bytes.ts';
import { ethernet, ip, udp } from '../pcap/packets.ts';

const folder = mkdtempSync(join(tmpdir(), 'puppy-replay-captures-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SECOND = 1_795_492_277;
const [CLIENT, SERVER, ADDRESS] = ['192.0.2.1', '192.0.2.53', '203.0.113.9'];
const asked = [question('a.pool.example')];
const query = message({ id: 7, flags: 0x0100, questions: asked });
const answer = message({ id: 7, questions: asked, answers: [record(TYPE.A, [...addressBytes(ADDRESS)!])] });

/** pcap(5) of Ethernet. */
function capture(packets: readonly (readonly [ms: number, bytes: Buffer])[]): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(1, 20);
  const records = packets.map(([ms, bytes]) => {
    const head = Buffer.alloc(16);
    head.writeUInt32LE(SECOND, 0);
    head.writeUInt32LE(ms * 1_000, 4);
    head.writeUInt32LE(bytes.length, 8);
    head.writeUInt32LE(bytes.length, 12);
    return Buffer.concat([head, bytes]);
  });
  return Buffer.concat([header, ...records]);
}
const LOOKUP = capture([
  [100, ethernet(ip(CLIENT, SERVER, 'udp', udp(40_000, 53, query)))],
  [120, ethernet(ip(SERVER, CLIENT, 'udp', udp(53, 40_000, answer)))],
]);

/** A connection to port 443 of the address. */
function connection(ms: number): string {
  const id = `audit(${SECOND}.${ms}:${ms})`;
  const saddr = `020001BB${Buffer.from(addressBytes(ADDRESS)!).toString('hex').toUpperCase()}0000000000000000`;
  return `type=SYSCALL msg=${id}: arch=c000003e syscall=42 success=yes exit=0 a0=3 a1=7ffe a2=10 a3=8 items=0 ppid=1 pid=9 auid=0 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=4 comm="x" exe="/usr/bin/x" key=(null)
type=SOCKADDR msg=${id}: saddr=${saddr}
type=PROCTITLE msg=${id}: proctitle=78
`;
}

let files = 0;
function file(name: string, content: string | Buffer): string {
  const path = join(folder, `${files++}${name}`);
  writeFileSync(path, content);
  return path;
}

const RULES = file(
  'rules.yml',
  `title: named
id: 00000000-0000-4000-8000-000000000001
level: high
logsource: {category: network_connection, product: linux}
detection: {sel: {DestinationHostname: a.pool.example}, condition: sel}
`,
);

async function replay(...inputs: string[]): Promise<{ lines: string[]; code: number; err: string }> {
  const out = join(folder, `out${files++}`);
  let err = '';
  const io = {
    env: {},
    out: () => {},
    err: (text: string) => {
      err += text;
    },
    errIsTerminal: false,
  };
  const code = await replayCommand.run(['--rules', RULES, '--output', `file:${out}`, '--events', ...inputs], io);
  const lines = readFileSync(out, 'utf8')
    .split('\n')
    .filter(text => text.includes('"destination"'));
  return {
    code,
    err,
    lines: lines.map(text => {
      const { event, rule, destination } = JSON.parse(text);
      return rule === undefined ? `${event.action} ${destination.domain ?? destination.ip}` : `alert ${rule.name}`;
    }),
  };
}

test('DNS comes in the order of time, and names what is connected to after it', async () => {
  const log = file('audit.log', connection(110) + connection(200));
  const { code, lines, err } = await replay(log, file('dns.pcap', LOOKUP));
  expect(code).toBe(0);
  expect(lines).toEqual([
    `connect ${ADDRESS}`,
    'connect a.pool.example',
    'alert named',
    // Who asked is waited for.
    `dns_query ${SERVER}`,
    `dns_answer ${SERVER}`,
  ]);
  expect(err).toContain('2 packets');
});

test('a capture alone, by its content and not by its name; one that is cut tells what came before', async () => {
  expect((await replay(file('renamed', LOOKUP))).lines).toEqual([`dns_query ${SERVER}`, `dns_answer ${SERVER}`]);
  const cut = await replay(file('cut.pcap', LOOKUP.subarray(0, LOOKUP.length - 10)));
  expect(cut.lines).toEqual([`dns_query ${SERVER}`]);
  expect(cut.err).toContain('capture ended early');
});

test('a file that only begins like one is a mistake that names it', async () => {
  const path = file('bad.pcap', Buffer.concat([LOOKUP.subarray(0, 4), Buffer.alloc(40, 0xff)]));
  const { code, err } = await replay(path);
  expect(code).toBe(1);
  expect(err).toContain(path);
});
