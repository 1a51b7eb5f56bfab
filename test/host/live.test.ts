// What happens to an agent at work: new rules, reuse of pids, a mistake of its own, a reader that goes away, no permission.

import { describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import {
  agent,
  at,
  auditctl,
  auditState,
  BINARY,
  folder,
  guardKernel,
  helper,
  number,
  RULES,
  scenario,
  text,
} from './agent.ts';

guardKernel();

function rule(id: number, category: string, condition: string): string {
  return [
    `title: Rule ${id}`,
    `id: 4b1ed0fb-5e0c-4f0c-8d63-6a5a5f6c2b0${id}`,
    'status: test',
    'description: Of a test',
    'author: Puppy HIDS',
    'date: 2026-11-24',
    `logsource: {category: ${category}, product: linux}`,
    `detection: {selection: {${condition}}, condition: selection}`,
    'level: medium',
    '',
  ].join('\n');
}

describe('SIGHUP', () => {
  test('under load: new rules between two events, what they need is asked of the kernel, wrong ones are refused', async () => {
    const rules = folder();
    const file = join(rules, 'a.yml');
    const server = createServer(socket => socket.end());
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as { port: number };
    writeFileSync(file, rule(1, 'process_creation', 'CommandLine|contains: "leaf "'));
    const run = await agent({ rules });
    expect(auditctl('-l')).not.toContain('connect');
    const names = (): (string | undefined)[] => run.alerts().map(line => text(line, 'rule.name'));
    const storm = scenario('storm', helper(), 1_500);
    await Bun.sleep(100);
    writeFileSync(
      file,
      `${rule(1, 'process_creation', 'CommandLine|contains: "leaf "')}---\n${rule(2, 'network_connection', 'Image|endswith: /helper')}`,
    );
    run.signal('SIGHUP');
    await run.until('the second set', () => run.of('rules_loaded').length === 2);
    expect(auditctl('-l')).toContain('-S connect');
    await scenario('connect', 'v4', port);
    await run.until('the connection', () => names().includes('Rule 2'));
    await storm;
    await run.until('every execution of the storm', () => names().filter(name => name === 'Rule 1').length === 1_500);
    writeFileSync(file, 'title: nothing\ndetection: {condition: x}\n');
    run.signal('SIGHUP');
    await run.until('the refusal', () => run.of('rule_rejected').length > 0);
    await scenario('leaf', 'still');
    await run.until('the old set', () => names().filter(name => name === 'Rule 1').length === 1_501);
    writeFileSync(file, rule(1, 'process_creation', 'CommandLine|contains: "leaf "'));
    run.signal('SIGHUP');
    await run.until('the third set', () => run.of('rules_loaded').length === 3);
    expect(auditctl('-l')).not.toContain('connect');
    expect(await run.stop()).toBe(0);
    expect(run.of('loss')).toEqual([]);
    server.close();
  }, 40_000);
});

test('six mistakes in four files: run goes on with the good rules and says each', async () => {
  const run = await agent({ rules: join(import.meta.dir, '../binary/mistakes') });
  const rejected = run.of('rule_rejected');
  expect(rejected).toHaveLength(6);
  expect(new Set(rejected.map(line => text(line, 'puppy.rule_rejected.file'))).size).toBe(4);
  for (const line of rejected) expect(number(line, 'puppy.rule_rejected.line')).toBeGreaterThan(0);
  await scenario('leaf', 'x');
  await run.until('the good rule', () => run.alerts().some(line => at(line, 'rule.name') === 'A good one'));
  expect(await run.stop()).toBe(0);
}, 20_000);

test('pids that come again at once: two processes are never mixed', async () => {
  const max = readFileSync('/proc/sys/kernel/pid_max', 'utf8').trim();
  const run = await agent({ args: ['--events'] });
  const server = createServer(socket => socket.end());
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  try {
    // Pids above 300 only are given again after the highest; processes that have more keep theirs.
    writeFileSync('/proc/sys/kernel/pid_max', '1500');
    await scenario('brief', helper(), 3_000, port);
  } finally {
    writeFileSync('/proc/sys/kernel/pid_max', max);
  }
  await Bun.sleep(500);
  expect(await run.stop()).toBe(0);
  server.close();
  const events = run
    .lines()
    .filter(line => at(line, 'event.kind') === 'event' && at(line, 'process.args.1') === 'dial');
  const execs = events.filter(line => at(line, 'event.action') === 'exec');
  const connects = events.filter(line => at(line, 'event.action') === 'connect');
  expect(execs).toHaveLength(3_000);
  expect(new Set(execs.map(line => number(line, 'process.pid'))).size).toBeLessThan(3_000);
  expect(new Set(execs.map(line => text(line, 'process.entity_id'))).size).toBe(3_000);
  expect(connects).toHaveLength(3_000);
  connects.forEach((line, i) => {
    expect(at(line, 'process.entity_id')).toBe(text(execs[i]!, 'process.entity_id')!);
    expect(at(line, 'process.args.2')).toBe(String(i));
  });
}, 60_000);

describe('a mistake of the agent: it ends with 1, and the kernel is as it was', () => {
  const cases = {
    'on its own': "setTimeout(() => { throw new Error('made for the test'); }, 1500);",
    'while it handles an event':
      "setTimeout(() => { Buffer.prototype.latin1Slice = () => { throw new Error('made for the test'); }; }, 1500);",
  };
  for (const [when, code] of Object.entries(cases)) {
    test(when, async () => {
      const before = auditState();
      const preload = join(folder(), 'throw.ts');
      writeFileSync(preload, code);
      const main = join(import.meta.dir, '../../src/cli/main.ts');
      const child = Bun.spawn([process.execPath, '--preload', preload, main, 'run', '--rules', RULES], {
        stdout: 'ignore',
        stderr: 'pipe',
        env: { ...process.env, PUPPY_HIDS_STATE_DIR: join(folder(), 'state') },
      });
      const noise = setInterval(() => spawnSync(helper(), ['leaf']), 200);
      const limit = setTimeout(() => child.kill('SIGKILL'), 12_000);
      const [status, err] = await Promise.all([child.exited, new Response(child.stderr).text()]);
      clearInterval(noise);
      clearTimeout(limit);
      expect(err).toContain('made for the test');
      expect(status).toBe(1);
      expect({ ...auditState(), status: { ...auditState().status, pid: 0 } }).toEqual({
        ...before,
        status: { ...before.status, pid: 0 },
      });
    }, 20_000);
  }
});

describe('pipes', () => {
  const command = (tail: string): { out: string; err: string; status: string } => {
    const dir = folder();
    const script = `{ PUPPY_HIDS_STATE_DIR=${dir}/state "$0" run --events --rules "$1" 2>${dir}/err; echo $? >${dir}/status; } | ${tail}`;
    const out = spawnSync('/bin/sh', ['-c', script, BINARY, RULES], { encoding: 'utf8', timeout: 20_000 }).stdout;
    return { out, err: readFileSync(`${dir}/err`, 'utf8'), status: readFileSync(`${dir}/status`, 'utf8').trim() };
  };

  test('head -1: ends with 1 and a warning, the kernel restored', async () => {
    const before = auditState();
    const noise = (async () => {
      for (let i = 0; i < 20; i++) {
        await Bun.sleep(200);
        spawnSync('/bin/true');
      }
    })();
    const ended = new Promise<ReturnType<typeof command>>(done => setTimeout(() => done(command('head -1')), 10));
    const [{ out, err, status }] = await Promise.all([ended, noise]);
    expect(out.split('\n').filter(line => line !== '')).toHaveLength(1);
    expect(status).toBe('1');
    expect(err).toContain('its reader went away');
    expect(auditState()).toEqual(before);
  }, 30_000);
});

describe('without permission', () => {
  test('a user: 3, naming the capability and what to do', async () => {
    const { status, stderr } = spawnSync(
      'setpriv',
      ['--reuid=65534', '--regid=65534', '--clear-groups', BINARY, '--rules', RULES],
      {
        encoding: 'utf8',
        cwd: '/',
      },
    );
    expect(status).toBe(3);
    expect(stderr).toContain('CAP_AUDIT_CONTROL and CAP_AUDIT_READ are missing');
    expect(stderr).toContain('sudo');
  }, 20_000);

  test('root without one capability: 3', () => {
    const r = spawnSync(
      'setpriv',
      ['--bounding-set=-audit_control', '--inh-caps=-audit_control', BINARY, '--rules', RULES],
      { encoding: 'utf8' },
    );
    expect(r.status).toBe(3);
    expect(r.stderr).toContain('CAP_AUDIT_CONTROL is missing');
  }, 20_000);
});
