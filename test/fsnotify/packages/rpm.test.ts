import { describe, expect, test } from 'bun:test';
import { PackageIndex } from '../../../src/fsnotify/packages/package-index.ts';
import { Rpm } from '../../../src/fsnotify/packages/rpm.ts';
import { Root, sha256 } from './root.ts';

// As rpm 4.18.0 (Debian 12) answers for a package of one's own that holds: a program, a link to it, a configuration file, a ghost, a
// directory, and a file with a space and a letter beyond ASCII. The last lines are made up: another architecture's file that was left
// out, a digest of another kind, a name with a newline.
const ANSWER = [
  'hb-tool\t1:1.2-3\t0\t5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03\t/bin/hb',
  'hb-tool\t1:1.2-3\t0\t\t/bin/hb2',
  'hb-tool\t1:1.2-3\t0\t8d0d4c8a1e6ab75ae2f81abf1e1e66ce1ab7be53c7b8f245a41907fc45b3a801\t/etc/hb.conf',
  'hb-tool\t1:1.2-3\t0\t\t/etc/hb.state',
  'hb-tool\t1:1.2-3\t0\t\t/usr/share/hb',
  'hb-tool\t1:1.2-3\t0\t1843653496800edfd0d30326c82f53b0338ed408468cca4a2f1b52f2f6395fc9\t/usr/share/hb/é c',
  `other\t2-1\t2\t${sha256('32')}\t/usr/lib/other`,
  `old\t1-1\t0\t${'0'.repeat(128)}\t/usr/bin/old`,
  `odd\t1-1\t0\t${sha256('odd')}\t/usr/odd`,
  'name',
].join('\n');

const having = (content: string) => ({ type: 'file', hashes: { sha256: sha256(content) } }) as const;

function rooted(root: Root, script: string): { index: PackageIndex; notes: string[] } {
  root.write('var/lib/rpm/rpmdb.sqlite', 'x');
  root.write('answer', `${ANSWER}\n`);
  const program = root.write('usr/bin/rpm', `#!/bin/sh\ncd ${root.path}\n${script}\n`, 0o755);
  const notes: string[] = [];
  const managers = [new Rpm(root.path, { program, timeoutMs: 1_000, pauseMs: 0 })];
  return { index: new PackageIndex({ root: root.path, managers, note: message => notes.push(message) }), notes };
}

describe('what rpm installed', () => {
  test('is asked once, in one way, and told apart', async () => {
    using root = new Root();
    const { index } = rooted(root, 'echo "$LC_ALL $1 $#" >> asked; exec cat answer');
    await index.refresh(0);
    const hb = { manager: 'rpm', name: 'hb-tool', version: '1:1.2-3' } as const;
    expect(index.digestFor('/bin/hb')).toBe('sha256');
    expect(index.of('/bin/hb', having('hello\n'))).toEqual({ ...hb, state: 'intact' });
    expect(index.of('/etc/hb.conf', having('mine'))).toEqual({ ...hb, state: 'changed' });
    expect(index.of('/usr/share/hb/é c', having('nl'))?.state).toBe('intact');
    for (const path of ['/bin/hb2', '/etc/hb.state', '/usr/share/hb', '/usr/lib/other', '/usr/bin/old'])
      expect([path, index.digestFor(path)]).toEqual([path, undefined]);
    expect(index.counters()).toEqual({ packages: 2, files: 4, refused: 1 });
    expect(index.refresh(5_000)).toBeUndefined();
    root.write('var/lib/rpm/rpmdb.sqlite-wal', '');
    expect(index.refresh(7_000)).toBeUndefined();
    root.write('var/lib/rpm/rpmdb.sqlite', 'xy');
    expect(index.of('/etc/hb.conf', having('mine'))).toBeUndefined();
    await index.refresh(10_000);
    expect(await Bun.file(`${root.path}/asked`).text()).toBe('C -qa 3\nC -qa 3\n');
  });

  test.each([
    ['fails', 'cat answer; exit 3', 'failed (exit code 3)'],
    ['is killed', 'kill -9 $$', 'failed (SIGKILL)'],
    ['hangs', 'cat answer; exec sleep 60', "didn't answer in 1 seconds"],
    ['never ends a line', 'exec tr "\\0" x < /dev/zero', 'answered too much'],
  ])('one that %s is said once, and nothing is believed', async (_, script, message) => {
    using root = new Root();
    const { index, notes } = rooted(root, script);
    await index.refresh(0);
    await index.refresh(1_000);
    expect(notes).toEqual([expect.stringContaining(message)]);
    expect(index.digestFor('/bin/hb')).toBeUndefined();
  });

  test('stopping ends the question', async () => {
    using root = new Root();
    const { index, notes } = rooted(root, 'exec sleep 60');
    const loading = index.refresh(0);
    await Bun.sleep(50);
    index.stop();
    await loading;
    expect(notes).toEqual([]);
    expect(index.refresh(10_000)).toBeUndefined();
  });
});
