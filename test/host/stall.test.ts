// An agent that is stopped, killed, or whose reader stalls never holds up the host.

import { expect, test } from 'bun:test';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  AgentRun,
  agent,
  at,
  folder,
  guardKernel,
  helper,
  jsonLines,
  type Line,
  number,
  puppy,
  scenario,
} from './agent.ts';
import { auditNobodyElse, load, settled } from './load.ts';

guardKernel();

/** Nobody may wait as long as a full backlog makes wait by default (15 s), nor a tenth of it; the scheduler may take some. */
const STALL_MS = 1_500;
const STOPPED_MS = Number(process.env.PUPPY_STOPPED_SECONDS ?? 6) * 1_000;

const sum = (lines: readonly Line[], path: string): number =>
  lines.reduce((total, line) => total + (number(line, path) ?? 0), 0);

test('SIGSTOP under load: no syscall waits, and after SIGCONT all is there, late', async () => {
  auditNobodyElse();
  const run = await agent();
  const work = await load('load', helper(), STOPPED_MS, 2_000);
  const before = await settled(run);
  run.signal('SIGSTOP');
  const { count, longest_ms } = await work.go();
  run.signal('SIGCONT');
  const after = await settled(run);
  expect(await run.stop()).toBe(0);
  console.log(
    `stopped for ${STOPPED_MS} ms: ${count} executions, the longest wait ${longest_ms} ms, missing ${after.missing}`,
  );
  expect(longest_ms).toBeLessThan(STALL_MS);
  const made = count! + 1;
  const came = after.events! - before.events!;
  expect(came + after.missing! - before.missing!).toBeGreaterThanOrEqual(made);
  expect(came).toBe(made);
  expect(run.of('loss')).toEqual([]);
}, 120_000);

test('kill -9: the workload is no slower than with the agent alive', async () => {
  const COUNT = 3_000;
  const run = await agent();
  const alive = await scenario('storm', helper(), COUNT);
  run.signal('SIGKILL');
  await run.ended();
  const dead = await scenario('storm', helper(), COUNT);
  expect(puppy(['cleanup'], { env: { PUPPY_HIDS_STATE_DIR: run.stateDir } }).code).toBe(0);
  const none = await scenario('storm', helper(), COUNT);
  console.log(
    `${COUNT} executions: alive ${alive.total_ms} ms, killed ${dead.total_ms} ms, cleaned up ${none.total_ms} ms; longest ${alive.longest_ms}, ${dead.longest_ms}, ${none.longest_ms} ms`,
  );
  expect(dead.longest_ms).toBeLessThan(STALL_MS);
  // Not a benchmark: this only tells a stall of every call from none.
  expect(dead.total_ms! / alive.total_ms!).toBeLessThan(3);
}, 60_000);

test('a reader of stdout that stalls: the kernel is not held up, memory is bounded, and what is dropped is told', async () => {
  const fifo = join(folder(), 'fifo');
  expect(Bun.spawnSync(['mkfifo', fifo]).exitCode).toBe(0);
  // Read-write, so that opening waits for nobody.
  const held = openSync(fifo, 'r+');
  const out = openSync(fifo, 'w');
  const dir = folder();
  const own = join(dir, 'own.jsonl');
  const run = new AgentRun({
    stdout: out,
    config: 'heartbeat: 1s\nsources: [audit]',
    args: ['--events', '--output', 'stdout?queue=4MiB', '--output', `file:${own}?kind=metric`],
  });
  closeSync(out);
  const metrics = (): Line[] => {
    try {
      return jsonLines(readFileSync(own, 'utf8'));
    } catch {
      return [];
    }
  };
  await run.until('a heartbeat', () => metrics().length > 0);
  const { longest_ms } = await scenario('load', helper(), 12_000, 0);
  await Bun.sleep(2_500);
  const rss = run.rssBytes();
  const dropped = metrics()
    .filter(line => at(line, 'event.action') === 'heartbeat')
    .map(line => Object.values(at(line, 'puppy.heartbeat.outputs') as Record<string, { dropped: number }>))
    .map(outputs => outputs.reduce((total, one) => total + one.dropped, 0))
    .at(-1)!;
  const losses = metrics().filter(line => at(line, 'event.action') === 'loss');
  expect(await run.stop()).toBe(0);
  closeSync(held);
  console.log(`stalled reader: longest ${longest_ms} ms, RSS ${(rss / 1e6).toFixed(0)} MB, ${dropped} lines dropped`);
  expect(longest_ms).toBeLessThan(STALL_MS);
  expect(dropped).toBeGreaterThan(0);
  expect(losses.length).toBeGreaterThan(0);
  for (const line of losses) expect(at(line, 'puppy.loss.reason')).toBe('output');
  const told = sum(
    metrics().filter(line => at(line, 'event.action') === 'loss'),
    'puppy.loss.count',
  );
  expect(told).toBeGreaterThan(0);
  expect(rss).toBeLessThan(200e6);
}, 90_000);

test('a full file system: told, counted, and the agent goes on', async () => {
  const mount = folder();
  mkdirSync(mount, { recursive: true });
  expect(Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', 'size=256k', 'none', mount]).exitCode).toBe(0);
  try {
    const file = join(mount, 'alerts.jsonl');
    const run = await agent({ args: ['--events', '--output', `file:${file}?queue=64KiB`, '--output', 'stdout'] });
    await scenario('storm', helper(), 500);
    await run.until('the failure', () => run.log().includes('ENOSPC'));
    await run.until('a loss', () => run.of('loss').length > 0);
    expect(at(run.of('loss')[0], 'puppy.loss.reason')).toBe('output');
    await run.until('all alerts on the other output', () => run.alerts().length >= 500);
    expect(await run.stop()).toBe(0);
    // Whole lines only.
    for (const line of readFileSync(file, 'utf8').split('\n').slice(0, -1)) JSON.parse(line);
    expect(readFileSync(file, 'utf8')).toEndWith('\n');
    expect(readdirSync(mount)).toContain('alerts.jsonl');
  } finally {
    expect(Bun.spawnSync(['umount', mount]).exitCode).toBe(0);
  }
}, 40_000);
