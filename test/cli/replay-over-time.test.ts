// Rules over time through the whole replay: what an audit log of some minutes gives.

import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { replayCommand } from '../../src/cli/replay.ts';

const folder = mkdtempSync(join(tmpdir(), 'puppy-over-time-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Debian 12, Linux 6.18: `su root` at a second, by a uid. */
function su(second: number, uid: number): string {
  const id = `audit(${1_795_492_277 + second}.000:${100 + second})`;
  return `type=SYSCALL msg=${id}: arch=c000003e syscall=59 success=yes exit=0 a0=7ffe a1=7ffd a2=5592 a3=8 items=2 ppid=9072 pid=${9_100 + second} auid=${uid} uid=${uid} gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=4 comm="su" exe="/usr/bin/su" subj=unconfined key="puppy-exec"
type=EXECVE msg=${id}: argc=2 a0="su" a1="root"
type=CWD msg=${id}: cwd="/work"
type=PATH msg=${id}: item=0 name="/usr/bin/su" inode=99 dev=fe:00 mode=0104755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL
type=PROCTITLE msg=${id}: proctitle=737500726F6F74
`;
}

const RULES = `title: su
id: 00000000-0000-4000-8000-000000000001
name: su
level: medium
logsource: {category: process_creation, product: linux}
detection: {sel: {Image: /usr/bin/su}, condition: sel}
puppy: {suppress: {group-by: [user.id], timespan: 1m}}
---
title: Much su
id: 00000000-0000-4000-8000-000000000002
level: high
correlation: {type: event_count, rules: [su], generate: true, group-by: [user.id], timespan: 1m, condition: {gte: 3}}
`;

interface Line {
  readonly '@timestamp': string;
  readonly message: string;
  readonly event: { readonly id: string; readonly kind: string };
  readonly rule?: { readonly name: string };
  readonly puppy: {
    readonly suppressed?: number;
    readonly event?: { readonly id: string };
    readonly correlation?: { readonly events: readonly string[]; readonly group: unknown };
  };
}

async function replay(log: string, ...flags: string[]): Promise<Line[]> {
  const out = join(folder, `out-${Bun.nanoseconds()}.jsonl`);
  writeFileSync(join(folder, 'audit.log'), log);
  writeFileSync(join(folder, 'rules.yml'), RULES);
  const io = { env: {}, out: () => {}, err: () => {}, errIsTerminal: false };
  const rules = ['--rules', join(folder, 'rules.yml'), '--output', `file:${out}`];
  expect(await replayCommand.run([...rules, ...flags, join(folder, 'audit.log')], io)).toBe(0);
  return readFileSync(out, 'utf8')
    .split('\n')
    .flatMap(line => (line === '' ? [] : [JSON.parse(line) as Line]));
}

test('a correlation names the events that it counts; suppression carries its count; the same input, the same lines', async () => {
  const log = [0, 10, 20, 30, 70, 71].map(second => su(second, second === 10 ? 1_001 : 1_000)).join('');
  const lines = await replay(log, '--events');
  const alerts = lines.filter(line => line.event.kind === 'alert');
  expect(alerts.map(line => [line['@timestamp'].slice(14, 19), line.rule?.name, line.puppy.suppressed])).toEqual([
    ['51:17', 'su', undefined],
    ['51:27', 'su', undefined],
    ['51:47', 'Much su', undefined],
    ['52:27', 'su', 2],
  ]);
  const { correlation } = alerts[2]!.puppy;
  const ids = lines.filter(line => line.event.kind === 'event').map(line => line.event.id);
  expect(correlation?.events).toEqual([ids[0]!, ids[2]!, ids[3]!]);
  expect(correlation?.group).toEqual([{ field: 'user.id', value: '1000' }]);
  expect(alerts[2]!.puppy.event?.id).toBe(ids[3]!);
  expect(alerts[2]!.message).toStartWith('Much su: 3 events within 1m (user.id 1000); the last: ');
  expect(await replay(log, '--events')).toEqual(lines);
});

test('nothing is invented at the end of a log', async () => {
  expect((await replay(su(0, 1_000) + su(1, 1_000))).map(line => line.rule?.name)).toEqual(['su']);
});
