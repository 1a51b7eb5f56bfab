// A run with state from before and windows that a tick ends, recorded: its replay gives the same lines.

import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KEYS } from '../../src/audit/keys.ts';
import { AuditObserver } from '../../src/audit/observe.ts';
import { AuditReplay } from '../../src/audit/replay.ts';
import { replayCommand } from '../../src/cli/replay.ts';
import { openOutputs } from '../../src/output/outputs.ts';
import { createParts } from '../../src/parts.ts';
import { noFacts } from '../../src/proc/facts.ts';
import { RECORDING_VERSION, type RecordingHeader } from '../../src/recording/format.ts';
import { recordTerms } from '../../src/recording/terms.ts';
import { RecordingWriter } from '../../src/recording/writer.ts';
import { TermTable } from '../../src/rules/gates/term-table.ts';
import { loadRuleset } from '../../src/rules-loading.ts';

const folder = mkdtempSync(join(tmpdir(), 'puppy-recorded-'));
afterAll(() => rmSync(folder, { recursive: true }));

const START_MS = 1_795_492_277_000;
const HEADER: RecordingHeader = {
  ...{ version: RECORDING_VERSION, agentVersion: '0', agentId: 'a', labels: {}, cacheEntries: 1_024, keys: KEYS },
  records: false,
  host: { id: 'h', idSource: 'machine_id', name: 'n', hostname: 'n', architecture: 'x86_64', kernelRelease: '6' },
};

const RULES = `title: A program that is new
id: 00000000-0000-4000-8000-000000000001
name: ran
level: medium
logsource: {category: process_creation, product: linux}
detection: {sel: {Image|startswith: /usr/bin/}, condition: sel}
puppy: {new_terms: {fields: [Image], learn: 1h}}
---
title: Low numbers
id: 00000000-0000-4000-8000-000000000002
level: high
correlation: {type: value_avg, rules: [ran], generate: true, group-by: [user.id], timespan: 1m, condition: {field: ProcessId, lt: 9999}}
`;

const ran = (second: number, program: string): string => {
  const id = `audit(${START_MS / 1_000 + second}.000:${100 + second})`;
  return `type=SYSCALL msg=${id}: arch=c000003e syscall=59 success=yes exit=0 a0=7ffe a1=7ffd a2=5592 a3=8 items=2 ppid=9072 pid=${9_100 + second} auid=0 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=4 comm="x" exe="/usr/bin/${program}" subj=unconfined key="puppy-exec"
type=EXECVE msg=${id}: argc=1 a0="x"
type=CWD msg=${id}: cwd="/work"
type=PATH msg=${id}: item=0 name="/usr/bin/${program}" inode=99 dev=fe:00 mode=0104755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL
type=PROCTITLE msg=${id}: proctitle=737500726F6F74
`;
};

const linesOf = (path: string): unknown[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .flatMap(line => (line === '' ? [] : [JSON.parse(line)]));

test('a recording has what new_terms rules knew, and ticks end windows at the same place', async () => {
  const [rules, recording] = [join(folder, 'rules.yml'), join(folder, 'recording')];
  writeFileSync(rules, RULES);
  const { ruleset, correlations } = loadRuleset([rules]);
  const writer = new RecordingWriter(recording, HEADER, error => {
    throw error;
  });
  // Its learning is over; a replay that began with nothing would still learn, and say nothing.
  const terms = new TermTable({ learned: true });
  const outputs = openOutputs([{ type: 'file', path: join(folder, 'live.jsonl') }], { minLevel: 'low' });
  const parts = createParts({
    ...{ facts: noFacts, cacheEntries: 1_024, outputs, events: true, ruleset, correlations },
    ecs: { host: HEADER.host, agent: { id: 'a', version: '0' } },
    terms: recordTerms(terms, line => writer.fact(line)),
  });
  const observer = new AuditObserver(new Set());
  const replay = new AuditReplay({ argvMaxBytes: 65_536 }, event => {
    writer.audit(event, event.timeMs);
    const observation = observer.observe(event, event.timeMs);
    if (observation !== undefined) parts.pipeline(observation);
  });
  for (const [second, program] of [
    [0, 'one'],
    [1, 'one'],
    [2, 'two'],
  ] as const)
    replay.feed(Buffer.from(ran(second, program)));
  replay.finish();
  replay.close();
  for (const second of [10, 70]) {
    writer.tick(START_MS + second * 1_000);
    parts.tick(START_MS + second * 1_000);
  }
  writer.close();
  await outputs.close(1_000);

  const live = linesOf(join(folder, 'live.jsonl')) as { event: { kind: string }; rule?: { name: string } }[];
  expect(live.flatMap(({ rule }) => rule?.name ?? [])).toEqual([
    'A program that is new',
    'A program that is new',
    'Low numbers',
  ]);
  const out = join(folder, 'replayed.jsonl');
  const io = { env: {}, out: () => {}, err: () => {}, errIsTerminal: false };
  const flags = ['--rules', rules, '--events', '--output', `file:${out}?min_level=low`];
  expect(await replayCommand.run([...flags, recording], io)).toBe(0);
  const known = (line: object): object => ({ ...line, agent: undefined });
  expect((linesOf(out) as object[]).map(known)).toEqual(live.map(known));
});
