// What the kernel is asked for comes from the loaded rules: system calls, files, folders, keys. Real programs do what the rules name.

import { afterEach, describe, expect, test } from 'bun:test';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type AgentRun,
  agent,
  auditctl,
  auditStatus,
  folder,
  guardKernel,
  hostRule,
  type Line,
  text,
} from './agent.ts';
import { Auditd, stopAuditd } from './auditd.ts';

// Before the kernel is compared: the daemon must be gone then.
afterEach(stopAuditd);
const kernel = guardKernel();

const sh = (script: string): string => execFileSync('sh', ['-c', script], { encoding: 'utf8' });

interface Written {
  readonly title: string;
  readonly detection: object;
  readonly tags?: readonly string[];
}

let ids = 0;
function write(dir: string, { title, detection, tags = [] }: Written): void {
  const id = `00000000-0000-4000-8000-${String(++ids).padStart(12, '0')}`;
  const rule = { title, id, level: 'high', tags, logsource: { product: 'linux', service: 'auditd' }, detection };
  writeFileSync(join(dir, `${title.replaceAll(' ', '-')}.yml`), JSON.stringify(rule));
}

const selection = (fields: object): object => ({ selection: fields, condition: 'selection' });

const ours = (): string[] =>
  auditctl('-l')
    .split('\n')
    .filter(line => line.includes('puppy-'));

const alertsOf = (run: AgentRun, title: string): Line[] =>
  run.alerts().filter(line => text(line, 'rule.name') === title);

async function fires(run: AgentRun, title: string): Promise<Line> {
  await run.until(`the alert "${title}"`, () => alertsOf(run, title).length > 0);
  return alertsOf(run, title)[0]!;
}

describe('derived kernel rules', () => {
  test('fire for calls, written files, new files in folders, read files and keys, and go with the agent', async () => {
    const rules = folder();
    const files = folder();
    mkdirSync(join(files, 'units'));
    writeFileSync(join(files, 'passwords'), 'secret');
    writeFileSync(join(files, 'version'), '1');
    write(rules, {
      title: 'times set',
      detection: selection({ type: 'SYSCALL', SYSCALL: 'utimensat', success: 'yes' }),
    });
    write(rules, { title: 'priority', detection: selection({ SYSCALL: 'setpriority', a2: '7' }) });
    write(rules, {
      title: 'passwords written',
      detection: selection({ type: 'PATH', name: join(files, 'passwords') }),
    });
    write(rules, {
      title: 'unit made',
      detection: selection({ type: 'PATH', nametype: 'CREATE', 'name|startswith': join(files, 'units/') }),
    });
    write(rules, {
      title: 'version read',
      detection: selection({ type: 'PATH', name: join(files, 'ver*') }),
      tags: ['attack.discovery'],
    });
    write(rules, { title: 'suspicious program', detection: selection({ key: 'susp_activity' }) });
    const run = await agent({ rules });
    expect(ours().filter(line => line.includes(files))).toHaveLength(4);
    expect(ours().some(line => line.includes('susp_activity'))).toBe(true);

    sh(`nice -n 7 true; touch -d 2001-01-01 ${files}/elsewhere; cat ${files}/version; cat ${files}/passwords`);
    sh(`echo x >${files}/units/new.service; echo y >>${files}/passwords; base64 --version; base32 --version`);
    const times = await fires(run, 'times set');
    expect(text(times, 'process.name')).toBe('touch');
    await fires(run, 'priority');
    await fires(run, 'unit made');
    const written = await fires(run, 'passwords written');
    expect(text(written, 'process.name')).toMatch(/sh$/);
    const read = await fires(run, 'version read');
    expect(text(read, 'process.name')).toBe('cat');
    const suspicious = await fires(run, 'suspicious program');
    expect(text(suspicious, 'process.name')).toBe('base64');
    // What was only read isn't written, and what isn't asked for comes from nobody.
    expect(alertsOf(run, 'passwords written')).toHaveLength(1);
    expect(alertsOf(run, 'suspicious program')).toHaveLength(1);
    expect(await run.stop()).toBe(0);
    expect(auditctl('-l')).toBe(kernel.before().rules);
  }, 60_000);

  test('a folder that comes later is watched when it is there', async () => {
    const rules = folder();
    const files = folder();
    mkdirSync(join(files, 'home'));
    write(rules, {
      title: 'profile written',
      detection: selection({ type: 'PATH', name: join(files, 'home/*/.profile') }),
    });
    const run = await agent({ rules });
    expect(ours().filter(line => line.includes(files))).toEqual([]);
    mkdirSync(join(files, 'home/alice'));
    run.signal('SIGHUP');
    await run.until('the watch', () => ours().some(line => line.includes('/home/alice/.profile')));
    sh(`echo x >>${files}/home/alice/.profile`);
    await fires(run, 'profile written');
    expect(await run.stop()).toBe(0);
  }, 60_000);

  test('a watched folder that is deleted and made anew is watched again', async () => {
    const rules = folder();
    const files = folder();
    mkdirSync(join(files, 'units'));
    write(rules, { title: 'unit written', detection: selection({ type: 'PATH', name: join(files, 'units/*') }) });
    const run = await agent({ rules });
    const watches = (): number => ours().filter(line => line.includes(`${files}/units`)).length;
    expect(watches()).toBe(2);
    sh(`rm -r ${files}/units`);
    await run.until('what is told of it', () => run.log().includes('audit rules were deleted'));
    expect(watches()).toBe(0);
    mkdirSync(join(files, 'units'));
    run.signal('SIGHUP');
    await run.until('the watch', () => watches() === 2);
    sh(`echo x >${files}/units/one`);
    await fires(run, 'unit written');
    expect(await run.stop()).toBe(0);
  }, 60_000);

  test('a value below /proc/sys that is written', async () => {
    const rules = folder();
    const name = '/proc/sys/kernel/domainname';
    write(rules, { title: 'domain written', detection: selection({ type: 'PATH', name }) });
    const run = await agent({ rules });
    sh(`cat ${name}; sh -c 'd=$(cat ${name}); echo "$d" >${name}'`);
    await fires(run, 'domain written');
    expect(alertsOf(run, 'domain written')).toHaveLength(1);
    expect(await run.stop()).toBe(0);
  }, 60_000);

  test('rules whose key matters stand behind those of an audit daemon, and in front when it is gone', async () => {
    const rules = folder();
    write(rules, { title: 'suspicious program', detection: selection({ key: 'susp_activity' }) });
    const daemon = new Auditd();
    expect(await daemon.start()).toBe(true);
    hostRule('-a', 'always,exit', '-F', 'arch=b64', '-S', 'execve', '-F', 'uid!=12345', '-k', 'the-host');
    const run = await agent({ rules });
    expect(auditctl('-l').split('\n')[0]).toContain('the-host');
    sh('base64 --version');
    await daemon.stop();
    await run.until('owning', () => auditStatus().pid === run.pid, 20_000);
    await run.until('the order', () => auditctl('-l').split('\n')[0]!.includes('susp_activity'));
    expect(alertsOf(run, 'suspicious program')).toEqual([]);
    sh('base64 --version');
    await fires(run, 'suspicious program');
    expect(await run.stop()).toBe(0);
    auditctl('-e', String(kernel.before().status.enabled));
    auditctl('-b', String(kernel.before().status.backlog_limit));
    auditctl('--backlog_wait_time', String(kernel.before().status.backlog_wait_time));
  }, 60_000);

  test('no processes are asked for where only records of programs are looked at', async () => {
    const rules = folder();
    write(rules, { title: 'account', detection: selection({ type: 'ADD_USER' }) });
    const run = await agent({ rules });
    expect(ours()).toEqual([]);
    expect(await run.stop()).toBe(0);
  }, 60_000);
});

describe.each(['own', 'share'])('a reload in mode %s', mode => {
  test('adds and deletes the difference alone', async () => {
    const rules = folder();
    const files = folder();
    const changed = selection({ type: 'CONFIG_CHANGE', op: ['add_rule', 'remove_rule'], 'key|contains': 'puppy-' });
    write(rules, { title: 'stays', detection: selection({ type: 'PATH', name: join(files, 'stays') }) });
    write(rules, { title: 'goes', detection: selection({ type: 'PATH', name: join(files, 'goes') }) });
    write(rules, { title: 'changed', detection: changed });
    const daemon = new Auditd();
    if (mode === 'share') expect(await daemon.start()).toBe(true);
    const run = await agent({ rules, args: ['--audit-mode', mode] });
    const before = ours();
    const told = before.length;
    await run.until('what the kernel tells of the start', () => alertsOf(run, 'changed').length >= told);
    execFileSync('rm', [join(rules, 'goes.yml')]);
    write(rules, { title: 'comes', detection: selection({ type: 'PATH', name: join(files, 'comes') }) });
    run.signal('SIGHUP');
    await run.until('the new watch', () => ours().some(line => line.includes('/comes')));
    await run.until('the end of the old', () => !ours().some(line => line.includes('/goes')));
    // One that was deleted and added again would stand at the end of the list.
    const kept = (lines: string[]): string[] => lines.filter(line => !/\/(?:comes|goes)\b/.test(line));
    expect(kept(ours())).toEqual(kept(before));
    await run.until('what the kernel tells of it', () => alertsOf(run, 'changed').length >= told + 2);
    expect(alertsOf(run, 'changed')).toHaveLength(told + 2);
    sh(`echo x >${files}/comes; echo x >${files}/goes; echo x >${files}/stays`);
    await fires(run, 'comes');
    await fires(run, 'stays');
    expect(alertsOf(run, 'goes')).toEqual([]);
    expect(await run.stop()).toBe(0);
    await daemon.stop();
    auditctl('-e', String(kernel.before().status.enabled));
  }, 60_000);
});
