// The packet reader against the real kernel, between this host and a network namespace: what is read, of interfaces that come and go, with
// tcpdump beside it, and what isn't read is counted.

import { afterAll, afterEach, describe, expect, test } from 'bun:test';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PcapFile } from '../../src/pcap/capture-file.ts';
import { type InterfaceChange, type Packet, PcapReader } from '../../src/pcap/reader.ts';

const LINKTYPE_ETHERNET = 1;
const LINKTYPE_SLL2 = 276;
const PORT = 47123;

// Of this process alone: hosts run several test runs.
const tag = process.pid % 100_000;
const near = `pt${tag}a`;
const far = `pt${tag}b`;
const namespace = `pt${tag}`;
const subnet = `10.${(tag >> 8) & 0xff}.${tag & 0xff}`;
const scratch = mkdtempSync(join(tmpdir(), 'puppy-pcap-'));
const readers: PcapReader[] = [];

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function connect(): void {
  ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', namespace);
  ip('address', 'add', `${subnet}.1/24`, 'dev', near);
  ip('-n', namespace, 'address', 'add', `${subnet}.2/24`, 'dev', far);
  ip('-n', namespace, 'link', 'set', far, 'up');
  ip('link', 'set', near, 'up');
}
const disconnect = () => ip('link', 'delete', near);
const indexOf = (name: string) => Number(readFileSync(`/sys/class/net/${name}/ifindex`, 'utf8'));

ip('netns', 'add', namespace);
connect();
afterAll(() => {
  ip('netns', 'delete', namespace);
  rmSync(scratch, { recursive: true, force: true });
});
afterEach(() => {
  for (const reader of readers.splice(0)) reader.close();
  // Of a test that failed between: the others have nothing to do with it.
  if (!existsSync(`/sys/class/net/${near}`)) connect();
  ip('link', 'set', near, 'up');
});

const OPTIONS = {
  filter: `udp port ${PORT} and net ${subnet}.0/24`,
  snaplen: 512,
  bufferBytes: 2 << 20,
  coalesceMs: 20,
  ringBytes: 4 << 20,
};

interface Run {
  readonly packets: Packet[];
  readonly changes: InterfaceChange[];
  readonly reader: PcapReader;
}

function read(interfaces: readonly string[], options: Partial<typeof OPTIONS> = {}): Run {
  const reader = PcapReader.open({ ...OPTIONS, interfaces, ...options });
  if (!(reader instanceof PcapReader)) throw new Error(reader.reason);
  readers.push(reader);
  const run = { packets: [] as Packet[], changes: [] as InterfaceChange[], reader };
  const visitor = {
    packet: (packet: Packet) => void run.packets.push({ ...packet, bytes: Buffer.from(packet.bytes) }),
    interfaceChanged: (change: InterfaceChange) => void run.changes.push(change),
    batchEnd: () => {},
  };
  expect(reader.start(visitor)).toBe(0);
  return run;
}

async function until(what: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!what() && performance.now() < end) await Bun.sleep(5);
  expect(what()).toBe(true);
}

/** Sends from the host to the namespace, where nobody listens. */
function send(count: number, text = 'x'): void {
  const program =
    'import socket, sys; s = socket.socket(type=socket.SOCK_DGRAM)\n' +
    'for _ in range(int(sys.argv[3])): s.sendto(sys.argv[4].encode(), (sys.argv[1], int(sys.argv[2])))';
  execFileSync('python3', ['-c', program, `${subnet}.2`, String(PORT), String(count), text]);
}

const reply = () =>
  execFileSync('ip', ['netns', 'exec', namespace, 'bash', '-c', `echo reply > /dev/udp/${subnet}.1/${PORT}`]);
const states = (run: Run) => run.changes.map(one => `${one.name} ${one.state}`);

test('any: both directions, with interface, time and lengths, soon', async () => {
  const run = read(['any', near], { snaplen: 100 });
  const before = Date.now();
  send(1, 'x'.repeat(500));
  await until(() => run.packets.length === 1);
  // Of the tens of milliseconds that it takes, much is left to a busy host.
  expect(Date.now() - run.packets[0]!.timeMs).toBeLessThan(1000);
  reply();
  await until(() => run.packets.length === 2);
  const [sent, received] = run.packets as [Packet, Packet];
  for (const one of run.packets) {
    expect(one).toMatchObject({ linkType: LINKTYPE_SLL2, interfaceIndex: indexOf(near) });
    expect(one.timeMs).toBeGreaterThan(before - 1);
    expect(one.timeMs).toBeLessThan(Date.now() + 1);
  }
  expect(sent).toMatchObject({ direction: 'out', length: 20 + 20 + 8 + 500 });
  expect(sent.bytes.length).toBe(100);
  expect(sent.bytes.readUInt16BE(20 + 20 + 2)).toBe(PORT);
  expect(received).toMatchObject({ direction: 'in', length: 20 + 20 + 8 + 6 });
  expect(received.bytes.subarray(-6).toString()).toBe('reply\n');
  expect(states(run)).toEqual(['any read']);
});

test('what an ended reader had not handed over yet comes when it stops', async () => {
  const run = read(['any']);
  send(50);
  run.reader.stop();
  expect(run.packets.length).toBe(50);
});

test('an interface that goes down, away, and comes again', async () => {
  const run = read([near, `${near}-x`, 'lo']);
  await until(() => run.changes.length === 3);
  expect(states(run)).toEqual([`${near} read`, `${near}-x gone`, 'lo read']);
  expect(run.changes[1]).toMatchObject({ error: 19, reason: `${near}-x: there is no such interface` });
  send(1);
  await until(() => run.packets.length === 1);
  expect(run.packets[0]).toMatchObject({ linkType: LINKTYPE_ETHERNET, interfaceIndex: indexOf(near) });
  const first = indexOf(near);

  send(3);
  ip('link', 'set', near, 'down');
  await until(() => states(run).at(-1) === `${near} down`);
  // What came just before isn't lost: the kernel has it in a block that isn't full yet.
  await until(() => run.packets.length === 4);
  ip('link', 'set', near, 'up');
  await until(() => states(run).at(-1) === `${near} read`);
  send(1);
  await until(() => run.packets.length === 5);

  send(3);
  disconnect();
  await until(() => states(run).at(-1) === `${near} gone`);
  // Here it is given before its reader is closed.
  expect(run.packets.length).toBe(8);
  connect();
  await until(() => states(run).at(-1) === `${near} read`);
  send(1);
  await until(() => run.packets.length === 9);
  expect(run.packets[8]!.interfaceIndex).toBe(indexOf(near));
  expect(indexOf(near)).not.toBe(first);
  expect(run.reader.stats()).toMatchObject({ dropped: 0, ringDropped: 0, error: 0 });
});

test('the kernel lets through what the filter says; a wrong one tells its place', async () => {
  const run = read([near], { filter: `udp dst port ${PORT} and src host ${subnet}.2` });
  send(10);
  reply();
  await until(() => run.packets.length === 1);
  expect(run.reader.stats().packets).toBe(1);
  expect(PcapReader.open({ ...OPTIONS, interfaces: ['any'], filter: 'tcp port 80 and and udp' })).toEqual({
    error: 22,
    reason: 'the filter is wrong at character 17 (and): syntax error',
  });
});

describe('beside tcpdump', () => {
  test('the same packets, byte for byte', async () => {
    const file = join(scratch, 'beside.pcap');
    const tcpdump = spawn('tcpdump', [
      '-i',
      near,
      '-s',
      '512',
      '-p',
      '--immediate-mode',
      '--nano',
      '-U',
      '-w',
      file,
      OPTIONS.filter,
    ]);
    await new Promise(resolve => tcpdump.stderr.once('data', resolve));
    const run = read([near]);
    for (const size of [0, 1, 100, 470, 800]) send(200, 'x'.repeat(size));
    await until(() => run.packets.length === 1000);
    await Bun.sleep(100);
    tcpdump.kill('SIGINT');
    await new Promise(resolve => tcpdump.on('exit', resolve));
    const capture = PcapFile.open(file) as PcapFile;
    const written: Packet[] = [];
    for (let some = capture.next(); some !== undefined; some = capture.next()) written.push(...some);
    capture.close();
    const plain = (one: Packet) => [one.linkType, one.length, one.bytes.length, Bun.hash(one.bytes)];
    expect(run.packets.map(plain)).toEqual(written.map(plain));
    const times = run.packets.map((one, i) => Math.abs(one.timeMs - written[i]!.timeMs));
    expect(Math.max(...times)).toBeLessThan(50);
  });
});

describe('in a process of its own', () => {
  const program = join(import.meta.dir, 'programs/packets.ts');
  const start = (options: object, ...before: string[]) =>
    Bun.spawn([...before, process.execPath, program, JSON.stringify({ ...OPTIONS, interfaces: [near], ...options })], {
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'inherit',
    });
  const lines = async (child: ReturnType<typeof start>) => (await new Response(child.stdout).text()).trim().split('\n');

  test('without the right to read packets', async () => {
    const child = start({}, 'setpriv', '--bounding-set', '-net_raw');
    const [line] = await lines(child);
    expect(JSON.parse(line!)).toMatchObject({ error: 1, reason: expect.stringContaining('CAP_NET_RAW') });
  });

  test('one that is held up: what it had no room for is counted', async () => {
    const child = start({ bufferBytes: 1 << 20 });
    await Bun.sleep(500);
    process.kill(child.pid, 'SIGSTOP');
    send(20_000, 'x'.repeat(300));
    process.kill(child.pid, 'SIGCONT');
    await Bun.sleep(200);
    child.stdin.end();
    const [ready, line] = await lines(child);
    expect(ready).toBe('ready');
    const { packets, stats } = JSON.parse(line!);
    expect(stats.dropped).toBeGreaterThan(1000);
    expect(packets + stats.dropped + stats.ringDropped).toBe(20_000);
  });
});
