// Who changed a file, where inotify can't say: real programs, the kernel's inotify and its audit records, joined.

import { afterEach, expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kernelRules } from '../../src/audit/kernel-setup.ts';
import { AuditSource } from '../../src/audit/source.ts';
import type { FileKind } from '../../src/core/event.ts';
import type { FileChange } from '../../src/fsnotify/change.ts';
import { FsSource } from '../../src/fsnotify/source.ts';
import { Who } from '../../src/fsnotify/who.ts';
import { hostRuleContext } from '../../src/host-context.ts';
import { kernelNeeds, wantedRules } from '../../src/kernel-needs.ts';
import { type Needs, NO_NEEDS } from '../../src/rules/needs.ts';
import { folder, guardKernel } from './agent.ts';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0).reverse()) stop();
});
// After what gives the kernel back.
guardKernel();

const context = hostRuleContext(process.arch === 'arm64' ? 'aarch64' : 'x86_64');

/** The kernel's rules of `needs()`, behind them those of who writes below `dir`. */
function audit(dir: string, who: Who, needs: () => Needs = () => NO_NEEDS): AuditSource {
  const source = new AuditSource(
    {
      mode: 'own',
      limits: { backlogLimit: 64_000, backlogWaitTime: 0 },
      receiveBufferBytes: 16 << 20,
      argvMaxBytes: 4_096,
      ringBytes: 16 << 20,
      coalesceMs: 20,
      stateFile: join(folder(), 'state.json'),
      identity: { bootId: 'b', pid: process.pid, startTicks: 1 },
      rules: (saddrFam, mode) => {
        const wanted = kernelNeeds(needs(), false, context, undefined, [`${dir}/**`]);
        return wantedRules({ pid: process.pid, needs: wanted, texts: [], context, keep: new Set() }, saddrFam, mode);
      },
      inspect: () => ({ ownerAlive: false, rules: [], excludedTypes: [], listeners: [] }),
      isAlive: () => false,
      isRunning: () => false,
    },
    {
      event: event => who.add(event),
      batchEnd: () => {},
      losses: () => {},
      note: () => {},
      availability: () => {},
    },
    () => 0,
  );
  source.start(Date.now());
  stops.push(() => source.stop(Date.now()));
  return source;
}

interface Action {
  readonly name: string;
  readonly script: string;
  readonly told: FileKind;
  /** The file that is told, below the watched folder. */
  readonly file: string;
  /** Nobody: no record was made when it happened. */
  readonly isNobody?: boolean;
}

const ACTIONS: readonly Action[] = [
  { name: 'made by a shell', script: 'echo x >new', told: 'created', file: 'new' },
  { name: 'appended to', script: 'echo y >>log', told: 'modified', file: 'log' },
  { name: 'truncated', script: 'truncate -s 0 cut', told: 'modified', file: 'cut' },
  { name: 'copied', script: 'cp log copied', told: 'created', file: 'copied' },
  { name: 'edited in place', script: 'sed -i s/x/y/ edited', told: 'renamed', file: 'edited' },
  { name: 'moved', script: 'mv moved moved2', told: 'renamed', file: 'moved2' },
  { name: 'linked', script: 'ln linked linked2', told: 'linked', file: 'linked2' },
  { name: 'made as a link', script: 'ln -s x symbolic', told: 'created', file: 'symbolic' },
  { name: 'made as a folder', script: 'mkdir -p a/b', told: 'created', file: 'a/b' },
  { name: 'touched', script: 'touch touched', told: 'attributes_modified', file: 'touched' },
  { name: 'given a mode', script: 'chmod 600 mode', told: 'attributes_modified', file: 'mode' },
  { name: 'given an owner', script: 'chown 1 owner', told: 'attributes_modified', file: 'owner' },
  { name: 'removed', script: 'rm removed', told: 'deleted', file: 'removed' },
  { name: 'removed in a folder', script: 'rm -r tree', told: 'deleted', file: 'tree/deep/leaf' },
  {
    name: 'written through an old descriptor',
    script: 'exec 3>>held; sleep 3; echo z >&3',
    told: 'modified',
    file: 'held',
    isNobody: true,
  },
  {
    name: 'given times alone',
    script: `python3 -c 'import os; os.utime("times")'`,
    told: 'attributes_modified',
    file: 'times',
    isNobody: true,
  },
];

test('inotify’s changes are named by audit’s records', async () => {
  const dir = folder();
  for (const name of 'log cut edited moved linked touched mode owner removed held times'.split(' '))
    writeFileSync(join(dir, name), 'x\n');
  mkdirSync(join(dir, 'tree/deep'), { recursive: true });
  writeFileSync(join(dir, 'tree/deep/leaf'), 'x\n');
  const who = new Who();
  audit(dir, who);
  const seen: FileChange[] = [];
  const files = new FsSource(
    { paths: [`${dir}/**`], excludes: [], ownPaths: [], backend: 'inotify', pid: 0 },
    {
      change: change => seen.push(change),
      batchEnd: () => {},
      loss: () => {},
      note: () => {},
      availability: () => {},
    },
  );
  stops.push(() => files.stop());
  await files.start(Date.now());
  // Each under a shell of its own, which records name as the parent or as the one who did it.
  const shells = ACTIONS.map(({ script }) => Bun.spawn(['sh', '-c', `cd ${dir}; ${script}\ntrue`]));
  await Promise.all(shells.map(shell => shell.exited));
  await Bun.sleep(2_500);
  const named = ACTIONS.map(({ name, told, file }, i) => {
    const change = seen.find(({ kind, path }) => kind === told && path === join(dir, file));
    if (change === undefined) return [name, 'not told'];
    const task = who.find(change);
    if (task === undefined) return [name, 'nobody'];
    return [name, [task.pid, task.ppid].includes(shells[i]!.pid) ? 'named' : `wrong: ${task.comm}`];
  });
  expect(named).toEqual(ACTIONS.map(({ name, isNobody }) => [name, isNobody === true ? 'nobody' : 'named']));
}, 60_000);

test('who writes stays the last of the kernel’s rules when others come', () => {
  const dir = folder();
  writeFileSync(join(dir, 'file'), 'x');
  let files: Needs['files'] = [];
  const source = audit(dir, new Who(), () => ({ ...NO_NEEDS, files }));
  const keys = (): string[] =>
    kernelRules()
      .filter(({ list }) => list === 'exit')
      .map(({ fields }) => String(fields.findLast(({ field }) => field === 'key')?.value));
  expect(keys().slice(-2)).toEqual(['puppy-who', 'puppy-who']);
  files = [{ path: `${dir}/*`, access: 'write' }];
  source.refreshRules();
  expect(keys().slice(-4)).toEqual(['puppy-file', 'puppy-file', 'puppy-who', 'puppy-who']);
  files = [];
  source.refreshRules();
  expect(keys()).not.toContain('puppy-file');
  expect(keys().filter(key => key === 'puppy-who')).toHaveLength(2);
});
