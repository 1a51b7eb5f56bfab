// TCP states by the real kernel's tracepoint: each client's thread with its port, under load, by each way to connect; nothing of it stays.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TcpTrace } from '../../src/pcap/trace/source.ts';
import type { TcpOpened } from '../../src/pcap/trace/states.ts';
import { threadGroup } from '../../src/proc/procfs.ts';

const scratch = mkdtempSync(join(tmpdir(), 'puppy-trace-'));
const root = join(scratch, 'tracefs');
const client = join(scratch, 'client');
const PORTS = 32;
const REFUSED = 47_399;
const namespace = `tr${process.pid % 100_000}`;

let server: ReturnType<typeof Bun.spawn>;
let port = 0;

const instances = (): string[] => readdirSync(join(root, 'instances'));
const open = (): TcpTrace => {
  const trace = TcpTrace.open([root]);
  if (typeof trace === 'string') throw new Error(trace);
  return trace;
};

beforeAll(async () => {
  mkdirSync(root);
  execFileSync('mount', ['-t', 'tracefs', 'none', root]);
  execFileSync('cc', ['-O2', '-static', '-o', client, join(import.meta.dir, 'programs/client.c')]);
  const program = `import select, socket
def listen(port):
  return socket.create_server(('', port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=4096)
while True:
  first = listen(0)
  port = first.getsockname()[1]
  try:
    all = [first] + [listen(port + i) for i in range(1, ${PORTS})]
    break
  except (OSError, OverflowError):
    continue
print(port, flush=True)
poll = select.epoll()
by = {s.fileno(): s for s in all}
for s in all: poll.register(s, select.EPOLLIN)
while True:
  for fd, _ in poll.poll(): by[fd].accept()[0].close()`;
  server = Bun.spawn(['python3', '-c', program], { stdout: 'pipe', stderr: 'inherit' });
  const reader = (server.stdout as ReadableStream<Uint8Array>).getReader();
  port = Number(new TextDecoder().decode((await reader.read()).value));
  expect(port).toBeGreaterThan(0);
});

afterAll(() => {
  server.kill();
  execFileSync('umount', [root]);
  rmSync(scratch, { recursive: true });
});

interface Ran {
  readonly out: string;
  readonly told: readonly TcpOpened[];
  readonly counters: ReturnType<TcpTrace['counters']>;
}

/** What the command says, and what is told of it, drained while it runs. */
async function watch(command: readonly string[], input = ''): Promise<Ran> {
  const trace = open();
  const told: TcpOpened[] = [];
  const drain = () => trace.drain(opened => told.push(opened));
  const timer = setInterval(drain, 50);
  try {
    const child = Bun.spawn([...command], { stdin: Buffer.from(input), stdout: 'pipe', stderr: 'inherit' });
    const out = await new Response(child.stdout).text();
    drain();
    return { out, told, counters: trace.counters() };
  } finally {
    clearInterval(timer);
    trace.close();
  }
}

const pairs = (out: string): number[][] =>
  out
    .trim()
    .split('\n')
    .map(line => line.split(' ').map(Number));

const byFirst = (a: readonly number[], b: readonly number[]): number => a[0]! - b[0]!;

describe('a thousand clients that live for milliseconds, 64 at a time', () => {
  const one = () => port;
  const many = (i: number) => port + (i % PORTS);
  const refused = () => REFUSED;
  test.each([
    ['127.0.0.1', 'one port', one],
    ['127.0.0.1', 'many ports', many],
    ['127.0.0.1', 'a port that refuses', refused],
    ['::1', 'one port', one],
    ['::1', 'many ports', many],
    ['::1', 'a port that refuses', refused],
    ['::ffff:127.0.0.1', 'many ports', many],
  ])(
    '%s, %s',
    async (ip, _, portOf) => {
      const startMs = Date.now();
      const wanted = Array.from({ length: 1_000 }, (_, i) => `${ip} ${portOf(i)}\n`).join('');
      const { out, told, counters } = await watch(['xargs', '-P', '64', '-n', '2', client], wanted);
      const said = pairs(out).sort(byFirst);
      expect(said.length).toBe(1_000);
      const pids = new Set(said.map(([pid]) => pid));
      const ours = told.filter(({ tid }) => pids.has(tid));
      expect(ours.map(({ tid, ends }) => [tid, ends.source.port!]).sort(byFirst)).toEqual(said);
      const address = ip.replace('::ffff:', '');
      for (const { ends, timeMs } of ours) {
        expect([ends.source.ip, ends.destination.ip]).toEqual([address, address]);
        expect(timeMs).toBeGreaterThan(startMs - 5);
        expect(timeMs).toBeLessThan(Date.now() + 5);
      }
      expect(server.exitCode ?? server.signalCode).toBeNull();
      expect(counters).toMatchObject({ lost: 0, evicted: 0, late: 0, errors: 0 });
    },
    60_000,
  );
});

test('by threads, in another network namespace, not waiting, given up: the thread that began', async () => {
  const program = `import os, socket, threading, time
def say(c): print(threading.get_native_id(), c.getsockname()[1], flush=True)
def plain():
  c = socket.create_connection(('127.0.0.1', there)); say(c)
def later():
  c = socket.socket(); c.setblocking(False); c.connect_ex(('127.0.0.1', there)); time.sleep(0.1); say(c)
def bound():
  c = socket.socket(); c.bind(('127.0.0.1', 0)); c.connect(('127.0.0.1', there)); say(c)
def fast():
  c = socket.socket(); c.sendto(b'x', 0x20000000, ('127.0.0.1', there)); say(c)
full = socket.create_server(('127.0.0.1', 0), backlog=0)
def given_up():
  for i in range(3):
    c = socket.socket(); c.setblocking(False); c.connect_ex(full.getsockname()); time.sleep(0.1); say(c); held.append(c)
  for c in held: c.close()
held = []
own = socket.create_server(('127.0.0.1', 0)); there = own.getsockname()[1]
for work in (plain, later, bound, fast, given_up):
  t = threading.Thread(target=work); t.start(); t.join()`;
  execFileSync('ip', ['netns', 'add', namespace]);
  execFileSync('ip', ['-n', namespace, 'link', 'set', 'lo', 'up']);
  try {
    const { out, told } = await watch(['ip', 'netns', 'exec', namespace, 'python3', '-c', program]);
    const said = pairs(out);
    expect(said.length).toBe(7);
    const tids = new Set(said.map(([tid]) => tid));
    const ours = told.filter(({ tid }) => tids.has(tid)).map(({ tid, ends }) => `${tid} ${ends.source.port}`);
    expect(ours.sort()).toEqual(said.map(([tid, own]) => `${tid} ${own}`).sort());
  } finally {
    execFileSync('ip', ['netns', 'delete', namespace]);
  }
});

test('a thread is of its process', () => {
  const own = readdirSync('/proc/self/task').map(Number);
  expect(own.length).toBeGreaterThan(1);
  expect(own.every(tid => (threadGroup(tid) ?? process.pid) === process.pid)).toBe(true);
  expect(threadGroup(2 ** 30)).toBeUndefined();
});

test('what the buffers have no room for is counted, and nothing is wrong after', async () => {
  const trace = open();
  const instance = join(root, 'instances', instances().find(name => name.startsWith(`puppy-hids-${process.pid}-`))!);
  await Bun.write(join(instance, 'buffer_size_kb'), '8');
  const wanted = `127.0.0.1 ${port}\n`.repeat(1_000);
  const out = execFileSync('xargs', ['-P', '8', '-n', '2', client], { input: wanted, encoding: 'utf8' });
  const said = new Map(pairs(out).map(([pid, own]) => [pid!, own!]));
  const told: TcpOpened[] = [];
  trace.drain(opened => told.push(opened));
  const { lost, records } = trace.counters();
  trace.close();
  expect(lost + records).toBeGreaterThanOrEqual(2_000);
  expect(lost).toBeGreaterThan(1_000);
  expect(told.length).toBeGreaterThan(0);
  for (const { tid, ends } of told) if (said.has(tid)) expect(ends.source.port).toBe(said.get(tid));
});

describe('tracefs', () => {
  test('has nothing of it afterwards, and its own settings are as they were', () => {
    const settings = () =>
      ['trace_clock', 'set_event', 'tracing_on', 'trace_options'].map(name => readFileSync(join(root, name), 'utf8'));
    const before = settings();
    const trace = open();
    expect(instances().filter(name => name.startsWith(`puppy-hids-${process.pid}-`)).length).toBe(1);
    expect(settings()).toEqual(before);
    trace.close();
    trace.close();
    trace.drain(() => {});
    expect(instances().filter(name => name.startsWith(`puppy-hids-${process.pid}-`))).toEqual([]);
    expect(settings()).toEqual(before);
  });

  test('loses what an agent left that was killed, and keeps what one has that lives', () => {
    const living = open();
    const stale = join(root, 'instances', 'puppy-hids-1-stale');
    const foreign = join(root, 'instances', `foreign-${process.pid}`);
    mkdirSync(stale);
    mkdirSync(foreign);
    const other = open();
    const own = instances().filter(name => name.startsWith(`puppy-hids-${process.pid}-`));
    const left = instances();
    other.close();
    living.close();
    execFileSync('rmdir', [foreign]);
    expect(own.length).toBe(2);
    expect(left).toContain(`foreign-${process.pid}`);
    expect(left).not.toContain('puppy-hids-1-stale');
  });

  test('that is not there is told', async () => {
    expect(TcpTrace.open([join(scratch, 'nothing')])).toBe(`tracefs isn't mounted at ${join(scratch, 'nothing')}`);
    mkdirSync(join(scratch, 'empty/events'), { recursive: true });
    await Bun.write(join(scratch, 'empty/events/header_page'), '');
    expect(TcpTrace.open([join(scratch, 'nothing'), join(scratch, 'empty')])).toMatch(
      /^the kernel has no tracepoint .*ENOENT/,
    );
  });
});
