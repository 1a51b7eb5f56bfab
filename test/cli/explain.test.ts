// `explain` over what a replay of captured records wrote: the evidence, the filter, and what happens to lines that are odd.

import { beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { explainCommand } from '../../src/cli/explain.ts';
import type { Command } from '../../src/cli/io.ts';
import { replayCommand } from '../../src/cli/replay.ts';
import { capture } from './capture.ts';

const root = mkdtempSync(join(tmpdir(), 'puppy-explain-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));
const rules = join(root, 'rules');
const LOG = resolve(import.meta.dir, '../audit/fixtures/captured-names.log');
const MAIN = resolve(import.meta.dir, '../../src/cli/main.ts');

mkdirSync(rules);
writeFileSync(
  join(rules, 'names.yml'),
  `title: Program below the folder of captures
id: 5d2f1b0a-6f0e-4a53-8d0c-5a5b7f8a0001
status: test
logsource: {category: process_creation, product: linux}
detection:
  selection: {Image|startswith: /tmp/puppy-capture/}
  filter_user: {User: nobody}
  filter_name: {Image|endswith: [/true, /false]}
  condition: selection and not 1 of filter_*
level: high
---
title: Many of them
id: 5d2f1b0a-6f0e-4a53-8d0c-5a5b7f8a0002
status: test
correlation:
  type: event_count
  rules: [5d2f1b0a-6f0e-4a53-8d0c-5a5b7f8a0001]
  group-by: [ParentImage]
  timespan: 1m
  condition: {gte: 3}
  generate: true
level: high
---
title: A space among the arguments
id: 5d2f1b0a-6f0e-4a53-8d0c-5a5b7f8a0003
status: test
logsource: {product: linux, service: auditd}
detection:
  selection: {type: EXECVE, a1: with space}
  condition: selection
level: high
`,
);

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(command: Command, args: readonly string[]): Promise<Ran> {
  const { io, written } = capture({ errIsTerminal: true });
  const code = await command.run(args, io);
  return { code, ...written() };
}

interface Line {
  readonly event: { readonly id: string; readonly kind: string };
  readonly rule: { readonly id: string };
  readonly process: { readonly executable: string };
  readonly puppy: { readonly correlation?: object; readonly event: { readonly id: string } };
}

async function replayed(name: string, ...more: string[]): Promise<{ file: string; lines: Line[] }> {
  const file = join(root, name);
  await run(replayCommand, ['-q', ...['--rules', rules].concat(more), '--output', `file:${file}`, LOG]);
  const text = readFileSync(file, 'utf8');
  const lines = text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Line);
  return { file, lines };
}

const id = (n: number): string => `5d2f1b0a-6f0e-4a53-8d0c-5a5b7f8a000${n}`;
let file: string;
let lines: Line[];
beforeAll(async () => {
  ({ file, lines } = await replayed('alerts.jsonl'));
});
const alert = (n: number, at = 0): Line => lines.filter(line => line.rule.id === id(n))[at]!;
const explain = (...args: string[]): Promise<Ran> => run(explainCommand, ['--rules', rules, ...args]);

describe('explain', () => {
  test('the evidence, filters included, the processes, what was lost', async () => {
    const { code, out } = await explain(alert(1).event.id, '--input', file);
    expect(code).toBe(0);
    for (const text of [
      `alert ${alert(1).event.id}, high`,
      'yes    selection\n',
      'Image|startswith: "/tmp/puppy-capture/" in "/tmp/puppy-capture/a+b"',
      'yes    not\n',
      'no       1 of 2: 0 hold\n',
      'User: not "nobody"',
      'Image|endswith: none of "/true", "/false"; it is "/tmp/puppy-capture/a+b"',
      'process, and what started it\n  pid ',
      '/usr/bin/dash as uid 0 (known from audit): "/bin/sh -c for f in',
      'nothing was lost around its time',
      'a filter that silences this',
      'condition: not selection',
    ]) {
      expect(out).toContain(text);
    }
  });

  test('each filter silences its alert and no other', async () => {
    const wanted = lines.filter(line => line.rule.id === id(1));
    expect(wanted.length).toBe(5);
    for (const { event, process } of wanted) {
      const { code, out } = await explain(event.id, '--input', file, '--format', 'filter');
      expect(code).toBe(0);
      const filter = join(root, 'filter.yml');
      writeFileSync(filter, out);
      const after = await replayed(`${event.id}.jsonl`, '--rules', filter);
      const left = after.lines.filter(line => line.rule.id === id(1)).map(line => line.process.executable);
      expect(left).toEqual(wanted.map(line => line.process.executable).filter(path => path !== process.executable));
    }
  });

  test('a rule of audit records: the record, and its filter', async () => {
    const { out } = await explain(alert(3).event.id, '--input', file);
    expect(out).toContain('of the record type=EXECVE argc=2 a0=./with space a1=with space\n');
    expect(out).toContain('a1: "with space" in "with space"');
    expect(out).toContain('a1|cased: with space');
    writeFileSync(
      join(root, 'filter.yml'),
      (await explain(alert(3).event.id, '--input', file, '--format', 'filter')).out,
    );
    const after = await replayed('records.jsonl', '--rules', join(root, 'filter.yml'));
    expect(after.lines.filter(line => line.rule.id === id(3))).toEqual([]);
  });

  test('a correlation: its group, its events, and the rule that it counts', async () => {
    const { out } = await explain(alert(2).event.id, '--input', file);
    expect(out).toContain('correlation event_count within 1m\n  group      ParentImage = "/usr/bin/dash"\n');
    expect(out).toContain('3 contributing events:');
    const { id: first } = alert(1).puppy.event;
    expect(out).toMatch(new RegExp(`    ${first}  2026-\\S+ Program below the folder of captures: `));
    expect(out).toContain('the condition of "Program below the folder of captures"');
    expect(out).toContain("filters aren't applied to correlations");
    const { evidence, correlation } = JSON.parse(
      (await explain(alert(2).event.id, '--input', file, '--format', 'json')).out,
    );
    expect([evidence[0].holds, correlation.eventCount, correlation.events.length]).toEqual([true, 3, 3]);
  });

  test('nothing in it steers a terminal', async () => {
    const { event } = lines.find(line => line.rule.id === id(1) && line.process.executable.includes('\n'))!;
    const { out } = await explain(event.id, '--input', file);
    expect(out).toContain('/tmp/puppy-capture/new\\nline');
    const hostile = JSON.parse(JSON.stringify(lines[0])) as Line & { message: string };
    const evil = '\x1b]0;x\x07\u009b31m\u202e';
    Object.assign(hostile.event, { id: 'hostile' });
    Object.assign(hostile.process, { executable: evil, command_line: evil });
    hostile.message = evil;
    const path = join(root, 'hostile.jsonl');
    writeFileSync(path, `${JSON.stringify(hostile)}\n`);
    for (const format of ['text', 'json', 'filter']) {
      const ran = await explain('hostile', '--input', path, '--format', format);
      expect([ran.code, /[^\n -~]/.test(ran.out)]).toEqual([0, false]);
    }
  });

  test('a rule that is not loaded: what the alert says itself', async () => {
    const { code, out, err } = await run(explainCommand, [
      '--rules',
      mkdtempSync(join(root, 'none-')),
      alert(1).event.id,
      '--input',
      file,
    ]);
    expect(code).toBe(0);
    expect(err).toContain(`the rule ${id(1)} is not among those that are loaded`);
    expect(out).toContain(
      'what matched, as the alert says\n  yes  selection: Image|startswith "/tmp/puppy-capture/" in ',
    );
    expect(out).toContain(`    - ${id(1)}\n`);
  });

  test('gzip; lines that are none are told, and left out', async () => {
    const path = join(root, 'odd.jsonl.gz');
    const target = alert(1);
    const text = readFileSync(file, 'utf8');
    const bad = ['no JSON', `{"${target.event.id}"`, `{"event": ${target.event.id} }`, '[]', ''].join('\n');
    writeFileSync(path, gzipSync(`${bad}\n${text}`));
    const { code, out, err } = await explain(target.event.id, '--input', path);
    expect(code).toBe(0);
    expect(out).toContain(`alert ${target.event.id}`);
    expect(err).toContain('odd.jsonl.gz:1: no JSON object; left out');
    expect(err).toContain('odd.jsonl.gz:3: not JSON; left out');
    expect(err).toContain('1 more lines were left out');
  });

  test('what is no alert', async () => {
    expect((await explain('abc', '--input', file)).err).toContain(`no alert abc in ${file}`);
    const of = await explain(alert(1).puppy.event.id, '--input', file);
    expect([of.code, of.err.includes('is an event; its alerts are ')]).toEqual([1, true]);
    expect((await explain('abc', '--input', join(root, 'none'))).err).toContain('none: no such file');
    expect(explain()).rejects.toThrow('which alert?');
    expect(explain('a', '--format', 'xml')).rejects.toThrow('not one of text, json, filter');
  });

  test('the first alert on standard input', async () => {
    const child = Bun.spawn([process.execPath, MAIN, 'explain', '-', '--rules', rules], {
      stdin: Bun.file(file),
      stdout: 'pipe',
      stderr: 'pipe',
    });
    const out = await new Response(child.stdout).text();
    expect([await child.exited, out.split(',')[0]]).toEqual([0, `alert ${lines[0]!.event.id}`]);
  });
});
