// What the README promises a reader who copies from it.

import { afterAll, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dir, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const scratch = mkdtempSync(join(tmpdir(), 'puppy-readme-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function puppy(...args: string[]): { status: number | null; output: string } {
  const r = spawnSync(process.execPath, [join(root, 'src/cli/main.ts'), ...args], { encoding: 'utf8' });
  return { status: r.status, output: r.stdout + r.stderr };
}

/** The indented block that begins with `first`. */
function block(first: string): string {
  const start = readme.indexOf(`    ${first}`);
  expect(start).toBeGreaterThan(0);
  const lines = readme.slice(start).split('\n');
  const end = lines.findIndex(line => line !== '' && !line.startsWith('    '));
  return lines.slice(0, end).join('\n').replace(/^ {4}/gm, '');
}

test('the rule is a good one, and its tests pass', () => {
  const file = join(scratch, 'backup_copied_out.yml');
  writeFileSync(file, block('title: Backup copied'));
  const r = puppy('check', '--strict', file);
  expect(r.status === 0 ? '' : r.output).toBe('');
});

test('its links to files of the project lead somewhere', () => {
  const links = [...readme.matchAll(/\]\(([^)]+)\)/g)].map(m => m[1]!).filter(link => !link.startsWith('http'));
  expect(links.length).toBeGreaterThan(0);
  expect(links.filter(link => !existsSync(join(root, link)))).toEqual([]);
});

describe('the trigger of the first alert', () => {
  const trigger = /^ {4}(\/bin\/sh -c '.*')$/m.exec(readme)?.[1] ?? '';

  test('is the one that ./dev run tells', () => {
    expect(readFileSync(join(root, 'dev'), 'utf8')).toContain(trigger);
  });

  test('matches a rule of rules.d', () => {
    const command = trigger.replace(/^\/bin\/sh -c '(.*)'$/, '$1');
    const stamp = 'msg=audit(1700000000.100:10):';
    const hex = Buffer.from(command).toString('hex').toUpperCase();
    const log = join(scratch, 'audit.log');
    writeFileSync(
      log,
      `type=SYSCALL ${stamp} arch=c000003e syscall=59 success=yes exit=0 items=1 ppid=100 pid=101 auid=1000 uid=1000 comm="sh" exe="/usr/bin/dash"\n` +
        `type=EXECVE ${stamp} argc=3 a0="/bin/sh" a1="-c" a2=${hex}\ntype=CWD ${stamp} cwd="/root"\n` +
        `type=PATH ${stamp} item=0 name="/bin/sh" inode=1 dev=fe:00 mode=0100755 nametype=NORMAL\ntype=PROCTITLE ${stamp} proctitle=7368\n`,
    );
    const r = puppy('replay', '-q', '--rules', join(root, 'rules.d'), log);
    expect(r.status).toBe(0);
    expect(r.output).toContain('"kind":"alert"');
  });
});
