// Whose audit it is: alone, beside an audit daemon that was there, came, or went; and what the kernel is like afterwards.

import { afterEach, describe, expect, test } from 'bun:test';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  AgentRun,
  agent,
  at,
  auditctl,
  auditState,
  auditStatus,
  guardKernel,
  hostRule,
  type Line,
  puppy,
  scenario,
  text,
} from './agent.ts';
import { Auditd, stopAuditd } from './auditd.ts';

const kernel = guardKernel();
afterEach(stopAuditd);

const leaves = (run: AgentRun): string[] =>
  run
    .alerts()
    .filter(line => at(line, 'rule.name') === "A leaf of the test's storm")
    .map(line => text(line, 'process.args.2') ?? '');

/** Runs a leaf and waits for its alert. */
async function seen(run: AgentRun, name: string): Promise<void> {
  await scenario('leaf', name);
  await run.until(`the alert of ${name}`, () => leaves(run).includes(name));
}

const details = (line: Line | undefined): unknown => at(line, 'puppy.agent_started');
const notes = (run: AgentRun): string[] => {
  const list = at(run.of('agent_started')[0], 'puppy.agent_started.notes') as { code: string }[] | undefined;
  return (list ?? []).map(note => note.code);
};

describe('alone', () => {
  test('owns audit, and leaves the kernel as it was', async () => {
    const before = auditState();
    const run = await agent();
    expect(details(run.of('agent_started')[0])).toMatchObject({ mode: 'own' });
    const during = auditStatus();
    expect(during).toMatchObject({ enabled: 1, pid: run.pid, backlog_limit: 8192, backlog_wait_time: 0, failure: 1 });
    expect(auditctl('-l')).toContain('-S execve,execveat -F success=1');
    expect(existsSync(join(run.stateDir, 'audit-state.json'))).toBe(true);
    await seen(run, 'first');
    expect(await run.stop()).toBe(0);
    expect(auditState()).toEqual(before);
    expect(readdirSync(run.stateDir)).toEqual([]);
  }, 20_000);

  test('SIGINT ends it the same way', async () => {
    const before = auditState();
    const run = await agent();
    expect(await run.stop('SIGINT')).toBe(0);
    expect(auditState()).toEqual(before);
  }, 20_000);

  test('a host that panics on loss, limits the rate, has a larger backlog: set for the time of the run, and restored', async () => {
    auditctl('-f', '2', '-r', '5000', '-b', '10000');
    auditctl('--backlog_wait_time', '1234');
    const before = auditState();
    try {
      const run = await agent();
      expect(auditStatus()).toMatchObject({ failure: 1, rate_limit: 0, backlog_limit: 10000, backlog_wait_time: 0 });
      expect(notes(run)).toEqual(expect.arrayContaining(['audit_failure_panic', 'audit_rate_limit', 'audit_was_off']));
      expect(await run.stop()).toBe(0);
      expect(auditState()).toEqual(before);
    } finally {
      const { failure, rate_limit, backlog_limit, backlog_wait_time } = kernel.before().status;
      auditctl('-f', String(failure), '-r', String(rate_limit), '-b', String(backlog_limit));
      auditctl('--backlog_wait_time', String(backlog_wait_time));
    }
  }, 20_000);

  test('what somebody else set meanwhile is left alone', async () => {
    const run = await agent();
    auditctl('-b', '5555');
    try {
      expect(await run.stop()).toBe(0);
      expect(auditStatus().backlog_limit).toBe(5555);
    } finally {
      auditctl('-b', String(kernel.before().status.backlog_limit));
    }
  }, 20_000);

  test('a second agent on the same state is refused; one with another state, too, for the pid is taken', async () => {
    const run = await agent();
    const second = new AgentRun({ stateDir: run.stateDir });
    expect(await second.ended()).toBe(1);
    expect(second.log()).toContain(`another agent runs already (pid ${run.pid}`);
    const third = new AgentRun({ args: ['--audit-mode', 'own'] });
    expect(await third.ended()).toBe(1);
    expect(third.log()).toContain('is the audit daemon already');
    await seen(run, 'still there');
    expect(auditStatus().pid).toBe(run.pid);
    expect(await run.stop()).toBe(0);
  }, 30_000);
});

describe('killed', () => {
  test('kill -9, then cleanup: the kernel is as it was before the agent', async () => {
    const before = auditState();
    const run = await agent();
    run.signal('SIGKILL');
    await run.ended();
    expect(auditctl('-l')).toContain('puppy-exec');
    const { code, err } = puppy(['cleanup'], { env: { PUPPY_HIDS_STATE_DIR: run.stateDir } });
    expect(code).toBe(0);
    expect(err).toContain('rules deleted');
    // The kernel forgets a dead owner when it next has something for it.
    expect({ ...auditState().status, pid: 0 }).toEqual({ ...before.status, pid: 0 });
    expect(auditctl('-l')).toBe(before.rules);
    expect(puppy(['cleanup'], { env: { PUPPY_HIDS_STATE_DIR: run.stateDir } }).err).toContain('nothing to do');
    expect(readdirSync(run.stateDir)).toEqual([]);
  }, 20_000);

  test('kill -9, then the next start and its end', async () => {
    const before = auditState();
    const run = await agent();
    run.signal('SIGKILL');
    await run.ended();
    const next = await agent({ stateDir: run.stateDir });
    expect(notes(next)).toContain('audit_recovered');
    await seen(next, 'again');
    expect(await next.stop()).toBe(0);
    expect(auditState()).toEqual(before);
  }, 20_000);

  test('cleanup leaves a running agent alone', async () => {
    const run = await agent();
    const { code, err } = puppy(['cleanup'], { env: { PUPPY_HIDS_STATE_DIR: run.stateDir } });
    expect(code).toBe(1);
    expect(err).toContain('is running');
    await seen(run, 'undisturbed');
    expect(await run.stop()).toBe(0);
  }, 20_000);
});

describe('beside an audit daemon', () => {
  test('one that runs: the agent shares, and the daemon keeps its pid, its limits and its log', async () => {
    const daemon = new Auditd();
    expect(await daemon.start()).toBe(true);
    const before = auditState();
    const run = await agent();
    expect(details(run.of('agent_started')[0])).toMatchObject({ mode: 'share' });
    expect(auditState().status).toEqual(before.status);
    await seen(run, 'shared');
    await Bun.sleep(300);
    expect(daemon.lines().some(line => line.includes('type=EXECVE') && line.includes('a2="shared"'))).toBe(true);
    expect(await run.stop()).toBe(0);
    expect(auditState()).toEqual(before);
    expect(auditStatus().pid).toBe(daemon.pid);
    await daemon.stop();
    auditctl('-e', String(kernel.before().status.enabled));
  }, 30_000);

  test('one that starts while the agent owns audit: the agent yields, and both work', async () => {
    const run = await agent();
    await seen(run, 'before');
    const daemon = new Auditd();
    // Its first try finds the pid taken.
    expect(await daemon.start()).toBe(false);
    expect(daemon.exitCode).toBe(1);
    await run.until('yielding', () => run.log().includes('wants to start'));
    expect(auditStatus().pid).toBe(0);
    await seen(run, 'between');
    expect(await daemon.start()).toBe(true);
    await seen(run, 'beside');
    // Longer than the agent's tick: a daemon that it never saw is given half a minute to come back.
    await Bun.sleep(1_500);
    expect(daemon.lines().some(line => line.includes('a2="beside"'))).toBe(true);
    await daemon.stop();
    // The agent takes over again, and nothing is seen twice.
    await run.until('owning again', () => auditStatus().pid === run.pid, 20_000);
    await seen(run, 'alone again');
    expect(auditStatus()).toMatchObject({ backlog_limit: 8192, backlog_wait_time: 0, enabled: 1 });
    expect(await run.stop()).toBe(0);
    expect(leaves(run)).toEqual(['before', 'between', 'beside', 'alone again']);
    expect(run.of('loss')).toEqual([]);
    const ids = run.alerts().map(line => text(line, 'event.id'));
    expect(new Set(ids).size).toBe(ids.length);
    restoreLimits();
  }, 60_000);

  test('one that stops while the agent shares: the agent owns, and restores when it ends', async () => {
    const daemon = new Auditd();
    expect(await daemon.start()).toBe(true);
    const run = await agent();
    await seen(run, 'shared');
    await daemon.stop();
    await run.until('owning', () => auditStatus().pid === run.pid, 20_000);
    await seen(run, 'owned');
    expect(await run.stop()).toBe(0);
    expect(leaves(run)).toEqual(['shared', 'owned']);
    restoreLimits();
  }, 60_000);

  test('observe adds no rule and changes nothing', async () => {
    const daemon = new Auditd();
    expect(await daemon.start()).toBe(true);
    hostRule('-a', 'always,exit', '-F', 'arch=b64', '-S', 'execve', '-k', 'the-host');
    const before = auditState();
    const run = await agent({ args: ['--audit-mode', 'observe'] });
    expect(auditState()).toEqual(before);
    await seen(run, 'observed');
    expect(await run.stop()).toBe(0);
    expect(auditState()).toEqual(before);
    await daemon.stop();
    restoreLimits();
  }, 30_000);
});

/** auditd leaves auditing on and its backlog set. */
function restoreLimits(): void {
  const { enabled, backlog_limit, failure } = kernel.before().status;
  auditctl('-e', String(enabled), '-b', String(backlog_limit), '-f', String(failure));
}

describe('disturbed while it runs', () => {
  test('auditctl -D: the rules are added again, and told', async () => {
    const run = await agent();
    auditctl('-D');
    // Told when all of them are there again.
    await run.until('the note', () => run.log().includes('somebody deleted'));
    expect(auditctl('-l')).toContain('puppy-exec');
    await seen(run, 'seen again');
    expect(await run.stop()).toBe(0);
    expect(auditctl('-l')).toBe(kernel.before().rules);
  }, 20_000);

  test('auditctl -e 0: told as source_down, and source_up when it is on again', async () => {
    const run = await agent();
    auditctl('-e', '0');
    const down = await run.until('source_down', () => run.of('source_down')[0]);
    expect(at(down, 'message')).toContain('turned off');
    auditctl('-e', '1');
    await run.until('source_up', () => run.of('source_up').length > 0);
    await seen(run, 'on again');
    expect(await run.stop()).toBe(0);
  }, 20_000);

  test('a rule of the host that audits no new process is told loudly', async () => {
    hostRule('-a', 'never,task');
    const run = await agent();
    expect(notes(run)).toContain('audit_task_never');
    expect(run.log()).toContain('NOT seen');
    expect(await run.stop()).toBe(0);
  }, 20_000);

  test('records that the host excludes are told, and not counted as incomplete', async () => {
    hostRule('-a', 'always,exclude', '-F', 'msgtype=CWD');
    hostRule('-a', 'always,exclude', '-F', 'msgtype=PROCTITLE');
    const run = await agent({ args: ['--events'] });
    expect(notes(run)).toContain('audit_excluded');
    await seen(run, 'without cwd');
    await Bun.sleep(200);
    expect(await run.stop()).toBe(0);
    expect(run.of('loss')).toEqual([]);
    const line = run.of('exec').find(l => at(l, 'process.args.2') === 'without cwd');
    expect(at(line, 'process.working_directory')).toBeUndefined();
  }, 20_000);
});
