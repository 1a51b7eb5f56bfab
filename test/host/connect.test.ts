// Connections by every way to make one, as audit alone tells of them, and processes too short for /proc.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { agent, at, guardKernel, helper, type Line, number, scenario, text } from './agent.ts';

guardKernel();

let server: Server;
let port = 0;
let closedPort = 0;

async function listening(host: string): Promise<Server> {
  const one = createServer(socket => {
    socket.on('error', () => undefined);
    socket.end();
  });
  await new Promise<void>(done => one.listen(0, host, done));
  return one;
}

const portOf = (one: Server): number => (one.address() as { port: number }).port;

beforeAll(async () => {
  server = await listening('::');
  port = portOf(server);
  const other = await listening('127.0.0.1');
  closedPort = portOf(other);
  await new Promise(done => other.close(done));
});
afterAll(() => server.close());

describe('every way to connect', () => {
  let lines: Line[] = [];
  const errnos = new Map<string, number | undefined>();
  let records = 0;

  beforeAll(async () => {
    const run = await agent({ args: ['--events', '--records', '--source', 'audit'] });
    const connect = async (how: string, to: number): Promise<void> => {
      errnos.set(how, (await scenario('connect', how, to)).errno);
    };
    for (const how of ['v4', 'v6', 'mapped', 'long', 'progress', 'udp', 'fastopen', 'fastopenmsg', 'uring', 'unix']) {
      await connect(how, port);
    }
    const refused = await scenario('connect', 'v4', closedPort);
    errnos.set('refused', refused.errno);
    await Bun.sleep(300);
    expect(await run.stop()).toBe(0);
    lines = run.lines();
    expect(run.of('loss')).toEqual([]);
    records = run.of('connect').filter(line => at(line, 'event.kind') === 'event').length;
  }, 30_000);

  /** The connection of the helper that was run as `connect HOW`. */
  const of = (how: string, to = port): Line[] =>
    lines.filter(
      line =>
        at(line, 'event.kind') === 'event' &&
        at(line, 'event.action') === 'connect' &&
        at(line, 'process.args.2') === how &&
        at(line, 'process.args.3') === String(to),
    );

  for (const [how, ip, type, outcome, error] of [
    ['v4', '127.0.0.1', 'ipv4', 'success', undefined],
    ['v6', '::1', 'ipv6', 'success', undefined],
    ['mapped', '127.0.0.1', 'ipv4', 'success', undefined],
    ['long', '127.0.0.1', 'ipv4', 'success', undefined],
    ['progress', '127.0.0.1', 'ipv4', 'unknown', 'EINPROGRESS'],
    ['udp', '127.0.0.1', 'ipv4', 'success', undefined],
    ['fastopen', '127.0.0.1', 'ipv4', 'success', undefined],
    ['fastopenmsg', '127.0.0.1', 'ipv4', 'success', undefined],
    ['uring', '127.0.0.1', 'ipv4', 'unknown', undefined],
  ] as const) {
    test(how, () => {
      const all = of(how);
      expect(all).toHaveLength(1);
      const line = all[0]!;
      expect(at(line, 'destination')).toEqual({ address: ip, ip, port });
      expect(at(line, 'source')).toBeUndefined();
      expect(at(line, 'network.type')).toBe(type);
      expect(at(line, 'network.direction')).toBe('egress');
      expect(at(line, 'event.outcome')).toBe(outcome);
      expect(at(line, 'error.code')).toBe(error);
      expect(at(line, 'event.category')).toEqual(['network']);
      // A connect record can't tell the transport; Fast Open is TCP's.
      expect(at(line, 'network.transport')).toBe(how.startsWith('fastopen') ? 'tcp' : undefined);
      expect(at(line, 'process.executable')).toBe(helper());
    });
  }

  test('refused', () => {
    const [line] = of('v4', closedPort);
    expect(errnos.get('refused')).toBe(111);
    expect(at(line, 'event.outcome')).toBe('failure');
    expect(at(line, 'error.code')).toBe('ECONNREFUSED');
    expect(at(line, 'destination')).toEqual({ address: '127.0.0.1', ip: '127.0.0.1', port: closedPort });
  });

  test('what the calls themselves said', () => {
    expect(errnos.get('v4')).toBe(0);
    expect(errnos.get('progress')).toBe(115);
    expect(errnos.get('unix')).toBe(2);
  });

  test('AF_UNIX connects cause no records at all', () => {
    expect(of('unix')).toEqual([]);
    expect(records).toBe(10);
    const kernelKeys = lines.filter(line => JSON.stringify(line).includes('no-such-socket'));
    expect(kernelKeys).toEqual([]);
  });
});

describe('a thousand processes of a moment', () => {
  const COUNT = 1_000;
  let execs: Line[] = [];
  let connects: Line[] = [];
  let lives: Readonly<Record<string, number>> = {};
  let parent: Line | undefined;

  beforeAll(async () => {
    const run = await agent({ args: ['--events'] });
    lives = await scenario('brief', helper(), COUNT, port);
    await Bun.sleep(300);
    expect(await run.stop()).toBe(0);
    expect(run.of('loss')).toEqual([]);
    const events = run.lines().filter(line => at(line, 'event.kind') === 'event');
    const ofDial = (action: string): Line[] =>
      events.filter(line => at(line, 'event.action') === action && at(line, 'process.args.1') === 'dial');
    execs = ofDial('exec');
    connects = ofDial('connect');
    parent = events.find(line => at(line, 'event.action') === 'exec' && at(line, 'process.args.1') === 'brief');
  }, 40_000);

  test('they did live for about two milliseconds', () => {
    expect(lives.median_ms).toBeLessThan(5);
  });

  test('each exec, with argv, working directory, user, parent', () => {
    expect(execs).toHaveLength(COUNT);
    execs.forEach((line, i) => {
      expect(at(line, 'process.args')).toEqual([helper(), 'dial', String(i), String(port)]);
      expect(at(line, 'process.working_directory')).toBe(readlinkSync('/proc/self/cwd'));
      expect(at(line, 'process.user')).toEqual({ id: '0', name: 'root' });
      expect(at(line, 'process.executable')).toBe(helper());
      expect(at(line, 'process.parent.pid')).toBe(number(parent!, 'process.pid')!);
      expect(at(line, 'process.parent.entity_id')).toBe(text(parent!, 'process.entity_id')!);
      expect(at(line, 'process.parent.command_line')).toBe(text(parent!, 'process.command_line')!);
    });
  });

  test('each connect, with the entity of its exec', () => {
    expect(connects).toHaveLength(COUNT);
    connects.forEach((line, i) => {
      expect(at(line, 'process.entity_id')).toBe(text(execs[i]!, 'process.entity_id')!);
      expect(at(line, 'process.args.2')).toBe(String(i));
      expect(at(line, 'destination')).toEqual({ address: '127.0.0.1', ip: '127.0.0.1', port });
    });
    expect(new Set(execs.map(line => text(line, 'process.entity_id'))).size).toBe(COUNT);
  });
});
