// Logs other than the audit daemon's, replayed: told by their content, in the order of their times.

import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { inputOf } from '../../src/cli/inputs.ts';
import { replayCommand } from '../../src/cli/replay.ts';

const folder = mkdtempSync(join(tmpdir(), 'puppy-replay-logs-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(content: string | Buffer, mtimeMs = Date.now()): string {
  const path = join(folder, `file${files++}`);
  writeFileSync(path, content);
  utimesSync(path, mtimeMs / 1000, mtimeMs / 1000);
  return path;
}

const at = (second: number): string => new Date(1_795_492_277_000 + second * 1000).toISOString();
const failed = (second: number): string =>
  `${at(second)} web1 sshd[${second}]: Failed password for root from 192.0.2.7 port 1 ssh2\n`;
const accepted = (second: number): string =>
  `${at(second)} web1 sshd[${second}]: Accepted password for root from 192.0.2.7 port 1 ssh2\n`;
/** Debian 12, Linux 6.18: `id` at a second. */
function exec(second: number): string {
  const id = `audit(${1_795_492_277 + second}.500:${100 + second})`;
  return `type=SYSCALL msg=${id}: arch=c000003e syscall=59 success=yes exit=0 a0=7ffe a1=7ffd a2=5592 a3=8 items=2 ppid=9072 pid=${9_100 + second} auid=0 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=4 comm="id" exe="/usr/bin/id" subj=unconfined key="puppy-exec"
type=EXECVE msg=${id}: argc=1 a0="id"
type=CWD msg=${id}: cwd="/"
type=PATH msg=${id}: item=0 name="/usr/bin/id" inode=99 dev=fe:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL
type=PROCTITLE msg=${id}: proctitle=6964
`;
}

const RULES = file(`title: failed
id: 00000000-0000-4000-8000-000000000001
name: failed
level: low
logsource: {product: linux, service: sshd}
detection: {sel: {event.action: login_failed}, condition: sel}
---
title: Guessed
id: 00000000-0000-4000-8000-000000000002
level: high
correlation: {type: event_count, rules: [failed], group-by: [source.ip], timespan: 1m, condition: {gte: 3}}
`);

interface Line {
  readonly '@timestamp': string;
  readonly event: { readonly action: string; readonly kind: string; readonly id: string };
  readonly rule?: { readonly name: string };
}

async function replay(inputs: readonly string[], ...flags: string[]): Promise<Line[]> {
  const out = join(folder, `out${files++}`);
  const io = { env: {}, out: () => {}, err: () => {}, errIsTerminal: false };
  const arguments_ = ['--rules', `${RULES}`, '--output', `file:${out}`, ...flags, ...inputs];
  expect(await replayCommand.run(arguments_, io)).toBe(0);
  const lines = readFileSync(out, 'utf8').split('\n');
  return lines.flatMap(line => (line === '' ? [] : [JSON.parse(line) as Line]));
}

describe('an input', () => {
  const kinds = async (content: string | Buffer): Promise<[string, boolean]> => {
    const input = await inputOf(file(content));
    return [input.kind, 'gzip' in input && input.gzip];
  };
  test('is told by its content', async () => {
    expect(await kinds(exec(0))).toEqual(['log', false]);
    expect(await kinds(gzipSync(exec(0).repeat(500)))).toEqual(['log', true]);
    expect(await kinds(`node=a ${exec(0)}`)).toEqual(['log', false]);
    expect(await kinds(failed(0))).toEqual(['lines', false]);
    expect(await kinds(gzipSync(failed(0).repeat(5_000)))).toEqual(['lines', true]);
    expect(await kinds('Nov 24 07:40:13 web1 sshd[1]: x\n')).toEqual(['lines', false]);
    for (const other of ['', 'words\n', Buffer.from([0x1f, 0x8b, 1, 2])]) expect((await kinds(other))[0]).toBe('log');
  });
});

test('lines and audit events come in the order of their times, packed or not', async () => {
  const [audit, older, newer] = [
    file(exec(0) + exec(10) + exec(20)),
    file(gzipSync(failed(1) + failed(11))),
    file(failed(12) + accepted(21)),
  ];
  const lines = await replay([newer, audit, older], '--events');
  expect(
    lines
      .map(line => line.event)
      .filter(({ kind }) => kind !== 'metric')
      .map(({ action, kind }) => (kind === 'alert' ? 'alert' : action)),
  ).toEqual(['exec', 'login_failed', 'exec', 'login_failed', 'login_failed', 'alert', 'exec', 'logged_in']);
  expect(lines.find(({ event }) => event.kind === 'alert')?.rule?.name).toBe('Guessed');
  expect((await replay([audit, older, newer], '--events')).map(({ event }) => event.id)).toEqual(
    lines.map(({ event }) => event.id),
  );
});

test('a time without a year is of the year in which the file was last written', async () => {
  const path = file(
    'Dec 31 23:59:59 web1 sshd[1]: x\nJan  1 00:00:01 web1 sshd[1]: x\n',
    new Date(2024, 0, 2).getTime(),
  );
  const times = (await replay([path], '--events')).map(line => new Date(line['@timestamp']).getFullYear());
  expect(times).toEqual([2023, 2024]);
});
