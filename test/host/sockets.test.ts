// Which process has the socket at an end, asked of the real kernel: over loopback and in a network namespace, v4, v6 and v4-mapped, and what
// must never be found: another's.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { execFileSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { addressBytes } from '../../src/core/address.ts';
import { HostAddresses } from '../../src/pcap/addresses.ts';
import { PROTOCOL } from '../../src/pcap/decoded.ts';
import { Ends } from '../../src/pcap/ends.ts';
import type { SocketOwners } from '../../src/pcap/sockets/owners.ts';
import { Sockets } from '../../src/pcap/sockets/sockets.ts';

const tag = process.pid % 100_000;
const near = `ps${tag}a`;
const far = `ps${tag}b`;
const namespace = `ps${tag}`;
const subnet = `10.${(tag >> 8) & 0xff}.${tag & 0xff}`;
const HOST = `${subnet}.1`;
const REMOTE = `${subnet}.2`;
const HOST6 = `fd00:${tag.toString(16)}::1`;
const REMOTE6 = `fd00:${tag.toString(16)}::2`;

const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
const inside = ['ip', 'netns', 'exec', namespace];

beforeAll(() => {
  ip('netns', 'add', namespace);
  ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', namespace);
  for (const [at, name, own] of [
    [[], near, '1'],
    [['-n', namespace], far, '2'],
  ] as const) {
    ip(...at, 'address', 'add', `${subnet}.${own}/24`, 'dev', name);
    ip(...at, 'address', 'add', `fd00:${tag.toString(16)}::${own}/64`, 'dev', name, 'nodad');
    ip(...at, 'address', 'add', `fe80::${own}/64`, 'dev', name, 'nodad');
    ip(...at, 'link', 'set', name, 'up');
  }
  ip('-n', namespace, 'link', 'set', 'lo', 'up');
});
afterAll(() => ip('netns', 'delete', namespace));

const children: Python[] = [];
const sockets = new Sockets();
afterEach(() => {
  for (const child of children.splice(0)) child.process.kill();
});
afterAll(() => sockets.close());

/** A process that runs what it's told, line by line, and says what each `say` gives. */
class Python {
  readonly process;
  readonly #lines: string[] = [];
  #rest = '';

  constructor(where: readonly string[] = []) {
    const loop =
      'import os, socket, sys\nsay = lambda *a: print(*a, flush=True)\ns = socket\nenv = globals()\n' +
      "for line in sys.stdin:\n  exec(line, env)\n  say('.')";
    this.process = Bun.spawn([...where, 'python3', '-c', loop], { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' });
    children.push(this);
  }

  get pid(): number {
    return this.process.pid;
  }

  async does(...lines: string[]): Promise<string[]> {
    const said: string[] = [];
    const reader = this.process.stdout.getReader();
    for (const line of lines) {
      this.process.stdin.write(`${line}\n`);
      this.process.stdin.flush();
      for (let answer = ''; answer !== '.'; ) {
        while (this.#lines.length === 0) {
          const { value, done } = await reader.read();
          if (done) throw new Error(`ended at: ${line}`);
          const parts = (this.#rest + Buffer.from(value).toString()).split('\n');
          this.#rest = parts.pop()!;
          this.#lines.push(...parts);
        }
        answer = this.#lines.shift()!;
        if (answer !== '.') said.push(answer);
      }
    }
    reader.releaseLock();
    return said;
  }
}

function ends(transport: 'tcp' | 'udp', source: string, sourcePort: number, to: string, port: number): Ends {
  const [from, target] = [addressBytes(source)!, addressBytes(to)!];
  return Ends.of({
    bytes: Buffer.concat([from, target]),
    protocol: PROTOCOL[transport],
    sourceAt: 0,
    destinationAt: from.length,
    addressLength: from.length,
    sourcePort,
    destinationPort: port,
  } as Parameters<typeof Ends.of>[0]);
}

const LISTEN = (family: string, address: string) =>
  `l = s.create_server(('${address}', 0), family=s.${family}); say(l.getsockname()[1])`;

type Asked = Parameters<Sockets['ask']>;

/** `none` where there's no socket. */
function ownerOf(ends: Asked[0], side: Asked[1], where: Asked[2] = {}) {
  return new Promise<SocketOwners | 'none' | undefined>(done => {
    if (!sockets.ask(ends, side, where, done)) done('none');
  });
}

/** Several processes may have a socket: all are known after a pass that began now. */
async function passed(): Promise<void> {
  const before = sockets.counters.passes;
  while (sockets.counters.passes < before + 2) {
    const fresh = await Bun.udpSocket({ hostname: '127.0.0.1' });
    expect(await ownerOf(ends('udp', '127.0.0.1', fresh.port, '127.0.0.1', 9), 'source')).toMatchObject({
      first: { pid: process.pid },
    });
    fresh.close();
  }
}

describe('TCP', () => {
  test.each([
    ['v4, loopback', 'AF_INET', '127.0.0.1', '127.0.0.1', '127.0.0.1'],
    ['v6, loopback', 'AF_INET6', '::1', '::1', '::1'],
    ['v4 of the host', 'AF_INET', '', HOST, HOST],
    ['v4 in a socket of both', 'AF_INET6', '', '127.0.0.1', '127.0.0.1'],
  ])('%s: both ends, and who listens', async (_, family, bound, to, from) => {
    const server = new Python();
    const client = new Python();
    const listen =
      bound === '' && family === 'AF_INET6'
        ? "l = s.create_server(('', 0), family=s.AF_INET6, dualstack_ipv6=True); say(l.getsockname()[1])"
        : LISTEN(family, bound);
    const port = Number((await server.does(listen))[0]);
    const kind = to.includes(':') ? 'AF_INET6' : 'AF_INET';
    const own = Number(
      (await client.does(`c = s.socket(s.${kind}); c.connect(('${to}', ${port})); say(c.getsockname()[1])`))[0],
    );
    const flow = ends('tcp', from, own, to, port);
    expect(sockets.find(flow, 'source')).toMatchObject({ isListener: false, uid: 0 });
    expect(await ownerOf(flow, 'source')).toMatchObject({ first: { pid: client.pid }, count: 1 });
    // In the queue: nobody has it yet but who listens.
    expect(sockets.find(flow, 'destination')).toMatchObject({ isListener: true });
    expect(await ownerOf(flow, 'destination')).toMatchObject({ first: { pid: server.pid }, count: 1 });
    await server.does('a = l.accept()[0]');
    expect(sockets.find(flow, 'destination')).toMatchObject({ isListener: false });
    // Found at once, though no pass has seen it: in the process that listens.
    expect(await ownerOf(flow, 'destination')).toMatchObject({ first: { pid: server.pid } });
    // The other way round, and other ports, it is nobody's.
    expect(sockets.find(flow.reversed(), 'source')).toMatchObject({ isListener: false });
    expect(sockets.find(ends('tcp', from, own, to, port === 9 ? 10 : 9), 'source')).toBeUndefined();
    expect(sockets.find(ends('tcp', to, port, from, 9), 'source')).toBeUndefined();
    // TIME_WAIT at one end, nothing at the other.
    await client.does('c.close()');
    await server.does('a.close()');
    expect(sockets.find(flow, 'source')).toBeUndefined();
    expect(await ownerOf(flow, 'source')).toBe('none');
    expect(sockets.find(flow, 'destination')).toMatchObject({ isListener: true });
    await server.does('l.close()');
    expect(sockets.find(ends('tcp', from, own === 9 ? 10 : 9, to, port), 'destination')).toBeUndefined();
  });

  test('into and within a network namespace', async () => {
    const there = new Python(inside);
    const here = new Python();
    const port = Number((await there.does(LISTEN('AF_INET6', '::')))[0]);
    const own = Number(
      (await here.does(`c = s.create_connection(('${REMOTE6}', ${port})); say(c.getsockname()[1])`))[0],
    );
    const flow = ends('tcp', HOST6, own, REMOTE6, port);
    await there.does('a = l.accept()[0]');
    expect(await ownerOf(flow, 'source')).toMatchObject({ first: { pid: here.pid } });
    expect(sockets.find(flow, 'destination')).toBeUndefined();
    expect(await ownerOf(flow, 'destination', { pid: there.pid })).toMatchObject({ first: { pid: there.pid } });
    expect(sockets.find(flow, 'source', { pid: there.pid })).toBeUndefined();
    expect(sockets.find(flow, 'source', { pid: 2 ** 30 })).toBeUndefined();

    const addresses = new HostAddresses(() => [here.pid, there.pid]);
    const key = (text: string): string => Buffer.from(addressBytes(text)!).toString('latin1');
    expect([HOST, HOST6, REMOTE, REMOTE6, '192.0.2.77'].map(one => addresses.now(0).hasText(one))).toEqual([
      ...[true, true, true, true],
      false,
    ]);
    expect([REMOTE, REMOTE6, HOST, '127.0.0.1'].map(one => addresses.pidAt(key(one)))).toEqual([
      ...[there.pid, there.pid],
      ...[undefined, undefined],
    ]);
    expect(new HostAddresses().now(0).hasText(REMOTE)).toBe(false);
    expect([here.pid, there.pid, 2 ** 30].map(pid => addresses.mayBeHere(pid))).toEqual([true, false, true]);

    // While a container is set up, and what went.
    ip('-n', namespace, 'address', 'add', '192.0.2.77/32', 'dev', far);
    expect(addresses.now(100).hasText('192.0.2.77')).toBe(false);
    expect(addresses.now(300).hasText('192.0.2.77')).toBe(true);
    ip('-n', namespace, 'address', 'delete', '192.0.2.77/32', 'dev', far);
    expect(addresses.now(9_000).hasText('192.0.2.77')).toBe(false);
    there.process.kill();
    await there.process.exited;
    expect(addresses.now(30_000).hasText(REMOTE)).toBe(false);
  });

  test('bound to an interface, and of a link', async () => {
    const server = new Python();
    const listen = `l = s.create_server(('', 0)); l.setsockopt(s.SOL_SOCKET, s.SO_BINDTODEVICE, b'${near}'); say(l.getsockname()[1])`;
    const port = Number((await server.does(listen))[0]);
    const [index] = await server.does(`say(s.if_nametoindex('${near}'))`);
    const flow = ends('tcp', REMOTE, 40_000, HOST, port);
    expect(sockets.find(flow, 'destination')).toBeUndefined();
    const interfaceIndex = Number(index);
    expect(sockets.find(flow, 'destination', { interfaceIndex })).toMatchObject({ isListener: true });

    const there = new Python(inside);
    const away = Number((await there.does(LISTEN('AF_INET6', '::')))[0]);
    const connect = `c = s.socket(s.AF_INET6); c.bind(('fe80::1', 0, 0, ${index})); c.connect(('fe80::2', ${away}, 0, ${index})); say(c.getsockname()[1])`;
    const own = Number((await server.does(connect))[0]);
    const local = ends('tcp', 'fe80::1', own, 'fe80::2', away);
    expect(sockets.find(local, 'source')).toBeUndefined();
    expect(sockets.find(local, 'source', { interfaceIndex })).toMatchObject({ isListener: false });
  });

  test('a server that forked: the process that listened first, and how many', async () => {
    const server = new Python();
    const wait = '[time.sleep(0.05) for _ in iter(lambda: os.getppid() == parent, False)]';
    const fork = `import time; parent = os.getpid(); [os.fork() or (${wait}, os._exit(0)) for _ in range(3)]`;
    const port = Number((await server.does(LISTEN('AF_INET', '127.0.0.1'), fork))[0]);
    await passed();
    const owners = await ownerOf(ends('tcp', '127.0.0.1', 9, '127.0.0.1', port), 'destination');
    expect(owners).toMatchObject({ first: { pid: server.pid }, count: 4 });
  });

  test('several share a port: open which, unless a packet says', async () => {
    const servers = [new Python(), new Python()];
    const make = (port: number) =>
      'l = s.socket(); l.setsockopt(s.SOL_SOCKET, s.SO_REUSEPORT, 1); ' +
      `l.bind(('127.0.0.1', ${port})); l.listen(); say(l.getsockname()[1])`;
    const port = Number((await servers[0]!.does(make(0)))[0]);
    await servers[1]!.does(make(port));
    const client = new Python();
    for (let i = 0; i < 8; i++) {
      const connect = `c = s.create_connection(('127.0.0.1', ${port})); say(c.getsockname()[1])`;
      const flow = ends('tcp', '127.0.0.1', Number((await client.does(connect))[0]), '127.0.0.1', port);
      expect(sockets.find(flow, 'destination')?.others.length).toBe(1);
      expect(await ownerOf(flow, 'destination')).toBeUndefined();
    }
  });
});

describe('UDP', () => {
  test('connected and not, both ends', async () => {
    const server = new Python();
    const client = new Python();
    const port = Number(
      (await server.does("u = s.socket(type=s.SOCK_DGRAM); u.bind(('', 0)); say(u.getsockname()[1])"))[0],
    );
    const [connected, open] = (
      await client.does(
        `c = s.socket(type=s.SOCK_DGRAM); c.connect(('127.0.0.1', ${port})); say(c.getsockname()[1])`,
        `d = s.socket(type=s.SOCK_DGRAM); d.sendto(b'x', ('127.0.0.1', ${port})); say(d.getsockname()[1])`,
      )
    ).map(Number) as [number, number];
    for (const own of [connected, open]) {
      const flow = ends('udp', '127.0.0.1', own, '127.0.0.1', port);
      expect(await ownerOf(flow, 'source')).toMatchObject({ first: { pid: client.pid } });
      expect(await ownerOf(flow, 'destination')).toMatchObject({ first: { pid: server.pid } });
      expect(sockets.find(flow, 'destination')).toMatchObject({ isListener: true });
    }
    // Not what the connected one gets, and what may go to many.
    expect(sockets.find(ends('udp', '127.0.0.1', connected, '127.0.0.1', 9), 'source')).toBeUndefined();
    expect(sockets.find(ends('udp', '127.0.0.1', connected, '224.0.0.251', port), 'destination')).toBeUndefined();
    await client.does('c.close(); d.close()');
    for (const own of [connected, open]) {
      expect(sockets.find(ends('udp', '127.0.0.1', own, '127.0.0.1', port), 'source')).toBeUndefined();
    }
  });

  test('v6, in a namespace', async () => {
    const there = new Python(inside);
    const bind = `u = s.socket(s.AF_INET6, s.SOCK_DGRAM); u.bind(('::', 0)); say(u.getsockname()[1])`;
    const port = Number((await there.does(bind))[0]);
    for (const [from, to] of [
      [HOST6, REMOTE6],
      [HOST, REMOTE],
    ] as const) {
      const flow = ends('udp', from, 4_000, to, port);
      expect(await ownerOf(flow, 'destination', { pid: there.pid })).toMatchObject({ first: { pid: there.pid } });
      expect(sockets.find(flow, 'destination')).toBeUndefined();
    }
  });
});

test('a process that ended is still told, but not of a socket that is gone', async () => {
  const server = new Python();
  const port = Number((await server.does(LISTEN('AF_INET', '127.0.0.1')))[0]);
  const flow = ends('tcp', '127.0.0.1', 9, '127.0.0.1', port);
  expect(await ownerOf(flow, 'destination')).toMatchObject({ first: { pid: server.pid } });
  await passed();
  const asked = ownerOf(flow, 'destination');
  server.process.kill();
  await server.process.exited;
  expect(await asked).toMatchObject({ first: { pid: server.pid } });
  expect(await ownerOf(flow, 'destination')).toBe('none');
});

test('whoever waits is told in the end', async () => {
  const some = new Sockets();
  const server = new Python();
  const port = Number((await server.does(LISTEN('AF_INET', '127.0.0.1')))[0]);
  const told: unknown[] = [];
  const ask = () => some.ask(ends('tcp', '127.0.0.1', 9, '127.0.0.1', port), 'destination', {}, one => told.push(one));
  expect([ask(), ask()]).toEqual([true, true]);
  some.close();
  expect(told.length).toBe(2);
});

test('of the sockets in other namespaces few stay open, and none when all is over', async () => {
  const open = () => readdirSync('/proc/self/fd').length;
  const some = new Sockets();
  const flow = ends('tcp', '127.0.0.1', 1, '127.0.0.1', 2);
  expect(some.find(flow, 'source')).toBeUndefined();
  const sleepers = Array.from({ length: 20 }, () => Bun.spawn(['unshare', '-n', 'sleep', '60']));
  const own = readlinkSync('/proc/self/ns/net');
  const isAway = (pid: number): boolean => readlinkSync(`/proc/${pid}/ns/net`) !== own;
  for (let i = 0; i < 500 && !sleepers.every(({ pid }) => isAway(pid)); i++) await Bun.sleep(10);
  const before = open();
  for (const { pid } of sleepers) expect(some.find(flow, 'source', { pid })).toBeUndefined();
  expect(open()).toBe(before + 15);
  expect(some.counters).toMatchObject({ lookups: 21, failed: 0 });
  for (const sleeper of sleepers) sleeper.kill();
  some.close();
  expect(open()).toBe(before - 1);
});
