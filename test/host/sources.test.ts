// An agent whose sources are named: it runs those and no other, and without audit leaves audit alone, whoever has it.

import { describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AgentRun, agent, at, auditState, folder, guardKernel, jsonLines, type Line, puppy, text } from './agent.ts';

guardKernel();

const head = (n: number, title: string, level = 'medium'): string =>
  `title: ${title}\nid: 00000000-0000-4000-8000-00000000000${n}\nlevel: ${level}`;
const RULES = `${head(1, 'A file')}
logsource: {product: linux, category: file_event}
detection: {sel: {TargetFilename|endswith: /told}, condition: sel}
---
${head(2, 'A program')}
logsource: {product: linux, category: process_creation}
detection: {sel: {Image|endswith: /sleep}, condition: sel}
---
${head(3, 'Odd sshd')}
logsource: {product: linux, service: sshd}
detection: {keywords: [incorrect signature], condition: keywords}
`;

function setting(more = '') {
  const [dir, rules, log] = [folder(), join(folder(), 'rules.yml'), join(folder(), 'auth.log')];
  writeFileSync(rules, RULES);
  writeFileSync(log, '');
  const config = `fsnotify: {paths: ['${dir}/**']${more}}\nlogs: {journal: false, files: ['${log}']}`;
  return { dir, rules, log, config };
}

const names = (run: AgentRun): (string | undefined)[] => run.alerts().map(line => text(line, 'rule.name'));
const watching = (run: AgentRun): Promise<boolean> =>
  run.until('watching', () => run.log().includes('files: watching'));
const asked = (run: AgentRun, ...args: string[]): unknown => {
  const config = join(folder(), 'c.yaml');
  writeFileSync(config, `state_dir: ${run.stateDir}\n`);
  const { code, out, err } = puppy([...args, '--format', 'json', '--config', config]);
  if (code !== 0) throw new Error(err);
  return JSON.parse(out);
};

function cgroup(id: string): string {
  const lines = readFileSync('/proc/self/mountinfo', 'latin1').split('\n');
  const point = lines.find(line => line.includes(' / ') && / - cgroup2 /.test(line))?.split(' ')[4];
  if (point === undefined) throw new Error('cgroup version 2 is mounted nowhere: mount -t cgroup2 none /sys/fs/cgroup');
  const path = join(point, 'docker', id);
  mkdirSync(path, { recursive: true });
  return path;
}

describe('files alone', () => {
  test("the kernel's audit is as it was; what needs it is told; processes are what /proc has; a recording is the same", async () => {
    const { dir, rules, config } = setting();
    const before = auditState();
    const recording = join(folder(), 'recording');
    const run = await agent({ rules, config, args: ['--source', 'fsnotify', '--events', '--record', recording] });
    await watching(run);
    expect(auditState()).toEqual(before);
    expect(existsSync(join(run.stateDir, 'audit-state.json'))).toBe(false);
    const started = at(run.of('agent_started')[0], 'puppy.agent_started');
    expect(started).toMatchObject({ sources: ['fsnotify'] });
    expect(started).not.toHaveProperty('mode');
    expect(run.log()).toContain('1 rules need the audit source');
    expect(run.log()).toContain('1 rules need the logs source');
    expect(at(run.of('rules_loaded')[0], 'puppy.rules_loaded')).toMatchObject({ rules: 3, can_fire: 1 });
    expect(asked(run, 'rules', 'list', '--running')).toMatchObject([
      { title: 'A file', canFire: true },
      { title: 'A program', canFire: false, reason: "needs the audit source, which doesn't run" },
      { title: 'Odd sshd', canFire: false },
    ]);
    const status = asked(run, 'status') as Record<string, unknown>;
    expect(status).toMatchObject({ sources: ['fsnotify'], counters: { files: { dropped: 0 } } });
    expect(status).not.toHaveProperty('mode');
    expect(status.counters).not.toHaveProperty('audit');

    // In a container: by its cgroup, while it's there.
    const id = randomBytes(32).toString('hex');
    const group = cgroup(id);
    const script = `echo $$ > ${group}/cgroup.procs; exec sh -c 'echo x > ${dir}/told; sleep 0.5'`;
    expect(spawnSync('sh', ['-c', script]).status).toBe(0);
    rmdirSync(group);
    await run.until('the alert', () => names(run).includes('A file'));
    const [alert] = run.alerts();
    expect(at(alert, 'process.args')).toEqual(['sh', '-c', `echo x > ${dir}/told; sleep 0.5`]);
    expect(at(alert, 'container.id')).toBe(id);
    expect(at(alert, 'process.working_directory')).toBe(process.cwd());
    run.signal('SIGUSR1');
    await run.until('a heartbeat', () => run.of('heartbeat').length > 0);
    expect(at(run.of('heartbeat')[0], 'puppy.heartbeat.audit')).toBeUndefined();
    expect(await run.stop()).toBe(0);
    expect(auditState()).toEqual(before);
    const withoutCreated = (line: Line): unknown => ({
      ...line,
      event: { ...(line.event as object), created: undefined },
    });
    const again = puppy(['replay', '--rules', rules, '--events', recording]);
    expect(again.code).toBe(0);
    expect(jsonLines(again.out).map(withoutCreated)).toEqual(run.lines().map(withoutCreated));
  }, 30_000);

  test('audit’s capabilities are needed for audit only', async () => {
    const wrap = ['setpriv', '--bounding-set=-audit_control,-audit_read', '--inh-caps=-audit_control,-audit_read'];
    const { dir, rules, config } = setting();
    const refused = new AgentRun({ rules, config, wrap });
    expect(await refused.ended()).toBe(3);
    expect(refused.log()).toContain('CAP_AUDIT_CONTROL and CAP_AUDIT_READ are missing');
    expect(refused.log()).toContain('--source fsnotify,logs');
    const run = await agent({ rules, config, wrap, args: ['--source', 'fsnotify,logs'] });
    await watching(run);
    writeFileSync(join(dir, 'told'), '');
    await run.until('the alert', () => names(run).includes('A file'));
    expect(await run.stop()).toBe(0);
  }, 30_000);

  test('what was asked for by its name and can’t start is a mistake', async () => {
    const { rules, config } = setting(', backend: fanotify');
    const wrap = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin'];
    const refused = new AgentRun({ rules, config, wrap, args: ['--source', 'fsnotify'] });
    expect(await refused.ended()).toBe(3);
    expect(refused.log()).toContain('CAP_SYS_ADMIN is missing');
    // A user namespace without fanotify, and with no more of inotify.
    const none = ['unshare', '-r', 'sh', '-c', 'echo 0 > /proc/sys/user/max_inotify_instances; exec "$@"', 'sh'];
    const failed = new AgentRun({ ...setting(), wrap: none, args: ['--source', 'fsnotify'] });
    expect(await failed.ended()).toBe(1);
    expect(failed.log()).toContain('max_user_instances; or leave fsnotify out of the sources');
  }, 30_000);
});

test('logs alone; another list needs a restart', async () => {
  const { rules, log, config } = setting();
  const before = auditState();
  const run = await agent({ rules, config: `${config}\nsources: [logs]` });
  expect(at(run.of('agent_started')[0], 'puppy.agent_started.sources')).toEqual(['logs']);
  appendFileSync(log, `${new Date().toISOString()} web1 sshd[7]: error: incorrect signature\n`);
  await run.until('the alert', () => names(run).includes('Odd sshd'));
  const path = join(run.out, '../config.yaml');
  writeFileSync(path, readFileSync(path, 'utf8').replace('sources: [logs]', 'sources: [logs, audit]'));
  run.signal('SIGHUP');
  await run.until('the reload', () => run.of('rules_loaded').length === 2);
  expect(run.log()).toContain('need a restart: sources');
  expect(at(run.of('rules_loaded')[1], 'puppy.rules_loaded.can_fire')).toBe(1);
  expect(auditState()).toEqual(before);
  expect(await run.stop()).toBe(0);
}, 30_000);
