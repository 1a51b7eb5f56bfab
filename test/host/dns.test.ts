// DNS in the running agent: what was asked and answered, the name of an address that is then connected to, rules over both, and a
// recording again.

import { expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { agent, at, folder, guardKernel, jsonLines, type Line, number, puppy, text } from './agent.ts';

guardKernel();

const RESOLVER = '127.0.0.9';
const ANSWERED = '127.0.0.10';
const RULES = `title: asked for a pool
id: 00000000-0000-4000-8000-000000000011
level: medium
logsource: {category: dns}
detection: {sel: {query|endswith: .pool.example}, condition: sel}
---
title: answered with an address of this host
id: 00000000-0000-4000-8000-000000000012
level: medium
logsource: {category: dns_query, product: linux}
detection: {sel: {QueryResults|startswith: '127.'}, condition: sel}
---
title: connected by name
id: 00000000-0000-4000-8000-000000000013
level: medium
logsource: {category: network_connection, product: linux}
detection: {sel: {DestinationHostname|endswith: .pool.example}, condition: sel}
`;

const labels = (name: string): Buffer =>
  Buffer.concat([...name.split('.').map(label => Buffer.from(`\0${label}`).fill(label.length, 0, 1)), Buffer.alloc(1)]);
const query = (name: string, id: number): Buffer =>
  Buffer.concat([
    Buffer.from([id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    labels(name),
    Buffer.from([0, 1, 0, 1]),
  ]);

/** Answers every question for an address with the same one. */
async function resolver() {
  return await Bun.udpSocket({
    hostname: RESOLVER,
    port: 53,
    socket: {
      data(socket, bytes, port, address) {
        const head = Buffer.from(bytes);
        head.writeUInt16BE(0x8180, 2);
        head.writeUInt16BE(1, 6);
        const record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...ANSWERED.split('.').map(Number)];
        socket.send(Buffer.concat([head, Buffer.from(record)]), port, address);
      },
    },
  });
}

const names = (lines: readonly Line[]): (string | undefined)[] =>
  lines.filter(line => at(line, 'event.kind') === 'alert').map(line => text(line, 'rule.name'));

test('a lookup is told once with its answer, and names what is connected to', async () => {
  const rules = join(folder(), 'rules.yml');
  writeFileSync(rules, RULES);
  const recording = join(folder(), 'recording');
  const run = await agent({ rules, args: ['--events', '--record', recording], config: 'fsnotify: {enabled: false}' });
  await run.until('packets are read', () => run.log().includes('packets: any is read'));
  const server = await resolver();
  const client = await Bun.udpSocket({ hostname: '127.0.0.1' });
  const bytes = query('a.pool.example', 4711);
  // Asked again as resolvers do.
  for (let i = 0; i < 2; i++) client.send(bytes, 53, RESOLVER);
  const dns = (): Line[] => run.of('dns_query', 'dns_answer').filter(line => at(line, 'event.kind') === 'event');
  await run.until('the answer', () => dns().length >= 2);
  await new Promise<void>(done => connect(9, ANSWERED).once('error', () => done()));
  await run.until('the connection', () => names(run.lines()).includes('connected by name'));
  client.close();
  server.close();
  expect(await run.stop()).toBe(0);
  const [asked, answered, ...more] = dns();
  expect(more).toEqual([]);
  expect([text(asked!, 'dns.question.name'), text(asked!, 'dns.type'), text(asked!, 'dns.id')]).toEqual([
    'a.pool.example',
    'query',
    '4711',
  ]);
  expect([text(asked!, 'destination.ip'), number(asked!, 'destination.port')]).toEqual([RESOLVER, 53]);
  expect([at(answered, 'dns.resolved_ip'), text(answered!, 'dns.response_code')]).toEqual([[ANSWERED], 'NOERROR']);
  expect(text(answered!, 'source.ip')).toBe('127.0.0.1');
  const alerts = ['asked for a pool', 'answered with an address of this host', 'connected by name'];
  expect(names(run.lines())).toEqual(alerts);
  const replayed = jsonLines(puppy(['replay', '--events', '--rules', rules, recording]).out);
  expect(names(replayed)).toEqual(alerts);
}, 60_000);

test('no packet is read where no rule needs it', async () => {
  const run = await agent({ config: 'fsnotify: {enabled: false}' });
  await Bun.sleep(300);
  expect(run.log()).not.toContain('packets:');
  expect(await run.stop()).toBe(0);
});
