// Reloads under load: nothing is lost, no rule is lost to a mistake, and memory stays bounded.

import { expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type AgentRun, agent, at, folder, guardKernel, helper, puppy, RULES, text } from './agent.ts';
import { auditNobodyElse, load, settled } from './load.ts';

guardKernel();

function rule(id: string, condition = 'CommandLine|contains: "leaf "'): string {
  return [
    `title: Rule ${id}`,
    `id: 4b1ed0fb-5e0c-4f0c-8d63-${id.padStart(12, '0')}`,
    'logsource: {category: process_creation, product: linux}',
    `detection: {selection: {${condition}}, condition: selection}`,
    'level: medium',
    '',
  ].join('\n');
}

const BROKEN = 'title: nothing\ndetection: {condition: x}\n';

const config = (run: AgentRun): string[] => ['--config', join(dirname(run.out), 'config.yaml')];
const reload = (run: AgentRun) => puppy(['reload', ...config(run)]);
const alertsOf = (run: AgentRun, name: string): number =>
  run.alerts().filter(line => text(line, 'rule.name') === name).length;

test('SIGHUP under load with one broken file: nothing is lost, the old rules judge on; repaired, the new ones do', async () => {
  auditNobodyElse();
  const rules = folder();
  const put = (name: string, content: string): void => writeFileSync(join(rules, name), content);
  put('a.yml', rule('1'));
  put('b.yml', rule('2'));
  const run = await agent({ rules });
  const scenario = await load('load', helper(), 6_000, 500);
  const before = await settled(run);
  const work = scenario.go();
  await Bun.sleep(1_000);
  put('a.yml', rule('3'));
  put('b.yml', BROKEN);
  run.signal('SIGHUP');
  await run.until('the refusal', () => run.of('rule_rejected').length > 0);
  await Bun.sleep(1_000);
  expect(text(run.of('rule_rejected')[0]!, 'puppy.rule_rejected.file')).toBe(join(rules, 'b.yml'));
  expect(reload(run)).toMatchObject({ code: 2, out: '' });
  put('a.yml', `${rule('1')}---\n${rule('3')}`);
  put('b.yml', rule('2'));
  expect(alertsOf(run, 'Rule 3')).toBe(0);
  run.signal('SIGHUP');
  await run.until('the repaired set', () => run.of('rules_loaded').length === 2);
  const count = (await work).count!;
  const after = await settled(run);
  // The scenario itself is one more.
  expect(after.events! - before.events!).toBe(count + 1);
  expect([alertsOf(run, 'Rule 1'), alertsOf(run, 'Rule 2')]).toEqual([count, count]);
  expect(alertsOf(run, 'Rule 3')).toBeGreaterThan(0);
  expect(alertsOf(run, 'Rule 3')).toBeLessThan(count);
  const status = JSON.parse(puppy(['status', '--format', 'json', ...config(run)]).out);
  expect(status).toMatchObject({ pid: run.pid, mode: 'own', rules: { loaded: 3, canFire: 3, rejected: 0 } });
  const listed = puppy(['rules', 'list', '--running', '--format', 'json', ...config(run)]).out;
  expect(at(JSON.parse(listed), '0.fired')).toBe(count);
  console.log(`${count} executions during two refused reloads and one that was taken; missing ${after.missing}`);
  expect(await run.stop()).toBe(0);
  expect(run.of('loss')).toEqual([]);
}, 60_000);

test('many reloads in a row under load: nothing is lost, memory stays bounded', async () => {
  const RULES_COUNT = 300;
  const RELOADS = 20;
  auditNobodyElse();
  const rules = folder();
  const write = (round: number): void => {
    for (let i = 0; i < RULES_COUNT; i++) {
      const condition = `CommandLine|contains: ["x${i % 10 === 0 ? round : ''}-${i}", "y-${i}"], Image|endswith: /tool-${i}`;
      writeFileSync(join(rules, `${i}.yml`), rule(String(i + 1), condition));
    }
    writeFileSync(join(rules, 'leaf.yml'), rule('900'));
  };
  write(0);
  const run = await agent({ rules });
  const scenario = await load('load', helper(), 10_000, 1_000);
  const before = await settled(run);
  const work = scenario.go();
  const rss: number[] = [];
  for (let round = 1; round <= RELOADS; round++) {
    write(round);
    const { code, out } = reload(run);
    expect([code, out.split('\n')[0]]).toEqual([0, expect.stringContaining('0 added, 0 removed, 30 changed')]);
    rss.push(run.rssBytes());
  }
  const count = (await work).count!;
  const after = await settled(run);
  const early = Math.max(...rss.slice(0, RELOADS / 3));
  const late = Math.max(...rss.slice(-RELOADS / 3));
  console.log(
    `${count} executions during ${RELOADS} reloads of ${RULES_COUNT + 1} rules; RSS at most ${early >> 20} MiB in the first third, ${late >> 20} MiB in the last`,
  );
  expect(after.events! - before.events!).toBe(count + 1);
  expect(alertsOf(run, 'Rule 900')).toBe(count);
  // Sets that stayed would be ten times as much.
  expect(late - early).toBeLessThan(48 << 20);
  expect(await run.stop()).toBe(0);
  expect(run.of('loss')).toEqual([]);
}, 120_000);

test('an agent that started with a broken file takes what is right, and finds two agents apart', async () => {
  const rules = folder();
  writeFileSync(join(rules, 'a.yml'), rule('1'));
  writeFileSync(join(rules, 'b.yml'), BROKEN);
  const run = await agent({ rules });
  writeFileSync(join(rules, 'a.yml'), `${rule('1')}---\n${rule('2')}`);
  const taken = reload(run);
  expect([taken.code, taken.out]).toEqual([0, expect.stringContaining('added    Rule 2')]);
  expect(taken.out).toContain('left out as before');
  const other = await agent({ rules: RULES, args: ['--audit-mode', 'observe'], stateDir: folder() });
  const pidOf = (of: AgentRun): unknown => JSON.parse(puppy(['status', '--format', 'json', ...config(of)]).out).pid;
  expect([pidOf(run), pidOf(other)]).toEqual([run.pid, other.pid]);
  expect(await other.stop()).toBe(0);
  expect(await run.stop()).toBe(0);
  const { code, err } = reload(run);
  expect([code, err]).toEqual([1, expect.stringContaining('no agent answers')]);
}, 60_000);
