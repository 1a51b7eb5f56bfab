// Nothing is lost silently: storms that fit are complete, and where a buffer is too small the counts say exactly what is missing.

import { expect, test } from 'bun:test';
import { agent, at, guardKernel, helper, type Line, number } from './agent.ts';
import { auditNobodyElse, type Counters, load, settled } from './load.ts';

guardKernel();

const SETTING = "A setting of the kernel's audit";
const isLeaf = (line: Line): boolean => at(line, 'rule.name') === "A leaf of the test's storm";
const grown = (before: Counters, after: Counters, name: string): number => (after[name] ?? 0) - (before[name] ?? 0);

test('20,000 executions flat out: none lost', async () => {
  const COUNT = 20_000;
  auditNobodyElse();
  const run = await agent({ config: 'limits: {memory: 512MiB}' });
  const storm = await load('storm', helper(), COUNT);
  const before = await settled(run);
  const { total_ms } = await storm.go();
  const after = await settled(run);
  expect(await run.stop()).toBe(0);
  console.log(`20,000 executions in ${total_ms} ms: ${JSON.stringify(after)}`);
  expect(grown(before, after, 'events')).toBe(COUNT + 1);
  expect(run.of('loss')).toEqual([]);
  const numbers = run
    .alerts()
    .filter(isLeaf)
    .map(line => Number(at(line, 'process.args.2')));
  expect(numbers).toEqual(Array.from({ length: COUNT }, (_, i) => i));
}, 90_000);

test('a socket buffer of 1 MiB and a reader that is held up: complete + incomplete + missing = executions, exactly', async () => {
  const COUNT = 6_000;
  auditNobodyElse();
  const run = await agent({ config: 'audit: {receive_buffer: 1MiB, backlog_limit: 262144}' });
  const storm = await load('storm', helper(), COUNT);
  const before = await settled(run);
  run.signal('SIGSTOP');
  const { longest_ms } = await storm.go();
  run.signal('SIGCONT');
  const after = await settled(run);
  expect(await run.stop()).toBe(0);
  console.log(`longest of a load with a stopped reader: ${longest_ms} ms; ${JSON.stringify({ before, after })}`);
  const lost = grown(before, after, 'missing');
  expect(lost).toBeGreaterThan(0);
  expect(grown(before, after, 'kernelLost')).toBe(0);
  // After an overrun the agent makes the kernel write a record, to learn the last serial number.
  const own = run.alerts().filter(line => at(line, 'rule.name') === SETTING).length;
  expect(own).toBeGreaterThan(0);
  expect(grown(before, after, 'events') + lost).toBe(COUNT + 1 + own);
  const losses = run.of('loss');
  const told = (reason: string): number =>
    losses
      .filter(line => at(line, 'puppy.loss.reason') === reason)
      .reduce((sum, line) => sum + (number(line, 'puppy.loss.count') ?? 0), 0);
  expect(told('socket')).toBe(lost);
  expect(told('incomplete')).toBe(grown(before, after, 'incomplete'));
}, 90_000);

test('a backlog of 512: executions are at most that sum and what the kernel says is lost, told as an upper bound', async () => {
  const COUNT = 6_000;
  auditNobodyElse();
  const run = await agent({ config: 'audit: {backlog_limit: 512, receive_buffer: 1MiB}' });
  const storm = await load('storm', helper(), COUNT);
  const before = await settled(run);
  run.signal('SIGSTOP');
  await storm.go();
  run.signal('SIGCONT');
  const after = await settled(run);
  expect(await run.stop()).toBe(0);
  console.log(JSON.stringify({ before, after }));
  const sum = grown(before, after, 'events') + grown(before, after, 'missing');
  const dropped = grown(before, after, 'kernelLost');
  expect(dropped).toBeGreaterThan(0);
  const own = run.alerts().filter(line => at(line, 'rule.name') === SETTING).length;
  expect(sum).toBeLessThanOrEqual(COUNT + 1 + own);
  expect(sum + dropped).toBeGreaterThanOrEqual(COUNT + 1);
  const told = run.of('loss').filter(line => at(line, 'puppy.loss.reason') === 'kernel_backlog');
  expect(told.length).toBeGreaterThan(0);
  for (const line of told) {
    expect(at(line, 'puppy.loss.upper_bound')).toBe(true);
    expect(String(at(line, 'message'))).toStartWith('at most ');
  }
}, 90_000);
