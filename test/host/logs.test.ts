// The log source in the running agent: files that are written and rotated under it, as a recording again, and not at all where no
// rule needs it.

import { describe, expect, test } from 'bun:test';
import { appendFileSync, copyFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { agent, at, folder, guardKernel, jsonLines, type Line, puppy, text } from './agent.ts';

guardKernel();

const RULES = `title: failed login
id: 00000000-0000-4000-8000-000000000001
name: failed
level: medium
logsource: {product: linux, service: sshd}
detection: {sel: {event.action: login_failed}, condition: sel}
---
title: Password guessed
id: 00000000-0000-4000-8000-000000000002
level: high
correlation:
  {type: event_count, rules: [failed], generate: true, group-by: [source.ip], timespan: 1m, condition: {gte: 3}}
---
title: Odd sshd
id: 00000000-0000-4000-8000-000000000003
level: medium
logsource: {product: linux, service: sshd}
detection: {keywords: [incorrect signature], condition: keywords}
`;

const now = (): string => new Date().toISOString();
const failed = (pid: number): string =>
  `${now()} web1 sshd[${pid}]: Failed password for root from 192.0.2.7 port 1 ssh2\n`;
const said = (pid: number): string => `${now()} web1 sshd[${pid}]: error: incorrect signature ${pid}\n`;

function setting(): { log: string; rules: string; config: string } {
  const dir = folder();
  const [log, rules] = [join(dir, 'auth.log'), join(dir, 'rules.yml')];
  writeFileSync(log, said(1));
  writeFileSync(rules, RULES);
  return { log, rules, config: `logs: {journal: false, files: [${log}]}` };
}

const names = (lines: readonly Line[]): (string | undefined)[] =>
  lines.filter(line => at(line, 'event.kind') === 'alert').map(line => text(line, 'rule.name'));
const pids = (lines: readonly Line[]): (string | undefined)[] =>
  lines.filter(line => text(line, 'rule.name') === 'Odd sshd').map(line => text(line, 'log.syslog.procid'));

describe('the log source', () => {
  test('reads on over rotations; a recording gives the same lines', async () => {
    const { log, rules, config } = setting();
    const recording = join(folder(), 'recording');
    const run = await agent({ rules, config, args: ['--record', recording] });
    for (const pid of [2, 3, 4]) appendFileSync(log, failed(pid));
    await run.until('three failures are one guess', () => names(run.lines()).includes('Password guessed'));
    expect(names(run.lines()).filter(name => name === 'failed login').length).toBe(3);
    appendFileSync(log, said(5));
    renameSync(log, `${log}.1`);
    appendFileSync(`${log}.1`, said(6));
    writeFileSync(log, said(7));
    await run.until('a renamed file and its successor', () => pids(run.lines()).length === 3);
    copyFileSync(log, `${log}.2`);
    truncateSync(log);
    await run.until('a truncated file is told', () => run.log().includes('was truncated'));
    appendFileSync(log, said(8));
    await run.until('a truncated file', () => pids(run.lines()).length === 4);
    expect(pids(run.lines())).toEqual(['5', '6', '7', '8']);
    expect(await run.stop()).toBe(0);
    expect(at(run.of('agent_stopped')[0], 'puppy.agent_stopped.logs')).toMatchObject({
      lines: 7,
      dropped: 0,
      files: 1,
    });
    const again = puppy(['replay', '--rules', rules, recording]);
    expect(again.code).toBe(0);
    const lines = jsonLines(again.out);
    const withoutCreated = (line: Line): unknown => ({
      ...line,
      event: { ...(line.event as object), created: undefined },
    });
    expect(lines.map(withoutCreated)).toEqual(run.lines().map(withoutCreated));
  });

  test('is not started where no rule needs it, and by a reload that brings one', async () => {
    const { log, rules, config } = setting();
    writeFileSync(
      rules,
      RULES.replaceAll('{product: linux, service: sshd}', '{category: process_creation, product: linux}'),
    );
    const run = await agent({ rules, config });
    appendFileSync(log, said(2));
    await Bun.sleep(600);
    writeFileSync(rules, RULES);
    run.signal('SIGHUP');
    await run.until('the reload', () => run.of('rules_loaded').length === 2);
    await Bun.sleep(300);
    appendFileSync(log, said(3));
    await run.until('a line after it', () => pids(run.lines()).length > 0);
    expect(pids(run.lines())).toEqual(['3']);
    expect(await run.stop()).toBe(0);
  });
});
